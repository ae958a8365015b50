/* fleet.h - all apps of this tokend, the lease they share, and the reports about them.
 *
 * Knows Redis, WeChat and time only through its parts. Loop thread. */
#ifndef REFRESH_FLEET_H
#define REFRESH_FLEET_H

#include "loop/loop.h"
#include "redis/client.h"
#include "redis/subscriber.h"
#include "tokend/refresh/app.h"
#include "tokend/refresh/store.h"
#include "wechat/client.h"

struct fleet; /* opaque */

/* What became of the apps, for metrics; any may be NULL. */
struct fleet_hooks {
    void (*refreshed)(const struct app *a, void *arg);
    void (*failed)(const struct app *a, enum err_class err, int64_t errcode, void *arg);
    void (*noted)(const struct app *a, enum refresh_note note, void *arg);
    void (*began)(const struct app *a, int64_t waited_ms, void *arg); /* a fetch had its turn */
    void *arg;
};

/* All borrowed; they outlive the fleet. The fleet listens to the Redis client's state. */
struct fleet_parts {
    struct loop *loop;
    const struct store *store;
    struct redis_subscriber *subscriber;
    struct wechat_client *wechat;
    struct pace_limits fetches; /* how many at once and in a second, all apps together */
    struct fleet_hooks hooks;
};

struct fleet *fleet_new(const struct fleet_parts *parts) MUST_CHECK;
void fleet_free(struct fleet *f); /* NULL is allowed */

/* One app as the settings want it. Borrowed for the call. */
struct fleet_entry {
    const char *appid;
    const struct secret *secret;
    struct refresh_config config;
};

/* Other limits for fetches, from the next one on. */
void fleet_limit(struct fleet *f, const struct pace_limits *fetches);

/* Fetches that wait for their turn, and those under way. */
struct fleet_load {
    size_t waiting, under_way;
};
struct fleet_load fleet_load(const struct fleet *f);

/* Makes the fleet those apps: adds, changes and removes, and disturbs no other. */
void fleet_set(struct fleet *f, const struct fleet_entry *entries, size_t n);

/* Begins nothing new, waits for attempts under way, gives the lease back, then stopped(arg), once;
 * after timeout_ms at the latest, whatever Redis and WeChat do. An attempt left behind has its
 * intent in Redis: the next leader refreshes at once. The apps stay to be read. */
void fleet_stop(struct fleet *f, int64_t timeout_ms, void (*stopped)(void *arg), void *arg);

struct app *fleet_find(const struct fleet *f, struct slice appid); /* NULL when unknown */
size_t fleet_count(const struct fleet *f);

/* Walks all apps: start with *at = 0; NULL at the end. Do not change the fleet meanwhile. */
struct app *fleet_next(const struct fleet *f, size_t *at);

/* The leader looks at the app's reports at once: something was added. For another it does nothing.
 */
void fleet_hear(struct fleet *f, struct app *a);

/* Redis does what we ask: it is connected, answers in time and, as far as we write, takes it. */
bool fleet_served(const struct fleet *f);

bool fleet_leads(const struct fleet *f);
int64_t fleet_epoch(const struct fleet *f);      /* of whoever leads; 0: unknown */
const char *fleet_leader(const struct fleet *f); /* its name; NULL: nobody leads, or unknown */

#endif
