#include "loginsvc/housekeeping.h"

#include <stdlib.h>

#include "base/prng.h"
#include "log/log.h"
#include "sys/clock.h"
#include "sys/entropy.h"

enum {
    AWAY_RETRY_MS = 1000,       /* between signs of life of a database that was away */
    PURGE_MS = 60 * 60 * 1000,  /* between two removals, give or take a half */
    PURGE_PAUSE_MS = 100,       /* between the steps of one, so that logins pass in between */
    PURGE_FIRST_MS = 60 * 1000, /* from the start to the first, give or take a half */
    /* What is over by our clock may matter a minute longer by another machine's, and that one may
     * have taken the time from a third (revocation_watch.h). */
    PURGE_MARGIN_MS = 2 * 60 * 1000,
};

struct housekeeping {
    struct store *store;
    struct prng jitter; /* several processes, and several machines, share one database */
    struct loop_timer *alive, *purge;
};

static void on_alive(void *owner, uint64_t id, const struct store_result *r)
{
    (void)owner, (void)id;
    if (r->status == STORE_OK)
        log_info("database.back", LOG_STR("status", "ok"));
}

/* While the database is away no login tries it, so somebody must. */
static void on_alive_timer(void *arg)
{
    struct housekeeping *h = arg;
    struct store_caller caller = {on_alive, h, 0};
    loop_timer_after(h->alive, AWAY_RETRY_MS);
    if (!store_stats(h->store).healthy && !store_ping(h->store, caller))
        log_debug("database.queue_full", LOG_STR("during", "ping"));
}

static void purge_in(struct housekeeping *h, int64_t ms)
{
    loop_timer_after(h->purge, prng_between(&h->jitter, ms / 2, ms + ms / 2));
}

static void on_purged(void *owner, uint64_t id, const struct store_result *r)
{
    struct housekeeping *h = owner;
    (void)id;
    if (r->status == STORE_OK && r->more)
        loop_timer_after(h->purge, PURGE_PAUSE_MS);
    else
        purge_in(h, PURGE_MS);
}

static void on_purge_timer(void *arg)
{
    struct housekeeping *h = arg;
    wall_ms_t over = wall_after(clock_wall(), -PURGE_MARGIN_MS);
    if (!store_purge(h->store, over, (struct store_caller){on_purged, h, 0}))
        purge_in(h, PURGE_MS);
}

struct housekeeping *housekeeping_new(struct loop *l, struct store *s)
{
    struct housekeeping *h = xcalloc(1, sizeof *h);
    h->store = s;
    prng_seed(&h->jitter, entropy_u64());
    h->alive = loop_timer_new(l, on_alive_timer, h);
    h->purge = loop_timer_new(l, on_purge_timer, h);
    loop_timer_after(h->alive, AWAY_RETRY_MS);
    purge_in(h, PURGE_FIRST_MS);
    return h;
}

void housekeeping_free(struct housekeeping *h)
{
    if (!h)
        return;
    loop_timer_free(h->alive);
    loop_timer_free(h->purge);
    free(h);
}
