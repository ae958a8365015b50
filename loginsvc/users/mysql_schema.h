/* mysql_schema.h - the schema of a MySQL, MariaDB or TiDB database and how it grows.
 *
 * A row in schema_migrations records each version that was applied. Each change of a table commits
 * by itself there, so a migration can stop half way: every statement of one must be harmless when
 * it runs again (IF NOT EXISTS, INSERT IGNORE), and then it is. Several processes may start at
 * once: they take turns by a lock of the server, and where a cluster has none, repeating is
 * harmless as well. A database that is up to date is only read, so that daily work needs no right
 * to change tables. A migration that was released never changes; a newer one is added behind it.
 * Blocking. */
#ifndef USERS_MYSQL_SCHEMA_H
#define USERS_MYSQL_SCHEMA_H

#include <stddef.h>

#include "base/check.h"
#include "loginsvc/users/mysql_conn.h"

struct mysql_migration {
    const char *name;         /* without quotes */
    const unsigned char *sql; /* NUL-terminated; each statement ends in ";" and a new line */
};

/* Applies what is missing of the n migrations (versions 1 to n). False when one fails or when the
 * database is newer than n. Takes as long as the changes take; moves c->until on. */
bool mysql_schema_apply(struct mysql_conn *c, const struct mysql_migration *migrations, size_t n,
                        struct db_error *e) MUST_CHECK;

/* The same with this program's migrations. */
bool mysql_schema_upgrade(struct mysql_conn *c, struct db_error *e) MUST_CHECK;

#endif
