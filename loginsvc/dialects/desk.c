#include "loginsvc/dialects/desk.h"

#include <stdio.h>
#include <stdlib.h>

#include "log/log.h"
#include "loginsvc/dialects/body.h"
#include "loginsvc/dialects/caller.h"
#include "sys/clock.h"

#define DESK_METRICS(X)                                                                            \
    X(COUNTER, DESK_LOGINS, "loginsvc_logins_total", "dialect,outcome", "Logins by their outcome") \
    X(COUNTER, DESK_CHECKS, "loginsvc_token_checks_total", "dialect,outcome",                      \
      "JWTs that clients or proxies had checked")                                                  \
    X(HISTOGRAM, DESK_SECONDS, "loginsvc_login_seconds", "dialect",                                \
      "Time from a login's request to its answer, whatever it was")

enum { DESK_METRICS(METRIC_ID) };
static const struct metric_family families[] = {DESK_METRICS(METRIC_FAMILY)};

struct desk {
    const struct desk_parts *parts;
    const struct dialect *dialect;
    struct counter *ok;
    struct histogram *seconds;
};

void desk_metrics_register(struct metrics *m)
{
    metrics_register(m, families, ARRAY_LEN(families));
}

struct desk *desk_new(const struct desk_parts *parts, const struct dialect *dialect)
{
    struct desk *d = xcalloc(1, sizeof *d);
    d->parts = parts;
    d->dialect = dialect;
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

static void count(const struct desk *d, int family, const char *outcome)
{
    counter_add(metrics_counter(d->parts->metrics, &families[family],
                                METRIC_LABELS(d->dialect->name, outcome)),
                1);
}

static void fail(const struct desk *d, struct http_call *call, const struct failure *f)
{
    http_reply_header(call, "Cache-Control", "no-store");
    if (f->retry_after_s > 0) {
        char seconds[16];
        struct text t = text_init(seconds, sizeof seconds);
        text_fmt(&t, "%d", f->retry_after_s);
        http_reply_header(call, "Retry-After", seconds);
    }
    d->dialect->fail(call, f);
}

static void refuse_login(const struct desk *d, struct http_call *call, enum failure_kind kind)
{
    struct failure f = failure_of(kind);
    count(d, DESK_LOGINS, f.code);
    fail(d, call, &f);
}

/* ---- the end of a login ---- */

/* Somebody must look at those that WeChat blames on us; the others happen every day. */
static void log_failure(const struct desk *d, const struct http_call *call,
                        const struct login_answer *a, const struct failure *f)
{
    static struct log_limit limit = LOG_LIMIT_INIT(1000, 20);
    bool ours = a->result.error_class == ERR_OPERATOR || a->result.error_class == ERR_BUG;
    int64_t swallowed;
    if (!log_limit_pass(&limit, &swallowed))
        return;
    log_at(ours ? LOG_ERROR : LOG_INFO, "login.failed",
           LOG_STR("request_id", http_call_request_id(call)), LOG_STR("dialect", d->dialect->name),
           LOG_SLICE("appid", a->appid), LOG_STR("outcome", f->code),
           LOG_INT("errcode", f->errcode), LOG_STR("rid", a->rid),
           LOG_INT("took_ms", a->took_us / 1000), LOG_INT("left_out", swallowed));
}

static void answer_call(const struct desk *d, struct http_call *call, const struct login_answer *a)
{
    if (a->result.ending == LOGIN_OK || a->result.ending == LOGIN_NOT_REGISTERED) {
        http_reply_header(call, "Cache-Control", "no-store");
        d->dialect->answer(call, a, d->parts);
    } else {
        struct failure f = failure_of_login(&a->result);
        log_failure(d, call, a, &f);
        fail(d, call, &f);
    }
}

static void on_done(void *owner, uint64_t id, const struct login_answer *a)
{
    struct desk *d = owner;
    struct http_call *call = http_server_find(d->parts->server, id);
    histogram_observe_us(d->seconds, a->took_us);
    if (a->result.ending == LOGIN_OK)
        counter_add(d->ok, 1);
    else
        count(d, DESK_LOGINS, failure_of_login(&a->result).code);
    if (call)
        answer_call(d, call, a);
}

/* ---- the beginning ---- */

struct field {
    const char *name; /* NULL: the dialect has none */
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

static bool read_request(const struct dialect_fields *names, const struct body *body,
                         struct login_request *r)
{
    const struct field fields[] = {
        {names->login_code, 0, &r->login_code},
        {names->phone_code, 0, &r->phone_code},
        {names->nickname, USER_NICKNAME_SIZE - 1, &r->nickname},
        {names->avatar, USER_AVATAR_SIZE - 1, &r->avatar},
        {names->device, USER_DEVICE_SIZE - 1, &r->device},
    };
    return read_fields(body, fields, ARRAY_LEN(fields));
}

static bool has_required(const struct dialect *dialect, const struct login_request *r)
{
    bool both = r->login_code.n > 0 && r->phone_code.n > 0;
    bool either = r->login_code.n > 0 || r->phone_code.n > 0;
    return dialect->requires == DIALECT_BOTH_CODES ? both : either;
}

static void start(struct desk *d, struct http_call *call, const struct login_request *r)
{
    struct login_caller caller = {on_done, d, http_call_id(call)};
    struct login_result refused = {.error_class = ERR_BACKOFF};
    refused.ending = login_driver_start(d->parts->driver, r, caller);
    if (refused.ending != LOGIN_OK)
        refuse_login(d, call, failure_of_login(&refused).kind);
}

void desk_login(struct desk *d, struct http_call *call)
{
    struct login_request r = {.app = NULL};
    struct body body;
    if (!body_parse(http_call_body(call), &body)) {
        refuse_login(d, call, FAILURE_MALFORMED);
        return;
    }
    r.app = caller_app(call, &body, d->parts->apps);
    if (!read_request(&d->dialect->fields, &body, &r))
        refuse_login(d, call, FAILURE_WRONG);
    else if (!has_required(d->dialect, &r))
        refuse_login(d, call, FAILURE_MISSING);
    else if (!r.app)
        refuse_login(d, call, FAILURE_UNKNOWN_APP);
    else
        start(d, call, &r);
    body_deinit(&body);
}

/* ---- tokens ---- */

static enum jwt_reason check(const struct desk *d, struct http_call *call, struct slice token,
                             struct jwt_claims *claims)
{
    enum jwt_reason reason = jwt_signer_verify(d->parts->signer, token, clock_wall(), claims);
    count(d, DESK_CHECKS, jwt_reason_name(reason));
    if (reason != JWT_OK)
        log_debug("token.refused", LOG_STR("request_id", http_call_request_id(call)),
                  LOG_STR("reason", jwt_reason_name(reason)));
    return reason;
}

bool desk_authorize(struct desk *d, struct http_call *call, struct jwt_claims *claims)
{
    struct slice token = d->dialect->token(call);
    if (token.p && check(d, call, token, claims) == JWT_OK)
        return true;
    if (!token.p)
        count(d, DESK_CHECKS, "none");
    struct failure f = failure_of(token.p ? FAILURE_INVALID_TOKEN : FAILURE_UNAUTHORIZED);
    fail(d, call, &f);
    return false;
}

/* ---- replies ---- */

void desk_reply_json(struct http_call *call, int status, json_t *body)
{
    if (body)
        http_reply_json(call, status, body);
    else
        http_reply_problem(call, 500, "internal_error", NULL);
    json_decref(body);
}
