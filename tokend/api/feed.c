#include "tokend/api/feed.h"

#include <stdlib.h>
#include <string.h>

#include "tokend/api/pokes.h"
#include "tokend/api/sweep.h"

enum {
    MARK_DELAY_MS = 2, /* a millisecond of Redis's clock is over by then */
    RETRY_MS = 1000,   /* after Redis did not answer */
    HEAR_MS = 5000,    /* a mark that is not heard for so long is published again */
    PATTERN_SIZE = 2 * TOKEN_PREFIX_MAX + (int)sizeof ":{*}:events",
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

/* Of the news, or of the past. */
struct reading {
    struct sweep *sweep;
    const struct page *page; /* what it found, kept until the next; NULL: nothing */
    struct event_id after;   /* that, or what is being read, begins behind it ... */
    struct event_id upto;    /* ... and that ends here */
};

struct feed {
    struct feed_parts parts;
    enum feed_state state;
    enum mark_state mark;
    struct event_id place;   /* told so far */
    struct event_id horizon; /* no event up to here is still to be heard of, if is_complete */
    struct event_id highest; /* of those heard of */
    bool is_complete;
    bool missed;         /* messages may be lost: every app must be looked at */
    int64_t heard_at_ms; /* what the first mark said since then; 0: none was heard */
    struct pokes *pokes;
    struct reading news, past; /* one of them at a time */
    struct redis_subscription *messages, *marks;
    uint64_t command; /* that publishes the mark; 0: none */
    struct loop_timer *mark_timer, *retry_timer;
    size_t prefix_n; /* of the name of an app's channel, before the appid */
};

static void look(struct feed *f);
static void stop_reading(struct reading *r);

/* ---- marks ---- */

static bool hears(const struct feed *f)
{
    return f->state > FEED_FINDING && redis_subscription_live(f->messages) &&
           redis_subscription_live(f->marks);
}

static bool wants_mark(const struct feed *f)
{
    bool has_news = f->missed || pokes_count(f->pokes) > 0;
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

static void cancel_mark(struct feed *f)
{
    if (f->command)
        redis_cancel(f->parts.store->redis, f->command);
    f->command = 0;
}

static void publish_mark(struct feed *f)
{
    const struct store *store = f->parts.store;
    char channel[TOKEN_KEY_SIZE];
    cancel_mark(f);
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

/* What was lost may be of the millisecond of the first mark that is heard since: only a mark of
 * another one puts the horizon behind it. */
static bool is_of_first_moment(struct feed *f, int64_t now)
{
    if (f->heard_at_ms == 0)
        f->heard_at_ms = now;
    return f->missed && now == f->heard_at_ms;
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
    if (is_of_first_moment(f, now)) {
        look(f); /* for another mark */
        return;
    }
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

static void on_message(struct slice channel, struct slice payload, void *arg)
{
    struct feed *f = arg;
    struct event_id id;
    struct slice appid = appid_in(f, channel);
    if (!fleet_find(f->parts.fleet, appid) || !slice_copy(appid, id.appid, sizeof id.appid) ||
        !stream_id_parse(payload, &id.entry))
        return;
    pokes_hear(f->pokes, &id);
    if (event_id_compare(&id, &f->highest) > 0)
        f->highest = id;
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
    f->heard_at_ms = 0;
    f->is_complete = false;
    forget_mark(f);
    if (f->state == FEED_READING_NEWS) {
        stop_reading(&f->news);
        f->state = FEED_RESTING;
    }
    look(f);
}

/* ---- telling ---- */

static struct event_id later_of(const struct event_id *a, const struct event_id *b)
{
    return event_id_compare(a, b) > 0 ? *a : *b;
}

/* As many events from the index on as are told at a time. */
static size_t some_of(const struct page *page, size_t at)
{
    size_t n = 0, bytes = 0;
    while (at + n < page->n && n < FEED_NEWS_MAX &&
           (bytes += page->list[at + n]->n) <= FEED_NEWS_BYTES)
        n++;
    return n;
}

/* Tells some of what was read, from the index on, to those who were told all up to *place, and
 * moves *place. Returns where the rest begins. */
static size_t tell_some(struct feed *f, const struct reading *r, size_t at, struct event_id *place)
{
    const struct page *page = r->page;
    struct feed_news news = {&page->list[at], some_of(page, at), *place, r->upto};
    ASSERT(news.n > 0 || at == page->n);
    if (at + news.n < page->n)
        news.upto = later_of(place, &news.list[news.n - 1]->id);
    *place = news.upto;
    f->parts.hooks.told(&news, f->parts.hooks.arg);
    return at + news.n;
}

static void tell_news(struct feed *f, struct event_id place)
{
    size_t at = 0;
    do
        at = tell_some(f, &f->news, at, &place);
    while (at < f->news.page->n);
}

/* What was read last and goes on from `id`; NULL when neither does. */
static const struct reading *read_from(const struct feed *f, const struct event_id *id)
{
    const struct reading *both[] = {&f->past, &f->news};
    for (size_t i = 0; i < ARRAY_LEN(both); i++)
        if (both[i]->page && event_id_compare(id, &both[i]->after) >= 0 &&
            event_id_compare(id, &both[i]->upto) < 0)
            return both[i];
    return NULL;
}

/* Tells those who are behind what was read already. True when there is somebody who misses more
 * than that: behind *least. */
static bool tell_past(struct feed *f, struct event_id *least)
{
    while (f->parts.hooks.behind(least, f->parts.hooks.arg)) {
        const struct reading *r = read_from(f, least);
        if (!r)
            return true;
        struct event_id place = *least;
        (void)tell_some(f, r, page_find(r->page, least), &place);
    }
    return false;
}

/* ---- reading ---- */

static void stop_reading(struct reading *r)
{
    r->page = NULL;
    sweep_stop(r->sweep);
}

/* Reads from behind `after` up to `last`. `targets` is taken. */
static void begin_reading(struct reading *r, struct sweep_target *targets, size_t n,
                          const struct event_id *after, const struct event_id *last)
{
    r->page = NULL;
    r->after = *after;
    r->upto = *last;
    sweep_start(r->sweep, targets, n, last);
}

/* False when nothing came: it is tried again. */
static bool end_reading(struct feed *f, struct reading *r, const struct page *page)
{
    f->state = FEED_RESTING;
    r->page = page;
    if (page && page->is_cut)
        r->upto = page->end;
    if (!page)
        loop_timer_after(f->retry_timer, RETRY_MS);
    return page != NULL;
}

/* Every app, from behind `after` on; the caller frees. */
static struct sweep_target *all_apps(const struct feed *f, const struct event_id *after, size_t *n)
{
    struct sweep_target *list = xcalloc(fleet_count(f->parts.fleet), sizeof *list);
    size_t at = 0;
    *n = 0;
    for (struct app *a; (a = fleet_next(f->parts.fleet, &at)) != NULL;) {
        struct sweep_target *t = &list[(*n)++];
        ASSERT(slice_copy(slice_of(app_id(a)), t->appid, sizeof t->appid));
        t->from = event_id_next(after, t->appid);
    }
    return list;
}

/* ---- the news ---- */

static struct sweep_target *apps_with_news(const struct feed *f, size_t *n)
{
    if (f->missed)
        return all_apps(f, &f->place, n);
    struct sweep_target *list = xcalloc(pokes_count(f->pokes), sizeof *list);
    *n = pokes_targets(f->pokes, &f->place, &f->horizon, list);
    return list;
}

static void pass_horizon(struct feed *f)
{
    pokes_end(f->pokes, &f->horizon);
    f->missed = f->is_complete = false;
}

static void on_news(const struct page *page, void *arg)
{
    struct feed *f = arg;
    struct event_id place = f->place;
    if (!end_reading(f, &f->news, page))
        return;
    f->place = f->news.upto = later_of(&f->news.upto, &place);
    pokes_told(f->pokes, page);
    if (!page->is_cut)
        pass_horizon(f);
    tell_news(f, place);
    look(f);
}

/* Without anything to read the time goes on all the same. */
static void pass_quietly(struct feed *f)
{
    const struct feed_news news = {NULL, 0, f->place, f->horizon};
    f->place = f->horizon;
    pass_horizon(f);
    f->parts.hooks.told(&news, f->parts.hooks.arg);
}

static void read_news(struct feed *f)
{
    size_t n;
    struct sweep_target *targets = apps_with_news(f, &n);
    pokes_begin(f->pokes);
    if (n > 0) {
        f->state = FEED_READING_NEWS;
        begin_reading(&f->news, targets, n, &f->place, &f->horizon);
    } else {
        free(targets);
        pass_quietly(f);
    }
}

/* ---- the past ---- */

static void on_past(const struct page *page, void *arg)
{
    struct feed *f = arg;
    if (end_reading(f, &f->past, page))
        look(f);
}

static void read_past(struct feed *f, const struct event_id *least)
{
    size_t n;
    struct sweep_target *targets = all_apps(f, least, &n);
    if (n > 0) {
        f->state = FEED_READING_PAST;
        begin_reading(&f->past, targets, n, least, &f->place);
    } else {
        free(targets);
    }
}

/* Does what comes next, the news first. */
static void look(struct feed *f)
{
    struct event_id least;
    bool rests = f->state == FEED_RESTING, others = rests && tell_past(f, &least);
    if (rests && f->is_complete)
        read_news(f);
    if (f->state == FEED_RESTING && others)
        read_past(f, &least);
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

void feed_close(struct feed *f)
{
    if (f->state == FEED_CLOSED)
        return;
    redis_unsubscribe(f->messages);
    redis_unsubscribe(f->marks);
    f->messages = f->marks = NULL;
    cancel_mark(f);
    loop_timer_stop(f->mark_timer);
    loop_timer_stop(f->retry_timer);
    stop_reading(&f->news);
    stop_reading(&f->past);
    pokes_clear(f->pokes);
    f->missed = f->is_complete = false;
    f->highest = event_id_of_moment(0);
    f->mark = MARK_NONE;
    f->state = FEED_CLOSED;
}

struct feed *feed_new(const struct feed_parts *parts)
{
    struct feed *f = xcalloc(1, sizeof *f);
    f->parts = *parts;
    f->pokes = pokes_new();
    f->news.sweep = sweep_new(parts->store, on_news, f);
    f->past.sweep = sweep_new(parts->store, on_past, f);
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
    sweep_free(f->past.sweep);
    sweep_free(f->news.sweep);
    pokes_free(f->pokes);
    free(f);
}
