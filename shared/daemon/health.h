/* health.h - GET /healthz, /readyz and /metrics of a daemon.
 *
 * Alive is who answers. What ready means the daemon says. Loop thread only. */
#ifndef DAEMON_HEALTH_H
#define DAEMON_HEALTH_H

#include <jansson.h>

#include "http/server.h"
#include "metrics/metrics.h"

struct health; /* opaque */

/* Adds the routes. `readyz` answers GET /readyz, by health_reply, at once or later. All borrowed;
 * they outlive the server's last call. */
struct health *health_new(struct http_server *s, struct metrics *m, http_handler_fn *readyz,
                          void *arg) MUST_CHECK;
void health_free(struct health *h); /* NULL is allowed */

/* From now on not ready: load balancers turn away while what is under way is finished. */
void health_draining(struct health *h);

/* {"ready","draining","checks"}: 200 when `ok` and not draining, else 503. Takes `checks` over. */
void health_reply(const struct health *h, struct http_call *call, bool ok, json_t *checks);

#endif
