#include "daemon/upstreams.h"

#include "redis/url.h"

/* Leases and logins wait for Redis: it is tried again soon. */
enum { REDIS_BACKOFF_MAX_MS = 1000 };

static bool open_redis(struct upstreams *u, struct loop *l, const struct upstreams_options *o,
                       struct err *e)
{
    struct redis_options options = REDIS_OPTIONS_DEFAULT;
    struct redis_url url = {.nhosts = 0};
    options.connect_timeout_ms = o->redis_timeout_ms;
    options.backoff_max_ms = REDIS_BACKOFF_MAX_MS;
    if (o->redis_max_pending)
        options.max_pending = o->redis_max_pending;
    if (!redis_url_parse(secret_reveal(o->redis_url), &url, e))
        return false;
    u->redis = redis_client_new(l, &url, &options);
    u->subscriber = redis_subscriber_new(l, &url, &options);
    redis_url_wipe(&url);
    return true;
}

static bool open_wechat(struct upstreams *u, struct loop *l, const struct upstreams_options *o,
                        struct err *e)
{
    const struct http_client_options options = {.user_agent = o->program,
                                                .max_connections = o->wechat_connections,
                                                .max_queued = o->wechat_queue};
    struct http_hosts *hosts = http_hosts_parse(slice_of(o->wechat_api_base), e);
    if (!hosts)
        return false;
    u->http = http_client_new(l, &options, e);
    if (u->http)
        u->wechat = wechat_client_new(l, u->http, hosts, o->wechat_timeout_ms);
    http_hosts_unref(hosts);
    return u->http != NULL;
}

bool upstreams_open(struct upstreams *u, struct loop *l, const struct upstreams_options *o,
                    struct err *e)
{
    return open_redis(u, l, o, e) && open_wechat(u, l, o, e);
}

void upstreams_check(const struct secret *redis_url, const char *wechat_api_base,
                     struct config_faults *f)
{
    struct err e;
    struct redis_url redis = {.nhosts = 0};
    if (!redis_url_parse(secret_reveal(redis_url), &redis, &e))
        config_fault(f, "REDIS_URL", "%s", e.text);
    redis_url_wipe(&redis);
    struct http_hosts *hosts = http_hosts_parse(slice_of(wechat_api_base), &e);
    if (!hosts)
        config_fault(f, "WECHAT_API_BASE", "%s", e.text);
    http_hosts_unref(hosts);
}
