/* store.h - the refresh core's operations on Redis: an action becomes a script run, its result an
 * event. Knows the scripts' arguments and answers and nothing of when to run them. Loop thread. */
#ifndef REFRESH_STORE_H
#define REFRESH_STORE_H

#include "redis/client.h"
#include "token/scripts.h"
#include "token/stream_id.h"
#include "tokend/refresh/core.h"
#include "tokend/refresh/lease.h"

enum { STORE_OWNER_MAX = 127 }; /* bytes in the name of a process */

/* What all operations share; borrowed parts that outlive them. */
struct store {
    struct redis_client *redis;
    const struct token_scripts *scripts;
    const char *prefix; /* KEY_PREFIX */
    const char *owner;  /* this process, as the lease and events name it */
    int64_t timeout_ms; /* of one operation */
    int64_t lease_ttl_ms;
};

/* Runs what READ, ASSERT, BEGIN, COMMIT, SETTLE or TELL asks for; fn as redis_run's. Returns its
 * id.
 */
uint64_t store_run(const struct store *s, const char *appid, const struct refresh_action *a,
                   redis_done_fn *fn, void *arg);

/* What the result of that says to the core; slices are borrowed from r. *fenced_by is the epoch
 * that forbids ours when the outcome is FENCED, else 0. */
void store_answer(enum refresh_action_kind kind, uint64_t op, const struct redis_result *r,
                  struct refresh_event *out, int64_t *fenced_by);

uint64_t store_run_lease(const struct store *s, const struct lease_action *a, redis_done_fn *fn,
                         void *arg);

/* Who has the lease when it is not ours: empty when nobody has, or what has is no tokend. Borrowed
 * from the result. */
struct lease_holder {
    struct slice name;
    int64_t epoch;
};
void store_lease_answer(uint64_t op, const struct redis_result *r, struct lease_event *out,
                        struct lease_holder *holder);

/* Adds to the app's events stream; fire and forget. */
void store_add_event(const struct store *s, const char *appid, const char *event, int64_t version,
                     int64_t errcode, struct slice by);

/* What may stand in an entry of an app's reports stream beside version, errcode and by. */
enum store_report {
    STORE_REPORT_REFUSED,   /* a consumer was refused */
    STORE_REPORT_DISPLACED, /* "displaced": a fenced-out leader's answer was not written */
    STORE_REPORT_ORDER,     /* "order": an operator wants a new token */
};

/* Adds to the app's reports stream, for whoever leads. fn may be NULL. */
uint64_t store_add_report(const struct store *s, const char *appid, enum store_report kind,
                          int64_t version, int64_t errcode, const char *by, redis_done_fn *fn,
                          void *arg);

/* Removes the entries of the app's reports stream up to this one, the last that is settled. */
uint64_t store_drop_reports(const struct store *s, const char *appid, struct stream_id last,
                            redis_done_fn *fn, void *arg);

#endif
