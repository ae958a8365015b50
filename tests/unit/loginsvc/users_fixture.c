#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "sys/file.h"
#include "users_fixture.h"

enum { GUARD_MS = 20000 };

static struct mariadb_server *server;
static int databases; /* that were made on it */

struct keyring *ring_of(const char *keys)
{
    struct err e;
    struct keyring *r = keyring_parse(slice_of(keys), &e);
    assert_non_null(r);
    return r;
}

static void on_guard(void *arg)
{
    struct fixture *f = arg;
    f->timed_out = true;
    loop_stop(f->loop);
}

/* ---- the database ---- */

static bool database_is(const char *kind)
{
    const char *is = getenv("USERS_DATABASE");
    return is && strcmp(is, kind) == 0;
}

bool fixture_on_mysql(void)
{
    return database_is("mysql") || database_is("mysql-tls");
}

struct mysql_tls fixture_tls(const struct fixture *f)
{
    struct mysql_tls tls = {.on = false};
    struct err e;
    if (f->tls)
        assert_true(mysql_tls_init(&tls, f->tls_ca, &e));
    return tls;
}

struct mariadb_server *fixture_server(void)
{
    return server;
}

int fixture_group_up(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as process_harden does */
    if (fixture_on_mysql())
        server = mariadb_server_new();
    if (database_is("mysql-tls"))
        mariadb_server_sql(server, NULL, "ALTER USER " MARIADB_USER " REQUIRE SSL");
    return 0;
}

int fixture_group_down(void **state)
{
    (void)state;
    mariadb_server_free(server);
    server = NULL;
    return 0;
}

static void server_sql(const char *format, const char *name)
{
    char sql[128];
    struct text t = text_init(sql, sizeof sql);
    text_str(&t, format);
    text_str(&t, name);
    ASSERT(!t.cut);
    mariadb_server_sql(server, NULL, sql);
}

static void new_database(struct fixture *f)
{
    snprintf(f->name, sizeof f->name, "users_%d", ++databases);
    snprintf(f->url, sizeof f->url,
             "mysql://" MARIADB_USER ":" MARIADB_PASSWORD "@" MARIADB_HOST ":%u/%s",
             mariadb_server_port(server), f->name);
    server_sql("CREATE DATABASE ", f->name);
    f->tls = database_is("mysql-tls");
    f->tls_ca = f->tls ? mariadb_server_ca(server) : NULL;
}

static void new_folder(struct fixture *f)
{
    snprintf(f->dir, sizeof f->dir, "/tmp/test_users.XXXXXX");
    ASSERT(mkdtemp(f->dir) != NULL);
    snprintf(f->path, sizeof f->path, "%s/users.db", f->dir);
    snprintf(f->url, sizeof f->url, "sqlite://%s", f->path);
}

struct fixture *fixture_new(void)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    f->results = xcalloc(RESULTS_MAX, sizeof *f->results);
    if (server)
        new_database(f);
    else
        new_folder(f);
    return f;
}

static void empty_dir(const char *path)
{
    DIR *dir = opendir(path);
    ASSERT(dir != NULL);
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}

void fixture_empty(struct fixture *f)
{
    if (server) {
        server_sql("DROP DATABASE ", f->name);
        server_sql("CREATE DATABASE ", f->name);
    } else {
        empty_dir(f->dir);
    }
}

static void forget_arrays(struct store_result *r)
{
    free(r->sessions);
    free(r->revocations);
    r->sessions = NULL;
    r->revocations = NULL;
}

void fixture_free(struct fixture *f)
{
    fixture_close(f);
    for (size_t i = 0; i < RESULTS_MAX; i++)
        forget_arrays(&f->results[i]);
    if (server) {
        server_sql("DROP DATABASE IF EXISTS ", f->name);
    } else {
        empty_dir(f->dir);
        rmdir(f->dir);
    }
    free(f->results);
    free(f);
}

static sqlite3 *sqlite_log_in(const struct fixture *f)
{
    sqlite3 *db = NULL;
    ASSERT(sqlite3_open(f->path, &db) == SQLITE_OK);
    return db;
}

static void sqlite_run(sqlite3 *db, const char *sql)
{
    ASSERT(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

void fixture_sql(const struct fixture *f, const char *sql)
{
    if (server) {
        mariadb_server_sql(server, f->name, sql);
        return;
    }
    sqlite3 *db = sqlite_log_in(f);
    sqlite_run(db, sql);
    ASSERT(sqlite3_close(db) == SQLITE_OK);
}

int64_t fixture_count(const struct fixture *f, const char *sql)
{
    if (server)
        return mariadb_server_sql(server, f->name, sql);
    sqlite3 *db = sqlite_log_in(f);
    sqlite3_stmt *st = NULL;
    ASSERT(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK);
    ASSERT(sqlite3_step(st) == SQLITE_ROW);
    int64_t number = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    ASSERT(sqlite3_close(db) == SQLITE_OK);
    return number;
}

struct fixture_lock {
    sqlite3 *sqlite;
    MYSQL *mysql;
};

struct fixture_lock *fixture_lock(const struct fixture *f)
{
    struct fixture_lock *lock = xcalloc(1, sizeof *lock);
    if (server) {
        lock->mysql = mariadb_server_log_in(server, f->name);
        mariadb_server_run(lock->mysql, "BEGIN");
        mariadb_server_run(lock->mysql, "SELECT * FROM users FOR UPDATE"); /* and what is between */
    } else {
        lock->sqlite = sqlite_log_in(f);
        sqlite_run(lock->sqlite, "BEGIN IMMEDIATE");
    }
    return lock;
}

void fixture_unlock(struct fixture_lock *lock)
{
    if (lock->mysql)
        mysql_close(lock->mysql);
    else
        ASSERT(sqlite3_close(lock->sqlite) == SQLITE_OK);
    free(lock);
}

/* ---- the store ---- */

bool fixture_open(struct fixture *f, const char *keys, int64_t timeout_ms, struct err *e)
{
    struct keyring *ring = ring_of(keys);
    f->loop = loop_new();
    f->guard = loop_timer_new(f->loop, on_guard, f);
    struct store_config c = {.url = f->url,
                             .tls = f->tls,
                             .tls_ca = f->tls_ca,
                             .master = ring,
                             .queue_max = RESULTS_MAX,
                             .op_timeout_ms = timeout_ms};
    f->store = store_open(f->loop, &c, e);
    keyring_free(ring);
    if (!f->store)
        fixture_close(f);
    return f->store != NULL;
}

void fixture_close(struct fixture *f)
{
    store_close(f->store);
    loop_timer_free(f->guard);
    loop_free(f->loop);
    f->store = NULL;
    f->guard = NULL;
    f->loop = NULL;
}

struct fixture *fixture_beside(const struct fixture *f, const char *keys)
{
    struct fixture *other = fixture_new();
    struct err e = {""};
    memcpy(other->path, f->path, sizeof other->path);
    memcpy(other->url, f->url, sizeof other->url);
    if (!fixture_open(other, keys, 0, &e))
        fail_msg("%s", e.text);
    return other;
}

char *fixture_read_file(const struct fixture *f, const char *suffix, size_t *n)
{
    char path[96];
    char *bytes = NULL;
    struct err e;
    snprintf(path, sizeof path, "%s%s", f->path, suffix);
    assert_true(file_read(path, 64 << 20, &bytes, n, &e));
    return bytes;
}

bool fixture_file_holds(const struct fixture *f, const char *suffix, const char *text)
{
    size_t n = 0;
    char *bytes = fixture_read_file(f, suffix, &n);
    bool found = memmem(bytes, n, text, strlen(text)) != NULL;
    free(bytes);
    return found;
}

int fixture_up(void **state)
{
    struct fixture *f = fixture_new();
    struct err e = {""};
    *state = f;
    if (fixture_open(f, KEY_A, GUARD_MS, &e))
        return 0;
    print_error("%s\n", e.text);
    return -1;
}

int fixture_down(void **state)
{
    fixture_free(*state);
    return 0;
}

static void *copy_of(const void *array, size_t n, size_t size)
{
    if (n == 0)
        return NULL;
    void *copy = xcalloc(n, size);
    memcpy(copy, array, n * size);
    return copy;
}

static void keep(struct store_result *kept, const struct store_result *r)
{
    forget_arrays(kept);
    *kept = *r;
    kept->sessions = copy_of(r->sessions, r->n_sessions, sizeof *r->sessions);
    kept->revocations = copy_of(r->revocations, r->n_revocations, sizeof *r->revocations);
}

static void on_result(void *owner, uint64_t id, const struct store_result *r)
{
    struct fixture *f = owner;
    assert_true(id < RESULTS_MAX);
    assert_false(f->seen[id]); /* exactly once */
    f->seen[id] = true;
    keep(&f->results[id], r);
    f->count++;
    if (f->count == f->wanted)
        loop_stop(f->loop);
}

struct store_caller fixture_caller(struct fixture *f, uint64_t id)
{
    f->seen[id] = false;
    return (struct store_caller){on_result, f, id};
}

void fixture_await(struct fixture *f, size_t results)
{
    f->wanted = results;
    if (f->count < results) {
        loop_timer_after(f->guard, GUARD_MS);
        loop_run(f->loop);
        loop_timer_stop(f->guard);
    }
    assert_false(f->timed_out);
    assert_int_equal(f->count, results);
    f->count = 0;
}

static void copy(char *out, size_t size, const char *text)
{
    assert_true(slice_copy(slice_of(text), out, size));
}

struct store_login login_of(const char *openid, const char *phone, wall_ms_t now)
{
    struct store_login in = {.now = now};
    char refresh_token[SESSION_REFRESH_TOKEN_SIZE];
    copy(in.appid, sizeof in.appid, APPID);
    copy(in.openid, sizeof in.openid, openid);
    copy(in.phone, sizeof in.phone, phone);
    copy(in.country_code, sizeof in.country_code, phone ? "86" : "");
    session_start(&in.session, now, TTL_MS, refresh_token);
    return in;
}

const struct store_result *fixture_one(struct fixture *f, bool accepted)
{
    assert_true(accepted);
    fixture_await(f, 1);
    return &f->results[0];
}

const struct store_result *fixture_login(struct fixture *f, const struct store_login *in)
{
    return fixture_one(f, store_login(f->store, in, fixture_caller(f, 0)));
}

void fixture_must_log_in(struct fixture *f, const char *openid)
{
    struct store_login in = login_of(openid, "13800138000", T0);
    const struct store_result *r = fixture_login(f, &in);
    if (r->status != STORE_OK)
        fail_msg("%s", r->err.text);
}

const struct store_result *fixture_find(struct fixture *f, const char *appid, const char *phone,
                                        const char *country_code)
{
    return fixture_one(f, store_find_by_phone(f->store, slice_of(appid), slice_of(phone),
                                              slice_of(country_code), fixture_caller(f, 0)));
}

const struct store_result *fixture_get(struct fixture *f, int64_t user_id)
{
    return fixture_one(f, store_get_user(f->store, user_id, fixture_caller(f, 0)));
}

bool fixture_has_session(struct fixture *f, const char *sid)
{
    return fixture_one(f, store_session_check(f->store, slice_of(sid), T0, fixture_caller(f, 0)))
               ->status == STORE_OK;
}
