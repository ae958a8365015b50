#include "token/keys.h"

#include <stdio.h>

static const char *const key_names[TOKEN_KEY_COUNT] = {
    [TOKEN_KEY_ACCESS_TOKEN] = "access_token",
    [TOKEN_KEY_PREVIOUS_ACCESS_TOKEN] = "previous_access_token",
    [TOKEN_KEY_RECORD] = "token",
    [TOKEN_KEY_STATE] = "state",
    [TOKEN_KEY_INTENT] = "intent",
    [TOKEN_KEY_REPORTS] = "reports",
    [TOKEN_KEY_EVENTS] = "events",
    [TOKEN_KEY_REFRESHED] = "refreshed",
};

static const char *const global_names[] = {
    [TOKEN_GLOBAL_LEADER] = "leader",
    [TOKEN_GLOBAL_EPOCH] = "epoch",
    [TOKEN_GLOBAL_RELEASED] = "leader:released",
    [TOKEN_GLOBAL_MARK] = "events:mark",
};

void token_key(enum token_key key, const char *prefix, const char *appid, char out[TOKEN_KEY_SIZE])
{
    ASSERT(key < TOKEN_KEY_COUNT);
    int n = snprintf(out, TOKEN_KEY_SIZE, "%s:{%s}:%s", prefix, appid, key_names[key]);
    ASSERT(n > 0 && n < TOKEN_KEY_SIZE);
}

void token_global_key(enum token_global key, const char *prefix, char out[TOKEN_KEY_SIZE])
{
    ASSERT(key < ARRAY_LEN(global_names));
    int n = snprintf(out, TOKEN_KEY_SIZE, "%s:%s", prefix, global_names[key]);
    ASSERT(n > 0 && n < TOKEN_KEY_SIZE);
}
