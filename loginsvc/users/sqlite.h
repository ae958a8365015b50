/* sqlite.h - the SQLite driver of db.h.
 *
 * A connection that proves broken (I/O error, file moved or deleted) is closed and made again, at
 * most once a second, so that the daemon outlives its disk's troubles. Several processes may use
 * one file; each waits for the others' locks up to the deadline of db_begin. */
#ifndef USERS_SQLITE_H
#define USERS_SQLITE_H

#include "base/check.h"
#include "loginsvc/users/db.h"
#include "loginsvc/users/sqlite_conn.h"

/* Opens the database and brings its schema up to date. NULL with *e filled. db_close frees. */
struct db *sqlite_open(const char *path, enum sqlite_create create, struct db_error *e) MUST_CHECK;

#endif
