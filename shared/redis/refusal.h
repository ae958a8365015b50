/* refusal.h - why Redis answered with an error, and what to do about it. Pure; any thread. */
#ifndef REDIS_REFUSAL_H
#define REDIS_REFUSAL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

/* name, the first word of the error, what to do, whether only a new connection can help, and the
 * same for people ("" where Redis's own text says it) */
#define REDIS_REFUSALS(X)                                                                          \
    X(READONLY, "READONLY", ERR_BACKOFF, true,                                                     \
      "it is a replica: REDIS_URL must lead to the master, unless a failover is under way")        \
    X(LOADING, "LOADING", ERR_BACKOFF, true, "it is still reading its data from disk")             \
    X(MASTERDOWN, "MASTERDOWN", ERR_BACKOFF, true, "it is a replica that lost its master")         \
    X(OOM, "OOM", ERR_OPERATOR, false, "it is full: raise its maxmemory or make room")             \
    X(MISCONF, "MISCONF", ERR_OPERATOR, false,                                                     \
      "it cannot save to disk and so takes no writes: see its log and its disk")                   \
    X(NOREPLICAS, "NOREPLICAS", ERR_BACKOFF, false,                                                \
      "it takes no writes with so few replicas: see its min-replicas-to-write")                    \
    X(BUSY, "BUSY", ERR_BACKOFF, false,                                                            \
      "somebody's script has been running in it for long: SCRIPT KILL ends it")                    \
    X(NOAUTH, "NOAUTH", ERR_OPERATOR, true, "it wants a password: put it into REDIS_URL")          \
    X(WRONGPASS, "WRONGPASS", ERR_OPERATOR, true, "the user or password in REDIS_URL is wrong")    \
    X(NOPERM, "NOPERM", ERR_OPERATOR, false, "its ACL forbids our user a command or key we need")  \
    X(NOSCRIPT, "NOSCRIPT", ERR_BUG, false, "") /* redis_run repairs it by itself */               \
    X(OTHER, "", ERR_BUG, false, "")            /* ERR, WRONGTYPE, a script's own */

enum redis_refusal {
#define X(name, word, class, reconnect, words) REDIS_REFUSAL_##name,
    REDIS_REFUSALS(X)
#undef X
        REDIS_REFUSAL_KINDS
};

/* Which one an error text such as "OOM command not allowed ..." is. */
enum redis_refusal redis_refusal_of(struct slice text);

enum err_class redis_refusal_class(enum redis_refusal r);

/* The first word of the error, "OTHER" for that one. For metrics. */
const char *redis_refusal_name(enum redis_refusal r);

/* A line for people in *out: the error text, cut to fit, and what it means. Returns its text. */
const char *redis_refusal_explain(struct slice text, struct err *out);

/* Whether only another connection (to another server, or later) can help. */
bool redis_refusal_wants_reconnect(enum redis_refusal r);

#endif
