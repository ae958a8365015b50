#include "tokend/api/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "tokend/api/sweep.h"

enum {
    MARK_DELAY_MS = 2, /* a millisecond of Redis's clock is over by then */
    RETRY_MS = 1000,   /* after Redis did not answer */
    HEAR_MS = 5000,    /* a mark that is not heard for so long is published again */
    PATTERN_SIZE = 2 * TOKEN_PREFIX_MAX + sizeof ":{*}:events",
};

enum feed_state {
    FEED_CLOSED,
    FEED_FINDING,      /* asks Redis what time it is: that is where to begin */
    FEED_RESTING,      /* reads nothing */
    FEED_READING_NEWS, /* for those who were told everything so far */
    FEED_READING_PAST, /* for those who were not */
};

/* How the next mark stands. */
enum mark_state {
    MARK_NONE,
    MARK_DUE,   /* the timer runs */
    MARK_ASKED, /* published, and not heard yet */
};

/* An app that was heard of. */
struct poke {
    struct stream_id from, last; /* the least and the greatest id that nobody was told of */
    bool in_sweep;               /* the news being read cover it, if they go so far */
};

struct feed {
    struct feed_parts parts;
    enum feed_state state;
    enum mark_state mark;
    struct event_id place;   /* told so far */
    struct event_id horizon; /* no event up to here is still to be heard of, if is_complete */
    struct event_id highest; /* of those heard of */
    bool is_complete;
    bool missed;           /* messages may be lost: every app must be looked at */
    struct map *pokes;     /* appid -> struct poke */
    struct sweep *sweep;   /* reads the news or the past */
    struct event_id after; /* what is being read begins behind it */
    struct redis_subscription *messages, *marks;
    uint64_t command; /* that publishes the mark; 0: none */
    struct loop_timer *mark_timer, *retry_timer;
    size_t prefix_n; /* of the name of an app's channel, before the appid */
};

static void look(struct feed *f);

/* ---- marks ---- */

static bool hears(const struct feed *f)
{
    return f->state > FEED_FINDING && redis_subscription_live(f->messages) &&
           redis_subscription_live(f->marks);
}

static bool wants_mark(const struct feed *f)
{
    bool has_news = f->missed || map_count(f->pokes) > 0;
    return has_news && !f->is_complete && f->mark == MARK_NONE && hears(f);
}

static void want_mark(struct feed *f, int64_t delay_ms)
{
    f->mark = MARK_DUE;
    loop_timer_after(f->mark_timer, delay_ms);
}

static void on_marked(const struct redis_result *r, void *arg)
{
    struct feed *f = arg;
    int64_t now;
    f->command = 0;
    if (r->outcome != REDIS_REPLIED || !redis_value_int(r->value, &now)) {
        want_mark(f, RETRY_MS);
    } else if (f->state == FEED_FINDING) {
        f->place = event_id_of_moment(now);
        f->state = FEED_RESTING;
        f->mark = MARK_NONE; /* nobody may have heard this one */
        f->parts.hooks.found(f->parts.hooks.arg);
        look(f);
    } else if (f->mark == MARK_ASKED) {
        loop_timer_after(f->mark_timer, HEAR_MS);
    }
}

static void publish_mark(struct feed *f)
{
    const struct store *store = f->parts.store;
    char channel[TOKEN_KEY_SIZE];
    token_global_key(TOKEN_GLOBAL_MARK, store->prefix, channel);
    const struct slice key = slice_of(channel);
    f->mark = MARK_ASKED;
    f->command = redis_run(store->redis, &store->scripts->mark, REDIS_WAIT, store->timeout_ms, &key,
                           1, NULL, 0, on_marked, f);
}

static void on_mark_due(void *arg)
{
    publish_mark(arg);
}

/* The one that was asked for, if any, is not waited for any more. */
static void forget_mark(struct feed *f)
{
    if (f->mark != MARK_ASKED)
        return;
    loop_timer_stop(f->mark_timer);
    f->mark = MARK_NONE;
}

/* Whose mark it is makes no difference. */
static void on_mark(struct slice channel, struct slice payload, void *arg)
{
    struct feed *f = arg;
    int64_t now;
    (void)channel;
    if (!hears(f) || !slice_to_int(payload, 0, INT64_MAX, &now))
        return;
    forget_mark(f);
    if (f->is_complete)
        return; /* the horizon stays until all up to it was told */
    struct event_id horizon = event_id_of_moment(now);
    /* An event later than now: the clock was set back, and its order is lost anyhow. */
    if (f->highest.entry.ms > now)
        horizon = f->highest;
    f->horizon = event_id_compare(&horizon, &f->place) > 0 ? horizon : f->place;
    f->is_complete = true;
    look(f);
}

/* ---- messages ---- */

/* The appid in "P:{A}:events". */
static struct slice appid_in(const struct feed *f, struct slice channel)
{
    enum { BEHIND = sizeof "}:events" - 1 };
    if (channel.n < f->prefix_n + BEHIND)
        return slice_of(NULL);
    return (struct slice){channel.p + f->prefix_n, channel.n - f->prefix_n - BEHIND};
}

static void put_poke(struct feed *f, const struct event_id *id)
{
    struct poke *p = map_get(f->pokes, slice_of(id->appid));
    if (!p) {
        p = xcalloc(1, sizeof *p);
        p->from = p->last = id->entry;
        (void)map_put(f->pokes, slice_of(id->appid), p);
    }
    if (stream_id_compare(id->entry, p->from) < 0)
        p->from = id->entry;
    if (stream_id_compare(id->entry, p->last) > 0)
        p->last = id->entry;
    p->in_sweep = false;
    if (event_id_compare(id, &f->highest) > 0)
        f->highest = *id;
}

static void on_message(struct slice channel, struct slice payload, void *arg)
{
    struct feed *f = arg;
    struct event_id id;
    struct slice appid = appid_in(f, channel);
    if (!fleet_find(f->parts.fleet, appid) || !slice_copy(appid, id.appid, sizeof id.appid) ||
        !stream_id_parse(payload, &id.entry))
        return;
    put_poke(f, &id);
    if (wants_mark(f))
        want_mark(f, MARK_DELAY_MS);
}

static void on_marks_live(void *arg)
{
    look(arg);
}

/* What was published before is lost, and no mark from before counts. */
static void on_live(void *arg)
{
    struct feed *f = arg;
    f->missed = true;
    f->is_complete = false;
    forget_mark(f);
    if (f->state == FEED_READING_NEWS) {
        sweep_stop(f->sweep);
        f->state = FEED_RESTING;
    }
    look(f);
}

/* ---- what is to be read ---- */

struct targets {
    struct sweep_target *list;
    size_t n;
};

static void add_target(struct targets *t, const char *appid, struct stream_id from)
{
    struct sweep_target *target = &t->list[t->n++];
    ASSERT(slice_copy(slice_of(appid), target->appid, sizeof target->appid));
    target->from = from;
}

/* Every app, from behind `after` on. */
static struct targets all_apps(const struct feed *f, const struct event_id *after)
{
    struct targets t = {xcalloc(fleet_count(f->parts.fleet), sizeof *t.list), 0};
    size_t at = 0;
    for (struct app *a; (a = fleet_next(f->parts.fleet, &at)) != NULL;)
        add_target(&t, app_id(a), event_id_next(after, app_id(a)));
    return t;
}

/* What nobody was told of: behind the place, and before it what came late. */
static struct stream_id first_untold(const struct feed *f, const struct poke *p, const char *appid)
{
    struct stream_id next = event_id_next(&f->place, appid);
    return stream_id_compare(p->from, next) < 0 ? p->from : next;
}

/* The apps that were heard of. */
static struct targets poked_apps(const struct feed *f)
{
    struct targets t = {xcalloc(map_count(f->pokes), sizeof *t.list), 0};
    struct slice appid;
    void *value;
    for (size_t at = 0; map_next(f->pokes, &at, &appid, &value);) {
        const struct poke *p = value;
        struct app *a = fleet_find(f->parts.fleet, appid);
        if (a && stream_id_compare(p->from, f->horizon.entry) <= 0)
            add_target(&t, app_id(a), first_untold(f, p, app_id(a)));
    }
    return t;
}

static struct targets apps_with_news(struct feed *f)
{
    struct slice appid;
    void *value;
    for (size_t at = 0; map_next(f->pokes, &at, &appid, &value);)
        ((struct poke *)value)->in_sweep = true;
    return f->missed ? all_apps(f, &f->place) : poked_apps(f);
}

/* ---- reading ---- */

static void tell(struct feed *f, const struct page *page, struct event_id after,
                 struct event_id upto)
{
    const struct feed_news news = {page, after, upto};
    f->parts.hooks.told(&news, f->parts.hooks.arg);
}

static void on_failed(struct feed *f)
{
    f->state = FEED_RESTING;
    loop_timer_after(f->retry_timer, RETRY_MS);
}

/* How far a page goes that was to go to `wanted`. */
static struct event_id end_of(const struct page *page, struct event_id wanted)
{
    return page->cut ? page->list[page->n - 1].id : wanted;
}

/* Nobody is to be told again what is in the page. */
static void pass_pokes(struct feed *f, const struct page *page)
{
    for (size_t i = 0; i < page->n; i++) {
        const struct event_id *id = &page->list[i].id;
        struct poke *p = map_get(f->pokes, slice_of(id->appid));
        if (p && stream_id_compare(p->from, id->entry) <= 0)
            p->from = event_id_next(id, id->appid);
    }
}

/* All up to the horizon was told: what is left are entries behind it. */
static void drop_pokes(struct feed *f)
{
    struct map *left = map_new(0);
    struct slice appid;
    void *value;
    for (size_t at = 0; map_next(f->pokes, &at, &appid, &value);) {
        struct poke *p = value;
        struct event_id last = {.entry = p->last};
        ASSERT(slice_copy(appid, last.appid, sizeof last.appid));
        if (p->in_sweep && event_id_compare(&last, &f->horizon) <= 0)
            free(p);
        else
            (void)map_put(left, appid, p);
    }
    map_free(f->pokes);
    f->pokes = left;
}

static void pass_news(struct feed *f, const struct page *page)
{
    struct event_id before = f->place, end = end_of(page, f->horizon);
    pass_pokes(f, page);
    if (event_id_compare(&end, &f->place) > 0)
        f->place = end;
    if (!page->cut) {
        drop_pokes(f);
        f->missed = f->is_complete = false;
    }
    tell(f, page, before, f->place);
}

static void on_news(const struct page *page, void *arg)
{
    struct feed *f = arg;
    if (!page) {
        on_failed(f);
        return;
    }
    f->state = FEED_RESTING;
    pass_news(f, page);
    look(f);
}

static void read_news(struct feed *f)
{
    static const struct page nothing;
    struct targets t = apps_with_news(f);
    if (t.n == 0) {
        free(t.list);
        pass_news(f, &nothing);
        return;
    }
    f->state = FEED_READING_NEWS;
    sweep_start(f->sweep, t.list, t.n, &f->horizon, on_news, f);
}

static void on_past(const struct page *page, void *arg)
{
    struct feed *f = arg;
    if (!page) {
        on_failed(f);
        return;
    }
    f->state = FEED_RESTING;
    tell(f, page, f->after, end_of(page, f->place));
    look(f);
}

static void read_past(struct feed *f)
{
    struct targets t = all_apps(f, &f->after);
    if (t.n == 0) {
        free(t.list);
        return;
    }
    f->state = FEED_READING_PAST;
    sweep_start(f->sweep, t.list, t.n, &f->place, on_past, f);
}

/* Does what comes next, the news first. */
static void look(struct feed *f)
{
    if (f->state == FEED_RESTING && f->is_complete)
        read_news(f);
    if (f->state == FEED_RESTING && f->parts.hooks.behind(&f->after, f->parts.hooks.arg))
        read_past(f);
    if (wants_mark(f))
        want_mark(f, MARK_DELAY_MS);
}

static void on_retry(void *arg)
{
    look(arg);
}

void feed_look(struct feed *f)
{
    look(f);
}

const struct event_id *feed_place(const struct feed *f)
{
    return f->state > FEED_FINDING ? &f->place : NULL;
}

/* ---- opening and closing ---- */

/* The channels of all apps; what is special in a glob stands for itself. */
static void channel_pattern(const char *prefix, char out[PATTERN_SIZE])
{
    struct text t = text_init(out, PATTERN_SIZE);
    for (const char *c = prefix; *c; c++) {
        if (strchr("*?[]^\\", *c))
            text_char(&t, '\\');
        text_char(&t, *c);
    }
    text_str(&t, ":{*}:events");
    ASSERT(!t.cut);
}

void feed_open(struct feed *f)
{
    static const struct redis_listener messages = {on_message, on_live};
    static const struct redis_listener marks = {on_mark, on_marks_live};
    const char *prefix = f->parts.store->prefix;
    char pattern[PATTERN_SIZE], mark[TOKEN_KEY_SIZE];
    if (f->state != FEED_CLOSED)
        return;
    f->state = FEED_FINDING;
    f->prefix_n = strlen(prefix) + sizeof ":{" - 1;
    publish_mark(f);
    token_global_key(TOKEN_GLOBAL_MARK, prefix, mark);
    channel_pattern(prefix, pattern);
    f->marks = redis_subscribe(f->parts.subscriber, REDIS_CHANNEL, slice_of(mark), &marks, f);
    f->messages =
        redis_subscribe(f->parts.subscriber, REDIS_PATTERN, slice_of(pattern), &messages, f);
}

static void clear_pokes(struct feed *f)
{
    struct slice appid;
    void *value;
    for (size_t at = 0; map_next(f->pokes, &at, &appid, &value);)
        free(value);
    map_free(f->pokes);
    f->pokes = map_new(0);
}

void feed_close(struct feed *f)
{
    if (f->state == FEED_CLOSED)
        return;
    redis_unsubscribe(f->messages);
    redis_unsubscribe(f->marks);
    f->messages = f->marks = NULL;
    if (f->command)
        redis_cancel(f->parts.store->redis, f->command);
    f->command = 0;
    loop_timer_stop(f->mark_timer);
    loop_timer_stop(f->retry_timer);
    sweep_stop(f->sweep);
    clear_pokes(f);
    f->missed = f->is_complete = false;
    f->highest = event_id_of_moment(0);
    f->mark = MARK_NONE;
    f->state = FEED_CLOSED;
}

struct feed *feed_new(const struct feed_parts *parts)
{
    struct feed *f = xcalloc(1, sizeof *f);
    f->parts = *parts;
    f->pokes = map_new(0);
    f->sweep = sweep_new(parts->store);
    f->mark_timer = loop_timer_new(parts->loop, on_mark_due, f);
    f->retry_timer = loop_timer_new(parts->loop, on_retry, f);
    return f;
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    feed_close(f);
    loop_timer_free(f->retry_timer);
    loop_timer_free(f->mark_timer);
    sweep_free(f->sweep);
    map_free(f->pokes);
    free(f);
}
