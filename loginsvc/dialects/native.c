#include "loginsvc/dialects/native.h"

#include <stdio.h>
#include <stdlib.h>

#include "loginsvc/dialects/caller.h"
#include "loginsvc/dialects/native_inner.h"

/* ---- failures ---- */

/* RFC 9457, with WeChat's number where there is one. Takes `extra` (may be NULL): more members. */
static void reply_problem(struct http_call *call, const struct failure *f, json_t *extra)
{
    json_t *body = json_pack("{s:s,s:i,s:s,s:s,s:s}", "title", http_status_phrase(f->status),
                             "status", f->status, "code", f->code, "request_id",
                             http_call_request_id(call), "detail", f->text);
    dialect_with_errcode(body, f);
    if (extra)
        json_object_update(body, extra);
    char *text = json_dumps(body, JSON_COMPACT);
    http_reply_header(call, "Cache-Control", "no-store");
    http_reply(call, f->status, "application/problem+json", slice_of(text));
    free(text);
    json_decref(extra);
    json_decref(body);
}

static void fail(struct http_call *call, const struct failure *f)
{
    dialect_challenge(call, f);
    reply_problem(call, f, NULL);
}

const struct dialect native_dialect = {.name = "native", .token = caller_bearer, .fail = fail};

void native_fail(struct http_call *call, enum failure_kind kind)
{
    dialect_fail_kind(&native_dialect, call, kind);
}

struct http_call *native_call(const struct native *n, uint64_t id, const struct store_result *r)
{
    struct http_call *call = http_server_find(n->parts->server, id);
    if (r->status == STORE_FAILED && r->class == ERR_UNKNOWN) /* it may have ended sessions */
        revocation_watch_look(n->parts->revocations);
    if (!call || r->status != STORE_FAILED)
        return call;
    native_fail(call, r->class == ERR_BUG ? FAILURE_INTERNAL : FAILURE_STORE);
    return NULL;
}

void native_started(struct http_call *call, bool accepted)
{
    if (!accepted)
        native_fail(call, FAILURE_OVERLOADED);
}

bool native_read_body(struct http_call *call, struct body *body)
{
    bool good = body_of_call(call, body);
    if (!good)
        native_fail(call, FAILURE_MALFORMED);
    return good;
}

/* ---- answers ---- */

json_t *native_user(const struct user *u)
{
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:I}", "id", (json_int_t)u->id, "phoneNumber", u->phone,
                     "countryCode", u->country_code, "nickname", u->nickname, "avatar", u->avatar,
                     "createdAt", (json_int_t)u->created_at.ms);
}

static void answer_not_registered(struct http_call *call, const struct login_outcome *o)
{
    struct failure f = failure_of(FAILURE_NOT_REGISTERED);
    reply_problem(
        call, &f,
        json_pack("{s:s,s:s}", "phoneNumber", o->phone, "registerTicket", o->register_ticket));
}

static void answer_login(struct http_call *call, const struct login_outcome *o)
{
    if (o->result.ending == LOGIN_NOT_REGISTERED) {
        answer_not_registered(call, o);
        return;
    }
    dialect_reply(call, 200,
                  json_pack("{s:s,s:I,s:s,s:o,s:b}", "accessToken", o->access_token, "expiresIn",
                            (json_int_t)o->expires_in_s, "refreshToken", o->refresh_token, "user",
                            native_user(&o->user), "isNew", o->is_new));
}

void native_answer_phone(struct http_call *call, const struct user *u)
{
    dialect_reply(call, 200,
                  json_pack("{s:s,s:s,s:o}", "phoneNumber", u->phone, "countryCode",
                            u->country_code, "user", native_user(u)));
}

static void answer_phone(struct http_call *call, const struct login_outcome *o)
{
    native_answer_phone(call, &o->user);
}

static const struct desk_form login_form = {
    .login_code = "loginCode",
    .phone_code = "phoneCode",
    .nickname = "nickname",
    .avatar = "avatar",
    .device = "device",
    .both = LOGIN_BY_BOTH,
    .login_alone = LOGIN_BY_OPENID,
    .phone_alone = LOGIN_BY_PHONE,
    .answer = answer_login,
};

static const struct desk_form register_form = {
    .login_code = "loginCode",
    .ticket = "registerTicket",
    .nickname = "nickname",
    .avatar = "avatar",
    .device = "device",
    .login_alone = LOGIN_REGISTER,
    .ticket_alone = LOGIN_BY_TICKET,
    .answer = answer_login,
};

static const struct desk_form phone_form = {
    .phone_code = "phoneCode",
    .phone_alone = LOGIN_BIND_PHONE,
    .for_user = true,
    .answer = answer_phone,
};

/* ---- for others that must know who calls ---- */

/* For auth_request of nginx, ForwardAuth of Traefik, ext_authz of Envoy: the body is not read. */
static void on_verify(struct http_call *call, void *arg)
{
    const struct native *n = arg;
    struct jwt_claims c;
    char user_id[24];
    if (!bearer_authorize(n->parts, &native_dialect, call, &c))
        return;
    snprintf(user_id, sizeof user_id, "%lld", (long long)c.user_id);
    http_reply_header(call, "Cache-Control", "no-store");
    http_reply_header(call, "X-User-Id", user_id);
    http_reply_header(call, "X-Openid", c.openid);
    http_reply_header(call, "X-Session-Id", c.sid);
    http_reply(call, 200, "text/plain", (struct slice){NULL, 0});
}

static void on_jwks(struct http_call *call, void *arg)
{
    const struct native *n = arg;
    char *text = jwt_signer_jwks(n->parts->signer);
    http_reply_header(call, "Cache-Control", "public, max-age=300");
    http_reply(call, 200, "application/json", slice_of(text));
    free(text);
}

/* ---- the whole ---- */

static void open_desk(const struct native *n, struct desk **desk, const struct desk_form *form,
                      const struct http_route *route)
{
    *desk = desk_new(n->parts, &native_dialect, form);
    http_server_routes(n->parts->server, route, 1, *desk);
}

struct native *native_new(const struct dialect_parts *parts)
{
    static const struct http_route login = {HTTP_POST, "/v1/login", desk_handle, 0, NULL};
    static const struct http_route register_ = {HTTP_POST, "/v1/register", desk_handle, 0, NULL};
    static const struct http_route phone = {HTTP_POST, "/v1/phone", desk_handle, 0, NULL};
    static const struct http_route others[] = {
        {HTTP_GET, "/v1/verify", on_verify, 0, NULL},
        {HTTP_GET, "/.well-known/jwks.json", on_jwks, 0, NULL},
    };
    struct native *n = xcalloc(1, sizeof *n);
    n->parts = parts;
    n->refreshes = slots_new();
    open_desk(n, &n->login, &login_form, &login);
    open_desk(n, &n->register_, &register_form, &register_);
    open_desk(n, &n->phone, &phone_form, &phone);
    http_server_routes(parts->server, others, ARRAY_LEN(others), n);
    native_sessions_routes(n);
    native_me_routes(n);
    native_decrypt_routes(n);
    return n;
}

void native_free(struct native *n)
{
    if (!n)
        return;
    desk_free(n->login);
    desk_free(n->register_);
    desk_free(n->phone);
    native_sessions_free(n);
    free(n);
}
