#include "tokend/refresh/record.h"

#include <string.h>

void record_clear(struct record *r)
{
    secret_wipe(&r->token);
    secret_wipe(&r->previous);
    *r = (struct record){0};
}

void record_replace(struct record *r)
{
    if (!secret_is_set(&r->token))
        return;
    memmove(r->past + 1, r->past, sizeof r->past - sizeof r->past[0]);
    r->past[0] = (struct record_past){r->version, r->issued_at};
}

bool record_replaced(const struct record *r, int64_t version, wall_ms_t issued_at)
{
    bool found = false;
    for (size_t i = 0; version != 0 && i < RECORD_PAST; i++)
        found |= r->past[i].version == version && r->past[i].issued_at.ms == issued_at.ms;
    return found;
}

bool record_live(const struct record *r, mono_ms_t now)
{
    return secret_is_set(&r->token) && now.ms < r->expires.ms;
}

bool record_previous_live(const struct record *r, mono_ms_t now)
{
    return secret_is_set(&r->previous) && now.ms < r->previous_until.ms;
}

int64_t record_remaining_ms(const struct record *r, mono_ms_t now)
{
    return record_live(r, now) ? mono_between(now, r->expires) : 0;
}

int64_t record_lifetime_ms(const struct record *r)
{
    int64_t ms = wall_between(r->issued_at, r->expires_at);
    return ms > 0 ? ms : 0;
}

const char *token_mode_name(enum token_mode m)
{
    switch (m) {
    case TOKEN_CLASSIC:
        return "classic";
    case TOKEN_STABLE:
        return "stable";
    }
    return "?";
}
