#include "loginsvc/dialects/doc000.h"

#include "loginsvc/dialects/caller.h"

static void fail(struct http_call *call, const struct failure *f)
{
    dialect_challenge(call, f);
    dialect_reply(
        call, f->status,
        json_pack("{s:b,s:s,s:i}", "success", 0, "error", f->text, "errcode", f->errcode));
}

static const struct dialect doc000 = {.name = "000", .token = caller_bearer, .fail = fail};

static void on_problem(struct http_call *call, const struct http_problem *problem)
{
    dialect_problem(&doc000, call, problem);
}

static void answer_login(struct http_call *call, const struct login_outcome *o)
{
    const struct user *u = &o->user;
    dialect_reply(call, 200,
                  json_pack("{s:b,s:s,s:{s:I,s:s,s:s,s:s}}", "success", 1, "token", o->access_token,
                            "user", "id", (json_int_t)u->id, "nickname", u->nickname, "phoneNumber",
                            u->phone, "openId", u->openid));
}

static void answer_phone(struct http_call *call, const struct login_outcome *o)
{
    dialect_reply(call, 200, json_pack("{s:b,s:s}", "success", 1, "phoneNumber", o->user.phone));
}

static const struct desk_form login_form = {
    .login_code = "code",
    .phone_code = "phoneCode",
    .both = LOGIN_BY_BOTH,
    .login_alone = LOGIN_BY_OPENID,
    .answer = answer_login,
};

static const struct desk_form phone_form = {
    .phone_code = "phoneCode",
    .phone_alone = LOGIN_BIND_PHONE,
    .for_user = true,
    .answer = answer_phone,
};

void doc000_open(struct doc000 *d, const struct dialect_parts *p)
{
    static const struct http_route login[] = {
        {HTTP_POST, "/api/auth/wechat", desk_handle, HTTP_ROUTE_SLASH, on_problem},
    };
    static const struct http_route phone[] = {
        {HTTP_POST, "/api/auth/phone", desk_handle, HTTP_ROUTE_SLASH, on_problem},
    };
    d->login = desk_new(p, &doc000, &login_form);
    d->phone = desk_new(p, &doc000, &phone_form);
    http_server_routes(p->server, login, ARRAY_LEN(login), d->login);
    http_server_routes(p->server, phone, ARRAY_LEN(phone), d->phone);
}

void doc000_close(struct doc000 *d)
{
    desk_free(d->login);
    desk_free(d->phone);
}
