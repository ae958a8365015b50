/* claims.h - who may spend which one-time codes, decided over all processes at once.
 *
 * A request claims its codes before it spends them: one script in Redis that also checks the
 * limits. While Redis is away each process decides by itself, from its own memory and with its own
 * counts. What a request in the end gave is kept for a while, so that the same request may have it
 * again. Loop thread only; nothing calls back before the call that asked for it returned.
 *
 * Keys, P = KEY_PREFIX, A = appid, names as in claim.h:
 *   P:{A}:login:claim:NAME      who has this code, and until when it is at it
 *   P:{A}:login:kept:NAME       the answer of a request, sealed by its maker
 *   P:{A}:login:under_way       requests that wait for WeChat
 *   P:{A}:login:paid:DAY        successful phone exchanges of a day (Asia/Shanghai)
 *   P:{A}:login:phones:USER     times of a user's phone exchanges
 *   P:{A}:login:address:NAME    times of an address's requests */
#ifndef LIMITS_CLAIMS_H
#define LIMITS_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "loginsvc/limits/claim.h"
#include "loginsvc/limits/limits.h"
#include "loginsvc/limits/verdict.h"
#include "loop/loop.h"
#include "redis/client.h"

struct claims; /* opaque */

/* Redis is borrowed and outlives the claims; prefix is copied. */
struct claims *claims_new(struct loop *l, struct redis_client *redis, struct slice prefix,
                          const struct claims_limits *limits) MUST_CHECK;

/* Nobody is called back any more. Before redis_client_free. NULL is allowed. */
void claims_free(struct claims *c);

void claims_set_limits(struct claims *c, const struct claims_limits *limits);

struct claims_answer {
    enum claim_verdict verdict;
    int64_t retry_after_ms; /* LIMITED, BUDGET */
    struct slice kept;      /* KEPT, EXCHANGED: as it was given to claims_settle */
};

/* *claim and *answer are borrowed for the call. */
typedef void claims_done_fn(void *owner, uint64_t id, const struct claim *claim,
                            const struct claims_answer *answer);

/* Asks for the codes; done(owner, id, ...) once. Whoever is told MINE or EXCHANGED settles the
 * claim, also when nobody waits for it any more. */
void claims_ask(struct claims *c, const struct claim *claim, claims_done_fn *done, void *owner,
                uint64_t id);

struct claims_settlement {
    unsigned whole;    /* bit i: the claim's i-th code is certainly unspent and free again */
    struct slice kept; /* what a repeat is to get; empty: nothing */
    bool exchanged;    /* kept is no answer but what the codes gave: a repeat goes on from there */
    bool paid;         /* WeChat gave a phone number */
    int64_t user_id;   /* whose it is, as far as known now; 0 = nobody's */
};

/* Copied. Fire and forget: what Redis does not take is kept in memory, and what was paid is told
 * with a later settlement. */
void claims_settle(struct claims *c, const struct claim *claim,
                   const struct claims_settlement *settlement);

/* WeChat gave a phone number after the claim was settled. */
void claims_count_paid(struct claims *c, struct slice appid);

struct claims_stats {
    uint64_t asked;
    uint64_t alone;     /* decided without Redis */
    uint64_t unsettled; /* settlements that Redis did not take */
    uint64_t by_verdict[CLAIM_BUDGET + 1];
};
struct claims_stats claims_stats(const struct claims *c);

/* The app's paid calls of today, as far as this process knows. */
int64_t claims_paid_today(const struct claims *c, struct slice appid);

/* An app was removed: its counts go. */
void claims_forget_app(struct claims *c, struct slice appid);

/* "kept", for logs and metrics. */
const char *claim_verdict_name(enum claim_verdict v);

#endif
