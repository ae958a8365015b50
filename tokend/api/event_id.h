/* event_id.h - which event of which app: "1700000000000-0:wx0123456789abcdef".
 *
 * The id of an entry of an app's stream, and the appid: two streams may hold the same one. They
 * order all events of all apps, by stream id first. An empty appid stands before every app: such an
 * id names a moment, no event. Pure. */
#ifndef API_EVENT_ID_H
#define API_EVENT_ID_H

#include <stdbool.h>

#include "base/check.h"
#include "token/keys.h"
#include "token/stream_id.h"

struct event_id {
    struct stream_id entry;
    char appid[TOKEN_APPID_MAX + 1];
};

enum { EVENT_ID_SIZE = STREAM_ID_SIZE + 1 + TOKEN_APPID_MAX };

/* False for what is no id, and leaves *out alone. */
bool event_id_parse(struct slice text, struct event_id *out) MUST_CHECK;
void event_id_format(const struct event_id *id, char out[EVENT_ID_SIZE]);

/* Below, at or above 0 as a comes before b, is b, or comes after it. */
int event_id_compare(const struct event_id *a, const struct event_id *b);

/* Before all events of that millisecond of Redis's clock. */
struct event_id event_id_of_moment(int64_t unix_ms);

/* `id` itself where it names no app; else a moment right behind it: what goes to somebody who may
 * not know of that app. */
struct event_id event_id_without_app(const struct event_id *id);

/* The first entry of the app's own stream that comes after `id`. */
struct stream_id event_id_next(const struct event_id *id, const char *appid);

#endif
