#include "tokend/refresh/app.h"

#include <stdlib.h>

#include "log/log.h"
#include "sys/entropy.h"
#include "wechat/ascii.h"

enum {
    TELLER_MAX = 64, /* bytes of the name of who told something */
    TELLING_LOG_MS = 30000,
    TELLINGS_LOGGED = 5, /* in that time, of all apps */
};

struct app {
    const struct app_parts *parts;
    char *appid;
    struct secret secret;
    struct refresh_config config;
    struct refresh *refresh;
    struct loop_timer *timer;
    struct redis_subscription *subscription;

    /* The operation under way. */
    enum refresh_action_kind kind;
    uint64_t op;
    uint64_t command; /* in Redis; 0: none */
    uint64_t call;    /* at WeChat; 0: none */
    enum refresh_state logged;

    struct turn turn; /* what waits until it may be begun */

    /* The reports stream, as the leader. */
    struct stream_id heard; /* up to here; none before the first look at it */
    bool to_drop;           /* something was heard that is still there */
    int64_t refused;        /* the version that it was about, where it was a consumer's report */
    uint64_t drop;          /* the command that drops it; 0: none */
    struct slice teller;    /* while it is told: by whom */
};

static void step(struct app *a, const struct refresh_event *ev);

static struct refresh_env env_of(const struct app *a)
{
    const struct app_hooks *h = &a->parts->hooks;
    return (struct refresh_env){loop_now(a->parts->loop), h->lease_until(h->arg)};
}

/* ---- answers ---- */

static void tell_outcome(struct app *a, const struct refresh_event *ev, int64_t version_before)
{
    const struct app_hooks *h = &a->parts->hooks;
    const struct record *r = refresh_record(a->refresh);
    if (ev->kind == REFRESH_COMMITTED && ev->store == REFRESH_STORE_OK &&
        r->version > version_before) {
        log_info("refresh.committed", LOG_STR("appid", a->appid), LOG_INT("version", r->version),
                 LOG_STR("mode", token_mode_name(r->mode)),
                 LOG_INT("expires_in_ms", record_remaining_ms(r, loop_now(a->parts->loop))));
        h->refreshed(a, h->arg);
    }
}

static void on_redis(const struct redis_result *r, void *arg)
{
    struct app *a = arg;
    const struct app_hooks *h = &a->parts->hooks;
    int64_t version = refresh_record(a->refresh)->version, fenced_by;
    struct refresh_event ev;
    a->command = 0;
    store_answer(a->kind, a->op, r, &ev, &fenced_by);
    if (ev.store == REFRESH_STORE_FAILED)
        log_debug("refresh.redis_failed", LOG_STR("appid", a->appid), LOG_SLICE("error", r->text));
    step(a, &ev);
    tell_outcome(a, &ev, version);
    if (fenced_by)
        h->fenced(fenced_by, h->arg);
}

static void log_refused(const struct app *a, const char *event, const struct wechat_reply *r)
{
    log_warn(event, LOG_STR("appid", a->appid), LOG_STR("outcome", wechat_outcome_name(r->outcome)),
             LOG_INT("errcode", r->errcode), LOG_STR("class", err_class_name(r->error_class)),
             LOG_STR("error", r->error.text), LOG_STR("rid", r->rid));
}

static void on_fetched(const struct wechat_token_result *result, void *arg)
{
    struct app *a = arg;
    const struct wechat_reply *r = &result->reply;
    const struct app_hooks *h = &a->parts->hooks;
    struct refresh_event ev = {.kind = REFRESH_FETCHED, .op = a->op, .errcode = r->errcode};
    a->call = 0;
    if (r->outcome == WECHAT_DONE) {
        ev.fetch = REFRESH_FETCH_TOKEN;
        ev.token = secret_reveal(&result->access_token);
        ev.expires_in_ms = result->expires_in_s * 1000;
    } else if (r->outcome == WECHAT_NOT_SENT) {
        ev.fetch = REFRESH_FETCH_NOT_SENT;
    } else if (wechat_certainly_not_done(r)) {
        ev.fetch = REFRESH_FETCH_REFUSED;
        ev.err = r->error_class;
    } else {
        ev.fetch = REFRESH_FETCH_UNKNOWN;
    }
    if (r->outcome != WECHAT_DONE) {
        log_refused(a, "refresh.failed", r);
        h->failed(a, r->error_class, r->errcode, h->arg);
    }
    step(a, &ev);
}

static void on_probed(const struct wechat_probe_result *result, void *arg)
{
    struct app *a = arg;
    const struct wechat_reply *r = &result->reply;
    struct refresh_event ev = {.kind = REFRESH_PROBED, .op = a->op, .errcode = r->errcode};
    a->call = 0;
    bool refused = r->outcome == WECHAT_REFUSED;
    if (refused && r->error_class == ERR_TOKEN)
        ev.probe = r->errcode == WECHAT_TOKEN_EXPIRED ? REFRESH_PROBE_EXPIRED : REFRESH_PROBE_DEAD;
    else if (r->outcome == WECHAT_DONE || (refused && r->errcode != WECHAT_BUSY))
        ev.probe = REFRESH_PROBE_LIVE; /* WeChat looks at the token before all else */
    else
        ev.probe = REFRESH_PROBE_UNKNOWN;
    if (r->outcome != WECHAT_DONE)
        log_refused(a, "refresh.probe_refused", r);
    step(a, &ev);
}

/* ---- actions ---- */

static void fetch(struct app *a, const struct refresh_action *action)
{
    enum wechat_token_mode mode = WECHAT_CLASSIC;
    if (action->mode == TOKEN_STABLE)
        mode = action->force ? WECHAT_STABLE_FORCED : WECHAT_STABLE;
    struct wechat_app app = {slice_of(a->appid), secret_reveal(&a->secret)};
    a->call = wechat_fetch_token(a->parts->wechat, app, mode, on_fetched, a);
}

static void tell_note(struct app *a, const struct refresh_action *action)
{
    const struct app_hooks *h = &a->parts->hooks;
    const char *name = refresh_note_name(action->note);
    struct slice by = a->teller.n ? a->teller : slice_of(a->parts->store->owner);
    log_warn("refresh.noted", LOG_STR("appid", a->appid), LOG_STR("note", name),
             LOG_INT("version", action->version), LOG_INT("errcode", action->errcode),
             LOG_SLICE("by", by));
    store_add_event(a->parts->store, a->appid, name, action->version, action->errcode, by);
    h->noted(a, action->note, h->arg);
}

/* While Redis takes nothing it is tried again and again. */
static void log_telling(const struct app *a, const struct refresh_action *action)
{
    static struct log_limit limit = LOG_LIMIT_INIT(TELLING_LOG_MS, TELLINGS_LOGGED);
    int64_t swallowed;
    if (log_limit_pass(&limit, &swallowed))
        log_warn(action->tell == REFRESH_DISPLACED ? "refresh.fenced_out" : "refresh.passed_on",
                 LOG_STR("appid", a->appid), LOG_INT("version", action->version),
                 LOG_INT("swallowed", swallowed));
}

/* Begins the operation. */
static void begin(struct app *a, const struct refresh_action *action)
{
    a->kind = action->kind;
    a->op = action->op;
    if (action->kind == REFRESH_DO_FETCH)
        fetch(a, action);
    else if (action->kind == REFRESH_DO_PROBE)
        a->call = wechat_probe(a->parts->wechat, action->token, on_probed, a);
    else
        a->command = store_run(a->parts->store, a->appid, action, on_redis, a);
}

/* ---- turns ---- */

void app_admit(struct pace_turn *at)
{
    struct app *a = CONTAINER_OF(turn_of(at), struct app, turn);
    const struct app_hooks *h = &a->parts->hooks;
    struct refresh_action *action = turn_take(&a->turn);
    if (action->kind == REFRESH_DO_BEGIN)
        h->began(a, turn_waited_ms(&a->turn), h->arg);
    begin(a, action);
    free(action);
}

/* A look or an attempt that waits for its turn is given up, as if Redis had not answered: nothing
 * happened yet, and the core begins anew with what it knows by then. */
static void give_up_turn(struct app *a)
{
    if (!turn_waits_for(&a->turn, REFRESH_DO_BEGIN) && !turn_waits_for(&a->turn, REFRESH_DO_READ))
        return;
    const struct refresh_action *asked = a->turn.asked;
    step(a, &(struct refresh_event){.kind = refresh_answer(asked->kind),
                                    .op = asked->op,
                                    .store = REFRESH_STORE_FAILED});
}

/* ---- what the core asks for ---- */

static void perform(struct app *a, const struct refresh_action *action)
{
    switch (action->kind) {
    case REFRESH_DO_READ:
    case REFRESH_DO_ASSERT:
    case REFRESH_DO_BEGIN:
    case REFRESH_DO_PROBE:
        turn_ask(&a->turn, &a->parts->gates, action, app_status(a).reason,
                 refresh_weighing(a->refresh, action->version));
        return;
    case REFRESH_DO_TELL:
        log_telling(a, action);
        begin(a, action);
        return;
    case REFRESH_DO_FETCH:
    case REFRESH_DO_COMMIT:
    case REFRESH_DO_SETTLE:
        begin(a, action);
        return;
    case REFRESH_DO_NOTE:
        tell_note(a, action);
        return;
    }
}

/* ---- reports ---- */

static void drop_settled_reports(struct app *a);

static void on_dropped(const struct redis_result *r, void *arg)
{
    struct app *a = arg;
    a->drop = 0;
    if (r->outcome == REDIS_REPLIED)
        drop_settled_reports(a);
    else
        a->to_drop = true;
}

static void drop_settled_reports(struct app *a)
{
    if (!a->to_drop || a->drop || !refresh_settled(a->refresh))
        return;
    a->to_drop = false;
    a->drop = store_drop_reports(a->parts->store, a->appid, a->heard, on_dropped, a);
}

static enum refresh_event_kind event_of(enum store_report kind)
{
    switch (kind) {
    case STORE_REPORT_REFUSED:
        return REFRESH_REPORT;
    case STORE_REPORT_DISPLACED:
        return REFRESH_DISPLACED;
    case STORE_REPORT_ORDER:
        return REFRESH_ORDER;
    }
    UNREACHABLE("no such report");
}

void app_told(struct app *a, const struct report *report)
{
    const struct refresh_event ev = {
        .kind = event_of(report->kind), .version = report->version, .errcode = report->errcode};
    a->teller =
        ascii_only(report->by, 1, TELLER_MAX, ascii_printable) ? report->by : SLICE_LIT("unknown");
    step(a, &ev);
    a->teller = slice_of(NULL);
    if (ev.kind == REFRESH_REPORT && ev.version == refresh_record(a->refresh)->version)
        turn_hurry(&a->turn);
}

bool app_hear(struct app *a, const struct report *report)
{
    bool gap = stream_id_compare(stream_id_next(a->heard), report->from) < 0;
    if (!app_status(a).adopted || gap || stream_id_compare(report->id, a->heard) <= 0)
        return false;
    log_debug("report.heard", LOG_STR("appid", a->appid), LOG_INT("version", report->version),
              LOG_INT("errcode", report->errcode));
    a->heard = report->id;
    a->to_drop = true;
    if (report->kind == STORE_REPORT_REFUSED)
        a->refused = report->version;
    app_told(a, report);
    return true;
}

struct stream_id app_heard(const struct app *a)
{
    return a->heard;
}

bool app_knows(const struct app *a, int64_t version)
{
    return a->to_drop && a->refused == version && refresh_knows(a->refresh, version);
}

/* What was heard is forgotten: it may be there again, in another server's order of ids. */
static void hear_again(struct app *a)
{
    a->heard = STREAM_ID_NONE;
}

/* ---- steps ---- */

static void step(struct app *a, const struct refresh_event *ev)
{
    struct refresh_actions out = {.n = 0};
    struct refresh_env env = env_of(a);
    const struct app_hooks *h = &a->parts->hooks;
    bool attempting = refresh_attempting(a->refresh);
    refresh_step(a->refresh, &env, ev, &out);
    loop_timer_at(a->timer, refresh_deadline(a->refresh));
    struct refresh_status now = refresh_status(a->refresh, &env);
    turn_follow(&a->turn, &a->parts->gates, now.state, now.reason);
    if (now.state != a->logged) {
        log_debug("refresh.state", LOG_STR("appid", a->appid),
                  LOG_STR("from", refresh_state_name(a->logged)),
                  LOG_STR("to", refresh_state_name(now.state)),
                  LOG_STR("reason", refresh_reason_name(now.reason)));
        a->logged = now.state;
    }
    for (size_t i = 0; i < out.n; i++)
        perform(a, &out.list[i]);
    drop_settled_reports(a);
    if (attempting && !refresh_attempting(a->refresh))
        h->rested(a, h->arg);
}

/* ---- events ---- */

static void on_timer(void *arg)
{
    step(arg, &(struct refresh_event){.kind = REFRESH_TICK});
}

/* Another instance refreshed (or we did: then there is nothing new to read). */
static void look_unless_leading(struct app *a)
{
    if (!app_status(a).leading)
        app_look(a);
}

static void on_published(struct slice channel, struct slice payload, void *arg)
{
    (void)channel;
    (void)payload;
    look_unless_leading(arg);
}

/* What was published while nobody heard it is lost. */
static void on_live(void *arg)
{
    look_unless_leading(arg);
}

struct app *app_new(const struct app_parts *parts, const char *appid, const struct secret *secret,
                    const struct refresh_config *config)
{
    static const struct redis_listener listener = {on_published, on_live};
    struct app *a = xcalloc(1, sizeof *a);
    char channel[TOKEN_KEY_SIZE];
    a->parts = parts;
    a->appid = xstrdup(appid);
    a->config = *config;
    secret_set(&a->secret, secret_reveal(secret));
    a->refresh = refresh_new(config, entropy_u64(), parts->store->owner, loop_now(parts->loop));
    a->timer = loop_timer_new(parts->loop, on_timer, a);
    token_key(TOKEN_KEY_REFRESHED, parts->store->prefix, appid, channel);
    a->subscription =
        redis_subscribe(parts->subscriber, REDIS_CHANNEL, slice_of(channel), &listener, a);
    loop_timer_after(a->timer, 0);
    return a;
}

void app_free(struct app *a)
{
    if (!a)
        return;
    if (a->command)
        redis_cancel(a->parts->store->redis, a->command);
    if (a->drop)
        redis_cancel(a->parts->store->redis, a->drop);
    if (a->call)
        wechat_cancel(a->parts->wechat, a->call);
    turn_leave(&a->turn);
    redis_unsubscribe(a->subscription);
    loop_timer_free(a->timer);
    refresh_free(a->refresh);
    secret_wipe(&a->secret);
    free(a->appid);
    free(a);
}

static bool same_config(const struct refresh_config *x, const struct refresh_config *y)
{
    return x->mode == y->mode && x->lead_ms == y->lead_ms && x->overlap_ms == y->overlap_ms &&
           x->retry_min_ms == y->retry_min_ms && x->retry_max_ms == y->retry_max_ms &&
           x->probe_interval_ms == y->probe_interval_ms &&
           x->call_timeout_ms == y->call_timeout_ms && x->lease_needed_ms == y->lease_needed_ms &&
           x->daily_budget == y->daily_budget;
}

bool app_same_settings(const struct app *a, const struct secret *secret,
                       const struct refresh_config *config)
{
    return secret_eq(&a->secret, secret) && same_config(&a->config, config);
}

void app_observe_every(struct app *a, int64_t ms)
{
    a->config.observe_interval_ms = ms;
    refresh_observe_every(a->refresh, ms);
}

void app_configure(struct app *a, const struct secret *secret, const struct refresh_config *config)
{
    secret_set(&a->secret, secret_reveal(secret));
    a->config = *config;
    step(a, &(struct refresh_event){.kind = REFRESH_RECONFIGURE, .config = config});
}

void app_lead(struct app *a, int64_t epoch)
{
    hear_again(a);
    give_up_turn(a); /* a look without the epoch: one with it follows */
    step(a, &(struct refresh_event){.kind = REFRESH_LEAD, .epoch = epoch});
}

void app_unlead(struct app *a)
{
    step(a, &(struct refresh_event){.kind = REFRESH_UNLEAD});
    give_up_turn(a);
}

void app_look(struct app *a)
{
    hear_again(a);
    step(a, &(struct refresh_event){.kind = REFRESH_LOOK});
}

/* ---- looks ---- */

const char *app_id(const struct app *a)
{
    return a->appid;
}

enum token_mode app_mode(const struct app *a)
{
    return a->config.mode;
}

const struct refresh *app_refresh(const struct app *a)
{
    return a->refresh;
}

struct refresh_status app_status(const struct app *a)
{
    struct refresh_env env = env_of(a);
    return refresh_status(a->refresh, &env);
}

bool app_token(const struct app *a, struct app_token *out)
{
    mono_ms_t now = loop_now(a->parts->loop);
    const struct record *r = refresh_record(a->refresh);
    *out = (struct app_token){.version = 0};
    if (!refresh_current(a->refresh, now, &out->token, &out->version, &out->remaining_ms))
        return false;
    /* With a token that is still to be written WeChat let go of the one before the record's. */
    if (out->version == r->version && record_previous_live(r, now)) {
        out->previous = secret_reveal(&r->previous);
        out->previous_ms = mono_between(now, r->previous_until);
    }
    return true;
}
