/* upstreams.h - the two peers every daemon of the house has: Redis and WeChat. Main thread. */
#ifndef DAEMON_UPSTREAMS_H
#define DAEMON_UPSTREAMS_H

#include "base/secret.h"
#include "config/config.h"
#include "http/client.h"
#include "loop/loop.h"
#include "redis/client.h"
#include "redis/subscriber.h"
#include "wechat/client.h"

/* Borrowed for the call. */
struct upstreams_options {
    const char *program;            /* the user agent */
    const struct secret *redis_url; /* REDIS_URL */
    int64_t redis_timeout_ms;
    size_t redis_max_pending;    /* commands at once; 0: the client's default */
    const char *wechat_api_base; /* WECHAT_API_BASE */
    int64_t wechat_timeout_ms;
    size_t wechat_connections; /* calls at once; more wait ... */
    size_t wechat_queue;       /* ... up to so many */
};

/* NULL where not (yet) made. The owner frees them, each when nobody uses it any more: wechat before
 * http. */
struct upstreams {
    struct redis_client *redis;
    struct redis_subscriber *subscriber;
    struct http_client *http;
    struct wechat_client *wechat;
};

/* Makes all four, connected or not. False with a line in *e when a setting cannot be used. */
bool upstreams_open(struct upstreams *u, struct loop *l, const struct upstreams_options *o,
                    struct err *e) MUST_CHECK;

/* For config_program.finish: notes what is wrong with the two addresses. */
void upstreams_check(const struct secret *redis_url, const char *wechat_api_base,
                     struct config_faults *f);

#endif
