#include "loginsvc/sessions/revocation_watch.h"

#include <stdlib.h>

#include "log/log.h"
#include "loginsvc/sessions/revocation_herald.h"
#include "loginsvc/sessions/revocation_news.h"
#include "loginsvc/sessions/revocations.h"
#include "sys/clock.h"
#include "sys/entropy.h"

enum {
    MARGIN_MS = 60 * 1000, /* by how much clocks may differ, and a commit be late */
    PAUSE_MS = 50,         /* between two readings, however many messages ask for one */
    TOLD_ONE_BY_ONE = 16,  /* sessions ended together; with more, "look" is told */
    LOG_PERIOD_MS = 30000,
};

/* No token lives longer, so no message may ask to remember one for longer. */
#define UNTIL_MAX_MS (20LL * 366 * 24 * 3600 * 1000)

enum reading {
    READING_NONE,  /* the next one is due at due_at */
    READING_PAGE,  /* a page is asked for */
    READING_STALE, /* the same, and since it began something asked for a reading */
};

struct revocation_watch {
    struct loop *loop;
    struct store *store;
    struct revocation_watch_options o;
    struct revocations *set;
    struct revocation_herald *herald;
    struct redis_subscription *subscription;
    struct loop_timer *timer;

    enum reading reading;
    mono_ms_t due_at;
    mono_ms_t begun_at;
    mono_ms_t ended_at;
    mono_ms_t succeeded_at;  /* when the last good one began */
    wall_ms_t begun_at_wall; /* to notice that the clock was set back */
    uint64_t page_id;
    struct store_revocation last; /* the latest that was read */

    struct revocation_watch_stats stats;
};

static void set_reading(struct revocation_watch *w, enum reading to)
{
    static const char *const names[] = {"none", "page", "stale"};
    ASSERT(to == READING_PAGE ? w->reading == READING_NONE : w->reading != READING_NONE);
    if (w->reading != to)
        log_debug("sessions.reading", LOG_STR("from", names[w->reading]), LOG_STR("to", names[to]));
    w->reading = to;
}

static bool is_live(const struct revocation_watch *w)
{
    return redis_subscription_live(w->subscription);
}

/* ---- when to read ---- */

/* The timer also comes round to see whether the subscription is still there. */
static void set_timer(struct revocation_watch *w)
{
    mono_ms_t round = mono_after(loop_now(w->loop), w->o.blind_period_ms);
    loop_timer_at(w->timer, mono_min(w->due_at, round));
}

static void hasten(struct revocation_watch *w, mono_ms_t when)
{
    w->due_at = mono_min(w->due_at, when);
    set_timer(w);
}

/* Something may have changed in the table. */
static void want_reading(struct revocation_watch *w)
{
    if (w->reading == READING_NONE)
        hasten(w, mono_after(w->ended_at, PAUSE_MS));
    else
        set_reading(w, READING_STALE);
}

static int64_t pause_after(const struct revocation_watch *w, bool good)
{
    if (!good)
        return w->o.retry_ms;
    if (w->reading == READING_STALE)
        return PAUSE_MS;
    return is_live(w) ? w->o.period_ms : w->o.blind_period_ms;
}

/* ---- reading ---- */

static void end_reading(struct revocation_watch *w, bool good)
{
    mono_ms_t now = loop_now(w->loop);
    int64_t pause_ms = pause_after(w, good);
    set_reading(w, READING_NONE);
    w->ended_at = now;
    w->due_at = mono_after(now, pause_ms);
    set_timer(w);
    if (!good) {
        w->stats.readings_failed++;
        return;
    }
    w->stats.readings++;
    w->succeeded_at = w->begun_at;
    revocations_purge(w->set, wall_after(clock_wall(), -MARGIN_MS));
    if (!w->stats.loaded)
        log_info("sessions.revocations_loaded", LOG_INT("count", revocations_count(w->set)));
    w->stats.loaded = true;
}

static void on_page(void *owner, uint64_t id, const struct store_result *r);

static void ask_page(struct revocation_watch *w, wall_ms_t revoked_at, struct slice sid)
{
    struct store_caller caller = {on_page, w, ++w->page_id};
    wall_ms_t matters = wall_after(w->begun_at_wall, -MARGIN_MS);
    if (!store_revocations_after(w->store, revoked_at, sid, matters, caller)) {
        log_debug("sessions.reading_refused", LOG_STR("why", "queue full"));
        end_reading(w, false);
    }
}

static void say_failed(const struct store_result *r)
{
    static struct log_limit limit = LOG_LIMIT_INIT(LOG_PERIOD_MS, 3);
    int64_t swallowed;
    if (log_limit_pass(&limit, &swallowed))
        log_warn("sessions.reading_failed", LOG_STR("error", r->err.text),
                 LOG_INT("swallowed", swallowed));
}

static void take_page(struct revocation_watch *w, const struct store_result *r)
{
    for (size_t i = 0; i < r->n_revocations; i++)
        (void)revocations_add(w->set, slice_of(r->revocations[i].sid), r->revocations[i].until);
    if (r->n_revocations > 0)
        w->last = r->revocations[r->n_revocations - 1];
}

static void on_page(void *owner, uint64_t id, const struct store_result *r)
{
    struct revocation_watch *w = owner;
    ASSERT(w->reading != READING_NONE && id == w->page_id);
    if (r->status != STORE_OK) {
        say_failed(r);
        end_reading(w, false);
        return;
    }
    take_page(w, r);
    if (r->more && r->n_revocations > 0)
        ask_page(w, w->last.revoked_at, slice_of(w->last.sid));
    else
        end_reading(w, true);
}

/* The pages come in the order of revoked_at, so what failed half way goes on from there. One that a
 * clock ahead of ours wrote must not hide what others write. When our own clock was set back, what
 * is gone because it was over may matter again. */
static void begin_reading(struct revocation_watch *w)
{
    wall_ms_t now = clock_wall();
    if (wall_between(now, w->begun_at_wall) > MARGIN_MS)
        w->last = (struct store_revocation){.revoked_at = {0}};
    set_reading(w, READING_PAGE);
    w->due_at = MONO_NEVER;
    w->begun_at = loop_now(w->loop);
    w->begun_at_wall = now;
    int64_t from_ms = w->last.revoked_at.ms < now.ms ? w->last.revoked_at.ms : now.ms;
    ask_page(w, (wall_ms_t){from_ms > MARGIN_MS ? from_ms - MARGIN_MS : 0}, slice_of(""));
}

static void on_timer(void *arg)
{
    struct revocation_watch *w = arg;
    if (!is_live(w))
        hasten(w, mono_after(w->ended_at, w->o.blind_period_ms));
    if (w->reading == READING_NONE && mono_reached(loop_now(w->loop), w->due_at))
        begin_reading(w);
    else
        set_timer(w);
}

/* ---- hearing ---- */

static void say_garbled(struct revocation_watch *w, struct slice channel, struct slice message)
{
    static struct log_limit limit = LOG_LIMIT_INIT(LOG_PERIOD_MS, 3);
    int64_t swallowed;
    w->stats.garbled++;
    if (log_limit_pass(&limit, &swallowed))
        log_warn("sessions.garbled_message", LOG_SLICE("channel", channel),
                 LOG_INT("bytes", message.n), LOG_INT("swallowed", swallowed));
}

static void on_message(struct slice channel, struct slice message, void *arg)
{
    struct revocation_watch *w = arg;
    struct revocation_news news = revocation_news_read(message);
    w->stats.heard++;
    switch (news.kind) {
    case REVOCATION_ENDED:
        if (wall_between(clock_wall(), news.until) > UNTIL_MAX_MS)
            say_garbled(w, channel, message);
        else
            (void)revocations_add(w->set, slice_of(news.sid), news.until);
        return;
    case REVOCATION_LOOK:
        want_reading(w);
        return;
    case REVOCATION_GARBLED:
        say_garbled(w, channel, message);
        return;
    }
}

static void on_live(void *arg)
{
    want_reading(arg);
}

/* ---- public ---- */

struct revocation_watch *revocation_watch_new(const struct revocation_watch_parts *parts,
                                              const struct revocation_watch_options *o)
{
    static const struct redis_listener listener = {on_message, on_live};
    char channel[REVOCATION_CHANNEL_SIZE];
    struct revocation_watch *w = xcalloc(1, sizeof *w);
    w->loop = parts->loop;
    w->store = parts->store;
    w->o = o ? *o : REVOCATION_WATCH_DEFAULT;
    w->set = revocations_new(w->o.limit, entropy_u64());
    w->due_at = w->ended_at = loop_now(w->loop);
    w->timer = loop_timer_new(w->loop, on_timer, w);
    revocation_channel(parts->prefix, channel);
    w->herald = revocation_herald_new(w->loop, parts->client, channel);
    w->subscription =
        redis_subscribe(parts->subscriber, REDIS_CHANNEL, slice_of(channel), &listener, w);
    set_timer(w);
    return w;
}

void revocation_watch_free(struct revocation_watch *w)
{
    if (!w)
        return;
    redis_unsubscribe(w->subscription);
    revocation_herald_free(w->herald);
    loop_timer_free(w->timer);
    revocations_free(w->set);
    free(w);
}

bool revocation_watch_has(const struct revocation_watch *w, struct slice sid)
{
    return revocations_has(w->set, sid);
}

bool revocation_watch_loaded(const struct revocation_watch *w)
{
    return w->stats.loaded;
}

void revocation_watch_announce(struct revocation_watch *w, const struct store_session *ended,
                               size_t n, wall_ms_t until)
{
    char message[REVOCATION_NEWS_SIZE];
    for (size_t i = 0; i < n; i++) {
        if (!revocations_add(w->set, slice_of(ended[i].id), until) || n > TOLD_ONE_BY_ONE)
            continue;
        revocation_news_write(ended[i].id, until, message);
        revocation_herald_tell(w->herald, message);
    }
    if (n > TOLD_ONE_BY_ONE) /* there may be more than the result had room for */
        revocation_watch_look(w);
}

void revocation_watch_look(struct revocation_watch *w)
{
    revocation_herald_tell(w->herald, REVOCATION_NEWS_LOOK);
    want_reading(w);
}

struct revocation_watch_stats revocation_watch_stats(const struct revocation_watch *w)
{
    struct revocation_watch_stats s = w->stats;
    struct revocation_herald_stats herald = revocation_herald_stats(w->herald);
    s.live = is_live(w);
    s.count = revocations_count(w->set);
    s.lost = revocations_lost(w->set);
    s.told = herald.told;
    s.not_told = herald.failed;
    s.age_ms = s.loaded ? mono_between(w->succeeded_at, loop_now(w->loop)) : -1;
    return s;
}
