/* events.h - GET /v1/events: what happens to the apps, as server-sent events, as it happens.
 *
 * One event for each entry of the streams P:{A}:events of the apps that the client may see (scope
 * read); `?appid=` narrows them, repeated or separated by commas. Never a token:
 *
 *     id: 1700000000000-0:wx0123456789abcdef
 *     event: refreshed
 *     data: {"id":"1700000000000-0","at":1700000000000,"event":"refreshed","version":8,…,
 *            "appid":"wx0123456789abcdef"}
 *
 * `data` is one line: the object that /v1/apps/A/events lists, and its appid. Events come in the
 * order of their ids: by stream id, then by appid.
 *
 * The stream begins with a comment, `retry: 1000`, and an `id:` without data, which says where
 * "now" is; a comment comes every 15 s. `Last-Event-ID: ID` (or `?last_event_id=ID`) goes on behind
 * that id, with nothing lost and nothing twice as far as the capped streams still have it, at any
 * tokend and after any restart; an empty one is none. Without one it starts now.
 *
 * Errors (problem+json): 400 bad_event_id, 401, 403, 404 unknown_app for an appid that is unknown
 * or not the client's, 503 too_many_streams. The stream ends when tokend stops, when a reload takes
 * the client's right away, and when the client has had no room for more for 10 s: connect again.
 * Loop thread. */
#ifndef API_EVENTS_H
#define API_EVENTS_H

#include "base/check.h"
#include "http/server.h"
#include "loop/loop.h"
#include "redis/subscriber.h"
#include "tokend/api/clients.h"
#include "tokend/refresh/fleet.h"

struct events; /* opaque */

/* All borrowed; they outlive it. */
struct events_parts {
    struct loop *loop;
    struct http_server *server;
    struct redis_subscriber *subscriber;
    struct fleet *fleet;
    const struct store *store;
    const struct clients *clients;
};

/* Adds the route. */
struct events *events_new(const struct events_parts *parts) MUST_CHECK;

/* Ends all streams; before the parts go. NULL is allowed. */
void events_free(struct events *e);

#endif
