/* view.h - an app and its events as JSON, and as server-sent events. Never a token: those only
 * /token hands out. Loop thread. */
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

/* One entry of the app's stream as the "event:" and "data:" lines of a server-sent event, with the
 * blank line behind them. An entry that is longer than any of ours is cut to what it is called. The
 * caller frees. */
char *view_event_lines(const struct redis_value *entry, const char *appid) MUST_CHECK;

#endif
