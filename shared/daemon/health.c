#include "daemon/health.h"

#include <stdlib.h>

enum health_state {
    HEALTH_SERVING,  /* ready when its checks say so */
    HEALTH_DRAINING, /* not ready, whatever they say */
};

struct health {
    enum health_state state;
    struct metrics *metrics;
    http_handler_fn *readyz;
    void *arg;
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
    char *text = metrics_text(h->metrics, &n);
    http_reply(call, 200, METRICS_CONTENT_TYPE, (struct slice){text, n});
    free(text);
}

static void on_readyz(struct http_call *call, void *arg)
{
    struct health *h = arg;
    h->readyz(call, h->arg);
}

struct health *health_new(struct http_server *s, struct metrics *m, http_handler_fn *readyz,
                          void *arg)
{
    static const struct http_route routes[] = {
        {HTTP_GET, "/healthz", on_healthz, HTTP_ROUTE_ALWAYS, NULL},
        {HTTP_GET, "/readyz", on_readyz, HTTP_ROUTE_ALWAYS, NULL},
        {HTTP_GET, "/metrics", on_metrics, HTTP_ROUTE_ALWAYS, NULL},
    };
    struct health *h = xcalloc(1, sizeof *h);
    *h = (struct health){HEALTH_SERVING, m, readyz, arg};
    http_server_routes(s, routes, ARRAY_LEN(routes), h);
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

void health_reply(const struct health *h, struct http_call *call, bool ok, json_t *checks)
{
    bool draining = h->state == HEALTH_DRAINING;
    bool ready = ok && !draining;
    json_t *body =
        json_pack("{s:b,s:b,s:o}", "ready", ready, "draining", draining, "checks", checks);
    http_reply_json(call, ready ? 200 : 503, body);
    json_decref(body);
}
