#include "loginsvc/users/sqlite.h"

#include <stdlib.h>

#include "loginsvc/users/sqlite_schema.h"
#include "loginsvc/users/sqlite_scrub.h"
#include "loginsvc/users/turn.h"
#include "sys/clock.h"

enum {
    OPEN_WAIT_MS = 10000, /* for other processes that start or migrate at the same moment */
    RECONNECT_PAUSE_MS = 1000,
    RESTART_WAIT_MS = 200, /* for readers and writers, when the WAL grew too long */
    WAL_PAGES_MAX = 16384, /* 64 MiB */
};

/* Statements of the driver itself, numbered behind the queries. */
#define CONTROL_TABLE(X)                                                                           \
    X(CONTROL_BEGIN_READ, "BEGIN DEFERRED")                                                        \
    X(CONTROL_BEGIN_WRITE, "BEGIN IMMEDIATE")                                                      \
    X(CONTROL_COMMIT, "COMMIT")                                                                    \
    X(CONTROL_ROLLBACK, "ROLLBACK")                                                                \
    X(CONTROL_SAVEPOINT, "SAVEPOINT one")                                                          \
    X(CONTROL_RELEASE, "RELEASE one")                                                              \
    X(CONTROL_ROLLBACK_TO, "ROLLBACK TO one")

enum control {
    CONTROL_FIRST = QUERY_COUNT - 1,
#define X(name, text) name,
    CONTROL_TABLE(X)
#undef X
        STATEMENT_COUNT
};

static const char *const statement_texts[STATEMENT_COUNT] = {
#define X(name, params, text) [name] = (text),
    QUERY_TABLE(X)
#undef X
#define X(name, text) [name] = (text),
        CONTROL_TABLE(X)
#undef X
};

static const int query_params[QUERY_COUNT] = {
#define X(name, params, text) [name] = (params),
    QUERY_TABLE(X)
#undef X
};

struct sqlite {
    struct db base;
    char *path;
    struct sqlite_conn conn;
    struct turn turn;
    sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared at their first use */
    bool broken;                               /* the connection is to be made again */
    mono_ms_t reconnect_at;                    /* not before */
    struct db_error away;                      /* why there is no connection */
};

static struct sqlite *of(struct db *db)
{
    return CONTAINER_OF(db, struct sqlite, base);
}

/* The connection is of no more use, for this reason. */
static void give_up(struct sqlite *s, const struct db_error *why)
{
    s->broken = true;
    s->away = *why;
}

/* Fills *e for a code of the connection; always false. */
static bool failed(struct sqlite *s, int code, struct db_error *e)
{
    sqlite_conn_fail(&s->conn, code, e);
    if (sqlite_conn_is_broken(code))
        give_up(s, e);
    return false;
}

/* ---- connection ---- */

static void disconnect(struct sqlite *s)
{
    s->broken = false;
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(s->statements[i]);
        s->statements[i] = NULL;
    }
    sqlite_conn_close(&s->conn);
    turn_close(&s->turn);
}

static bool connect_now(struct sqlite *s, enum sqlite_create create, mono_ms_t busy_until,
                        struct db_error *e)
{
    if (sqlite_conn_open(&s->conn, s->path, create, busy_until, e) &&
        sqlite_schema_upgrade(&s->conn, e) && turn_open(&s->turn, s->path, e))
        return true;
    disconnect(s);
    return false;
}

static bool reconnect(struct sqlite *s, mono_ms_t busy_until, struct db_error *e)
{
    mono_ms_t now = clock_mono();
    if (mono_reached(now, s->reconnect_at)) {
        s->reconnect_at = mono_after(now, RECONNECT_PAUSE_MS);
        if (connect_now(s, SQLITE_FILE_MUST_EXIST, busy_until, &s->away))
            return true;
    }
    *e = s->away;
    return false;
}

/* A file that was moved or deleted takes commits that nobody will ever read. */
static void check_moved(struct sqlite *s)
{
    int moved = 0;
    struct db_error e;
    int code = sqlite3_file_control(s->conn.raw, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (code == SQLITE_OK && moved) {
        db_fail(&e, ERR_OPERATOR, "the database file was moved or deleted");
        give_up(s, &e);
    }
}

/* A connection to the right file, which waits for locks until the deadline. */
static bool ready(struct sqlite *s, mono_ms_t busy_until, struct db_error *e)
{
    if (s->conn.raw)
        check_moved(s);
    if (s->broken)
        disconnect(s);
    if (!s->conn.raw && !reconnect(s, busy_until, e))
        return false;
    s->conn.busy_until = busy_until;
    return true;
}

/* ---- statements ---- */

static sqlite3_stmt *statement(struct sqlite *s, int i, struct db_error *e)
{
    if (!s->statements[i]) {
        int code = sqlite3_prepare_v3(s->conn.raw, statement_texts[i], -1,
                                      SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL);
        if (code != SQLITE_OK)
            failed(s, code, e);
    }
    return s->statements[i];
}

/* NULL bytes would mean NULL to SQLite. */
static const char *bytes_of(struct slice s)
{
    return s.n ? s.p : "";
}

static int bind(sqlite3_stmt *st, int at, const struct db_value *v)
{
    switch (v->type) {
    case DB_NULL:
        return sqlite3_bind_null(st, at);
    case DB_INT:
        return sqlite3_bind_int64(st, at, v->num);
    case DB_TEXT:
        return sqlite3_bind_text64(st, at, bytes_of(v->bytes), v->bytes.n, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case DB_BLOB:
        return sqlite3_bind_blob64(st, at, bytes_of(v->bytes), v->bytes.n, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static struct db_value column(sqlite3_stmt *st, int i)
{
    int type = sqlite3_column_type(st, i);
    if (type == SQLITE_INTEGER)
        return db_int(sqlite3_column_int64(st, i));
    if (type != SQLITE_TEXT && type != SQLITE_BLOB)
        return db_null();
    const void *bytes = sqlite3_column_blob(st, i);
    struct db_value v = db_blob(bytes, (size_t)sqlite3_column_bytes(st, i));
    v.type = type == SQLITE_TEXT ? DB_TEXT : DB_BLOB;
    return v;
}

static int step(sqlite3_stmt *st, db_row_fn *on_row, void *arg)
{
    int code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        struct db_value columns[QUERY_COLUMNS_MAX];
        int n = sqlite3_column_count(st);
        ASSERT(n <= QUERY_COLUMNS_MAX);
        for (int i = 0; i < n; i++)
            columns[i] = column(st, i);
        if (on_row)
            on_row(columns, arg);
    }
    return code;
}

/* Runs statement i to its end; the parameters do not outlive the call. */
static int run_to_end(sqlite3_stmt *st, const struct db_value *params, int n, db_row_fn *on_row,
                      void *arg)
{
    int code = SQLITE_OK;
    for (int i = 0; i < n && code == SQLITE_OK; i++)
        code = bind(st, i + 1, &params[i]);
    if (code == SQLITE_OK)
        code = step(st, on_row, arg);
    sqlite3_reset(st);
    if (n)
        sqlite3_clear_bindings(st);
    return code;
}

static bool sqlite_run(struct db *db, enum query q, const struct db_value *params,
                       db_row_fn *on_row, void *arg, struct db_error *e)
{
    struct sqlite *s = of(db);
    sqlite3_stmt *st = statement(s, (int)q, e);
    if (!st)
        return false;
    int code = run_to_end(st, params, query_params[q], on_row, arg);
    return code == SQLITE_DONE || failed(s, code, e);
}

/* ---- transactions ---- */

static bool control(struct sqlite *s, enum control c, struct db_error *e)
{
    sqlite3_stmt *st = statement(s, (int)c, e);
    if (!st)
        return false;
    int code = run_to_end(st, NULL, 0, NULL, NULL);
    return code == SQLITE_DONE || failed(s, code, e);
}

/* SQLite ends a transaction by itself after some errors; what follows must not begin another. */
static bool in_transaction(struct sqlite *s, struct db_error *e)
{
    return (s->conn.raw && !sqlite3_get_autocommit(s->conn.raw)) ||
           db_fail(e, ERR_OPERATOR, "sqlite: the transaction was lost");
}

static bool begin_write(struct sqlite *s, mono_ms_t deadline, struct db_error *e)
{
    if (!turn_take(&s->turn, deadline))
        return db_fail(e, ERR_BACKOFF, "the database is locked by other processes");
    bool begun = control(s, CONTROL_BEGIN_WRITE, e);
    turn_pass(&s->turn);
    return begun;
}

static bool sqlite_begin(struct db *db, bool writes, mono_ms_t deadline, struct db_error *e)
{
    struct sqlite *s = of(db);
    if (!ready(s, deadline, e))
        return false;
    return writes ? begin_write(s, deadline, e) : control(s, CONTROL_BEGIN_READ, e);
}

static bool sqlite_commit(struct db *db, struct db_error *e)
{
    struct sqlite *s = of(db);
    if (!in_transaction(s, e))
        return false;
    if (control(s, CONTROL_COMMIT, e))
        return true;
    /* The WAL may hold the commit though the flush failed. */
    if ((sqlite3_errcode(s->conn.raw) & 0xff) == SQLITE_IOERR)
        e->class = ERR_UNKNOWN;
    return false;
}

static void sqlite_rollback(struct db *db)
{
    struct sqlite *s = of(db);
    struct db_error e;
    if (in_transaction(s, &e) && !control(s, CONTROL_ROLLBACK, &e))
        give_up(s, &e);
}

static bool sqlite_savepoint(struct db *db, struct db_error *e)
{
    return in_transaction(of(db), e) && control(of(db), CONTROL_SAVEPOINT, e);
}

static bool sqlite_release(struct db *db, struct db_error *e)
{
    return in_transaction(of(db), e) && control(of(db), CONTROL_RELEASE, e);
}

static bool sqlite_rollback_to(struct db *db, struct db_error *e)
{
    return in_transaction(of(db), e) && control(of(db), CONTROL_ROLLBACK_TO, e) &&
           control(of(db), CONTROL_RELEASE, e);
}

static int64_t sqlite_last_id(struct db *db)
{
    return sqlite3_last_insert_rowid(of(db)->conn.raw);
}

static int64_t sqlite_changes(struct db *db)
{
    return sqlite3_changes(of(db)->conn.raw);
}

/* ---- housekeeping ---- */

static bool sqlite_scrub(struct db *db, mono_ms_t deadline, struct db_error *e)
{
    struct sqlite *s = of(db);
    if (!ready(s, deadline, e))
        return false;
    int code = sqlite_scrub_run(&s->conn, &s->turn, deadline);
    return code == SQLITE_OK || failed(s, code, e);
}

/* A passive checkpoint never keeps a writer waiting; under steady load it never catches up either,
 * so a WAL that grew too long is restarted at the price of one short stall. */
static bool sqlite_maintain(struct db *db, struct db_error *e)
{
    struct sqlite *s = of(db);
    int pages = 0;
    if (!ready(s, mono_after(clock_mono(), RESTART_WAIT_MS), e))
        return false;
    int code =
        sqlite3_wal_checkpoint_v2(s->conn.raw, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, NULL);
    if (code == SQLITE_OK && pages > WAL_PAGES_MAX)
        code = sqlite3_wal_checkpoint_v2(s->conn.raw, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    /* Busy: another process is at it. */
    return code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY || failed(s, code, e);
}

static void sqlite_close(struct db *db)
{
    struct sqlite *s = of(db);
    disconnect(s);
    free(s->path);
    free(s);
}

static const struct db_driver driver = {
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .savepoint = sqlite_savepoint,
    .release = sqlite_release,
    .rollback_to = sqlite_rollback_to,
    .run = sqlite_run,
    .last_id = sqlite_last_id,
    .changes = sqlite_changes,
    .scrub = sqlite_scrub,
    .maintain = sqlite_maintain,
    .close = sqlite_close,
};

struct db *sqlite_open(const char *path, enum sqlite_create create, struct db_error *e)
{
    struct sqlite *s = xcalloc(1, sizeof *s);
    s->base.driver = &driver;
    s->path = xstrdup(path);
    s->turn.fd = -1;
    s->reconnect_at = MONO_PAST;
    if (connect_now(s, create, mono_after(clock_mono(), OPEN_WAIT_MS), e))
        return &s->base;
    sqlite_close(&s->base);
    return NULL;
}
