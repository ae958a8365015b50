#include "loginsvc/login/driver.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/secret.h"
#include "base/slots.h"
#include "log/log.h"
#include "sys/clock.h"

static const char REPORTED_BY[] = "loginsvc";

struct login_driver {
    struct login_parts parts;
    struct login_limits limits;
    struct slots *live;  /* struct live by id */
    struct list logins;  /* the same, to free them */
    struct list flights; /* calls to WeChat that have not answered yet */
    struct login_driver_stats stats;
};

/* One login under way. */
struct live {
    struct list node;
    struct login_driver *d;
    uint64_t id;
    struct login core;
    struct app *app;
    struct login_caller caller;
    struct loop_timer *timer;
    mono_ms_t timer_at;
    uint64_t token_wait; /* at the token reader; 0 = not waiting */
    int64_t started_us;
    char code[LOGIN_SIDES][WECHAT_CODE_MAX + 1];
    char rid[WECHAT_RID_SIZE]; /* of the latest answer that was not "done" */
    char refresh_token[SESSION_REFRESH_TOKEN_SIZE];
    struct store_login record;
    const struct store_result *stored; /* while the store's answer is being worked on, else NULL */
};

/* A call to WeChat: it outlives its login when that ends first, so it holds the id. */
struct flight {
    struct list node;
    struct login_driver *d;
    uint64_t login_id;
    enum login_side side;
    int attempt;
};

static void step(struct live *l, struct login_event e);

/* ---- the end ---- */

static void live_free(struct live *l)
{
    list_remove(&l->node);
    loop_timer_free(l->timer);
    token_reader_cancel(l->d->parts.tokens, l->token_wait);
    app_unref(l->app);
    bytes_wipe(l->code, sizeof l->code);
    bytes_wipe(l->refresh_token, sizeof l->refresh_token);
    bytes_wipe(&l->record, sizeof l->record);
    free(l);
}

static bool sign(const struct live *l, char out[JWT_TEXT_MAX + 1])
{
    const struct store_login *r = &l->record;
    const struct user *u = &l->stored->user;
    struct jwt_claims claims = {
        .user_id = u->id, .iat_s = r->now.ms / 1000, .exp_s = r->session.expires_at.ms / 1000};
    return slice_copy(slice_of(u->openid), claims.openid, sizeof claims.openid) &&
           slice_copy(slice_of(r->appid), claims.appid, sizeof claims.appid) &&
           slice_copy(slice_of(r->session.id), claims.sid, sizeof claims.sid) &&
           jwt_signer_sign(l->d->parts.signer, &claims, out);
}

static void describe_user(const struct live *l, struct login_answer *a, char *jwt)
{
    if (!sign(l, jwt)) {
        log_error("login.unsigned", LOG_SLICE("appid", app_id(l->app)));
        a->result = (struct login_result){LOGIN_STORE_FAILED, ERR_BUG, 0};
        return;
    }
    a->user = &l->stored->user;
    a->is_new = l->stored->is_new;
    a->access_token = jwt;
    a->refresh_token = l->refresh_token;
    a->expires_in_s = wall_between(l->record.now, l->record.session.expires_at) / 1000;
}

/* The login is gone after this. */
static void finish(struct live *l)
{
    char jwt[JWT_TEXT_MAX + 1];
    struct login_answer answer = {.result = l->core.result,
                                  .rid = l->rid,
                                  .took_us = clock_mono_us() - l->started_us,
                                  .appid = app_id(l->app),
                                  .phone = l->record.phone,
                                  .country_code = l->record.country_code};
    if (answer.result.ending == LOGIN_OK)
        describe_user(l, &answer, jwt);
    slots_remove(l->d->live, l->id);
    l->caller.done(l->caller.owner, l->caller.id, &answer);
    bytes_wipe(jwt, sizeof jwt);
    live_free(l);
}

/* ---- answers ---- */

static struct flight *flight_new(struct live *l, enum login_side side, int attempt)
{
    struct flight *f = xcalloc(1, sizeof *f);
    *f = (struct flight){.d = l->d, .login_id = l->id, .side = side, .attempt = attempt};
    list_push_back(&l->d->flights, &f->node);
    return f;
}

/* The login it belongs to, NULL when that is over. */
static struct live *land(struct flight *f)
{
    struct live *l = slots_get(f->d->live, f->login_id);
    if (!l)
        f->d->stats.late++;
    list_remove(&f->node);
    return l;
}

static void keep(char *out, size_t size, const char *text)
{
    bool fits = slice_copy(slice_of(text), out, size);
    ASSERT(fits);
}

static void on_answer(struct live *l, const struct flight *f, const struct wechat_reply *reply)
{
    if (reply->outcome != WECHAT_DONE)
        keep(l->rid, sizeof l->rid, reply->rid);
    if (reply->error_class == ERR_TOKEN)
        l->d->stats.tokens_refused++;
    step(l, (struct login_event){.kind = LOGIN_EV_ANSWERED,
                                 .side = f->side,
                                 .attempt = f->attempt,
                                 .error_class = reply->error_class,
                                 .errcode = reply->errcode});
}

static void on_session(const struct wechat_session_result *r, void *arg)
{
    struct flight *f = arg;
    struct live *l = land(f);
    if (l) {
        keep(l->record.openid, sizeof l->record.openid, r->openid);
        keep(l->record.unionid, sizeof l->record.unionid, r->unionid);
        on_answer(l, f, &r->reply);
    }
    free(f);
}

static void on_phone(const struct wechat_phone_result *r, void *arg)
{
    struct flight *f = arg;
    struct live *l = land(f);
    if (l) {
        keep(l->record.phone, sizeof l->record.phone, r->pure_number);
        keep(l->record.country_code, sizeof l->record.country_code, r->country_code);
        on_answer(l, f, &r->reply);
    }
    free(f);
}

static void on_stored(void *owner, uint64_t id, const struct store_result *r)
{
    struct login_driver *d = owner;
    struct live *l = slots_get(d->live, id);
    struct login_event e = {.kind = LOGIN_EV_STORED};
    if (!l) {
        d->stats.late++;
        return;
    }
    if (r->status == STORE_NOT_FOUND)
        e.kind = LOGIN_EV_NOBODY;
    else if (r->status == STORE_FAILED)
        e.error_class = r->class;
    l->stored = r;
    step(l, e);
}

static void on_timer(void *arg)
{
    struct live *l = arg;
    l->timer_at = MONO_NEVER;
    step(l, (struct login_event){.kind = LOGIN_EV_LOOK});
}

/* Without a token none is coming before the deadline: not asked for again. */
static void on_token(const struct token_view *view, void *arg)
{
    struct live *l = arg;
    if (view)
        l->token_wait = 0;
    step(l, (struct login_event){.kind = LOGIN_EV_LOOK});
}

/* ---- actions ---- */

static void call_wechat(struct live *l, const struct login_action *a,
                        const struct token_view *token)
{
    const struct login_parts *parts = &l->d->parts;
    struct slice code = slice_of(l->code[a->side]);
    struct flight *f = flight_new(l, a->side, a->attempt);
    if (a->side == LOGIN_SESSION) {
        struct wechat_app app = {app_id(l->app), app_secret(l->app)};
        (void)wechat_code2session(parts->wechat, app, code, on_session, f);
    } else {
        ASSERT(token->version == a->token_version);
        (void)wechat_phone(parts->wechat, app_id(l->app), token->access_token, code,
                           (struct slice){NULL, 0}, on_phone, f);
    }
}

static void report(const struct live *l, const struct login_action *a)
{
    static struct log_limit limit = LOG_LIMIT_INIT(10000, 5);
    int64_t swallowed;
    if (log_limit_pass(&limit, &swallowed))
        log_warn("login.token_refused", LOG_SLICE("appid", app_id(l->app)),
                 LOG_INT("version", a->token_version), LOG_INT("errcode", a->errcode),
                 LOG_INT("left_out", swallowed));
    token_reader_report(l->d->parts.tokens, app_id(l->app), a->token_version, a->errcode,
                        slice_of(REPORTED_BY));
}

/* The login may be gone after this: a store without room answers at once. */
static void store(struct live *l)
{
    struct login_driver *d = l->d;
    struct store_caller caller = {on_stored, d, l->id};
    l->record.now = clock_wall();
    session_start(&l->record.session, l->record.now, d->limits.session_ttl_ms, l->refresh_token);
    if (!store_login(d->parts.store, &l->record, caller))
        step(l, (struct login_event){.kind = LOGIN_EV_STORED, .error_class = ERR_BACKOFF});
}

/* STORE and FINISH are the last of their actions: the login may be gone after them. */
static void carry_out(struct live *l, const struct login_actions *out,
                      const struct token_view *token)
{
    for (int i = 0; i < out->n; i++) {
        const struct login_action *a = &out->at[i];
        switch (a->kind) {
        case LOGIN_ACT_SEND:
            call_wechat(l, a, token);
            break;
        case LOGIN_ACT_REPORT:
            report(l, a);
            break;
        case LOGIN_ACT_STORE:
            store(l);
            return;
        case LOGIN_ACT_FINISH:
            finish(l);
            return;
        }
    }
}

/* Sees to it that the core is called when it wants to be. */
static void wait_on(struct live *l)
{
    mono_ms_t next = login_next_deadline(&l->core);
    if (next.ms != l->timer_at.ms) {
        loop_timer_at(l->timer, next);
        l->timer_at = next;
    }
    if (login_wants_token(&l->core) && l->token_wait == 0) {
        int64_t left_ms = mono_between(clock_mono(), l->core.deadline);
        l->token_wait = token_reader_wait_newer(l->d->parts.tokens, app_id(l->app),
                                                l->core.exchange[LOGIN_PHONE].refused_version,
                                                left_ms > 0 ? left_ms : 1, on_token, l);
    }
}

static void step(struct live *l, struct login_event e)
{
    struct token_view token = {.version = 0};
    enum login_state before = l->core.state;
    struct login_actions out;
    if (l->core.kind == LOGIN_BY_OPENID ||
        !token_reader_get(l->d->parts.tokens, app_id(l->app), &token))
        token.version = 0;
    login_step(&l->core, clock_mono(), token.version, &e, &out);
    if (l->core.state != before)
        log_debug("login.state", LOG_INT("login", l->id), LOG_STR("from", login_state_name(before)),
                  LOG_STR("to", login_state_name(l->core.state)));
    if (l->core.state != LOGIN_DONE)
        wait_on(l);
    carry_out(l, &out, &token);
}

/* ---- the beginning ---- */

static void copy_request(struct live *l, const struct login_request *r)
{
    struct store_login *in = &l->record;
    bool fits = slice_copy(app_id(r->app), in->appid, sizeof in->appid) &&
                slice_copy(r->login_code, l->code[LOGIN_SESSION], sizeof l->code[0]) &&
                slice_copy(r->phone_code, l->code[LOGIN_PHONE], sizeof l->code[0]) &&
                slice_copy(r->nickname, in->nickname, sizeof in->nickname) &&
                slice_copy(r->avatar, in->avatar, sizeof in->avatar) &&
                slice_copy(r->device, in->device, sizeof in->device);
    ASSERT(fits);
}

static enum login_kind kind_of(const struct login_request *r)
{
    ASSERT(r->login_code.n > 0 || r->phone_code.n > 0);
    if (r->phone_code.n == 0)
        return LOGIN_BY_OPENID;
    return r->login_code.n == 0 ? LOGIN_BY_PHONE : LOGIN_BY_BOTH;
}

static struct live *live_new(struct login_driver *d, const struct login_request *r,
                             struct login_caller caller)
{
    struct live *l = xcalloc(1, sizeof *l);
    l->d = d;
    l->app = app_ref(r->app);
    l->caller = caller;
    l->started_us = clock_mono_us();
    l->timer = loop_timer_new(d->parts.loop, on_timer, l);
    l->timer_at = MONO_NEVER;
    copy_request(l, r);
    login_init(&l->core, kind_of(r), mono_after(clock_mono(), d->limits.timeout_ms));
    l->id = slots_put(d->live, l);
    list_push_back(&d->logins, &l->node);
    return l;
}

enum login_ending login_driver_start(struct login_driver *d, const struct login_request *r,
                                     struct login_caller caller)
{
    if (slots_count(d->live) >= d->limits.max_logins)
        return LOGIN_OVERLOADED;
    if (!store_stats(d->parts.store).healthy)
        return LOGIN_STORE_FAILED;
    step(live_new(d, r, caller), (struct login_event){.kind = LOGIN_EV_START});
    return LOGIN_OK;
}

struct login_driver *login_driver_new(const struct login_parts *parts,
                                      const struct login_limits *limits)
{
    struct login_driver *d = xcalloc(1, sizeof *d);
    d->parts = *parts;
    d->limits = *limits;
    d->live = slots_new();
    list_init(&d->logins);
    list_init(&d->flights);
    return d;
}

void login_driver_free(struct login_driver *d)
{
    struct list *node;
    if (!d)
        return;
    while ((node = list_pop_front(&d->logins)) != NULL)
        live_free(LIST_ENTRY(node, struct live, node));
    while ((node = list_pop_front(&d->flights)) != NULL)
        free(LIST_ENTRY(node, struct flight, node));
    slots_free(d->live);
    free(d);
}

void login_driver_set_limits(struct login_driver *d, const struct login_limits *limits)
{
    d->limits = *limits;
}

struct login_driver_stats login_driver_stats(const struct login_driver *d)
{
    struct login_driver_stats stats = d->stats;
    stats.under_way = slots_count(d->live);
    return stats;
}
