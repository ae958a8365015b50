/* mysql.h - the driver of db.h for MySQL, MariaDB and TiDB.
 *
 * A connection that is lost is made again, so that the daemon outlives restarts of its database
 * (mysql_gate.h says when). Writers run side by side: where two meet, one of them is told to run
 * again (db_error.again). Reads need no transaction: each statement sees what is committed. */
#ifndef USERS_MYSQL_H
#define USERS_MYSQL_H

#include "base/check.h"
#include "loginsvc/users/database_url.h"
#include "loginsvc/users/db.h"
#include "loginsvc/users/mysql_tls.h"

/* Connects and brings the schema up to date. `to` and `tls` are borrowed until db_close, which
 * frees. NULL with *e filled. Not while other threads do the same. */
struct db *mysql_open(const struct database_url *to, const struct mysql_tls *tls,
                      struct db_error *e) MUST_CHECK;

/* The same when it is first used, so that the server may be away until then. */
struct db *mysql_open_later(const struct database_url *to, const struct mysql_tls *tls) MUST_CHECK;

/* One more connection to where `first` leads, for another thread. Connects when it is first used;
 * db_close before that of `first`. */
struct db *mysql_open_another(struct db *first) MUST_CHECK;

#endif
