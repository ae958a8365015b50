#include "loginsvc/dialects/doc004.h"

#include "loginsvc/dialects/caller.h"

enum { CODE_OK = 200, CODE_NOT_REGISTERED = 404 };

static void fail(struct http_call *call, const struct failure *f)
{
    json_t *data = json_pack("{s:i,s:s}", "code", f->status, "msg", f->text);
    dialect_reply(call, f->status, json_pack("{s:o}", "data", dialect_with_errcode(data, f)));
}

static const struct dialect doc004 = {.name = "004", .token = caller_bearer, .fail = fail};

static void on_problem(struct http_call *call, const struct http_problem *problem)
{
    dialect_problem(&doc004, call, problem);
}

/* Both are answers to the document, so HTTP says 200 to both. */
static void answer(struct http_call *call, const struct login_outcome *o)
{
    const struct user *u = &o->user;
    json_t *data;
    if (o->result.ending == LOGIN_NOT_REGISTERED)
        data = json_pack("{s:i,s:s,s:s,s:s}", "code", CODE_NOT_REGISTERED, "msg", "没有注册",
                         "phoneNumber", o->phone, "registerTicket", o->register_ticket);
    else
        data = json_pack("{s:i,s:s,s:s,s:s,s:{s:I,s:s,s:s,s:s}}", "code", CODE_OK, "msg",
                         "登录成功", "token", o->access_token, "phoneNumber", u->phone, "userInfo",
                         "id", (json_int_t)u->id, "phone", u->phone, "nickname", u->nickname,
                         "avatar", u->avatar);
    dialect_reply(call, 200, data ? json_pack("{s:o}", "data", data) : NULL);
}

static const struct desk_form form = {
    .phone_code = "code",
    .phone_alone = LOGIN_BY_PHONE,
    .answer = answer,
};

void doc004_open(struct doc004 *d, const struct dialect_parts *p)
{
    /* The document's front end says `methods`, so that its call arrives as a GET. */
    static const struct http_route routes[] = {
        {HTTP_POST, "/getPhoneNumber", desk_handle, HTTP_ROUTE_SLASH, on_problem},
        {HTTP_GET, "/getPhoneNumber", desk_handle, HTTP_ROUTE_SLASH, on_problem},
    };
    d->login = desk_new(p, &doc004, &form);
    http_server_routes(p->server, routes, ARRAY_LEN(routes), d->login);
}

void doc004_close(struct doc004 *d)
{
    desk_free(d->login);
}
