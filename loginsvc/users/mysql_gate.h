/* mysql_gate.h - when a server that did not let us in may be tried again, for all connections of
 * one store: once a second while it is away, at once for all of them when it let one in. Any
 * thread. */
#ifndef USERS_MYSQL_GATE_H
#define USERS_MYSQL_GATE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/check.h"
#include "base/times.h"
#include "loginsvc/users/db.h"

struct mysql_gate {
    pthread_mutex_t lock;
    mono_ms_t open_at;
    struct db_error why; /* it is closed */
};

void mysql_gate_init(struct mysql_gate *g);
void mysql_gate_deinit(struct mysql_gate *g);

/* May it be tried now? False with the reason in *e. */
bool mysql_gate_is_open(struct mysql_gate *g, struct db_error *e) MUST_CHECK;

void mysql_gate_open(struct mysql_gate *g);
void mysql_gate_close(struct mysql_gate *g, const struct db_error *why); /* for a second */

#endif
