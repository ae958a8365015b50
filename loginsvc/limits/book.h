/* book.h - the claims that this process knows of itself.
 *
 * It answers what needs no Redis (a repeat of what is under way here), and stands in for Redis
 * while that is away. Bounded: the oldest claims are forgotten first. Time is an argument. One
 * thread. */
#ifndef LIMITS_BOOK_H
#define LIMITS_BOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"
#include "loginsvc/limits/claim.h"
#include "loginsvc/limits/verdict.h"

struct book; /* opaque */

struct book *book_new(size_t max_codes) MUST_CHECK;
void book_free(struct book *b); /* NULL is allowed */

struct book_finding {
    enum claim_verdict verdict; /* HELD, KEPT, EXCHANGED; or MINE, USED: Redis may know better */
    struct slice kept; /* KEPT, EXCHANGED: what was kept; borrowed until the book changes */
    unsigned codes;    /* MINE, USED: those that somebody had (bit i: the i-th of the claim) */
};

struct book_finding book_find(struct book *b, const struct claim *c, mono_ms_t now);

/* The codes are held for this claim until then, for whoever asks in the same words; used for all
 * others. */
void book_hold(struct book *b, const struct claim *c, mono_ms_t now, mono_ms_t until);

/* As if these codes (bit i: the i-th of the claim) had never been held. */
void book_drop(struct book *b, const struct claim *c, unsigned codes);

/* The claim is over: its codes are used, and `kept` (may be empty) is its answer until then.
 * exchanged: it is no answer but what the codes gave. */
void book_settle(struct book *b, const struct claim *c, mono_ms_t now, struct slice kept,
                 bool exchanged, mono_ms_t kept_until);

/* Redis has the answer: it need not be kept here. */
void book_release_answer(struct book *b, const struct claim *c);

enum { BOOK_CODE_LIFE_MS = 10 * 60 * 1000 }; /* twice the life of a code */

#endif
