/* turn.h - who writes next, among the processes that share one SQLite file.
 *
 * SQLite's write lock knows no queue: under load the process that just committed takes it again
 * before one that polls for it looks, and the other starves. So a writer first takes its turn, a
 * lock on a file beside the database, keeps it while it waits for the write lock, and passes it on
 * once it has that: the one that just committed must wait behind it. A process that dies gives up
 * its turn. Fairness only: correctness is SQLite's. One thread. */
#ifndef USERS_TURN_H
#define USERS_TURN_H

#include <stdbool.h>

#include "base/check.h"
#include "base/times.h"
#include "loginsvc/users/db.h"

struct turn {
    int fd; /* -1 when closed */
};

/* Opens DATABASE_PATH-turn, making it with mode 0600. */
bool turn_open(struct turn *t, const char *database_path, struct db_error *e) MUST_CHECK;
void turn_close(struct turn *t); /* may be called twice */

/* Waits for the turn; false when it has not come by `until`. */
bool turn_take(struct turn *t, mono_ms_t until) MUST_CHECK;
void turn_pass(struct turn *t);

/* A short sleep between two looks at a lock, the n-th (from 0) of a row; false, at once, when
 * `until` has come. */
bool turn_pause(int nth, mono_ms_t until);

#endif
