#include "tokend/api/cgi.h"

#include <stdlib.h>

#include <jansson.h>

#include "base/secret.h"
#include "sys/clock.h"
#include "sys/entropy.h"

enum { ERRMSG_SIZE = 64, REPORTED_ERRCODE = 40001 };

#define STABLE_TOKEN "/cgi-bin/stable_token"

struct cgi {
    struct cgi_parts parts;
};

/* What WeChat says, word for word. */
#define REFUSALS(X)                                                                                \
    X(NOTHING, 0, "ok")                                                                            \
    X(BUSY, -1, "system error")                                                                    \
    X(GRANT_TYPE, 40002, "invalid grant_type")                                                     \
    X(APPID, 40013, "invalid appid")                                                               \
    X(SECRET, 40125, "invalid appsecret")                                                          \
    X(NO_APPID, 41002, "appid missing")                                                            \
    X(NO_SECRET, 41004, "appsecret missing")                                                       \
    X(NOT_GET, 43001, "require GET method")                                                        \
    X(NOT_POST, 43002, "require POST method")

enum refusal {
#define X(name, errcode, errmsg) REFUSED_##name,
    REFUSALS(X)
#undef X
};

static const struct {
    int errcode;
    const char *errmsg;
} refusals[] = {
#define X(name, errcode, errmsg) {errcode, errmsg},
    REFUSALS(X)
#undef X
};

/* ---- replies ---- */

static void reply(struct http_call *call, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    struct slice all = slice_of(text);
    ASSERT(text != NULL);
    http_reply_header(call, "Cache-Control", "no-store");
    http_reply(call, 200, "application/json; encoding=utf-8", all);
    bytes_wipe(text, all.n);
    free(text);
    json_decref(body);
}

/* With a request id as WeChat's are: the seconds, then two that are random. */
static void refuse(struct http_call *call, enum refusal why)
{
    char errmsg[ERRMSG_SIZE];
    struct text out = text_init(errmsg, sizeof errmsg);
    uint64_t random = entropy_u64();
    text_fmt(&out, "%s rid: %08x-%08x-%08x", refusals[why].errmsg,
             (unsigned)(clock_wall().ms / 1000), (unsigned)(random >> 32), (unsigned)random);
    reply(call, json_pack("{s:i,s:s}", "errcode", refusals[why].errcode, "errmsg", errmsg));
}

/* What the server itself refuses. */
static void refuse_problem(struct http_call *call, const struct http_problem *problem)
{
    if (problem->status == 405)
        refuse(call,
               slice_is(http_call_path(call), STABLE_TOKEN) ? REFUSED_NOT_POST : REFUSED_NOT_GET);
    else
        refuse(call, problem->status < 500 ? REFUSED_NO_APPID : REFUSED_BUSY);
}

/* ---- asking ---- */

/* What somebody asks for; empty is as good as absent. Borrowed from the call. */
struct ask {
    struct slice appid, secret, grant_type;
    bool force;
};

/* In WeChat's order. `client` is whose secret it is, or NULL. */
static enum refusal refusal_of(const struct cgi *c, const struct ask *ask,
                               const struct client *client)
{
    if (ask->appid.n == 0)
        return REFUSED_NO_APPID;
    if (!fleet_find(c->parts.fleet, ask->appid))
        return REFUSED_APPID;
    if (ask->secret.n == 0)
        return REFUSED_NO_SECRET;
    if (!clients_permit(c->parts.clients, client, TOKEND_SCOPE_READ))
        return REFUSED_SECRET;
    if (!client_sees(client, ask->appid))
        return REFUSED_APPID;
    if (!slice_is(ask->grant_type, "client_credential"))
        return REFUSED_GRANT_TYPE;
    return REFUSED_NOTHING;
}

/* To the leader, who finds out whether the token is dead. */
static void report(const struct cgi *c, const struct app *app, const struct client *client)
{
    int64_t version = refresh_record(app_refresh(app))->version;
    if (clients_permit(c->parts.clients, client, TOKEND_SCOPE_REPORT) && !app_knows(app, version))
        store_add_report(c->parts.store, app_id(app), STORE_REPORT_REFUSED, version,
                         REPORTED_ERRCODE, client_name(client), NULL, NULL);
}

static void answer(const struct cgi *c, struct http_call *call, const struct ask *ask)
{
    const struct client_key key = clients_key(ask->secret);
    const struct client *client = clients_find(c->parts.clients, &key);
    const struct app *app = fleet_find(c->parts.fleet, ask->appid);
    enum refusal why = refusal_of(c, ask, client);
    struct app_token t;
    if (why == REFUSED_NOTHING && (!app_token(app, &t) || t.remaining_ms < 1000))
        why = REFUSED_BUSY;
    if (why != REFUSED_NOTHING) {
        refuse(call, why);
        return;
    }
    if (ask->force)
        report(c, app, client);
    reply(call, json_pack("{s:s%,s:I}", "access_token", t.token.p, t.token.n, "expires_in",
                          (json_int_t)(t.remaining_ms / 1000)));
}

static void on_token(struct http_call *call, void *arg)
{
    const struct ask ask = {http_call_query(call, "appid"), http_call_query(call, "secret"),
                            http_call_query(call, "grant_type"), false};
    answer(arg, call, &ask);
}

static struct slice text_in(const json_t *json, const char *name)
{
    const json_t *value = json_object_get(json, name);
    return (struct slice){json_string_value(value), json_string_length(value)};
}

static void on_stable_token(struct http_call *call, void *arg)
{
    struct slice body = http_call_body(call);
    json_t *json = json_loadb(body.p ? body.p : "", body.n, JSON_REJECT_DUPLICATES, NULL);
    const struct ask ask = {text_in(json, "appid"), text_in(json, "secret"),
                            text_in(json, "grant_type"),
                            json_is_true(json_object_get(json, "force_refresh"))};
    answer(arg, call, &ask);
    bytes_wipe((char *)ask.secret.p, ask.secret.n);
    json_decref(json);
}

/* ---- life ---- */

struct cgi *cgi_new(const struct cgi_parts *parts)
{
    static const struct http_route routes[] = {
        {HTTP_GET, "/cgi-bin/token", on_token, 0, refuse_problem},
        {HTTP_POST, "/cgi-bin/token", on_token, 0, refuse_problem}, /* WeChat does not mind */
        {HTTP_POST, STABLE_TOKEN, on_stable_token, 0, refuse_problem},
    };
    struct cgi *c = xcalloc(1, sizeof *c);
    c->parts = *parts;
    http_server_routes(parts->server, routes, ARRAY_LEN(routes), c);
    return c;
}

void cgi_free(struct cgi *c)
{
    free(c);
}
