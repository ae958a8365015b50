#include "tokend/api/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/list.h"
#include "log/log.h"
#include "sys/clock.h"
#include "tokend/api/view.h"

enum {
    EVENTS_DEFAULT = 50,
    EVENTS_MAX = 1000,
};

struct api {
    struct api_parts parts;
    struct list waiting;
};

/* A call that waits for Redis: found again by id, for it may be over by then. */
struct waiting {
    struct list node;
    struct api *api;
    uint64_t call, command;
    char *appid, *by;     /* owned; NULL where they do not matter */
    struct report report; /* that is passed on */
    int64_t known;        /* the version, as this instance knew it */
};

static struct waiting *wait_for(struct api *a, const struct http_call *call)
{
    struct waiting *w = xcalloc(1, sizeof *w);
    w->api = a;
    w->call = http_call_id(call);
    list_push_back(&a->waiting, &w->node);
    return w;
}

static void end_waiting(struct waiting *w)
{
    list_remove(&w->node);
    free(w->appid);
    free(w->by);
    free(w);
}

static struct http_call *waited(struct waiting *w)
{
    return http_server_find(w->api->parts.server, w->call);
}

static void reply_taken(struct http_call *call, int status, json_t *body)
{
    http_reply_header(call, "Cache-Control", "no-store");
    http_reply_json(call, status, body);
    json_decref(body);
}

static void reply_redis_away(struct http_call *call)
{
    http_reply_header(call, "Retry-After", "1");
    http_reply_problem(call, 503, "redis_unavailable", "Redis does not answer; try again");
}

/* The app that the path names, when the caller may do `scope` to it; else NULL and replied to. */
static struct app *find_app(struct api *a, struct http_call *call, enum tokend_scope scope)
{
    struct slice appid = http_call_param(call, "appid");
    if (!clients_allow(a->parts.clients, call, scope, appid))
        return NULL;
    struct app *app = fleet_find(a->parts.fleet, appid);
    if (!app)
        http_reply_problem(call, 404, "unknown_app", "no such app");
    return app;
}

/* ---- looking ---- */

/* As text one after the other: the tree of ten thousand apps takes eight times the room. */
static void write_apps(const struct api *a, const struct client *caller, FILE *out)
{
    const char *comma = "";
    size_t at = 0;
    for (struct app *app; (app = fleet_next(a->parts.fleet, &at)) != NULL;) {
        if (!client_sees(caller, slice_of(app_id(app))))
            continue;
        json_t *view = view_app(app, clock_mono());
        fputs(comma, out);
        ASSERT(json_dumpf(view, out, JSON_COMPACT) == 0);
        json_decref(view);
        comma = ",";
    }
}

/* {"instance":…,"apps":[…]} */
static void write_fleet(const struct api *a, const struct client *caller, FILE *out)
{
    const struct fleet *f = a->parts.fleet;
    json_t *head =
        json_pack("{s:s,s:b,s:s?,s:I}", "instance", a->parts.store->owner, "leading",
                  fleet_leads(f), "leader", fleet_leader(f), "epoch", (json_int_t)fleet_epoch(f));
    fputc('{', out);
    ASSERT(json_dumpf(head, out, JSON_COMPACT | JSON_EMBED) == 0);
    fputs(",\"apps\":[", out);
    write_apps(a, caller, out);
    fputs("]}", out);
    json_decref(head);
}

static void on_apps(struct http_call *call, void *arg)
{
    struct api *a = arg;
    struct slice body = {NULL, 0};
    char *text = NULL;
    if (!clients_allow(a->parts.clients, call, TOKEND_SCOPE_READ, slice_of(NULL)))
        return;
    FILE *out = open_memstream(&text, &body.n);
    ASSERT(out != NULL);
    write_fleet(a, clients_caller(a->parts.clients, call), out);
    ASSERT(fclose(out) == 0);
    body.p = text;
    http_reply_header(call, "Cache-Control", "no-store");
    http_reply(call, 200, "application/json", body);
    free(text);
}

static void on_app(struct http_call *call, void *arg)
{
    struct app *app = find_app(arg, call, TOKEND_SCOPE_READ);
    if (app)
        reply_taken(call, 200, view_app(app, clock_mono()));
}

static void on_token(struct http_call *call, void *arg)
{
    struct app *app = find_app(arg, call, TOKEND_SCOPE_READ);
    struct app_token t;
    if (!app)
        return;
    if (!app_token(app, &t)) {
        http_reply_header(call, "Retry-After", "1");
        http_reply_problem(call, 503, "no_token", "there is no living token for this app yet");
        return;
    }
    json_t *previous = json_null();
    if (t.previous.n)
        previous = json_pack("{s:s%,s:I}", "access_token", t.previous.p, t.previous.n, "usable_for",
                             (json_int_t)(t.previous_ms / 1000));
    reply_taken(call, 200,
                json_pack("{s:s%,s:I,s:I,s:o}", "access_token", t.token.p, t.token.n, "expires_in",
                          (json_int_t)(t.remaining_ms / 1000), "version", (json_int_t)t.version,
                          "previous", previous));
}

static void on_events_read(const struct redis_result *r, void *arg)
{
    struct waiting *w = arg;
    struct http_call *call = waited(w);
    end_waiting(w);
    if (!call)
        return;
    if (r->outcome == REDIS_REPLIED)
        reply_taken(call, 200, json_pack("{s:o}", "events", view_events(r->value)));
    else
        reply_redis_away(call);
}

static void on_events(struct http_call *call, void *arg)
{
    struct api *a = arg;
    struct app *app = find_app(a, call, TOKEND_SCOPE_READ);
    int64_t limit = EVENTS_DEFAULT;
    char key[TOKEN_KEY_SIZE], count[24];
    if (!app)
        return;
    struct slice asked = http_call_query(call, "limit");
    if (asked.p && !slice_to_int(asked, 1, EVENTS_MAX, &limit)) {
        http_reply_problem(call, 400, "bad_limit", "limit: expected a number from 1 to 1000");
        return;
    }
    token_key(TOKEN_KEY_EVENTS, a->parts.store->prefix, app_id(app), key);
    snprintf(count, sizeof count, "%" PRId64, limit);
    struct waiting *w = wait_for(a, call);
    w->command = redis_command(a->parts.store->redis, REDIS_NOW, a->parts.store->timeout_ms,
                               REDIS_ARGV(SLICE_LIT("XREVRANGE"), slice_of(key), SLICE_LIT("+"),
                                          SLICE_LIT("-"), SLICE_LIT("COUNT"), slice_of(count)),
                               on_events_read, w);
}

/* ---- reports and orders ---- */

static void reply_accepted(struct http_call *call, bool refreshing, int64_t version)
{
    reply_taken(call, 202,
                json_pack("{s:b,s:I}", "refreshing", refreshing, "version", (json_int_t)version));
}

/* Redis has the report: the leader hears it. Without Redis the leader is told by word of mouth, and
 * another one can do nothing. */
static bool took(const struct waiting *w, bool in_redis)
{
    struct app *app = fleet_find(w->api->parts.fleet, slice_of(w->appid));
    bool leads = app && app_status(app).leading;
    if (in_redis && app)
        fleet_hear(w->api->parts.fleet, app);
    else if (leads)
        app_told(app, &w->report);
    return in_redis || leads;
}

static void on_passed_on(const struct redis_result *r, void *arg)
{
    struct waiting *w = arg;
    bool taken = took(w, r->outcome == REDIS_REPLIED);
    struct http_call *call = waited(w);
    int64_t version = w->known;
    end_waiting(w);
    if (call && taken)
        reply_accepted(call, true, version);
    else if (call)
        reply_redis_away(call);
}

/* To the leader, be it this one or another: by way of Redis, so that it survives either. */
static void pass_on(struct api *a, struct http_call *call, const struct app *app,
                    enum store_report kind, int64_t version, int64_t errcode)
{
    struct waiting *w = wait_for(a, call);
    w->appid = xstrdup(app_id(app));
    w->by = xstrdup(clients_name(a->parts.clients, call));
    w->report = (struct report){
        .kind = kind, .version = version, .errcode = errcode, .by = slice_of(w->by)};
    w->known = refresh_record(app_refresh(app))->version;
    w->command = store_add_report(a->parts.store, app_id(app), kind, version, errcode, w->by,
                                  on_passed_on, w);
}

/* What a caller's body tells. */
struct refusal {
    int64_t version, errcode;
};

/* By version, or by the token itself; version 0 for a token that is not the current one. */
static bool parse_report(struct http_call *call, const struct app *app, struct refusal *out)
{
    struct slice body = http_call_body(call);
    json_t *json = json_loadb(body.p ? body.p : "", body.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *version = json_object_get(json, "version"),
           *token = json_object_get(json, "access_token");
    json_t *errcode = json_object_get(json, "errcode");
    struct app_token current;
    bool ok = (json_is_integer(version) || json_is_string(token)) && json_is_integer(errcode);
    if (ok) {
        struct slice given = {json_string_value(token), json_string_length(token)};
        bool is_current = app_token(app, &current) && slice_eq(given, current.token);
        out->version = json_is_integer(version) ? json_integer_value(version)
                       : is_current             ? current.version
                                                : 0;
        out->errcode = json_integer_value(errcode);
    }
    json_decref(json);
    return ok;
}

static void on_report(struct http_call *call, void *arg)
{
    struct api *a = arg;
    struct app *app = find_app(a, call, TOKEND_SCOPE_REPORT);
    struct refusal report;
    if (!app)
        return;
    if (!parse_report(call, app, &report)) {
        http_reply_problem(call, 400, "bad_report",
                           "expected {\"version\" or \"access_token\", \"errcode\"}");
        return;
    }
    /* Redis may have a newer one before we hear of it; a leader that has read it is not behind. */
    const struct refresh *r = app_refresh(app);
    int64_t version = refresh_record(r)->version;
    int64_t newest = !app_status(app).adopted ? INT64_MAX
                     : refresh_attempting(r)  ? version + 1
                                              : version;
    if (report.version < version || report.version > newest)
        reply_accepted(call, refresh_attempting(r), version);
    else if (app_knows(app, report.version))
        reply_accepted(call, true, version);
    else
        pass_on(a, call, app, STORE_REPORT_REFUSED, report.version, report.errcode);
}

static void on_refresh(struct http_call *call, void *arg)
{
    struct api *a = arg;
    struct app *app = find_app(a, call, TOKEND_SCOPE_ADMIN);
    if (!app)
        return;
    log_info("api.refresh_ordered", LOG_STR("appid", app_id(app)),
             LOG_STR("client", clients_name(a->parts.clients, call)),
             LOG_STR("request_id", http_call_request_id(call)));
    pass_on(a, call, app, STORE_REPORT_ORDER, refresh_record(app_refresh(app))->version, 0);
}

/* ---- life ---- */

struct api *api_new(const struct api_parts *parts)
{
    static const struct http_route routes[] = {
        {HTTP_GET, "/v1/apps", on_apps, 0, NULL},
        {HTTP_GET, "/v1/apps/{appid}", on_app, 0, NULL},
        {HTTP_GET, "/v1/apps/{appid}/events", on_events, 0, NULL},
        {HTTP_GET, "/v1/apps/{appid}/token", on_token, 0, NULL},
        {HTTP_POST, "/v1/apps/{appid}/token/report", on_report, 0, NULL},
        {HTTP_POST, "/v1/apps/{appid}/token/refresh", on_refresh, 0, NULL},
    };
    struct api *a = xcalloc(1, sizeof *a);
    a->parts = *parts;
    list_init(&a->waiting);
    http_server_routes(parts->server, routes, ARRAY_LEN(routes), a);
    return a;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    LIST_FOR_EACH(it, &a->waiting)
    {
        struct waiting *w = LIST_ENTRY(it, struct waiting, node);
        redis_cancel(a->parts.store->redis, w->command);
        end_waiting(w);
    }
    free(a);
}
