/* conn.h - one connection to one Redis or sentinel, from connecting to its end. Internal to redis/.
 *
 * Carries bytes out and answers in; it knows no commands, no login and no deadlines, and never
 * reconnects (link.h does). Stands on hiredis' non-blocking context rather than on its async one:
 * redisAsyncContext aborts the process when the peer sends an answer too many or a message of the
 * wrong shape, calls back from inside redisAsyncFree, and cannot tell what was written. A host name
 * is resolved when opening, which blocks. Loop thread only. */
#ifndef REDIS_CONN_H
#define REDIS_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "loop/loop.h"
#include "redis/value.h"

struct conn; /* opaque */

/* Where to connect: path, or host and port. Borrowed during conn_open. */
struct conn_target {
    const char *path; /* of a Unix socket, or NULL */
    const char *host;
    int port;
    bool tls;
    size_t max_reply_bytes; /* a longer answer closes the connection */
};

/* Never called from inside a function of this header. */
struct conn_hooks {
    void (*on_open)(void *arg); /* connected: conn_send is allowed from now on */
    void (*on_reply)(const struct redis_value *v, void *arg);
    void (*on_closed)(const char *why,
                      void *arg); /* the connection is over; not after conn_close */
};

/* Starts to connect; every failure is told by on_closed. hooks is borrowed for ever. */
struct conn *conn_open(struct loop *l, const struct conn_target *target,
                       const struct conn_hooks *hooks, void *arg) MUST_CHECK;

/* Ends it at once, from inside its hooks too; none is called any more. Must also be called after
 * on_closed. NULL is allowed. */
void conn_close(struct conn *c);

/* Puts bytes behind those that wait to be written. After on_closed, does nothing. */
void conn_send(struct conn *c, struct slice bytes);

/* The same with one whole command. */
void conn_command(struct conn *c, const struct slice *argv, size_t argc);

/* Bytes given to conn_send, and those of them that the system took: a command whose last byte was
 * not taken cannot have been executed. */
uint64_t conn_queued(const struct conn *c);
uint64_t conn_written(const struct conn *c);

#endif
