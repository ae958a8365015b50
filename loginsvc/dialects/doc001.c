#include "loginsvc/dialects/doc001.h"

#include "loginsvc/dialects/caller.h"

static void fail(struct http_call *call, const struct failure *f)
{
    json_t *body = json_pack("{s:i,s:s}", "code", f->status, "message", f->text);
    dialect_reply(call, f->status, dialect_with_errcode(body, f));
}

static const struct dialect doc001 = {.name = "001", .token = caller_bearer, .fail = fail};

static void on_problem(struct http_call *call, const struct http_problem *problem)
{
    dialect_problem(&doc001, call, problem);
}

/* The document's rule: a failed phone exchange leaves the phone of this login empty, whatever
 * number the user proved earlier. */
static void answer(struct http_call *call, const struct login_outcome *o)
{
    const struct user *u = &o->user;
    bool no_phone = o->phone_result.ending != LOGIN_OK;
    json_t *user = json_pack("{s:I,s:s,s:s,s:s,s:s}", "id", (json_int_t)u->id, "phone",
                             no_phone ? "" : u->phone, "nickname", u->nickname, "avatar", u->avatar,
                             "head_pic", u->avatar);
    json_t *data = json_pack("{s:s,s:o}", "token", o->access_token, "userInfo", user);
    if (no_phone)
        json_object_set_new(data, "phoneError",
                            json_string(failure_of_login(&o->phone_result).text));
    dialect_reply(call, 200,
                  json_pack("{s:i,s:s,s:o}", "code", 200, "message", "登录成功", "data", data));
}

static const struct desk_form form = {
    .login_code = "code",
    .phone_code = "phoneCode",
    .nickname = "nickname",
    .avatar = "head_pic",
    .both = LOGIN_LENIENT,
    .login_alone = LOGIN_BY_OPENID,
    .answer = answer,
};

void doc001_open(struct doc001 *d, const struct dialect_parts *p)
{
    static const struct http_route routes[] = {
        {HTTP_POST, "/api/user/thirdLogin", desk_handle, HTTP_ROUTE_SLASH, on_problem},
    };
    d->login = desk_new(p, &doc001, &form);
    http_server_routes(p->server, routes, ARRAY_LEN(routes), d->login);
}

void doc001_close(struct doc001 *d)
{
    desk_free(d->login);
}
