#include "loginsvc/users/mysql_schema.h"

#include <stdlib.h>
#include <string.h>

#include "sys/clock.h"

extern const unsigned char mysql_0001[], mysql_0002[];

enum {
    STATEMENT_MAX_MS = 600 * 1000, /* a change of a big table */
    ANSWER_MAX_MS = 15 * 1000,     /* anything else, above LOCK_WAIT_S */
    STATEMENT_SIZE = 256,
};

/* One for each database, at most 64 characters. Wait: 10 s. */
#define LOCK_NAME  "CONCAT('loginsvc:', LEFT(DATABASE(), 50))"
#define LOCK_QUERY "SELECT GET_LOCK(" LOCK_NAME ", 10)"
#define UNLOCK     "DO RELEASE_LOCK(" LOCK_NAME ")"

static bool exec_within(struct mysql_conn *c, int64_t ms, const char *sql, struct db_error *e)
{
    c->until = mono_after(clock_mono(), ms);
    return mysql_conn_exec(c, sql, e);
}

static bool number_of(struct mysql_conn *c, const char *sql, int64_t *out, struct db_error *e)
{
    c->until = mono_after(clock_mono(), ANSWER_MAX_MS);
    return mysql_conn_number(c, sql, out, e);
}

/* The version the database is at; 0 when it is new. */
static bool version_of(struct mysql_conn *c, int64_t *version, struct db_error *e)
{
    int64_t tables = 0;
    *version = 0;
    if (!number_of(c,
                   "SELECT count(*) FROM information_schema.tables"
                   " WHERE table_schema = DATABASE() AND table_name = 'schema_migrations'",
                   &tables, e))
        return false;
    return tables == 0 || number_of(c, "SELECT max(version) FROM schema_migrations", version, e);
}

/* The same; false when this program, which knows n, is too old for it. */
static bool known_version_of(struct mysql_conn *c, size_t n, int64_t *version, struct db_error *e)
{
    if (!version_of(c, version, e))
        return false;
    return *version <= (int64_t)n ||
           db_fail(e, ERR_OPERATOR,
                   "the database has schema version %lld, this program knows %zu: start a newer"
                   " one",
                   (long long)*version, n);
}

/* ---- one migration ---- */

/* Runs the statement that *rest begins with and moves *rest behind it. */
static bool run_next(struct mysql_conn *c, const char **rest, struct db_error *e)
{
    const char *end = strstr(*rest, ";\n");
    ASSERT(end != NULL);
    char *sql = slice_dup((struct slice){*rest, (size_t)(end - *rest)});
    bool good = exec_within(c, STATEMENT_MAX_MS, sql, e);
    free(sql);
    *rest = end + 2;
    return good;
}

static bool run_all(struct mysql_conn *c, const unsigned char *sql, struct db_error *e)
{
    for (const char *rest = (const char *)sql; *rest;) {
        if (!run_next(c, &rest, e))
            return false;
    }
    return true;
}

static bool record(struct mysql_conn *c, int64_t version, const char *name, struct db_error *e)
{
    char sql[STATEMENT_SIZE];
    struct text t = text_init(sql, sizeof sql);
    text_fmt(&t, "INSERT IGNORE INTO schema_migrations VALUES (%lld, '%s', %lld)",
             (long long)version, name, (long long)clock_wall().ms);
    ASSERT(!t.cut);
    return exec_within(c, ANSWER_MAX_MS, sql, e);
}

static bool apply_one(struct mysql_conn *c, int64_t version, const struct mysql_migration *m,
                      struct db_error *e)
{
    struct db_error why;
    if (run_all(c, m->sql, &why) && record(c, version, m->name, &why))
        return true;
    return db_fail(e, why.class, "migration %lld (%s) failed: %.180s", (long long)version, m->name,
                   why.line.text);
}

/* ---- all ---- */

static bool apply_missing(struct mysql_conn *c, const struct mysql_migration *migrations, size_t n,
                          struct db_error *e)
{
    int64_t version = 0;
    if (!exec_within(c, STATEMENT_MAX_MS,
                     "CREATE TABLE IF NOT EXISTS schema_migrations ("
                     " version INT NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL,"
                     " applied_at BIGINT NOT NULL) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4",
                     e) ||
        !known_version_of(c, n, &version, e))
        return false;
    for (; version < (int64_t)n; version++) {
        if (!apply_one(c, version + 1, &migrations[version], e))
            return false;
    }
    return true;
}

/* True, without *locked, also where the server knows no such locks (Galera). */
static bool lock(struct mysql_conn *c, bool *locked, struct db_error *e)
{
    enum { NOT_SUPPORTED = 1235 };
    int64_t taken = 0;
    if (!number_of(c, LOCK_QUERY, &taken, e))
        return mysql_errno(c->raw) == NOT_SUPPORTED;
    *locked = taken == 1;
    return *locked || db_fail(e, ERR_BACKOFF, "another process is changing the schema, for long");
}

bool mysql_schema_apply(struct mysql_conn *c, const struct mysql_migration *migrations, size_t n,
                        struct db_error *e)
{
    int64_t version = 0;
    bool locked = false;
    if (!known_version_of(c, n, &version, e))
        return false;
    if (version == (int64_t)n)
        return true;
    /* The end of the connection, when this fails, unlocks as well. */
    return lock(c, &locked, e) && apply_missing(c, migrations, n, e) &&
           (!locked || exec_within(c, ANSWER_MAX_MS, UNLOCK, e));
}

bool mysql_schema_upgrade(struct mysql_conn *c, struct db_error *e)
{
    const struct mysql_migration migrations[] = {
        {"users and sessions", mysql_0001},
        {"revocations and tickets", mysql_0002},
    };
    return mysql_schema_apply(c, migrations, ARRAY_LEN(migrations), e);
}
