/* refusal.h - why Redis answered with an error, and what to do about it. Pure; any thread. */
#ifndef REDIS_REFUSAL_H
#define REDIS_REFUSAL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

/* name, the first word of the error, what to do, whether only a new connection can help */
#define REDIS_REFUSALS(X)                                                                          \
    X(READONLY, "READONLY", ERR_BACKOFF, true)      /* a replica: after a failover */              \
    X(LOADING, "LOADING", ERR_BACKOFF, true)        /* still reads its data from disk */           \
    X(MASTERDOWN, "MASTERDOWN", ERR_BACKOFF, true)  /* a replica without its master */             \
    X(OOM, "OOM", ERR_OPERATOR, false)              /* maxmemory is reached */                     \
    X(MISCONF, "MISCONF", ERR_OPERATOR, false)      /* cannot persist, takes no writes */          \
    X(NOREPLICAS, "NOREPLICAS", ERR_BACKOFF, false) /* too few replicas to write */                \
    X(BUSY, "BUSY", ERR_BACKOFF, false)             /* a script runs for long */                   \
    X(NOAUTH, "NOAUTH", ERR_OPERATOR, true)         /* wants a password */                         \
    X(WRONGPASS, "WRONGPASS", ERR_OPERATOR, true)   /* user or password is wrong */                \
    X(NOPERM, "NOPERM", ERR_OPERATOR, false)        /* the ACL forbids it */                       \
    X(NOSCRIPT, "NOSCRIPT", ERR_BUG, false)         /* redis_run repairs it by itself */           \
    X(OTHER, "", ERR_BUG, false)                    /* ERR, WRONGTYPE, a script's own */

enum redis_refusal {
#define X(name, word, class, reconnect) REDIS_REFUSAL_##name,
    REDIS_REFUSALS(X)
#undef X
};

/* Which one an error text such as "OOM command not allowed ..." is. */
enum redis_refusal redis_refusal_of(struct slice text);

enum err_class redis_refusal_class(enum redis_refusal r);

/* Whether only another connection (to another server, or later) can help. */
bool redis_refusal_wants_reconnect(enum redis_refusal r);

#endif
