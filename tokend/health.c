#include "tokend/health.h"

#include <stdlib.h>

#include <jansson.h>

struct health {
    struct health_parts parts;
    bool draining;
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

static void on_readyz(struct http_call *call, void *arg)
{
    struct health *h = arg;
    struct app_token token;
    size_t at = 0, apps = fleet_count(h->parts.fleet), missing = 0;
    for (struct app *a; (a = fleet_next(h->parts.fleet, &at)) != NULL;)
        missing += app_token(a, &token) ? 0 : 1;
    bool redis = redis_client_ready(h->parts.redis);
    bool ready = !h->draining && missing < apps && (redis || missing == 0);
    json_t *body =
        json_pack("{s:b,s:b,s:b,s:{s:b,s:I,s:I}}", "ready", ready, "draining", h->draining,
                  "leading", fleet_leads(h->parts.fleet), "checks", "redis", redis, "apps",
                  (json_int_t)apps, "apps_without_token", (json_int_t)missing);
    http_reply_json(call, ready ? 200 : 503, body);
    json_decref(body);
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
    http_server_routes(parts->server, routes, ARRAY_LEN(routes), h);
    return h;
}

void health_free(struct health *h)
{
    free(h);
}

void health_draining(struct health *h)
{
    h->draining = true;
}
