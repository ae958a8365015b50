#include "loginsvc/health.h"

#include <stdlib.h>

#include <jansson.h>

enum health_state {
    HEALTH_SERVING,  /* ready when its checks say so */
    HEALTH_DRAINING, /* not ready, whatever they say */
};

struct health {
    struct health_parts parts;
    enum health_state state;
};

static void on_healthz(struct http_call *call, void *arg)
{
    (void)arg;
    http_reply(call, 200, "application/json", SLICE_LIT("{\"status\":\"ok\"}"));
}

static void on_metrics(struct http_call *call, void *arg)
{
    struct health *h = arg;
    size_t n;
    char *text = metrics_text(h->parts.metrics, &n);
    http_reply(call, 200, METRICS_CONTENT_TYPE, (struct slice){text, n});
    free(text);
}

static size_t apps_without_token(const struct health *h)
{
    size_t missing = 0;
    for (size_t i = 0; i < apps_count(h->parts.apps); i++) {
        struct token_view token;
        if (!token_reader_get(h->parts.tokens, app_id(apps_at(h->parts.apps, i)), &token))
            missing++;
    }
    return missing;
}

static void reply_readiness(const struct health *h, struct http_call *call, bool database_ok)
{
    bool redis_ok = redis_client_ready(h->parts.redis);
    size_t missing = apps_without_token(h);
    bool draining = h->state == HEALTH_DRAINING;
    bool ready = !draining && database_ok && (redis_ok || missing == 0);
    json_t *body =
        json_pack("{s:b,s:b,s:{s:b,s:b,s:I,s:I}}", "ready", ready, "draining", draining, "checks",
                  "database", database_ok, "redis", redis_ok, "apps",
                  (json_int_t)apps_count(h->parts.apps), "apps_without_token", (json_int_t)missing);
    http_reply_json(call, ready ? 200 : 503, body);
    json_decref(body);
}

static void on_ping(void *owner, uint64_t id, const struct store_result *r)
{
    struct health *h = owner;
    struct http_call *call = http_server_find(h->parts.server, id);
    if (call)
        reply_readiness(h, call, r->status == STORE_OK);
}

static void on_readyz(struct http_call *call, void *arg)
{
    struct health *h = arg;
    struct store_caller caller = {on_ping, h, http_call_id(call)};
    if (!store_ping(h->parts.store, caller)) /* its queue is full */
        reply_readiness(h, call, false);
}

struct health *health_new(const struct health_parts *parts)
{
    static const struct http_route routes[] = {
        {HTTP_GET, "/healthz", on_healthz, HTTP_ROUTE_ALWAYS, NULL},
        {HTTP_GET, "/readyz", on_readyz, HTTP_ROUTE_ALWAYS, NULL},
        {HTTP_GET, "/metrics", on_metrics, HTTP_ROUTE_ALWAYS, NULL},
    };
    struct health *h = xcalloc(1, sizeof *h);
    h->parts = *parts;
    h->state = HEALTH_SERVING;
    http_server_routes(parts->server, routes, ARRAY_LEN(routes), h);
    return h;
}

void health_free(struct health *h)
{
    free(h);
}

void health_draining(struct health *h)
{
    h->state = HEALTH_DRAINING;
}
