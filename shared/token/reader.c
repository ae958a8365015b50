#include "token/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "base/prng.h"
#include "log/log.h"
#include "sys/entropy.h"
#include "token/keys.h"
#include "token/slot.h"

enum {
    POLL_MS = 5000,         /* the safety net, with a fifth of jitter to both sides */
    HASTY_POLL_MIN_MS = 50, /* while somebody waits, or nothing lives: doubling ... */
    HASTY_POLL_MAX_MS = 1000,
    LOAD_TIMEOUT_MS = 2000,
    REPORT_TIMEOUT_MS = 5000,
    REPORT_PAUSE_MS = 1000,
    LOG_PERIOD_MS = 30000,
};

extern const unsigned char token_reader_load_lua[];
extern const size_t token_reader_load_lua_len;

struct app {
    struct token_reader *reader;
    char *appid;
    struct token_slot slot;
    struct redis_subscription *subscription;
    struct loop_timer *poll;
    uint64_t load_id; /* of the command under way, 0 = none */
    bool load_again;  /* something may have changed since it was sent */
    int hasty_polls;  /* in a row */
    size_t nwaits;
    int64_t reported_version;
    mono_ms_t reported_at;
};

struct wait {
    struct list node; /* of `waits` or `ended` */
    uint64_t id;
    int64_t version;
    mono_ms_t deadline;
    struct app *app; /* NULL when it is not watched (any more) */
    void (*fn)(const struct token_view *view, void *arg);
    void *arg;
};

struct token_reader {
    struct loop *loop;
    struct redis_client *client;
    struct redis_subscriber *subscriber;
    char *prefix;
    struct map *apps;
    struct redis_script load;
    int64_t poll_ms;
    struct prng jitter;
    struct list waits;
    struct list ended;             /* waits whose fn is still to be called */
    struct loop_timer *wait_timer; /* not after the earliest deadline of `waits` */
    mono_ms_t wait_timer_at;
    uint64_t last_id;
    int calling;
};

static bool view_of(const struct app *app, struct token_view *out)
{
    int64_t remaining_ms = token_slot_remaining_ms(&app->slot, loop_now(app->reader->loop));
    if (remaining_ms <= 0)
        return false;
    *out = (struct token_view){secret_reveal(&app->slot.access_token), app->slot.version,
                               remaining_ms};
    return true;
}

/* ---- waits ---- */

static bool is_served(const struct wait *w, struct token_view *out)
{
    return w->app && view_of(w->app, out) && out->version > w->version;
}

static void end_wait(struct token_reader *r, struct wait *w)
{
    list_remove(&w->node);
    list_push_back(&r->ended, &w->node);
}

static void forget_wait(struct wait *w)
{
    list_remove(&w->node);
    if (w->app)
        w->app->nwaits--;
    free(w);
}

/* fn may wait again, watch and unwatch: a new wait never ends before the loop's next turn. */
static void call_ended(struct token_reader *r)
{
    struct list *node;
    r->calling++;
    while ((node = list_pop_front(&r->ended)) != NULL) {
        struct wait *w = LIST_ENTRY(node, struct wait, node);
        void (*fn)(const struct token_view *, void *) = w->fn;
        void *arg = w->arg;
        struct token_view view;
        bool served = is_served(w, &view);
        forget_wait(w);
        fn(served ? &view : NULL, arg);
    }
    r->calling--;
}

static void set_wait_timer(struct token_reader *r, mono_ms_t when)
{
    r->wait_timer_at = when;
    loop_timer_at(r->wait_timer, when);
}

/* Calls whoever has what he waits for, or no time left. */
static void settle_waits(struct token_reader *r)
{
    mono_ms_t now = loop_now(r->loop), next = MONO_NEVER;
    LIST_FOR_EACH(it, &r->waits)
    {
        struct wait *w = LIST_ENTRY(it, struct wait, node);
        struct token_view view;
        if (mono_reached(now, w->deadline) || is_served(w, &view))
            end_wait(r, w);
        else
            next = mono_min(next, w->deadline);
    }
    set_wait_timer(r, next);
    call_ended(r);
}

static void on_wait_timer(void *arg)
{
    settle_waits(arg);
}

/* ---- loading ---- */

static void load(struct app *app);

static void log_load_failed(const struct app *app, const char *why, struct slice text)
{
    static struct log_limit limit = LOG_LIMIT_INIT(LOG_PERIOD_MS, 3);
    int64_t swallowed;
    if (log_limit_pass(&limit, &swallowed))
        log_warn("token.load_failed", LOG_STR("appid", app->appid), LOG_STR("reason", why),
                 LOG_SLICE("text", text), LOG_INT("swallowed", swallowed));
}

static void log_offer(const struct app *app, enum token_offer offer, int64_t version,
                      int64_t remaining_ms)
{
    static struct log_limit limit = LOG_LIMIT_INIT(LOG_PERIOD_MS, 3);
    int64_t swallowed;
    switch (offer) {
    case TOKEN_OFFER_NEW:
        log_info("token.loaded", LOG_STR("appid", app->appid), LOG_INT("version", version),
                 LOG_INT("remaining_ms", remaining_ms));
        break;
    case TOKEN_OFFER_OLDER:
        if (log_limit_pass(&limit, &swallowed))
            log_warn("token.version_went_back", LOG_STR("appid", app->appid),
                     LOG_INT("held", app->slot.version), LOG_INT("in_redis", version),
                     LOG_INT("swallowed", swallowed));
        break;
    case TOKEN_OFFER_SAME:
    case TOKEN_OFFER_DEAD:
        break;
    }
}

/* Redis does not know the version that we hold, and WeChat refuses it: what Redis has is all there
 * is. */
static bool is_lost(const struct app *app, int64_t version_in_redis)
{
    return version_in_redis < app->slot.version && app->reported_version == app->slot.version;
}

/* [access_token, version, PTTL], nil where there is none. */
static void take(struct app *app, const struct redis_value *v, mono_ms_t sent_at)
{
    struct slice token = redis_value_slice(redis_value_at(v, 0));
    int64_t version = 0, pttl_ms = 0;
    if (token.n == 0)
        return; /* none in Redis: what is held stays until its end */
    if (!redis_value_int(redis_value_at(v, 1), &version) || version < 1 ||
        !redis_value_int(redis_value_at(v, 2), &pttl_ms) || pttl_ms < 0) {
        log_load_failed(app, "a token without version or expiry", (struct slice){NULL, 0});
        return;
    }
    if (is_lost(app, version))
        token_slot_wipe(&app->slot);
    mono_ms_t ends_at = mono_after(sent_at, pttl_ms);
    enum token_offer offer =
        token_slot_offer(&app->slot, token, version, ends_at, loop_now(app->reader->loop));
    log_offer(app, offer, version, pttl_ms);
}

static int64_t with_jitter(struct token_reader *r)
{
    return prng_between(&r->jitter, r->poll_ms - r->poll_ms / 5, r->poll_ms + r->poll_ms / 5);
}

/* Soon while somebody waits or nothing lives, else now and then. */
static void schedule_poll(struct app *app)
{
    struct token_view view;
    int64_t delay_ms = (int64_t)HASTY_POLL_MIN_MS << app->hasty_polls;
    if (app->nwaits == 0 && view_of(app, &view)) {
        app->hasty_polls = 0;
        delay_ms = with_jitter(app->reader);
    } else if (delay_ms < HASTY_POLL_MAX_MS) {
        app->hasty_polls++;
    } else {
        delay_ms = HASTY_POLL_MAX_MS;
    }
    loop_timer_after(app->poll, delay_ms);
}

static void on_loaded(const struct redis_result *r, void *arg)
{
    struct app *app = arg;
    app->load_id = 0;
    if (r->outcome == REDIS_REPLIED)
        take(app, r->value, r->sent_at);
    else
        log_load_failed(app, "no answer from Redis", r->text);
    if (app->load_again)
        load(app);
    else
        schedule_poll(app);
    settle_waits(app->reader);
}

/* One at a time, so that answers cannot overtake each other. */
static void load(struct app *app)
{
    struct token_reader *r = app->reader;
    char name[TOKEN_KEY_SIZE];
    app->load_again = app->load_id != 0;
    if (app->load_again)
        return;
    loop_timer_stop(app->poll);
    token_key(TOKEN_KEY_RECORD, r->prefix, app->appid, name);
    struct slice key = slice_of(name);
    app->load_id = redis_run(r->client, &r->load, REDIS_WAIT, LOAD_TIMEOUT_MS, &key, 1, NULL, 0,
                             on_loaded, app);
}

static void on_poll(void *arg)
{
    struct app *app = arg;
    if (token_slot_remaining_ms(&app->slot, loop_now(app->reader->loop)) == 0)
        token_slot_wipe(&app->slot); /* what is over need not stay in memory */
    load(app);
}

static void on_refreshed(struct slice channel, struct slice payload, void *arg)
{
    (void)channel;
    (void)payload; /* Redis holds the truth; the message only says that there is a new one */
    load(arg);
}

static void on_live(void *arg)
{
    load(arg);
}

/* ---- apps ---- */

static void app_free(struct app *app)
{
    struct token_reader *r = app->reader;
    LIST_FOR_EACH(it, &r->waits)
    {
        struct wait *w = LIST_ENTRY(it, struct wait, node);
        if (w->app == app)
            end_wait(r, w);
    }
    LIST_FOR_EACH(it, &r->ended)
    {
        struct wait *w = LIST_ENTRY(it, struct wait, node);
        w->app = w->app == app ? NULL : w->app;
    }
    redis_cancel(r->client, app->load_id);
    redis_unsubscribe(app->subscription);
    loop_timer_free(app->poll);
    token_slot_wipe(&app->slot);
    free(app->appid);
    free(app);
}

void token_reader_watch(struct token_reader *r, struct slice appid)
{
    static const struct redis_listener listener = {on_refreshed, on_live};
    char channel[TOKEN_KEY_SIZE];
    if (map_get(r->apps, appid))
        return;
    struct app *app = xcalloc(1, sizeof *app);
    app->reader = r;
    app->appid = slice_dup(appid);
    app->reported_at = MONO_PAST;
    app->poll = loop_timer_new(r->loop, on_poll, app);
    token_key(TOKEN_KEY_REFRESHED, r->prefix, app->appid, channel);
    app->subscription =
        redis_subscribe(r->subscriber, REDIS_CHANNEL, slice_of(channel), &listener, app);
    (void)map_put(r->apps, appid, app);
    load(app);
}

void token_reader_unwatch(struct token_reader *r, struct slice appid)
{
    struct app *app = map_remove(r->apps, appid);
    if (!app)
        return;
    app_free(app);
    set_wait_timer(r, MONO_PAST); /* for those who waited for it */
}

struct token_reader *token_reader_new(struct loop *l, struct redis_client *c,
                                      struct redis_subscriber *s, struct slice prefix)
{
    struct token_reader *r = xcalloc(1, sizeof *r);
    r->loop = l;
    r->client = c;
    r->subscriber = s;
    r->prefix = slice_dup(prefix);
    r->apps = map_new(0);
    r->poll_ms = POLL_MS;
    r->wait_timer = loop_timer_new(l, on_wait_timer, r);
    r->wait_timer_at = MONO_NEVER;
    list_init(&r->waits);
    list_init(&r->ended);
    prng_seed(&r->jitter, entropy_u64());
    redis_script_init(
        &r->load, "token.reader_load",
        (struct slice){(const char *)token_reader_load_lua, token_reader_load_lua_len});
    return r;
}

void token_reader_free(struct token_reader *r)
{
    size_t at = 0;
    struct slice appid;
    void *app;
    if (!r)
        return;
    ASSERT(r->calling == 0);
    while (map_next(r->apps, &at, &appid, &app))
        app_free(app);
    list_take_all(&r->waits, &r->ended);
    call_ended(r);
    map_free(r->apps);
    loop_timer_free(r->wait_timer);
    free(r->prefix);
    free(r);
}

void token_reader_poll_every(struct token_reader *r, int64_t ms)
{
    ASSERT(ms > 0);
    r->poll_ms = ms;
}

/* ---- what users ask ---- */

bool token_reader_get(struct token_reader *r, struct slice appid, struct token_view *out)
{
    const struct app *app = map_get(r->apps, appid);
    return app && view_of(app, out);
}

uint64_t token_reader_wait_newer(struct token_reader *r, struct slice appid, int64_t version,
                                 int64_t timeout_ms,
                                 void (*fn)(const struct token_view *view, void *arg), void *arg)
{
    struct wait *w = xcalloc(1, sizeof *w);
    struct token_view view;
    w->id = ++r->last_id;
    w->version = version;
    w->fn = fn;
    w->arg = arg;
    w->app = map_get(r->apps, appid);
    w->deadline = mono_after(loop_now(r->loop), timeout_ms);
    list_push_back(&r->waits, &w->node);
    if (w->app) {
        w->app->nwaits++;
        w->app->hasty_polls = 0;
    }
    if (!w->app || is_served(w, &view))
        w->deadline = MONO_PAST; /* called when the loop comes round */
    else
        load(w->app);
    if (w->deadline.ms < r->wait_timer_at.ms)
        set_wait_timer(r, w->deadline);
    return w->id;
}

static bool cancel_in(struct list *head, uint64_t id)
{
    LIST_FOR_EACH(it, head)
    {
        struct wait *w = LIST_ENTRY(it, struct wait, node);
        if (w->id == id) {
            forget_wait(w);
            return true;
        }
    }
    return false;
}

void token_reader_cancel(struct token_reader *r, uint64_t id)
{
    (void)(cancel_in(&r->waits, id) || cancel_in(&r->ended, id));
}

/* ---- reports ---- */

static void on_reported(const struct redis_result *r, void *arg)
{
    static struct log_limit limit = LOG_LIMIT_INIT(LOG_PERIOD_MS, 3);
    int64_t swallowed;
    (void)arg;
    if (r->outcome != REDIS_REPLIED && log_limit_pass(&limit, &swallowed))
        log_warn("token.report_failed", LOG_SLICE("text", r->text),
                 LOG_INT("swallowed", swallowed));
}

static bool was_just_reported(struct app *app, int64_t version)
{
    mono_ms_t now = loop_now(app->reader->loop);
    bool just =
        app->reported_version == version && mono_between(app->reported_at, now) < REPORT_PAUSE_MS;
    if (!just) {
        app->reported_version = version;
        app->reported_at = now;
    }
    return just;
}

void token_reader_report(struct token_reader *r, struct slice appid, int64_t version, int errcode,
                         struct slice by)
{
    char stream[TOKEN_KEY_SIZE], version_text[24], errcode_text[16];
    struct app *app = map_get(r->apps, appid);
    if (!app || was_just_reported(app, version))
        return;
    token_key(TOKEN_KEY_REPORTS, r->prefix, app->appid, stream);
    (void)snprintf(version_text, sizeof version_text, "%" PRId64, version);
    (void)snprintf(errcode_text, sizeof errcode_text, "%d", errcode);
    redis_command(r->client, REDIS_WAIT, REPORT_TIMEOUT_MS,
                  REDIS_ARGV(SLICE_LIT("XADD"), slice_of(stream), SLICE_LIT("MAXLEN"),
                             SLICE_LIT("~"), SLICE_LIT("1000"), SLICE_LIT("*"),
                             SLICE_LIT("version"), slice_of(version_text), SLICE_LIT("errcode"),
                             slice_of(errcode_text), SLICE_LIT("by"), by),
                  on_reported, NULL);
}
