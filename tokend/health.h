/* health.h - GET /healthz, /readyz and /metrics.
 *
 * Alive is who answers. Ready is who can hand out tokens: some app has a living one, and Redis is
 * there to bring those that are missing. Loop thread only. */
#ifndef TOKEND_HEALTH_H
#define TOKEND_HEALTH_H

#include "http/server.h"
#include "metrics/metrics.h"
#include "redis/client.h"
#include "tokend/refresh/fleet.h"

/* All borrowed; they outlive the server's last call. */
struct health_parts {
    struct http_server *server;
    struct metrics *metrics;
    struct redis_client *redis;
    struct fleet *fleet;
};

struct health; /* opaque */

struct health *health_new(const struct health_parts *parts) MUST_CHECK; /* adds the routes */
void health_free(struct health *h);                                     /* NULL is allowed */

/* From now on not ready: load balancers turn away while what is under way is finished. */
void health_draining(struct health *h);

#endif
