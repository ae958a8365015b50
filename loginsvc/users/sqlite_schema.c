#include "loginsvc/users/sqlite_schema.h"

#include "sys/clock.h"

extern const unsigned char sqlite_0001[], sqlite_0002[];

static bool number_of(struct sqlite_conn *c, const char *sql, int64_t *out, struct db_error *e)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(c->raw, sql, -1, &s, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    else
        sqlite_conn_fail(c, code, e);
    sqlite3_finalize(s);
    return code == SQLITE_ROW;
}

/* The version the database is at; 0 when it is new. */
static bool version_of(struct sqlite_conn *c, int64_t *version, struct db_error *e)
{
    return sqlite_conn_exec(c,
                            "CREATE TABLE IF NOT EXISTS schema_migrations ("
                            " version INTEGER PRIMARY KEY, name TEXT NOT NULL,"
                            " applied_at INTEGER NOT NULL) STRICT",
                            e) &&
           number_of(c, "SELECT coalesce(max(version), 0) FROM schema_migrations", version, e);
}

static bool record(struct sqlite_conn *c, int64_t version, const char *name, struct db_error *e)
{
    sqlite3_stmt *s = NULL;
    int code =
        sqlite3_prepare_v2(c->raw, "INSERT INTO schema_migrations VALUES (?, ?, ?)", -1, &s, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(s, 1, version);
        sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, clock_wall().ms);
        code = sqlite3_step(s);
    }
    if (code != SQLITE_DONE)
        sqlite_conn_fail(c, code, e);
    sqlite3_finalize(s);
    return code == SQLITE_DONE;
}

static bool apply(struct sqlite_conn *c, int64_t version, const struct sqlite_migration *m,
                  struct db_error *e)
{
    struct db_error why;
    if (sqlite_conn_exec(c, (const char *)m->sql, &why) && record(c, version, m->name, &why))
        return true;
    return db_fail(e, why.class, "migration %lld (%s) failed: %.180s", (long long)version, m->name,
                   why.line.text);
}

/* Under the write lock: true with *done when there is nothing left to do. */
static bool apply_next(struct sqlite_conn *c, const struct sqlite_migration *migrations, size_t n,
                       bool *done, struct db_error *e)
{
    int64_t version = 0;
    if (!version_of(c, &version, e))
        return false;
    if (version > (int64_t)n)
        return db_fail(e, ERR_OPERATOR,
                       "the database has schema version %lld, this program knows %zu: start a newer"
                       " one",
                       (long long)version, n);
    *done = version == (int64_t)n;
    return *done || apply(c, version + 1, &migrations[version], e);
}

bool sqlite_schema_apply(struct sqlite_conn *c, const struct sqlite_migration *migrations, size_t n,
                         struct db_error *e)
{
    bool done = false;
    while (!done) {
        if (!sqlite_conn_exec(c, "BEGIN IMMEDIATE", e) || !apply_next(c, migrations, n, &done, e) ||
            !sqlite_conn_exec(c, "COMMIT", e))
            return false;
    }
    return true;
}

bool sqlite_schema_upgrade(struct sqlite_conn *c, struct db_error *e)
{
    const struct sqlite_migration migrations[] = {
        {"users and sessions", sqlite_0001},
        {"revocations and tickets", sqlite_0002},
    };
    return sqlite_schema_apply(c, migrations, ARRAY_LEN(migrations), e);
}
