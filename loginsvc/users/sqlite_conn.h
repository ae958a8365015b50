/* sqlite_conn.h - one SQLite connection, set up as the store needs it.
 *
 * WAL, synchronous=FULL (what was committed survives a power cut), foreign keys, secure_delete (no
 * remains in free pages), no checkpoint inside a commit. Not the statements (sqlite.h), not the
 * schema (sqlite_schema.h). Blocking; one thread at a time. */
#ifndef USERS_SQLITE_CONN_H
#define USERS_SQLITE_CONN_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/check.h"
#include "base/times.h"
#include "loginsvc/users/db.h"

/* Stays where it is while open. To read but not to write, but for busy_until. */
struct sqlite_conn {
    sqlite3 *raw;         /* NULL when closed */
    mono_ms_t busy_until; /* how long a statement waits for another process's lock */
};

enum sqlite_create { SQLITE_FILE_MUST_EXIST, SQLITE_FILE_MAY_CREATE };

/* Opens the file, with mode 0600 when it creates it; never its folder. Waits for other processes
 * until busy_until. *c is closed and *e filled when it fails. */
bool sqlite_conn_open(struct sqlite_conn *c, const char *path, enum sqlite_create create,
                      mono_ms_t busy_until, struct db_error *e) MUST_CHECK;

/* Every statement must be finalized. Does nothing when closed. */
void sqlite_conn_close(struct sqlite_conn *c);

/* Runs statements without parameters and results. */
bool sqlite_conn_exec(struct sqlite_conn *c, const char *sql, struct db_error *e) MUST_CHECK;

/* Fills *e for the code that a call on c->raw just gave; always false. */
bool sqlite_conn_fail(const struct sqlite_conn *c, int code, struct db_error *e);

/* Does this code mean that the connection is of no more use? */
bool sqlite_conn_is_broken(int code);

#endif
