/* keys.h - the names of the Redis keys and channels that other services read (the contract's
 * section on Redis). Pure. With prefix P and appid A all keys of one app carry the hash tag {A}. */
#ifndef TOKEN_KEYS_H
#define TOKEN_KEYS_H

#include <stddef.h>

#include "base/text.h"

enum {
    TOKEN_PREFIX_MAX = 64,
    TOKEN_APPID_MAX = 64,
    TOKEN_KEY_SIZE = TOKEN_PREFIX_MAX + TOKEN_APPID_MAX + 32, /* of every name, NUL included */
};

/* What stands behind P:{A}: */
enum token_key {
    TOKEN_KEY_ACCESS_TOKEN,          /* access_token: string, the current token */
    TOKEN_KEY_PREVIOUS_ACCESS_TOKEN, /* previous_access_token: string, while it is accepted */
    TOKEN_KEY_RECORD,                /* token: hash with version and times */
    TOKEN_KEY_STATE,                 /* state: hash of tokend's own, never a token */
    TOKEN_KEY_INTENT,                /* intent: a refresh begun and not yet committed */
    TOKEN_KEY_REPORTS,               /* reports: stream that consumers add to */
    TOKEN_KEY_EVENTS,                /* events: capped stream of what happened; also the channel
                                        on which the id of each new entry is published */
    TOKEN_KEY_REFRESHED,             /* refreshed: the pub/sub channel, not a key */
    TOKEN_KEY_COUNT,
};

/* What stands behind P: */
enum token_global {
    TOKEN_GLOBAL_LEADER,   /* leader: the lease */
    TOKEN_GLOBAL_EPOCH,    /* epoch: the fencing counter */
    TOKEN_GLOBAL_RELEASED, /* leader:released: pub/sub, the lease was given back */
    TOKEN_GLOBAL_MARK,     /* events:mark: pub/sub, the time between two messages about events */
};

/* Write the name with a NUL. ASSERT that prefix and appid keep to the limits above, as the settings
 * see to. */
void token_key(enum token_key key, const char *prefix, const char *appid, char out[TOKEN_KEY_SIZE]);
void token_global_key(enum token_global key, const char *prefix, char out[TOKEN_KEY_SIZE]);

#endif
