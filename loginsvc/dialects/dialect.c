#include "loginsvc/dialects/dialect.h"

#include <stdio.h>

void dialect_fail(const struct dialect *d, struct http_call *call, const struct failure *f)
{
    if (f->retry_after_s > 0) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", f->retry_after_s);
        http_reply_header(call, "Retry-After", seconds);
    }
    d->fail(call, f);
}

void dialect_fail_kind(const struct dialect *d, struct http_call *call, enum failure_kind kind)
{
    struct failure f = failure_of(kind);
    dialect_fail(d, call, &f);
}

static enum failure_kind kind_of(int status)
{
    switch (status) {
    case 405:
        return FAILURE_METHOD;
    case 413:
        return FAILURE_TOO_LARGE;
    case 503:
        return FAILURE_OVERLOADED;
    case 504:
        return FAILURE_WECHAT_SILENT;
    default:
        return status >= 500 ? FAILURE_INTERNAL : FAILURE_MALFORMED;
    }
}

void dialect_problem(const struct dialect *d, struct http_call *call,
                     const struct http_problem *problem)
{
    struct failure f = failure_of(kind_of(problem->status));
    f.status = problem->status;
    if (slice_is(slice_of(problem->code), "overloaded")) /* the server has said when to come back */
        f.retry_after_s = 0;
    dialect_fail(d, call, &f);
}

json_t *dialect_with_errcode(json_t *body, const struct failure *f)
{
    if (f->errcode != 0)
        json_object_set_new(body, "errcode", json_integer(f->errcode));
    return body;
}

void dialect_challenge(struct http_call *call, const struct failure *f)
{
    if (f->status == 401)
        http_reply_header(call, "WWW-Authenticate",
                          f->kind == FAILURE_UNAUTHORIZED ? "Bearer"
                                                          : "Bearer error=\"invalid_token\"");
}

void dialect_reply_nothing(struct http_call *call)
{
    http_reply_header(call, "Cache-Control", "no-store");
    http_reply(call, 204, NULL, (struct slice){NULL, 0});
}

void dialect_reply(struct http_call *call, int status, json_t *body)
{
    if (!body) {
        http_reply_problem(call, 500, "internal_error", NULL);
        return;
    }
    http_reply_header(call, "Cache-Control", "no-store");
    http_reply_json(call, status, body);
    json_decref(body);
}
