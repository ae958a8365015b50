/* client.h - one connection to Redis that is kept up, and commands over it.
 *
 * Not for (P)SUBSCRIBE (subscriber.h), MULTI or blocking commands (use scripts). Loop thread only.
 *
 * The connection: logs in (AUTH, SELECT, PING) before it is ready, comes back by itself with full
 * jitter, has TCP_NODELAY and keepalive, and is PINGed when idle, so that a server that fell silent
 * is noticed. READONLY, LOADING and MASTERDOWN make it reconnect. A host name is resolved with
 * getaddrinfo when connecting, which blocks the loop: give an address, or a name that /etc/hosts or
 * a local resolver knows.
 *
 * A command completes exactly once: fn(result, arg) on the loop thread, never before the call that
 * started it returned, at the latest when its timeout is over or the client is freed. The process
 * must ignore SIGPIPE (process_harden does). */
#ifndef REDIS_CLIENT_H
#define REDIS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"
#include "loop/loop.h"
#include "redis/options.h"
#include "redis/refusal.h"
#include "redis/script.h"
#include "redis/url.h"
#include "redis/value.h"

struct redis_client; /* opaque */

/* How a command ended. */
enum redis_outcome {
    REDIS_REPLIED,  /* Redis answered: see value */
    REDIS_REFUSED,  /* Redis answered with an error: see refusal and text; nothing was executed,
                       but for a script that failed half way */
    REDIS_NOT_SENT, /* certainly not executed: no connection, queue full, timeout while waiting */
    REDIS_UNKNOWN,  /* sent but never answered: it may have been executed or not */
};

/* All pointers are borrowed until the callback returns. */
struct redis_result {
    enum redis_outcome outcome;
    const struct redis_value *value; /* REPLIED: what was answered (NULL is nil) */
    enum redis_refusal refusal;      /* REFUSED: which error */
    struct slice text;               /* all but REPLIED: a line for people, without secrets */
    mono_ms_t sent_at; /* when it was given to the connection: the safe start of anything the
                          server counts from then on (a TTL, a lease); NOT_SENT: 0 */
};

typedef void redis_done_fn(const struct redis_result *r, void *arg);

/* What to do with a command while there is no ready connection. */
enum redis_when {
    REDIS_NOW,  /* fail as NOT_SENT */
    REDIS_WAIT, /* keep it until there is one or its timeout is over */
};

/* Starts to connect; returns at once, whatever the server does. url and o are copied; o may be NULL
 * for the defaults. */
struct redis_client *redis_client_new(struct loop *l, const struct redis_url *url,
                                      const struct redis_options *o) MUST_CHECK;

/* Every command still pending completes (NOT_SENT or UNKNOWN) before this returns; they must not
 * start new ones. Not from inside a callback of this client. NULL is allowed. */
void redis_client_free(struct redis_client *c);

/* fn(ready, reason, arg) when the connection becomes ready (reason ""), and when it is lost or the
 * first attempt failed. One listener; fn NULL removes it. Not called for the present state. */
void redis_client_on_state(struct redis_client *c,
                           void (*fn)(bool ready, const char *reason, void *arg), void *arg);

bool redis_client_ready(const struct redis_client *c);

/* Why it is not ready, "" when it is; borrowed until the next loop iteration. */
const char *redis_client_trouble(const struct redis_client *c);

struct redis_client_stats {
    int64_t connects; /* connections that became ready */
    int64_t losses;   /* ready connections that were lost */
    int64_t commands; /* started */
    int64_t refused;  /* by outcome */
    int64_t not_sent;
    int64_t unknown;
    int64_t late;                          /* answers that came after their timeout */
    size_t pending;                        /* waiting or under way, now */
    int64_t refusals[REDIS_REFUSAL_KINDS]; /* by kind, also of answers that came late */
};
void redis_client_stats(const struct redis_client *c, struct redis_client_stats *out);

/* Sends one command: argc slices, copied before this returns. timeout_ms counts from now and
 * includes waiting for a connection; more than 0. fn may be NULL when nobody cares. Returns an id
 * for redis_cancel, never 0. A command past its timeout completes as UNKNOWN; the connection stays
 * (the order of answers is kept), and a server that is really silent is found by the PING. */
uint64_t redis_command(struct redis_client *c, enum redis_when when, int64_t timeout_ms,
                       const struct slice *argv, size_t argc, redis_done_fn *fn, void *arg);

/* argv and argc of the above in one: REDIS_ARGV(SLICE_LIT("GET"), key). */
#define REDIS_ARGV(...)                                                                            \
    ((const struct slice[]){__VA_ARGS__}),                                                         \
        (sizeof((const struct slice[]){__VA_ARGS__}) / sizeof(struct slice))

/* Runs a script on keys and args, all copied; the script itself is borrowed until completion.
 * Otherwise as redis_command. */
uint64_t redis_run(struct redis_client *c, const struct redis_script *script, enum redis_when when,
                   int64_t timeout_ms, const struct slice *keys, size_t nkeys,
                   const struct slice *args, size_t nargs, redis_done_fn *fn, void *arg);

/* fn of that command will not be called; whether it is executed stays open. An id that is over is
 * ignored. */
void redis_cancel(struct redis_client *c, uint64_t id);

#endif
