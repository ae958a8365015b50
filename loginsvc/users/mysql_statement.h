/* mysql_statement.h - one prepared statement of a connection.
 *
 * Blocking, as long as the connection's `until` says; one thread at a time. */
#ifndef USERS_MYSQL_STATEMENT_H
#define USERS_MYSQL_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "loginsvc/users/db.h"
#include "loginsvc/users/mysql_conn.h"

struct mysql_statement; /* opaque */

/* Borrows c, which stays where it is. NULL with *e filled. */
struct mysql_statement *mysql_statement_new(struct mysql_conn *c, const char *text,
                                            struct db_error *e) MUST_CHECK;

/* Best once the connection is closed, for then nothing is sent. NULL is allowed. */
void mysql_statement_free(struct mysql_statement *s);

/* Runs it with as many parameters as its text has; see db_run. */
bool mysql_statement_run(struct mysql_statement *s, const struct db_value *params,
                         db_row_fn *on_row, void *arg, struct db_error *e) MUST_CHECK;

bool mysql_statement_gives_rows(const struct mysql_statement *s);

/* Of the last run that gave no rows: the rows it matched, and the id that was generated, or 0. */
int64_t mysql_statement_changes(const struct mysql_statement *s);
int64_t mysql_statement_last_id(const struct mysql_statement *s);

#endif
