#include "loginsvc/dialects/desk.h"

#include <stdlib.h>

#include "log/log.h"
#include "loginsvc/dialects/bearer.h"
#include "loginsvc/dialects/body.h"
#include "loginsvc/dialects/caller.h"
#include "sys/clock.h"

#define DESK_METRICS(X)                                                                            \
    X(COUNTER, DESK_LOGINS, "loginsvc_logins_total", "dialect,outcome",                            \
      "Logins and phone exchanges by their outcome")                                               \
    X(HISTOGRAM, DESK_SECONDS, "loginsvc_login_seconds", "dialect",                                \
      "Time from a login's request to its answer, whatever it was")

enum { DESK_METRICS(METRIC_ID) };
static const struct metric_family families[] = {DESK_METRICS(METRIC_FAMILY)};

struct desk {
    const struct dialect_parts *parts;
    const struct dialect *dialect;
    const struct desk_form *form;
    struct counter *ok;
    struct histogram *seconds;
};

/* A request as it was read; slices are of the body. */
struct request {
    struct body body;
    struct login_request login;
    struct slice ticket_text;
    struct register_ticket ticket;
    struct client_address client;
};

void desk_metrics_register(struct metrics *m)
{
    metrics_register(m, families, ARRAY_LEN(families));
}

struct desk *desk_new(const struct dialect_parts *parts, const struct dialect *dialect,
                      const struct desk_form *form)
{
    struct desk *d = xcalloc(1, sizeof *d);
    d->parts = parts;
    d->dialect = dialect;
    d->form = form;
    d->ok = metrics_counter(parts->metrics, &families[DESK_LOGINS],
                            METRIC_LABELS(dialect->name, login_ending_name(LOGIN_OK)));
    d->seconds =
        metrics_histogram(parts->metrics, &families[DESK_SECONDS], METRIC_LABELS(dialect->name));
    return d;
}

void desk_free(struct desk *d)
{
    free(d);
}

static void count(const struct desk *d, const char *outcome)
{
    counter_add(metrics_counter(d->parts->metrics, &families[DESK_LOGINS],
                                METRIC_LABELS(d->dialect->name, outcome)),
                1);
}

static void refuse(const struct desk *d, struct http_call *call, const struct failure *f)
{
    count(d, f->code);
    dialect_fail(d->dialect, call, f);
}

/* ---- the end of a login ---- */

/* Somebody must look at those that WeChat blames on us; the others happen every day. */
static void log_failure(const struct desk *d, const struct http_call *call,
                        const struct login_answer *a, const struct failure *f)
{
    static struct log_limit limit = LOG_LIMIT_INIT(1000, 20);
    const struct login_outcome *o = a->outcome;
    bool ours = o->result.error_class == ERR_OPERATOR || o->result.error_class == ERR_BUG;
    int64_t swallowed;
    if (!log_limit_pass(&limit, &swallowed))
        return;
    log_at(ours ? LOG_ERROR : LOG_INFO, "login.failed",
           LOG_STR("request_id", http_call_request_id(call)), LOG_STR("dialect", d->dialect->name),
           LOG_SLICE("appid", a->appid), LOG_STR("outcome", f->code),
           LOG_INT("errcode", f->errcode), LOG_STR("rid", o->rid),
           LOG_INT("took_ms", a->took_us / 1000), LOG_INT("left_out", swallowed));
}

static bool is_answer(const struct login_outcome *o)
{
    return o->result.ending == LOGIN_OK || o->result.ending == LOGIN_NOT_REGISTERED;
}

static void on_done(void *owner, uint64_t id, const struct login_answer *a)
{
    struct desk *d = owner;
    struct http_call *call = http_server_find(d->parts->server, id);
    struct failure f = failure_of_login(&a->outcome->result);
    histogram_observe_us(d->seconds, a->took_us);
    if (a->outcome->result.ending == LOGIN_OK)
        counter_add(d->ok, 1);
    else
        count(d, f.code);
    if (!call)
        return;
    if (is_answer(a->outcome)) {
        d->form->answer(call, a->outcome);
    } else {
        log_failure(d, call, a, &f);
        dialect_fail(d->dialect, call, &f);
    }
}

/* ---- reading a request ---- */

struct field {
    const char *name; /* NULL: the form has none */
    size_t max;       /* 0: a code */
    struct slice *out;
};

static bool read_fields(const struct body *body, const struct field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct field *f = &fields[i];
        *f->out = (struct slice){NULL, 0};
        if (f->name && (f->max ? body_text(body, f->name, f->max, f->out)
                               : body_code(body, f->name, f->out)) == BODY_WRONG)
            return false;
    }
    return true;
}

static bool read_form(const struct desk_form *form, struct request *r)
{
    const struct field fields[] = {
        {form->login_code, 0, &r->login.login_code},
        {form->phone_code, 0, &r->login.phone_code},
        {form->ticket, REGISTER_TICKET_SIZE - 1, &r->ticket_text},
        {form->nickname, USER_NICKNAME_SIZE - 1, &r->login.nickname},
        {form->avatar, USER_AVATAR_SIZE - 1, &r->login.avatar},
        {form->device, USER_DEVICE_SIZE - 1, &r->login.device},
    };
    return read_fields(&r->body, fields, ARRAY_LEN(fields));
}

/* LOGIN_NO_KIND: something is missing. */
static enum login_kind kind_of(const struct desk_form *form, const struct request *r)
{
    bool login = r->login.login_code.n > 0, phone = r->login.phone_code.n > 0;
    if (form->ticket && r->ticket_text.n == 0)
        return LOGIN_NO_KIND;
    if (login)
        return phone ? form->both : form->login_alone;
    return phone ? form->phone_alone : form->ticket_alone;
}

static bool open_ticket(const struct desk *d, struct request *r)
{
    if (!d->form->ticket)
        return true;
    r->login.ticket = &r->ticket;
    return register_ticket_open(d->parts->tickets, r->ticket_text, clock_wall(), &r->ticket) &&
           slice_eq(slice_of(r->ticket.appid), app_id(r->login.app));
}

/* A body, or for a GET the query, whose names are those of the form. A HEAD must spend nothing. */
static bool read_body(const struct desk *d, const struct http_call *call, struct body *body)
{
    const char *const names[] = {"appid", d->form->phone_code, NULL};
    if (http_call_method(call) == HTTP_GET)
        return body_of_query(call, names, body);
    return body_of_call(call, body);
}

/* What is wrong with it; FAILURE_INTERNAL: nothing. */
static enum failure_kind read_request(const struct desk *d, struct http_call *call,
                                      struct request *r)
{
    if (!read_body(d, call, &r->body))
        return FAILURE_MALFORMED;
    if (!r->login.app) /* a user's is known already */
        r->login.app = caller_app(call, &r->body, d->parts->apps);
    if (!read_form(d->form, r))
        return FAILURE_WRONG;
    r->login.kind = kind_of(d->form, r);
    if (r->login.kind == LOGIN_NO_KIND)
        return FAILURE_MISSING;
    if (!r->login.app)
        return FAILURE_UNKNOWN_APP;
    if (!open_ticket(d, r))
        return FAILURE_INVALID_TICKET;
    return FAILURE_INTERNAL;
}

/* ---- the beginning of a login ---- */

static void start(struct desk *d, struct http_call *call, struct request *r)
{
    struct login_caller caller = {on_done, d, http_call_id(call)};
    struct login_result refused = {.error_class = ERR_BACKOFF};
    caller_address(call, d->parts->proxies, &r->client);
    r->login.client = &r->client;
    refused.ending = login_driver_start(d->parts->driver, &r->login, caller);
    if (refused.ending != LOGIN_OK) {
        struct failure f = failure_of_login(&refused);
        refuse(d, call, &f);
    }
}

/* True when the request may go on: it is nobody's, or its user's. */
static bool admit(const struct desk *d, struct http_call *call, struct request *r)
{
    struct jwt_claims claims;
    if (!d->form->for_user)
        return true;
    if (!bearer_authorize(d->parts, d->dialect, call, &claims))
        return false;
    r->login.user_id = claims.user_id;
    r->login.app = apps_find(d->parts->apps, slice_of(claims.appid));
    return true;
}

void desk_handle(struct http_call *call, void *desk)
{
    struct desk *d = desk;
    struct request r = {.body = {NULL}};
    if (!admit(d, call, &r))
        return;
    enum failure_kind wrong = read_request(d, call, &r);
    if (wrong == FAILURE_INTERNAL) {
        start(d, call, &r);
    } else {
        struct failure f = failure_of(wrong);
        refuse(d, call, &f);
    }
    body_deinit(&r.body);
}
