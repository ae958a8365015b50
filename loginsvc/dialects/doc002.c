#include "loginsvc/dialects/doc002.h"

#include "loginsvc/dialects/caller.h"

/* The `code` of an answer. */
enum {
    CODE_OK = 200,
    CODE_BAD_REQUEST = 400,
    CODE_UNAUTHORIZED = 401,
    CODE_INVALID_TOKEN = 403,
    CODE_FAILED = 500,
};

static void reply_failure(struct http_call *call, int code, const char *message, int errcode)
{
    json_t *body = json_pack("{s:i,s:s}", "code", code, "message", message);
    if (errcode != 0)
        json_object_set_new(body, "errcode", json_integer(errcode));
    desk_reply_json(call, 200, body);
}

/* The document knows three kinds of numbers besides success. */
static int code_of(const struct failure *f)
{
    if (f->kind == FAILURE_UNAUTHORIZED)
        return CODE_UNAUTHORIZED;
    if (f->kind == FAILURE_INVALID_TOKEN)
        return CODE_INVALID_TOKEN;
    return f->status == 400 ? CODE_BAD_REQUEST : CODE_FAILED;
}

/* To the document a field that cannot be a code is a code that is missing. */
static void fail(struct http_call *call, const struct failure *f)
{
    struct failure said = f->kind == FAILURE_WRONG ? failure_of(FAILURE_MISSING) : *f;
    reply_failure(call, code_of(&said), said.text, said.errcode);
}

/* What the server itself refuses: too long, too slow, too many, shutting down. */
static void on_problem(struct http_call *call, const struct http_problem *problem)
{
    enum failure_kind kind = FAILURE_MALFORMED;
    if (problem->status == 504)
        kind = FAILURE_WECHAT_SILENT;
    else if (problem->status >= 500)
        kind = problem->status == 503 ? FAILURE_OVERLOADED : FAILURE_INTERNAL;
    struct failure f = failure_of(kind);
    fail(call, &f);
}

static void answer(struct http_call *call, const struct login_answer *a, const struct desk_parts *p)
{
    const struct user *u = a->user;
    (void)p;
    ASSERT(a->result.ending == LOGIN_OK); /* with a loginCode nobody is unregistered */
    json_t *user = json_pack("{s:I,s:s,s:s,s:s}", "id", (json_int_t)u->id, "phone", u->phone,
                             "nickname", u->nickname, "avatar", u->avatar);
    desk_reply_json(call, 200,
                    json_pack("{s:i,s:s,s:{s:s,s:o}}", "code", CODE_OK, "message", "登录成功",
                              "data", "token", a->access_token, "userInfo", user));
}

const struct dialect doc002 = {
    .name = "002",
    .fields = {.login_code = "loginCode", .phone_code = "phoneCode"},
    .requires = DIALECT_BOTH_CODES,
    .token = caller_second_word, /* the document's split(' ')[1] */
    .answer = answer,
    .fail = fail,
};

static void on_login(struct http_call *call, void *arg)
{
    desk_login(arg, call);
}

static void on_check_token(struct http_call *call, void *arg)
{
    struct jwt_claims c;
    if (!desk_authorize(arg, call, &c))
        return;
    desk_reply_json(call, 200,
                    json_pack("{s:i,s:s,s:{s:I,s:s,s:I,s:I}}", "code", CODE_OK, "message",
                              "Token 有效", "data", "userId", (json_int_t)c.user_id, "openid",
                              c.openid, "iat", (json_int_t)c.iat_s, "exp", (json_int_t)c.exp_s));
}

void doc002_routes(struct http_server *s, struct desk *desk)
{
    static const struct http_route routes[] = {
        {HTTP_POST, "/api/user/login", on_login, HTTP_ROUTE_SLASH, on_problem},
        {HTTP_POST, "/api/user/checkToken", on_check_token, HTTP_ROUTE_SLASH, on_problem},
    };
    http_server_routes(s, routes, ARRAY_LEN(routes), desk);
}
