#include "loginsvc/dialects/doc003.h"

#include "loginsvc/dialects/caller.h"

static void fail(struct http_call *call, const struct failure *f)
{
    const char *text = f->kind == FAILURE_MISSING ? "缺少code参数" : f->text;
    json_t *body = json_pack("{s:b,s:s}", "success", 0, "error", text);
    dialect_reply(call, 200, dialect_with_errcode(body, f));
}

static const struct dialect doc003 = {.name = "003", .token = caller_bearer, .fail = fail};

static void on_problem(struct http_call *call, const struct http_problem *problem)
{
    dialect_problem(&doc003, call, problem);
}

static void answer(struct http_call *call, const struct login_outcome *o)
{
    dialect_reply(call, 200,
                  json_pack("{s:b,s:s,s:s}", "success", 1, "phoneNumber", o->phone, "countryCode",
                            o->country_code));
}

static const struct desk_form form = {
    .phone_code = "code",
    .phone_alone = LOGIN_SHOW_PHONE,
    .answer = answer,
};

void doc003_open(struct doc003 *d, const struct dialect_parts *p)
{
    static const struct http_route routes[] = {
        {HTTP_POST, "/api/functions/decryptPhoneNumber", desk_handle, HTTP_ROUTE_SLASH, on_problem},
    };
    d->phone = desk_new(p, &doc003, &form);
    http_server_routes(p->server, routes, ARRAY_LEN(routes), d->phone);
}

void doc003_close(struct doc003 *d)
{
    desk_free(d->phone);
}
