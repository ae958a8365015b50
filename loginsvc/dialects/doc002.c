#include "loginsvc/dialects/doc002.h"

#include "loginsvc/dialects/bearer.h"
#include "loginsvc/dialects/caller.h"

/* The `code` of an answer. */
enum {
    CODE_OK = 200,
    CODE_BAD_REQUEST = 400,
    CODE_UNAUTHORIZED = 401,
    CODE_INVALID_TOKEN = 403,
    CODE_FAILED = 500,
};

/* The document knows three kinds of numbers besides success. */
static int code_of(const struct failure *f)
{
    if (f->kind == FAILURE_UNAUTHORIZED)
        return CODE_UNAUTHORIZED;
    if (f->kind == FAILURE_INVALID_TOKEN)
        return CODE_INVALID_TOKEN;
    bool bad_request = f->kind == FAILURE_MALFORMED || f->kind == FAILURE_METHOD ||
                       f->kind == FAILURE_TOO_LARGE || f->status == 400;
    return bad_request ? CODE_BAD_REQUEST : CODE_FAILED;
}

/* To the document a field that cannot be a code is a code that is missing. */
static void fail(struct http_call *call, const struct failure *f)
{
    struct failure said = f->kind == FAILURE_WRONG ? failure_of(FAILURE_MISSING) : *f;
    json_t *body = json_pack("{s:i,s:s}", "code", code_of(&said), "message", said.text);
    dialect_reply(call, 200, dialect_with_errcode(body, &said));
}

static const struct dialect doc002 = {
    .name = "002",
    .token = caller_second_word, /* the document's split(' ')[1] */
    .fail = fail,
};

static void on_problem(struct http_call *call, const struct http_problem *problem)
{
    dialect_problem(&doc002, call, problem);
}

static void answer(struct http_call *call, const struct login_outcome *o)
{
    const struct user *u = &o->user;
    json_t *user = json_pack("{s:I,s:s,s:s,s:s}", "id", (json_int_t)u->id, "phone", u->phone,
                             "nickname", u->nickname, "avatar", u->avatar);
    dialect_reply(call, 200,
                  json_pack("{s:i,s:s,s:{s:s,s:o}}", "code", CODE_OK, "message", "登录成功", "data",
                            "token", o->access_token, "userInfo", user));
}

static const struct desk_form form = {
    .login_code = "loginCode",
    .phone_code = "phoneCode",
    .both = LOGIN_BY_BOTH,
    .answer = answer,
};

static void on_check_token(struct http_call *call, void *arg)
{
    const struct doc002 *d = arg;
    struct jwt_claims c;
    if (!bearer_authorize(d->parts, &doc002, call, &c))
        return;
    dialect_reply(call, 200,
                  json_pack("{s:i,s:s,s:{s:I,s:s,s:I,s:I}}", "code", CODE_OK, "message",
                            "Token 有效", "data", "userId", (json_int_t)c.user_id, "openid",
                            c.openid, "iat", (json_int_t)c.iat_s, "exp", (json_int_t)c.exp_s));
}

void doc002_open(struct doc002 *d, const struct dialect_parts *p)
{
    static const struct http_route login[] = {
        {HTTP_POST, "/api/user/login", desk_handle, HTTP_ROUTE_SLASH, on_problem},
    };
    static const struct http_route check[] = {
        {HTTP_POST, "/api/user/checkToken", on_check_token, HTTP_ROUTE_SLASH, on_problem},
    };
    d->parts = p;
    d->login = desk_new(p, &doc002, &form);
    http_server_routes(p->server, login, ARRAY_LEN(login), d->login);
    http_server_routes(p->server, check, ARRAY_LEN(check), d);
}

void doc002_close(struct doc002 *d)
{
    desk_free(d->login);
}
