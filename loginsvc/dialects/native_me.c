/* The user's own record: seen, changed, erased. */
#include "loginsvc/dialects/native_inner.h"
#include "sys/clock.h"

static void on_user(void *owner, uint64_t id, const struct store_result *r)
{
    const struct native *n = owner;
    struct http_call *call = native_call(n, id, r);
    if (call && r->status == STORE_OK)
        dialect_reply(call, 200, native_user(&r->user));
    else if (call) /* erased meanwhile */
        native_fail(call, FAILURE_INVALID_TOKEN);
}

static void on_get(struct http_call *call, void *arg)
{
    struct native *n = arg;
    struct jwt_claims c;
    struct store_caller caller = {on_user, n, http_call_id(call)};
    if (bearer_authorize(n->parts, &native_dialect, call, &c))
        native_started(call, store_get_user(n->parts->store, c.user_id, caller));
}

/* ---- PATCH ---- */

/* "" takes the field away, what is not there stays as it is. */
static bool read_field(const struct body *b, const char *name, char *out, size_t size, bool *has)
{
    struct slice text;
    enum body_field field = body_text(b, name, size - 1, &text);
    *has = json_object_get(b->object, name) != NULL;
    return field != BODY_WRONG && slice_copy(text, out, size);
}

static bool read_profile(const struct body *b, struct store_profile *p)
{
    return read_field(b, "nickname", p->nickname, sizeof p->nickname, &p->has_nickname) &&
           read_field(b, "avatar", p->avatar, sizeof p->avatar, &p->has_avatar);
}

static void update(struct native *n, struct http_call *call, const struct body *body,
                   int64_t user_id)
{
    struct store_profile profile = {.user_id = user_id, .now = clock_wall()};
    struct store_caller caller = {on_user, n, http_call_id(call)};
    if (!read_profile(body, &profile))
        native_fail(call, FAILURE_WRONG);
    else
        native_started(call, store_user_update(n->parts->store, &profile, caller));
}

static void on_patch(struct http_call *call, void *arg)
{
    struct native *n = arg;
    struct jwt_claims c;
    struct body body;
    if (!bearer_authorize(n->parts, &native_dialect, call, &c) || !native_read_body(call, &body))
        return;
    update(n, call, &body, c.user_id);
    body_deinit(&body);
}

/* ---- DELETE ---- */

static void on_erased(void *owner, uint64_t id, const struct store_result *r)
{
    const struct native *n = owner;
    struct http_call *call = native_call(n, id, r);
    if (r->status == STORE_OK) {
        native_announce(n, r->sessions, r->n_sessions);
        session_keys_forget(n->parts->session_keys, slice_of(r->user.appid), r->user.id);
    }
    if (call) /* a second time there is nothing left to do */
        dialect_reply_nothing(call);
}

static void on_delete(struct http_call *call, void *arg)
{
    struct native *n = arg;
    struct jwt_claims c;
    struct store_caller caller = {on_erased, n, http_call_id(call)};
    wall_ms_t now = clock_wall();
    if (!bearer_authorize(n->parts, &native_dialect, call, &c))
        return;
    native_started(
        call, store_user_erase(n->parts->store, c.user_id, now, native_jwt_end(n, now), caller));
}

void native_me_routes(struct native *n)
{
    static const struct http_route routes[] = {
        {HTTP_GET, "/v1/me", on_get, 0, NULL},
        {HTTP_PATCH, "/v1/me", on_patch, 0, NULL},
        {HTTP_PUT, "/v1/me", on_patch, 0, NULL}, /* wx.request knows no PATCH */
        {HTTP_DELETE, "/v1/me", on_delete, 0, NULL},
    };
    http_server_routes(n->parts->server, routes, ARRAY_LEN(routes), n);
}
