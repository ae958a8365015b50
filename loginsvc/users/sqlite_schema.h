/* sqlite_schema.h - the schema of the SQLite database and how it grows.
 *
 * A row in schema_migrations records each version that was applied. A migration and its
 * record are one transaction, and each process looks again once it holds the write lock, so several
 * may start at once. A migration that was released never changes; a newer one is added behind it.
 * Blocking. */
#ifndef USERS_SQLITE_SCHEMA_H
#define USERS_SQLITE_SCHEMA_H

#include <stddef.h>

#include "base/check.h"
#include "loginsvc/users/sqlite_conn.h"

struct sqlite_migration {
    const char *name;
    const unsigned char *sql; /* NUL-terminated */
};

/* Applies what is missing of the n migrations (versions 1 to n). False when one fails or when the
 * database is newer than n: then close the connection, which undoes the failed one. */
bool sqlite_schema_apply(struct sqlite_conn *c, const struct sqlite_migration *migrations, size_t n,
                         struct db_error *e) MUST_CHECK;

/* The same with this program's migrations. */
bool sqlite_schema_upgrade(struct sqlite_conn *c, struct db_error *e) MUST_CHECK;

#endif
