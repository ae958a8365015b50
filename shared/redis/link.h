/* link.h - a connection to the Redis of a URL that is kept up. Internal to redis/.
 *
 * Finds the server (through sentinels, if the URL says so), connects, logs in, watches that the
 * server still speaks, and starts anew with full jitter when anything fails. What is said over it
 * is its owner's business: client.c sends commands, subscriber.c subscribes. Loop thread only. */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "log/log.h"
#include "loop/loop.h"
#include "redis/options.h"
#include "redis/url.h"
#include "redis/value.h"

struct link; /* opaque */

#define LINK_STATES(X)                                                                             \
    X(BACKOFF, "backoff")       /* no connection; the next attempt comes when the timer fires */   \
    X(LOCATING, "locating")     /* the sentinels are asked who the master is */                    \
    X(CONNECTING, "connecting") /* the socket is not connected yet */                              \
    X(GREETING, "greeting")     /* AUTH, SELECT, ROLE, PING are sent, their answers awaited */     \
    X(READY, "ready")           /* the owner may send */                                           \
    X(RETIRING, "retiring")     /* the last answers come in, nothing new is sent */                \
    X(CLOSED, "closed")         /* freed */

enum link_state {
#define X(name, text) LINK_##name,
    LINK_STATES(X)
#undef X
};

/* Log lines that a server can cause at will: so many of a kind in each period. */
#define LINK_LOG_LIMIT ((struct log_limit)LOG_LIMIT_INIT(30000, 3))

/* Never called from inside link_new and link_free; on_down also from inside link_fail. */
struct link_hooks {
    const char *role; /* "client": for log lines */
    void (*on_ready)(void *arg);
    void (*on_reply)(const struct redis_value *v, void *arg);
    /* The connection, ready or not, is over; one call for each failed attempt too. */
    void (*on_down)(const char *reason, void *arg);
    /* The server has been silent for a while: send something that it must answer. */
    void (*on_quiet)(void *arg);
};

/* Starts to connect at once. url and o are copied, hooks is borrowed for ever. */
struct link *link_new(struct loop *l, const struct redis_url *url, const struct redis_options *o,
                      const struct link_hooks *hooks, void *arg) MUST_CHECK;
void link_free(struct link *k); /* no hook is called any more */

enum link_state link_state(const struct link *k);
const char *link_trouble(const struct link *k); /* why it is not READY; "" when it is */

/* A log line about the server; with `limit`, one LINK_LOG_LIMIT for each event. */
void link_warn(const struct link *k, struct log_limit *limit, const char *event, const char *error);

/* READY or RETIRING only. */
void link_send(struct link *k, struct slice bytes);
void link_command(struct link *k, const struct slice *argv, size_t argc);

/* As in conn.h: of the present connection, and of the last one while there is none. */
uint64_t link_queued(const struct link *k);
uint64_t link_written(const struct link *k);

/* READY becomes RETIRING: this server will not do, but still answers what it was asked. The owner
 * calls link_fail when it awaits nothing more. In another state, does nothing. */
void link_retire(struct link *k, const char *why);

/* Ends the connection and goes to BACKOFF. `why` may be what link_trouble returned. */
void link_fail(struct link *k, const char *why);

#endif
