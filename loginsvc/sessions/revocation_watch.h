/* revocation_watch.h - which sessions were ended, known in this process without asking.
 *
 * The table of revocations in the database is the truth; Redis carries the news of an ended session
 * to every process within milliseconds (revocation_news.h). Redis forgets what nobody hears, so the
 * table is read: at the start, whenever the subscription becomes live, when a message says so, and
 * every 30 s besides; every 2 s while there is no subscription. Each time from the latest
 * revocation seen less a minute, for what other machines with other clocks wrote, or committed
 * late. So all machines' clocks must agree to within that minute.
 *
 * Loop thread only. */
#ifndef SESSIONS_REVOCATION_WATCH_H
#define SESSIONS_REVOCATION_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"
#include "loginsvc/users/store.h"
#include "loop/loop.h"
#include "redis/client.h"
#include "redis/subscriber.h"

struct revocation_watch; /* opaque */

/* All borrowed: the store is closed before the watch is freed, the others are freed after it. */
struct revocation_watch_parts {
    struct loop *loop;
    struct redis_client *client;
    struct redis_subscriber *subscriber;
    struct store *store;
    const char *prefix; /* KEY_PREFIX; copied */
};

struct revocation_watch_options {
    int64_t period_ms;       /* between two readings while the subscription is live */
    int64_t blind_period_ms; /* while it is not */
    int64_t retry_ms;        /* after a reading that failed */
    size_t limit;            /* sessions that are known at most; see revocations.h */
};
#define REVOCATION_WATCH_DEFAULT                                                                   \
    ((struct revocation_watch_options){30 * 1000, 2 * 1000, 1000, 4 * 1000 * 1000})

/* Starts to listen and to read. `o` is copied; NULL for the defaults. */
struct revocation_watch *revocation_watch_new(const struct revocation_watch_parts *parts,
                                              const struct revocation_watch_options *o) MUST_CHECK;
void revocation_watch_free(struct revocation_watch *w); /* NULL is allowed */

/* Was this session ended? In memory only. */
bool revocation_watch_has(const struct revocation_watch *w, struct slice sid);

/* Has the whole table been read once? Before that a `false` of revocation_watch_has says nothing.
 */
bool revocation_watch_loaded(const struct revocation_watch *w);

/* For who ended sessions, once that is committed: known here at once, and told to the others. With
 * more than a few, and with those that a result had no more room for, the others are sent to the
 * database. `until` is what was given to the store. */
void revocation_watch_announce(struct revocation_watch *w, const struct store_session *ended,
                               size_t n, wall_ms_t until);

/* For who may have ended sessions and does not know: everybody, this process too, reads the table.
 */
void revocation_watch_look(struct revocation_watch *w);

struct revocation_watch_stats {
    bool loaded;
    bool live;         /* the subscription is confirmed */
    size_t count;      /* sessions known */
    uint64_t lost;     /* that found no room */
    uint64_t readings; /* of the table, from the first page to the last */
    uint64_t readings_failed;
    uint64_t heard;    /* messages */
    uint64_t garbled;  /* of these: not understood */
    uint64_t told;     /* messages that Redis took */
    uint64_t not_told; /* that it may not have taken; made good by a later one */
    int64_t age_ms;    /* since the last reading that succeeded was begun; -1: none yet */
};
struct revocation_watch_stats revocation_watch_stats(const struct revocation_watch *w);

#endif
