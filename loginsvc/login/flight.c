#include <stdlib.h>

#include "loginsvc/login/live.h"

/* A call to WeChat: it outlives its login when that ends first, so it holds the id. */
struct flight {
    struct list node;
    struct login_driver *d;
    struct app *app;
    uint64_t login_id;
    enum login_side side;
    int attempt;
};

static struct flight *flight_new(struct live *l, enum login_side side, int attempt)
{
    struct flight *f = xcalloc(1, sizeof *f);
    *f = (struct flight){
        .d = l->d, .app = app_ref(l->app), .login_id = l->id, .side = side, .attempt = attempt};
    list_push_back(&l->d->flights, &f->node);
    return f;
}

static void flight_free(struct flight *f)
{
    app_unref(f->app);
    free(f);
}

void flights_free(struct login_driver *d)
{
    struct list *node;
    while ((node = list_pop_front(&d->flights)) != NULL)
        flight_free(LIST_ENTRY(node, struct flight, node));
}

/* The login that waits for it; NULL when that is over, or goes on without it. */
static struct live *land(struct flight *f)
{
    struct live *l = slots_get(f->d->live, f->login_id);
    const struct exchange *x = l ? &l->core.exchange[f->side] : NULL;
    bool awaited = x && x->state == EXCHANGE_SENT && x->attempt == f->attempt;
    if (!awaited)
        f->d->stats.late++;
    list_remove(&f->node);
    return awaited ? l : NULL;
}

static void keep(char *out, size_t size, struct slice text)
{
    bool fits = slice_copy(text, out, size);
    ASSERT(fits);
}

static void on_answer(struct live *l, const struct flight *f, const struct wechat_reply *reply)
{
    if (reply->outcome != WECHAT_DONE)
        keep(l->outcome.rid, sizeof l->outcome.rid, slice_of(reply->rid));
    if (reply->error_class == ERR_TOKEN)
        l->d->stats.tokens_refused++;
    live_step(l, (struct login_event){.kind = LOGIN_EV_ANSWERED,
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
        struct login_outcome *o = &l->outcome;
        keep(o->openid, sizeof o->openid, slice_of(r->openid));
        keep(o->unionid, sizeof o->unionid, slice_of(r->unionid));
        keep(o->session_key, sizeof o->session_key, secret_reveal(&r->session_key));
        on_answer(l, f, &r->reply);
    }
    flight_free(f);
}

static void on_phone(const struct wechat_phone_result *r, void *arg)
{
    struct flight *f = arg;
    struct live *l = land(f);
    if (l) {
        struct login_outcome *o = &l->outcome;
        keep(o->phone, sizeof o->phone, slice_of(r->pure_number));
        keep(o->country_code, sizeof o->country_code, slice_of(r->country_code));
        l->paid |= r->reply.outcome == WECHAT_DONE;
        on_answer(l, f, &r->reply);
    } else if (r->reply.outcome == WECHAT_DONE) {
        claims_count_paid(f->d->parts.claims, app_id(f->app));
    }
    flight_free(f);
}

void flight_start(struct live *l, const struct login_action *a, const struct token_view *token)
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
