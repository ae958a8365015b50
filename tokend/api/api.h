/* api.h - tokend over HTTP: the apps, their tokens and events, reports and orders.
 *
 * The contract's section 4 says what each answers. Reads come from memory, as a follower as well as
 * the leader, so they go on while Redis is away. Loop thread. */
#ifndef API_API_H
#define API_API_H

#include "http/server.h"
#include "tokend/api/clients.h"
#include "tokend/refresh/fleet.h"

struct api; /* opaque */

/* All borrowed; they outlive the api. */
struct api_parts {
    struct http_server *server;
    struct fleet *fleet;
    const struct store *store;
    const struct clients *clients;
};

/* Adds the routes. */
struct api *api_new(const struct api_parts *parts) MUST_CHECK;

/* What waits for Redis is left to the server, which ends it. No call may come any more. NULL is
 * allowed. */
void api_free(struct api *a);

#endif
