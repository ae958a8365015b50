/* mysql_gate.h - what all connections of one store know of the server: when it may be tried again
 * (once a second while it lets nobody in, at once for all of them when it let one in), and whether
 * its schema is up to date. Any thread. */
#ifndef USERS_MYSQL_GATE_H
#define USERS_MYSQL_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/check.h"
#include "base/times.h"
#include "loginsvc/users/db.h"

struct mysql_gate {
    pthread_mutex_t lock;
    mono_ms_t open_at;
    struct db_error why; /* it is closed */
    atomic_bool upgraded;
};

void mysql_gate_init(struct mysql_gate *g);
void mysql_gate_deinit(struct mysql_gate *g);

/* May it be tried now? False with the reason in *e. */
bool mysql_gate_is_open(struct mysql_gate *g, struct db_error *e) MUST_CHECK;

void mysql_gate_open(struct mysql_gate *g);
void mysql_gate_close(struct mysql_gate *g, const struct db_error *why); /* for a second */

#endif
