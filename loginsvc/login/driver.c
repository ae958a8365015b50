#include "loginsvc/login/driver.h"

#include <stdlib.h>

#include "base/secret.h"
#include "log/log.h"
#include "loginsvc/login/kept.h"
#include "loginsvc/login/live.h"
#include "sys/clock.h"

static const char REPORTED_BY[] = "loginsvc";

void live_free(struct live *l)
{
    list_remove(&l->node);
    loop_timer_free(l->timer);
    token_reader_cancel(l->d->parts.tokens, l->token_wait);
    app_unref(l->app);
    bytes_wipe(l, sizeof *l);
    free(l);
}

/* ---- events ---- */

static void on_stored(void *owner, uint64_t id, const struct store_result *r)
{
    struct login_driver *d = owner;
    struct live *l = slots_get(d->live, id);
    struct login_event e = {.kind = LOGIN_EV_STORED};
    if (!l) {
        d->stats.late++;
        return;
    }
    switch (r->status) {
    case STORE_OK:
        e.error_class = ending_take_user(l, r) ? ERR_NONE : ERR_BUG;
        break;
    case STORE_NOT_FOUND:
        e.kind = LOGIN_EV_NOBODY;
        break;
    case STORE_REUSED:
        e.kind = LOGIN_EV_REUSED;
        break;
    case STORE_FAILED:
        e.error_class = r->class;
        break;
    }
    live_step(l, e);
}

static void on_checked(void *owner, uint64_t id, const struct store_result *r)
{
    struct login_driver *d = owner;
    struct live *l = slots_get(d->live, id);
    struct login_event e = {.kind = LOGIN_EV_CHECKED};
    if (r->status == STORE_REUSED)
        e.kind = LOGIN_EV_REUSED;
    else if (r->status != STORE_OK)
        e.error_class = r->class;
    if (l)
        live_step(l, e);
    else
        d->stats.late++;
}

static void on_timer(void *arg)
{
    struct live *l = arg;
    l->timer_at = MONO_NEVER;
    live_step(l, (struct login_event){.kind = LOGIN_EV_LOOK});
}

/* Without a token none is coming before the deadline: not asked for again. */
static void on_token(const struct token_view *view, void *arg)
{
    struct live *l = arg;
    if (view)
        l->token_wait = 0;
    live_step(l, (struct login_event){.kind = LOGIN_EV_LOOK});
}

/* ---- actions ---- */

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

static void copy(const char *from, char *to, size_t size)
{
    bool fits = slice_copy(slice_of(from), to, size);
    ASSERT(fits);
}

/* What WeChat gave goes into the record; a ticket's phone is there already. */
static void fill_record(struct live *l)
{
    struct store_login *r = &l->record;
    const struct login_outcome *o = &l->outcome;
    r->now = clock_wall();
    copy(o->openid, r->openid, sizeof r->openid);
    copy(o->unionid, r->unionid, sizeof r->unionid);
    if (!r->ticket[0]) {
        copy(o->phone, r->phone, sizeof r->phone);
        copy(o->country_code, r->country_code, sizeof r->country_code);
    }
}

static bool submit(struct live *l)
{
    struct login_driver *d = l->d;
    struct store_login *r = &l->record;
    struct store_caller caller = {on_stored, d, l->id};
    fill_record(l);
    if (l->core.kind == LOGIN_BIND_PHONE)
        return store_set_phone(d->parts.store, l->user_id, slice_of(r->phone),
                               slice_of(r->country_code), r->now, caller);
    session_start(&r->session, r->now, d->limits.session_ttl_ms, l->outcome.refresh_token);
    return store_login(d->parts.store, r, caller);
}

/* The login may be gone after this, and after store(): a store without room answers at once. */
static void check_ticket(struct live *l)
{
    struct store_caller caller = {on_checked, l->d, l->id};
    if (!store_check_ticket(l->d->parts.store, slice_of(l->record.ticket), caller))
        live_step(l, (struct login_event){.kind = LOGIN_EV_CHECKED, .error_class = ERR_BACKOFF});
}

static void store(struct live *l)
{
    if (!submit(l))
        live_step(l, (struct login_event){.kind = LOGIN_EV_STORED, .error_class = ERR_BACKOFF});
}

/* What the login claims with the codes that it has. */
static void make_claim(struct live *l)
{
    const struct claim_request request = {
        .appid = app_id(l->app),
        .purpose = login_kind_name(l->core.kind),
        .codes = {[CLAIM_LOGIN_CODE] = slice_of(l->code[LOGIN_SESSION]),
                  [CLAIM_PHONE_CODE] = slice_of(l->code[LOGIN_PHONE]),
                  [CLAIM_TICKET] = slice_of(l->record.ticket)},
        .address = slice_of(l->client.text),
        .counted_address = slice_of(l->client.is_proxy ? "" : l->client.network),
        .user_id = l->user_id,
        .phone = l->code[LOGIN_PHONE][0] != '\0',
    };
    claim_init(&l->claim, &request, l->d->name_ring);
}

static void drop_phone(struct live *l)
{
    bytes_wipe(l->code[LOGIN_PHONE], sizeof l->code[LOGIN_PHONE]);
    make_claim(l);
}

/* CHECK, STORE and FINISH are the last of their actions: the login may be gone after them. */
static void carry_out(struct live *l, const struct login_actions *out,
                      const struct token_view *token)
{
    for (int i = 0; i < out->n; i++) {
        const struct login_action *a = &out->at[i];
        switch (a->kind) {
        case LOGIN_ACT_CLAIM:
            if (l->core.without_phone && l->code[LOGIN_PHONE][0])
                drop_phone(l);
            claiming_ask(l);
            break;
        case LOGIN_ACT_CHECK:
            check_ticket(l);
            return;
        case LOGIN_ACT_SEND:
            flight_start(l, a, token);
            break;
        case LOGIN_ACT_REPORT:
            report(l, a);
            break;
        case LOGIN_ACT_STORE:
            store(l);
            return;
        case LOGIN_ACT_FINISH:
            ending_finish(l);
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

void live_step(struct live *l, struct login_event e)
{
    struct token_view token = {.version = 0};
    enum login_state before = l->core.state;
    struct login_actions out;
    if (!l->code[LOGIN_PHONE][0] || !token_reader_get(l->d->parts.tokens, app_id(l->app), &token))
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

static void copy_ticket(struct live *l, const struct register_ticket *ticket)
{
    struct store_login *in = &l->record;
    copy(ticket->id, in->ticket, sizeof in->ticket);
    copy(ticket->phone, in->phone, sizeof in->phone);
    copy(ticket->country_code, in->country_code, sizeof in->country_code);
    in->ticket_expires_at = ticket->expires_at;
}

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
    if (r->ticket)
        copy_ticket(l, r->ticket);
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
    l->user_id = r->user_id;
    l->client = *r->client;
    copy_request(l, r);
    login_init(&l->core, r->kind, mono_after(clock_mono(), d->limits.timeout_ms));
    make_claim(l);
    l->id = slots_put(d->live, l);
    list_push_back(&d->logins, &l->node);
    return l;
}

/* Each login that is let in will have its place in the store's queue, as far as that can be known
 * now: a login that must be turned away is turned away before it spends anything. */
static bool has_room(const struct login_driver *d)
{
    size_t under_way = slots_count(d->live);
    return under_way < d->limits.max_logins &&
           under_way + store_stats(d->parts.store).under_way < d->limits.store_queue;
}

enum login_ending login_driver_start(struct login_driver *d, const struct login_request *r,
                                     struct login_caller caller)
{
    if (!has_room(d))
        return LOGIN_OVERLOADED;
    if (r->kind != LOGIN_SHOW_PHONE && !store_stats(d->parts.store).healthy)
        return LOGIN_STORE_FAILED;
    live_step(live_new(d, r, caller), (struct login_event){.kind = LOGIN_EV_START});
    return LOGIN_OK;
}

/* ---- the whole ---- */

struct login_driver *login_driver_new(const struct login_parts *parts,
                                      const struct login_limits *limits)
{
    struct login_driver *d = xcalloc(1, sizeof *d);
    d->parts = *parts;
    d->limits = *limits;
    d->kept_ring = keyring_derive(parts->master, KEPT_LABEL);
    d->ticket_ring = keyring_derive(parts->master, REGISTER_TICKET_LABEL);
    d->name_ring = keyring_derive(parts->master, CLAIM_NAMES_LABEL);
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
    flights_free(d);
    slots_free(d->live);
    keyring_free(d->kept_ring);
    keyring_free(d->ticket_ring);
    keyring_free(d->name_ring);
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
