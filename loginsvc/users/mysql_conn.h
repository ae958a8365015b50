/* mysql_conn.h - one connection to MySQL, MariaDB or TiDB, set up as the store needs it.
 *
 * READ COMMITTED, strict SQL, utf8mb4, short lock waits; an UPDATE counts the rows it matched. The
 * client library's own time-outs know whole seconds only, so each call is one of its non-blocking
 * ones, waited for here until `until`. (Only the host's name is looked up without a limit of ours.)
 * Not the statements with parameters (mysql_statement.h), not the schema (mysql_schema.h).
 * Blocking; one thread at a time; the process must ignore SIGPIPE (process_harden does). */
#ifndef USERS_MYSQL_CONN_H
#define USERS_MYSQL_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <mysql.h>

#include "base/check.h"
#include "base/times.h"
#include "loginsvc/users/database_url.h"
#include "loginsvc/users/db.h"
#include "loginsvc/users/mysql_tls.h"

/* To read but not to write, but for `until`. */
struct mysql_conn {
    MYSQL *raw; /* NULL when closed */
    bool tls;
    mono_ms_t until;     /* how long a call waits for the server */
    bool timed_out;      /* one waited in vain */
    bool lost;           /* of no more use: close it */
    struct db_error why; /* it was lost */
};

/* Connects. *c is closed and *e filled when it fails; `again` when it was let in and then lost. */
bool mysql_conn_open(struct mysql_conn *c, const struct database_url *to,
                     const struct mysql_tls *tls, mono_ms_t until, struct db_error *e) MUST_CHECK;

/* Does nothing when closed. */
void mysql_conn_close(struct mysql_conn *c);

/* Runs one statement that gives no rows. */
bool mysql_conn_exec(struct mysql_conn *c, const char *sql, struct db_error *e) MUST_CHECK;

/* Gives the one number that a query gives; 0 when it gives NULL. */
bool mysql_conn_number(struct mysql_conn *c, const char *sql, int64_t *out,
                       struct db_error *e) MUST_CHECK;

/* Waits for what a non-blocking call asks for, and gives what that call's second half is told. */
int mysql_conn_wait(struct mysql_conn *c, int wanted);

/* Fills *e for what a call on *c just failed with, and remembers when it is lost; always false. */
bool mysql_conn_fail(struct mysql_conn *c, unsigned number, const char *detail, struct db_error *e);

/* It is of no more use, for this reason or an earlier one. */
void mysql_conn_give_up(struct mysql_conn *c, const struct db_error *why);

#endif
