/* reseal.h - every phone of a database sealed anew under the newest key of DATA_KEY.
 *
 * The step of a key rotation after which the old key may go. Works on a database in use: other
 * processes that have both keys go on meanwhile. What is current already is skipped, so it may be
 * stopped or killed at any point and started again. Not a part of the daemon's loop: blocking, on a
 * connection of its own. */
#ifndef USERS_RESEAL_H
#define USERS_RESEAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/err.h"
#include "crypto/keyring.h"

struct reseal_progress {
    uint64_t seen;       /* phones looked at */
    uint64_t resealed;   /* of these: sealed anew */
    uint64_t unreadable; /* of these: no key of the ring opens them; left as they are */
    uint64_t total;      /* phones at the start; others may add to them */
};

struct reseal_options {
    const char *url;              /* DATABASE_URL */
    bool tls;                     /* to MySQL: DATABASE_TLS */
    const char *tls_ca;           /* DATABASE_TLS_CA, or NULL */
    const struct keyring *master; /* from DATA_KEY; its first key is the one to seal with */
    void (*progress)(const struct reseal_progress *p, void *arg); /* after every 100; may be NULL */
    void *arg;
    int64_t pause_ms;                  /* between two writes, for others; 0 = none */
    const volatile sig_atomic_t *stop; /* not 0: stop soon; NULL is allowed */
};

/* True when it came to the end; phones may have been unreadable all the same. False with *e when it
 * failed or was stopped: what was done so far stays done. */
bool reseal_run(const struct reseal_options *o, struct err *e) MUST_CHECK;

#endif
