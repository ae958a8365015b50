/* spelling.h - how the two scripts of claims.c are called: the words of their keys and arguments.
 *
 * Inner header of limits/. The scripts themselves (lua/) say what the words mean. Any thread. */
#ifndef LIMITS_SPELLING_H
#define LIMITS_SPELLING_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "loginsvc/limits/claim.h"
#include "loginsvc/limits/claims.h"
#include "loginsvc/limits/limits.h"
#include "loginsvc/limits/paid.h"

enum {
    WORDS_KEYS_MAX = 5 + CLAIM_CODES_MAX,
    WORDS_ARGS_MAX = 11,
    WORDS_KEY_SIZE = 224,
    WORDS_NUMBER_SIZE = 24,
};

/* Filled by what follows; it points into itself and so is not copied. */
struct words {
    struct slice keys[WORDS_KEYS_MAX], args[WORDS_ARGS_MAX];
    size_t n_keys, n_args;
    char bytes[WORDS_KEYS_MAX * WORDS_KEY_SIZE + WORDS_ARGS_MAX * WORDS_NUMBER_SIZE];
    size_t used;
};

/* Who asks: the same for both. */
struct spelling {
    const char *prefix; /* KEY_PREFIX */
    const struct claims_limits *limits;
    const struct claim *claim;
};

/* Of claim.lua. `known`: the app's paid calls of that day as this process knows them. *claim is
 * borrowed by the words. */
void spell_claim(struct words *w, const struct spelling *s, int64_t day, int64_t known);

/* Of settle.lua. `kept` is as it goes into Redis, borrowed by the words as *claim is. */
void spell_settlement(struct words *w, const struct spelling *s, const struct claims_settlement *in,
                      struct slice kept, const struct paid_untold *paid);

#endif
