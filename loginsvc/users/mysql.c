#include "loginsvc/users/mysql.h"

#include <stdlib.h>

#include "loginsvc/users/mysql_conn.h"
#include "loginsvc/users/mysql_gate.h"
#include "loginsvc/users/mysql_schema.h"
#include "loginsvc/users/mysql_statement.h"
#include "sys/clock.h"

enum {
    OPEN_WAIT_MS = 10000,
    /* What was begun gets at least this long, though its deadline be near: above the wait for a
     * lock (mysql_conn.c), whose end leaves the connection whole. */
    WORK_MIN_MS = 1500,
    /* One that is lost before it was of any use had bad luck, the second in a row would be lost
     * again. */
    USELESS_MAX = 2,
};

static const char *const query_texts[QUERY_COUNT] = {
#define X(name, params, text) [name] = (text),
    QUERY_TABLE(X)
#undef X
};

struct mysql {
    struct db base;
    const struct database_url *to;
    const struct mysql_tls *tls;
    struct mysql_gate *gate; /* own_gate of the first connection */
    struct mysql_gate own_gate;
    struct mysql_conn conn;
    int useless; /* connections in a row; the present one until it was of use */
    struct mysql_statement *statements[QUERY_COUNT]; /* prepared at their first use */
    bool in_transaction;
    int64_t last_id, changes;
};

static struct mysql *of(struct db *db)
{
    return CONTAINER_OF(db, struct mysql, base);
}

/* ---- connection ---- */

static void disconnect(struct mysql *s)
{
    mysql_conn_close(&s->conn);
    for (int i = 0; i < QUERY_COUNT; i++) {
        mysql_statement_free(s->statements[i]);
        s->statements[i] = NULL;
    }
}

/* Whoever is let in first brings the schema up to date. */
static bool upgrade(struct mysql *s, struct db_error *e)
{
    if (!atomic_load(&s->gate->upgraded) && !mysql_schema_upgrade(&s->conn, e))
        return false;
    atomic_store(&s->gate->upgraded, true);
    return true;
}

static bool connect_now(struct mysql *s, struct db_error *e)
{
    if (!mysql_gate_is_open(s->gate, e))
        return false;
    s->useless++;
    if (mysql_conn_open(&s->conn, s->to, s->tls, s->conn.until, e) && upgrade(s, e)) {
        mysql_gate_open(s->gate);
        return true;
    }
    disconnect(s);
    e->again = e->again && s->useless < USELESS_MAX;
    if (!e->again)
        mysql_gate_close(s->gate, e);
    return false;
}

static bool ready(struct mysql *s, struct db_error *e)
{
    if (s->conn.lost) {
        if (s->useless >= USELESS_MAX)
            mysql_gate_close(s->gate, &s->conn.why);
        disconnect(s);
    }
    return s->conn.raw || connect_now(s, e);
}

static mono_ms_t at_least(mono_ms_t deadline)
{
    mono_ms_t least = mono_after(clock_mono(), WORK_MIN_MS);
    return mono_reached(deadline, least) ? deadline : least;
}

/* ---- transactions ---- */

static bool start(struct mysql *s, bool writes, struct db_error *e)
{
    if (!ready(s, e))
        return false;
    s->in_transaction = writes && mysql_conn_exec(&s->conn, "START TRANSACTION", e);
    return s->in_transaction == writes;
}

static bool driver_begin(struct db *db, bool writes, mono_ms_t deadline, struct db_error *e)
{
    struct mysql *s = of(db);
    s->conn.until = at_least(deadline);
    /* That the server closed an idle connection, or was restarted, shows only now. */
    for (int lost = 0; lost <= USELESS_MAX; lost++) {
        if (start(s, writes, e))
            return true;
        if (!e->again)
            return false;
    }
    return false;
}

static bool driver_commit(struct db *db, struct db_error *e)
{
    struct mysql *s = of(db);
    s->conn.until = at_least(s->conn.until);
    if (!s->in_transaction)
        return true;
    if (mysql_conn_exec(&s->conn, "COMMIT", e)) {
        s->in_transaction = false;
        s->useless = 0;
        return true;
    }
    /* Without an answer nobody knows. */
    if (s->conn.lost || (e->class == ERR_BACKOFF && !e->again)) {
        e->class = ERR_UNKNOWN;
        e->again = false;
    }
    return false;
}

static void driver_rollback(struct db *db)
{
    struct mysql *s = of(db);
    struct db_error e;
    s->conn.until = at_least(s->conn.until);
    if (s->in_transaction && !s->conn.lost && !mysql_conn_exec(&s->conn, "ROLLBACK", &e))
        mysql_conn_give_up(&s->conn, &e);
    s->in_transaction = false;
}

static bool driver_savepoint(struct db *db, struct db_error *e)
{
    struct mysql *s = of(db);
    return !s->in_transaction || mysql_conn_exec(&s->conn, "SAVEPOINT one", e);
}

/* The next mark of the same name takes its place: that saves a round trip. */
static bool driver_release(struct db *db, struct db_error *e)
{
    (void)db, (void)e;
    return true;
}

static bool driver_rollback_to(struct db *db, struct db_error *e)
{
    struct mysql *s = of(db);
    return !s->in_transaction || mysql_conn_exec(&s->conn, "ROLLBACK TO SAVEPOINT one", e);
}

/* ---- statements ---- */

static struct mysql_statement *statement(struct mysql *s, enum query q, struct db_error *e)
{
    if (!s->statements[q])
        s->statements[q] = mysql_statement_new(&s->conn, query_texts[q], e);
    return s->statements[q];
}

static bool driver_run(struct db *db, enum query q, const struct db_value *params,
                       db_row_fn *on_row, void *arg, struct db_error *e)
{
    struct mysql *s = of(db);
    struct mysql_statement *st = statement(s, q, e);
    if (!st || !mysql_statement_run(st, params, on_row, arg, e))
        return false;
    if (!mysql_statement_gives_rows(st)) {
        s->changes = mysql_statement_changes(st);
        s->last_id = mysql_statement_last_id(st);
    }
    if (!s->in_transaction)
        s->useless = 0;
    return true;
}

static int64_t driver_last_id(struct db *db)
{
    return of(db)->last_id;
}

static int64_t driver_changes(struct db *db)
{
    return of(db)->changes;
}

/* ---- */

/* The server keeps house by itself. */
static bool driver_maintain(struct db *db, struct db_error *e)
{
    (void)db, (void)e;
    return true;
}

static void driver_close(struct db *db)
{
    struct mysql *s = of(db);
    disconnect(s);
    mysql_gate_deinit(&s->own_gate);
    free(s);
}

static const struct db_driver driver = {
    .begin = driver_begin,
    .commit = driver_commit,
    .rollback = driver_rollback,
    .savepoint = driver_savepoint,
    .release = driver_release,
    .rollback_to = driver_rollback_to,
    .run = driver_run,
    .last_id = driver_last_id,
    .changes = driver_changes,
    .maintain = driver_maintain,
    .close = driver_close,
};

static struct mysql *new_to(const struct database_url *to, const struct mysql_tls *tls)
{
    struct mysql *s = xcalloc(1, sizeof *s);
    s->base.driver = &driver;
    s->to = to;
    s->tls = tls;
    s->gate = &s->own_gate;
    mysql_gate_init(&s->own_gate);
    return s;
}

struct db *mysql_open_later(const struct database_url *to, const struct mysql_tls *tls)
{
    ASSERT(mysql_library_init(0, NULL, NULL) == 0);
    return &new_to(to, tls)->base;
}

struct db *mysql_open(const struct database_url *to, const struct mysql_tls *tls,
                      struct db_error *e)
{
    struct mysql *s = of(mysql_open_later(to, tls));
    s->conn.until = mono_after(clock_mono(), OPEN_WAIT_MS);
    while (!connect_now(s, e)) {
        if (!e->again) {
            driver_close(&s->base);
            return NULL;
        }
    }
    return &s->base;
}

struct db *mysql_open_another(struct db *first)
{
    struct mysql *s = new_to(of(first)->to, of(first)->tls);
    s->gate = of(first)->gate;
    return &s->base;
}
