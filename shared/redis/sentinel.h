/* sentinel.h - asks the sentinels of a URL where their master is. Internal to redis/.
 *
 * One after the other, beginning with the one that answered last. What it finds may be out of date:
 * whoever connects there checks ROLE. Loop thread only. Source:
 * https://redis.io/docs/latest/develop/reference/sentinel-clients/ */
#ifndef REDIS_SENTINEL_H
#define REDIS_SENTINEL_H

#include <stdint.h>

#include "base/check.h"
#include "loop/loop.h"
#include "redis/url.h"

struct sentinel; /* opaque */

/* One of them is called once for each sentinel_ask, never from inside it. */
struct sentinel_hooks {
    void (*on_found)(const struct redis_host *master, void *arg);
    void (*on_lost)(const char *why, void *arg); /* none of the sentinels knew */
};

/* url is borrowed as long as this lives; each sentinel has timeout_ms. */
struct sentinel *sentinel_new(struct loop *l, const struct redis_url *url, int64_t timeout_ms,
                              const struct sentinel_hooks *hooks, void *arg) MUST_CHECK;
void sentinel_free(struct sentinel *s); /* NULL is allowed */

void sentinel_ask(struct sentinel *s); /* begins anew when already asking */

#endif
