/* The sessions of a user: a new access token, logout, the list, ending one. */
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/secret.h"
#include "loginsvc/dialects/native_inner.h"
#include "loginsvc/login/session_claims.h"
#include "sys/clock.h"

wall_ms_t native_jwt_end(const struct native *n, wall_ms_t now)
{
    return wall_after(now, n->parts->limits->jwt_ttl_ms);
}

void native_announce(const struct native *n, const struct store_session *ended, size_t count)
{
    revocation_watch_announce(n->parts->revocations, ended, count, native_jwt_end(n, clock_wall()));
}

/* ---- POST /v1/token/refresh ---- */

/* What the answer needs besides what the store gives. */
struct refresh {
    struct list node;
    struct native *n;
    uint64_t call_id;
    struct store_rotation rotation;
    char refresh_token[SESSION_REFRESH_TOKEN_SIZE];
};

static void refresh_free(struct refresh *f)
{
    list_remove(&f->node);
    bytes_wipe(f, sizeof *f);
    free(f);
}

static bool sign(const struct refresh *f, const struct user *u, char out[JWT_TEXT_MAX + 1])
{
    const struct dialect_parts *p = f->n->parts;
    struct jwt_claims c;
    return session_claims(&c, u, f->rotation.sid, f->rotation.now, p->limits->jwt_ttl_ms) &&
           jwt_signer_sign(p->signer, &c, out);
}

static void answer_refresh(const struct refresh *f, struct http_call *call, const struct user *u)
{
    char jwt[JWT_TEXT_MAX + 1];
    if (!apps_find(f->n->parts->apps, slice_of(u->appid))) {
        native_fail(call, FAILURE_INVALID_REFRESH);
    } else if (!sign(f, u, jwt)) {
        native_fail(call, FAILURE_INTERNAL);
    } else {
        dialect_reply(call, 200,
                      json_pack("{s:s,s:I,s:s}", "accessToken", jwt, "expiresIn",
                                (json_int_t)(f->n->parts->limits->jwt_ttl_ms / 1000),
                                "refreshToken", f->refresh_token));
        bytes_wipe(jwt, sizeof jwt);
    }
}

static void on_rotated(void *owner, uint64_t id, const struct store_result *r)
{
    struct native *n = owner;
    struct refresh *f = slots_remove(n->refreshes, id);
    struct http_call *call = native_call(n, f->call_id, r);
    if (r->status == STORE_REUSED)
        native_announce(n, &r->session, 1);
    if (call && r->status == STORE_OK)
        answer_refresh(f, call, &r->user);
    else if (call)
        native_fail(call, FAILURE_INVALID_REFRESH);
    refresh_free(f);
}

static void rotate(struct native *n, struct http_call *call, struct refresh *f)
{
    struct store_rotation *in = &f->rotation;
    struct session renewed;
    in->now = clock_wall();
    session_renew(&renewed, slice_of(in->sid), in->now, n->parts->limits->session_ttl_ms,
                  f->refresh_token);
    memcpy(in->new_hash, renewed.refresh_hash, sizeof in->new_hash);
    in->expires_at = renewed.expires_at;
    in->until = native_jwt_end(n, in->now);
    f->n = n;
    f->call_id = http_call_id(call);
    uint64_t id = slots_put(n->refreshes, f);
    list_push_back(&n->refreshing, &f->node);
    if (!store_session_rotate(n->parts->store, in, (struct store_caller){on_rotated, n, id})) {
        (void)slots_remove(n->refreshes, id);
        refresh_free(f);
        native_fail(call, FAILURE_OVERLOADED);
    }
}

static void on_refresh(struct http_call *call, void *arg)
{
    struct native *n = arg;
    struct body body;
    struct slice token;
    if (!native_read_body(call, &body))
        return;
    enum body_field given =
        body_text(&body, "refreshToken", SESSION_REFRESH_TOKEN_SIZE * 4, &token);
    struct refresh *f = xcalloc(1, sizeof *f);
    static const enum failure_kind faults[] = {[BODY_ABSENT] = FAILURE_MISSING,
                                               [BODY_TEXT] = FAILURE_INVALID_REFRESH,
                                               [BODY_WRONG] = FAILURE_WRONG};
    if (given == BODY_TEXT && session_parse_refresh(token, f->rotation.sid, f->rotation.old_hash)) {
        rotate(n, call, f);
    } else {
        free(f);
        native_fail(call, faults[given]);
    }
    body_deinit(&body);
}

/* ---- POST /v1/logout ---- */

static void on_logged_out(void *owner, uint64_t id, const struct store_result *r)
{
    const struct native *n = owner;
    struct http_call *call = native_call(n, id, r);
    if (r->status == STORE_OK)
        native_announce(n, r->sessions, r->n_sessions);
    if (call) /* one that had ended by itself is logged out too */
        dialect_reply(call, 200, json_pack("{s:I}", "ended", (json_int_t)r->n_sessions));
}

static void on_logout(struct http_call *call, void *arg)
{
    struct native *n = arg;
    struct jwt_claims c;
    struct body body;
    struct store_caller caller = {on_logged_out, n, http_call_id(call)};
    wall_ms_t now = clock_wall();
    if (!bearer_authorize(n->parts, &native_dialect, call, &c) || !native_read_body(call, &body))
        return;
    bool all, readable = body_flag(&body, "all", &all);
    body_deinit(&body);
    if (!readable) {
        native_fail(call, FAILURE_WRONG);
        return;
    }
    native_started(call, all ? store_sessions_end_all(n->parts->store, c.user_id, now,
                                                      native_jwt_end(n, now), caller)
                             : store_session_end(n->parts->store, c.user_id, slice_of(c.sid), now,
                                                 native_jwt_end(n, now), caller));
}

/* ---- GET /v1/sessions ---- */

static json_t *list_of(const struct store_result *r, const char *current)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->n_sessions; i++) {
        const struct store_session *s = &r->sessions[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:I,s:I,s:b}", "id", s->id, "device",
                                              s->device, "createdAt", (json_int_t)s->created_at.ms,
                                              "lastUsedAt", (json_int_t)s->last_used_at.ms,
                                              "expiresAt", (json_int_t)s->expires_at.ms, "current",
                                              slice_is(slice_of(s->id), current)));
    }
    return list;
}

static void on_listed(void *owner, uint64_t id, const struct store_result *r)
{
    const struct native *n = owner;
    struct http_call *call = native_call(n, id, r);
    struct jwt_claims c;
    if (!call)
        return;
    if (bearer_claims(n->parts, &native_dialect, call, &c))
        dialect_reply(call, 200, json_pack("{s:o}", "sessions", list_of(r, c.sid)));
    else
        native_fail(call, FAILURE_INVALID_TOKEN);
}

static void on_list(struct http_call *call, void *arg)
{
    struct native *n = arg;
    struct jwt_claims c;
    struct store_caller caller = {on_listed, n, http_call_id(call)};
    if (bearer_authorize(n->parts, &native_dialect, call, &c))
        native_started(call, store_sessions_list(n->parts->store, c.user_id, clock_wall(), caller));
}

/* ---- DELETE /v1/sessions/{id} ---- */

static void on_ended(void *owner, uint64_t id, const struct store_result *r)
{
    const struct native *n = owner;
    struct http_call *call = native_call(n, id, r);
    if (r->status == STORE_OK)
        native_announce(n, r->sessions, r->n_sessions);
    if (call && r->status == STORE_OK)
        dialect_reply_nothing(call);
    else if (call)
        native_fail(call, FAILURE_NOT_FOUND);
}

static void on_end(struct http_call *call, void *arg)
{
    struct native *n = arg;
    struct jwt_claims c;
    struct store_caller caller = {on_ended, n, http_call_id(call)};
    struct slice sid = http_call_param(call, "id");
    wall_ms_t now = clock_wall();
    if (!bearer_authorize(n->parts, &native_dialect, call, &c))
        return;
    if (!session_id_valid(sid))
        native_fail(call, FAILURE_NOT_FOUND);
    else
        native_started(call, store_session_end(n->parts->store, c.user_id, sid, now,
                                               native_jwt_end(n, now), caller));
}

void native_sessions_routes(struct native *n)
{
    static const struct http_route routes[] = {
        {HTTP_POST, "/v1/token/refresh", on_refresh, 0, NULL},
        {HTTP_POST, "/v1/logout", on_logout, 0, NULL},
        {HTTP_GET, "/v1/sessions", on_list, 0, NULL},
        {HTTP_DELETE, "/v1/sessions/{id}", on_end, 0, NULL},
    };
    list_init(&n->refreshing);
    http_server_routes(n->parts->server, routes, ARRAY_LEN(routes), n);
}

void native_sessions_free(struct native *n)
{
    while (!list_empty(&n->refreshing))
        refresh_free(LIST_ENTRY(n->refreshing.next, struct refresh, node));
    slots_free(n->refreshes);
}
