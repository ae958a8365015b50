/* view.h - an app and its events as JSON. Never a token: those only /token hands out. Loop thread.
 */
#ifndef API_VIEW_H
#define API_VIEW_H

#include <jansson.h>

#include "base/times.h"
#include "redis/value.h"
#include "tokend/refresh/app.h"

/* One word for people: fresh, refreshing, retrying, parked, waiting_for_quota, following. */
const char *view_state(const struct refresh_status *s);

json_t *view_app(const struct app *a, mono_ms_t now); /* the caller drops it */

/* What XREVRANGE answered, as a list of events, the newest first. The caller drops it. */
json_t *view_events(const struct redis_value *entries);

#endif
