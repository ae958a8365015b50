#include "loginsvc/dialects/native.h"

#include <stdlib.h>

#include "loginsvc/dialects/caller.h"
#include "loginsvc/login/register_ticket.h"
#include "sys/clock.h"

/* RFC 9457, with WeChat's number where there is one. Takes `extra` (may be NULL): more members. */
static void reply_problem(struct http_call *call, const struct failure *f, json_t *extra)
{
    json_t *body = json_pack("{s:s,s:i,s:s,s:s,s:s}", "title", http_status_phrase(f->status),
                             "status", f->status, "code", f->code, "request_id",
                             http_call_request_id(call), "detail", f->text);
    if (f->errcode != 0)
        json_object_set_new(body, "errcode", json_integer(f->errcode));
    if (extra)
        json_object_update(body, extra);
    char *text = json_dumps(body, JSON_COMPACT);
    http_reply(call, f->status, "application/problem+json", slice_of(text));
    free(text);
    json_decref(extra);
    json_decref(body);
}

static void fail(struct http_call *call, const struct failure *f)
{
    if (f->kind == FAILURE_UNAUTHORIZED)
        http_reply_header(call, "WWW-Authenticate", "Bearer");
    if (f->kind == FAILURE_INVALID_TOKEN)
        http_reply_header(call, "WWW-Authenticate", "Bearer error=\"invalid_token\"");
    reply_problem(call, f, NULL);
}

static void answer_not_registered(struct http_call *call, const struct login_answer *a,
                                  const struct desk_parts *p)
{
    struct register_ticket ticket;
    char text[REGISTER_TICKET_SIZE];
    struct failure f = failure_of(FAILURE_NOT_REGISTERED);
    bool fits =
        slice_copy(a->appid, ticket.appid, sizeof ticket.appid) &&
        slice_copy(slice_of(a->phone), ticket.phone, sizeof ticket.phone) &&
        slice_copy(slice_of(a->country_code), ticket.country_code, sizeof ticket.country_code);
    ASSERT(fits);
    register_ticket_seal(p->tickets, &ticket, clock_wall(), text);
    reply_problem(call, &f,
                  json_pack("{s:s,s:s}", "phoneNumber", a->phone, "registerTicket", text));
}

static void answer(struct http_call *call, const struct login_answer *a, const struct desk_parts *p)
{
    const struct user *u = a->user;
    if (a->result.ending == LOGIN_NOT_REGISTERED) {
        answer_not_registered(call, a, p);
        return;
    }
    json_t *user =
        json_pack("{s:I,s:s,s:s,s:s,s:s}", "id", (json_int_t)u->id, "phoneNumber", u->phone,
                  "countryCode", u->country_code, "nickname", u->nickname, "avatar", u->avatar);
    desk_reply_json(call, 200,
                    json_pack("{s:s,s:I,s:s,s:o,s:b}", "accessToken", a->access_token, "expiresIn",
                              (json_int_t)a->expires_in_s, "refreshToken", a->refresh_token, "user",
                              user, "isNew", a->is_new));
}

const struct dialect native = {
    .name = "native",
    .fields = {"loginCode", "phoneCode", "nickname", "avatar", "device"},
    .requires = DIALECT_EITHER_CODE,
    .token = caller_bearer,
    .answer = answer,
    .fail = fail,
};

static void on_login(struct http_call *call, void *arg)
{
    desk_login(arg, call);
}

/* For auth_request of nginx, ForwardAuth of Traefik, ext_authz of Envoy: the body is not read. */
static void on_verify(struct http_call *call, void *arg)
{
    struct jwt_claims c;
    char user_id[24];
    struct text t = text_init(user_id, sizeof user_id);
    if (!desk_authorize(arg, call, &c))
        return;
    text_fmt(&t, "%lld", (long long)c.user_id);
    http_reply_header(call, "X-User-Id", user_id);
    http_reply_header(call, "X-Openid", c.openid);
    http_reply_header(call, "X-Session-Id", c.sid);
    http_reply(call, 200, "text/plain", (struct slice){NULL, 0});
}

void native_routes(struct http_server *s, struct desk *desk)
{
    static const struct http_route routes[] = {
        {HTTP_POST, "/v1/login", on_login, 0, NULL},
        {HTTP_GET, "/v1/verify", on_verify, 0, NULL},
    };
    http_server_routes(s, routes, ARRAY_LEN(routes), desk);
}
