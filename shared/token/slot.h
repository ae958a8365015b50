/* slot.h - the rule which token of an app is kept in memory, and until when.
 *
 * Pure: time is an argument, Redis is not known here. It owns the token it holds. */
#ifndef TOKEN_SLOT_H
#define TOKEN_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/times.h"

struct token_slot { /* zeroed = empty */
    struct secret access_token;
    int64_t version;
    mono_ms_t ends_at;
};

enum token_offer {
    TOKEN_OFFER_NEW,   /* taken: another version than before */
    TOKEN_OFFER_SAME,  /* the version it had; its end is now what the offer says */
    TOKEN_OFFER_OLDER, /* refused: a newer one is held and lives */
    TOKEN_OFFER_DEAD,  /* refused: it is over */
};

/* Offers what Redis has. An older version is taken only when the one that is held is over: Redis
 * was restored from a backup, and what it has is all there is. */
enum token_offer token_slot_offer(struct token_slot *s, struct slice access_token, int64_t version,
                                  mono_ms_t ends_at, mono_ms_t now);

/* Milliseconds that the token has left; 0 when there is none or it is over. */
int64_t token_slot_remaining_ms(const struct token_slot *s, mono_ms_t now);

void token_slot_wipe(struct token_slot *s); /* to empty; may be called twice */

#endif
