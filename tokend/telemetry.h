/* telemetry.h - what tokend measures. What happens is counted as it happens; states are read when
 * somebody asks for the metrics. Loop thread only. */
#ifndef TOKEND_TELEMETRY_H
#define TOKEND_TELEMETRY_H

#include "metrics/metrics.h"
#include "redis/client.h"
#include "tokend/refresh/fleet.h"
#include "wechat/client.h"

struct telemetry; /* opaque */

struct telemetry *telemetry_new(struct metrics *m) MUST_CHECK; /* registers the families */
void telemetry_free(struct telemetry *t);                      /* NULL is allowed */

/* What the fleet is to be made with. */
struct fleet_hooks telemetry_fleet_hooks(struct telemetry *t);

/* From now on also the calls to WeChat, and the states of these. Borrowed until telemetry_free. */
void telemetry_watch(struct telemetry *t, struct fleet *f, struct redis_client *r,
                     struct wechat_client *w);

void telemetry_forget_app(struct telemetry *t, const char *appid);

#endif
