/* health.h - GET /healthz, /readyz and /metrics.
 *
 * Alive is who answers. Ready is who could log somebody in now: the database answers, and there is
 * a token for every app or at least Redis to get one from. Loop thread only. */
#ifndef LOGINSVC_HEALTH_H
#define LOGINSVC_HEALTH_H

#include "base/check.h"
#include "http/server.h"
#include "loginsvc/login/apps.h"
#include "loginsvc/users/store.h"
#include "metrics/metrics.h"
#include "redis/client.h"
#include "token/reader.h"

/* All borrowed; they outlive the server's last call. */
struct health_parts {
    struct http_server *server;
    struct metrics *metrics;
    struct redis_client *redis;
    struct token_reader *tokens;
    const struct apps *apps;
    struct store *store;
};

struct health; /* opaque */

/* Adds the routes. */
struct health *health_new(const struct health_parts *parts) MUST_CHECK;
void health_free(struct health *h); /* NULL is allowed */

/* From now on not ready: load balancers turn away while what is under way is finished. */
void health_draining(struct health *h);

#endif
