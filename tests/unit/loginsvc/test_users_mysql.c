/* users: a database on a server: it refuses us with one clear line, its schema grows, and writers
 * meet there. What happens when it goes away is in test_users_mysql_away.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loginsvc/users/mysql.h"
#include "loginsvc/users/mysql_fault.h"
#include "loginsvc/users/mysql_schema.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "users_fixture.h"

enum { SOON_MS = 2000, SLACK_MS = 2500 };

/* ---- start ---- */

static void assert_refused(struct fixture *f, const char *why)
{
    struct err e = {""};
    fixture_close(f);
    assert_false(fixture_open(f, KEY_A, 0, &e));
    if (!strstr(e.text, why))
        fail_msg("\"%s\" does not say \"%s\"", e.text, why);
    assert_null(strstr(e.text, MARIADB_PASSWORD));
}

static void set_url(struct fixture *f, const char *password, unsigned port, const char *name)
{
    snprintf(f->url, sizeof f->url, "mysql://" MARIADB_USER ":%s@" MARIADB_HOST ":%u/%s", password,
             port, name);
}

static void a_wrong_password_and_an_unknown_database_are_named(void **state)
{
    struct fixture *f = *state;
    unsigned port = mariadb_server_port(fixture_server());
    set_url(f, "w0rng", port, f->name);
    assert_refused(f, "Access denied for user 'loginsvc'");
    set_url(f, MARIADB_PASSWORD, port, "users_nowhere");
    assert_refused(f, "Unknown database 'users_nowhere'");
    set_url(f, MARIADB_PASSWORD, port, "elsewhere");
    assert_refused(f, "Access denied");
}

/* test_users_mysql_away.c and the e2e tests say what follows when it comes. */
static void a_server_that_is_away_refuses_no_start(void **state)
{
    struct fixture *f = *state;
    struct err e = {""};
    fixture_close(f);
    set_url(f, MARIADB_PASSWORD, 1, f->name);
    assert_true(fixture_open(f, KEY_A, 0, &e));
    assert_false(store_stats(f->store).healthy);
    const struct store_result *r = fixture_get(f, 1);
    assert_int_equal(r->status, STORE_FAILED);
    assert_int_equal(r->class, ERR_BACKOFF);
    assert_non_null(strstr(r->err.text, MARIADB_HOST));
}

static void what_a_number_means_is_known(void **state)
{
    (void)state;
    static const struct {
        unsigned number;
        const char *detail;
        struct mysql_fault is;
    } known[] = {
        {1040, "too many connections", {ERR_BACKOFF, false, false}},
        {2013, "connection lost", {ERR_BACKOFF, false, true}},
        {1045, "access denied", {ERR_OPERATOR, false, false}},
        {1021, "disk full", {ERR_OPERATOR, false, false}},
        {1213, "deadlock", {ERR_RETRY, true, false}},
        {9007, "TiDB's write conflict", {ERR_RETRY, true, false}},
        {1064, "syntax", {ERR_BUG, false, false}},
        {2026, "TLS/SSL error: self-signed certificate", {ERR_OPERATOR, false, true}},
        {2026, "TLS/SSL error: unsupported protocol", {ERR_OPERATOR, false, true}},
        {2026, "TLS/SSL error: unexpected eof while reading", {ERR_BACKOFF, false, true}},
        {2026, "TLS/SSL error: Connection reset by peer (104)", {ERR_BACKOFF, false, true}},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct mysql_fault f = mysql_fault_of(known[i].number, known[i].detail);
        assert_int_equal(f.class, known[i].is.class);
        assert_int_equal(f.conflict, known[i].is.conflict);
        assert_int_equal(f.lost, known[i].is.lost);
    }
}

static void what_to_do_about_tls_is_said_where_it_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *detail, *advice;
    } known[] = {
        {"unable to get local issuer certificate", "DATABASE_TLS_CA"},
        {"self-signed certificate in certificate chain", "DATABASE_TLS_CA"},
        {"certificate verify failed", "DATABASE_TLS_CA"},
        {"certificate has expired", "clock"},
        {"certificate is not yet valid", "clock"},
        {"Validation of SSL server certificate failed", "host of DATABASE_URL"},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        assert_non_null(strstr(mysql_fault_advice(2026, known[i].detail, true), known[i].advice));
    assert_string_equal(mysql_fault_advice(2026, "unsuitable certificate purpose", true), "");
}

/* ---- schema ---- */

static bool apply(const struct fixture *f, const struct mysql_migration *m, size_t n,
                  struct db_error *e)
{
    struct database_url url;
    struct mysql_tls tls = fixture_tls(f);
    struct mysql_conn c;
    assert_true(database_url_parse(slice_of(f->url), &url, &e->line));
    assert_true(mysql_conn_open(&c, &url, &tls, mono_after(clock_mono(), 5000), e));
    bool applied = mysql_schema_apply(&c, m, n, e);
    mysql_conn_close(&c);
    database_url_wipe(&url);
    return applied;
}

#define SQL(text) ((const unsigned char *)(text))

static void a_failed_migration_is_taken_up_where_it_stopped(void **state)
{
    struct fixture *f = *state;
    struct db_error e;
    const struct mysql_migration good_then_bad[] = {
        {"good", SQL("CREATE TABLE IF NOT EXISTS a (x INT);\n")},
        {"bad", SQL("CREATE TABLE IF NOT EXISTS b (x INT);\nINSERT INTO nowhere VALUES (1);\n")},
    };
    const struct mysql_migration all_good[] = {
        {"good", SQL("CREATE TABLE a (x INT);\n")}, /* would fail if applied twice */
        {"better", SQL("CREATE TABLE IF NOT EXISTS b (x INT);\nINSERT INTO b VALUES (1);\n")},
    };
    fixture_close(f);
    fixture_empty(f);
    assert_false(apply(f, good_then_bad, 2, &e));
    assert_non_null(strstr(e.line.text, "migration 2 (bad) failed"));
    assert_non_null(strstr(e.line.text, "nowhere"));
    assert_true(apply(f, all_good, 2, &e));
    assert_true(apply(f, all_good, 2, &e));
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM b"), 1);
}

static void a_database_that_is_up_to_date_needs_no_right_to_change_tables(void **state)
{
    struct fixture *f = *state;
    struct err e = {""};
    char sql[128];
    snprintf(sql, sizeof sql, "GRANT SELECT, INSERT, UPDATE, DELETE ON %s.* TO 'daily'@'%%'",
             f->name);
    fixture_close(f);
    fixture_sql(f, "CREATE USER 'daily'@'%' IDENTIFIED BY 'd'");
    fixture_sql(f, sql);
    snprintf(f->url, sizeof f->url, "mysql://daily:d@" MARIADB_HOST ":%u/%s",
             mariadb_server_port(fixture_server()), f->name);
    assert_true(fixture_open(f, KEY_A, 0, &e));
    struct store_login in = login_of("openid-1", NULL, T0);
    assert_int_equal(fixture_login(f, &in)->status, STORE_OK);
    fixture_sql(f, "DROP USER 'daily'@'%'");
}

/* ---- other writers ---- */

/* How many users the logins made, all of which must be well. */
static size_t created_by(const struct fixture *f, size_t logins)
{
    size_t created = 0;
    for (size_t i = 0; i < logins; i++) {
        if (f->results[i].status != STORE_OK)
            fail_msg("%s", f->results[i].err.text);
        created += f->results[i].is_new;
    }
    return created;
}

static void two_stores_that_insert_the_same_users_at_once_make_each_once(void **state)
{
    enum { LOGINS = 400, OPENIDS = 100 };
    struct fixture *f = *state, *other = fixture_new();
    struct err e = {""};
    fixture_close(f);
    assert_true(fixture_open(f, KEY_A, 10000, &e));
    memcpy(other->url, f->url, sizeof other->url);
    assert_true(fixture_open(other, KEY_A, 10000, &e));
    for (uint64_t i = 0; i < LOGINS; i++) {
        char openid[32];
        snprintf(openid, sizeof openid, "openid-%d", (int)(i * 7 % OPENIDS));
        struct store_login in = login_of(openid, "13800138000", T0);
        assert_true(store_login(f->store, &in, fixture_caller(f, i)));
        snprintf(openid, sizeof openid, "openid-%d", (int)(i * 13 % OPENIDS));
        in = login_of(openid, "13800138000", T0);
        assert_true(store_login(other->store, &in, fixture_caller(other, i)));
    }
    fixture_await(f, LOGINS);
    fixture_await(other, LOGINS);
    size_t created = created_by(f, LOGINS) + created_by(other, LOGINS);
    assert_int_equal(created, OPENIDS);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM users"), OPENIDS);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM sessions"), 2 * LOGINS);
    fixture_free(other);
}

/* Two connections of the driver itself. */
struct pair {
    struct database_url url;
    struct mysql_tls tls;
    struct db *one, *two;
};

static mono_ms_t soon(void)
{
    return mono_after(clock_mono(), SOON_MS);
}

static void open_pair(struct pair *p, const struct fixture *f)
{
    struct db_error e;
    assert_true(database_url_parse(slice_of(f->url), &p->url, &e.line));
    p->tls = fixture_tls(f);
    p->one = mysql_open(&p->url, &p->tls, &e);
    assert_non_null(p->one);
    p->two = mysql_open_another(p->one);
    assert_true(db_begin(p->one, true, soon(), &e));
    assert_true(db_begin(p->two, true, soon(), &e));
}

static void close_pair(struct pair *p)
{
    db_close(p->two);
    db_close(p->one);
    database_url_wipe(&p->url);
}

static bool add_user(struct db *db, const char *openid, struct db_error *e)
{
    const struct db_value params[] = {
        db_text(APPID), db_text(openid), db_null(), db_text(""),
        db_text(""),    db_int(1),       db_int(1), db_int(1),
    };
    return db_run(db, QUERY_USER_ADD, params, NULL, NULL, e);
}

static bool touch(struct db *db, int64_t user_id, struct db_error *e)
{
    const struct db_value params[] = {db_int(1), db_int(user_id)};
    return db_run(db, QUERY_PHONE_PROVED, params, NULL, NULL, e);
}

static void a_row_that_another_one_inserted_first_says_again_and_names_nobody(void **state)
{
    struct pair p;
    struct db_error e;
    open_pair(&p, *state);
    assert_true(add_user(p.one, "openid-private", &e));
    assert_false(add_user(p.two, "openid-private", &e)); /* while the other has not committed */
    assert_true(e.again);
    assert_int_equal(e.class, ERR_BACKOFF);
    db_rollback(p.two);
    assert_true(db_commit(p.one, &e));
    assert_true(db_begin(p.two, true, soon(), &e));
    assert_false(add_user(p.two, "openid-private", &e));
    assert_true(e.again);
    assert_null(strstr(e.line.text, "openid-private"));
    db_rollback(p.two);
    close_pair(&p);
}

struct touching {
    struct db *db;
    int64_t user_id;
    bool done;
    struct db_error e;
};

static void *touch_in_thread(void *arg)
{
    struct touching *t = arg;
    t->done = touch(t->db, t->user_id, &t->e);
    return NULL;
}

static void of_two_that_wait_for_each_other_one_is_told_to_run_again(void **state)
{
    struct fixture *f = *state;
    struct pair p;
    struct db_error e;
    fixture_must_log_in(f, "openid-1");
    fixture_must_log_in(f, "openid-2");
    int64_t first = fixture_count(f, "SELECT min(id) FROM users");
    int64_t second = fixture_count(f, "SELECT max(id) FROM users");
    open_pair(&p, f);
    assert_true(touch(p.one, first, &e));
    assert_true(touch(p.two, second, &e));
    assert_int_equal(db_changes(p.two), 1);
    struct touching one = {p.one, second, false, {.class = ERR_NONE}};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, touch_in_thread, &one), 0);
    bool two_done = touch(p.two, first, &e);
    pthread_join(thread, NULL);
    assert_true(one.done != two_done);
    const struct db_error *met = one.done ? &e : &one.e;
    assert_true(met->again);
    assert_int_equal(met->class, ERR_RETRY);
    assert_true(db_commit(one.done ? p.one : p.two, &e));
    db_rollback(one.done ? p.two : p.one);
    close_pair(&p);
}

static void rows_that_an_update_leaves_as_they_were_count_as_matched(void **state)
{
    struct fixture *f = *state;
    struct pair p;
    struct db_error e;
    fixture_must_log_in(f, "openid-1");
    int64_t id = fixture_count(f, "SELECT min(id) FROM users");
    open_pair(&p, f);
    for (int i = 0; i < 2; i++) {
        assert_true(touch(p.one, id, &e));
        assert_int_equal(db_changes(p.one), 1);
    }
    assert_true(touch(p.one, id + 1000, &e));
    assert_int_equal(db_changes(p.one), 0);
    close_pair(&p);
}

static void a_commit_without_an_answer_is_unknown(void **state)
{
    struct pair p;
    struct db_error e;
    open_pair(&p, *state);
    assert_true(add_user(p.one, "openid-1", &e));
    mariadb_server_freeze(fixture_server());
    mono_ms_t start = clock_mono();
    bool committed = db_commit(p.one, &e);
    int64_t waited = mono_between(start, clock_mono());
    mariadb_server_thaw(fixture_server());
    assert_false(committed);
    assert_int_equal(e.class, ERR_UNKNOWN);
    assert_false(e.again);
    assert_true(waited < SOON_MS + SLACK_MS);
    db_rollback(p.one);
    close_pair(&p);
}

/* A purge that looked at every session would meet, and wait for, all that are being used. (It does
 * look at the one behind the last that is over.) */
static void a_purge_waits_for_nobody_who_holds_a_session_that_lives(void **state)
{
    enum { SESSIONS = 400, OVER = 10, IDLE = 1 };
    struct fixture *f = *state;
    char sql[128];
    for (uint64_t i = 0; i < SESSIONS; i++) {
        struct store_login in = login_of("openid-1", NULL, wall_after(T0, (int64_t)i));
        assert_true(store_login(f->store, &in, fixture_caller(f, i)));
    }
    fixture_await(f, SESSIONS);
    wall_ms_t now = wall_after(T0, TTL_MS + OVER);
    MYSQL *other = mariadb_server_log_in(fixture_server(), f->name);
    mariadb_server_run(other, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    mariadb_server_run(other, "BEGIN");
    snprintf(sql, sizeof sql, "UPDATE sessions SET last_used_at = 1 WHERE expires_at >= %lld",
             (long long)now.ms + IDLE);
    mariadb_server_run(other, sql);
    const struct store_result *r = fixture_one(f, store_purge(f->store, now, fixture_caller(f, 0)));
    mysql_close(other);
    if (r->status != STORE_OK)
        fail_msg("%s", r->err.text);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM sessions"), SESSIONS - OVER);
}

static void await_a_lock_wait(const struct fixture *f)
{
    mono_ms_t give_up = mono_after(clock_mono(), SOON_MS);
    while (fixture_count(f, "SELECT variable_value FROM information_schema.global_status"
                            " WHERE variable_name = 'Innodb_row_lock_current_waits'") == 0)
        assert_false(mono_reached(clock_mono(), give_up));
}

static void a_phone_of_a_user_who_is_erased_meanwhile_is_not_told_as_bound(void **state)
{
    struct fixture *f = *state;
    fixture_must_log_in(f, "openid-1");
    int64_t id = fixture_count(f, "SELECT min(id) FROM users");
    MYSQL *other = mariadb_server_log_in(fixture_server(), f->name);
    mariadb_server_run(other, "BEGIN");
    mariadb_server_run(other, "DELETE FROM sessions");
    mariadb_server_run(other, "DELETE FROM users");
    assert_true(store_set_phone(f->store, id, SLICE_LIT("13800138000"), SLICE_LIT("86"), LATER,
                                fixture_caller(f, 0)));
    await_a_lock_wait(f);
    mariadb_server_run(other, "COMMIT");
    mysql_close(other);
    fixture_await(f, 1);
    assert_int_equal(f->results[0].status, STORE_NOT_FOUND);
}

/* ---- much at once ---- */

static void all_sessions_of_a_user_end_in_time_however_many_they_are(void **state)
{
    enum { SESSIONS = 200 * 100 };
    struct fixture *f = *state;
    struct err e = {""};
    wall_ms_t until = wall_after(LATER, TTL_MS);
    fixture_must_log_in(f, "openid-1");
    int64_t id = fixture_count(f, "SELECT min(id) FROM users");
    fixture_sql(f,
                "INSERT INTO sessions WITH RECURSIVE n AS (SELECT 1 AS n UNION ALL"
                " SELECT n + 1 FROM n WHERE n < 200) SELECT md5(concat(a.n, '-', b.n)), s.user_id,"
                " s.refresh_hash, '', s.created_at, s.last_used_at, s.expires_at, NULL"
                " FROM n AS a, n AS b, sessions AS s WHERE b.n <= 100");
    fixture_close(f);
    assert_true(fixture_open(f, KEY_A, 0, &e)); /* with the patience of every day */
    const struct store_result *r =
        fixture_one(f, store_sessions_end_all(f->store, id, LATER, until, fixture_caller(f, 0)));
    if (r->status != STORE_OK)
        fail_msg("%s", r->err.text);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM revocations"), SESSIONS + 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM sessions WHERE ended_at IS NULL"), 0);
}

/* ---- at rest ---- */

static bool file_holds(const char *path, const char *text)
{
    char *bytes = NULL;
    size_t n = 0;
    struct err e;
    if (!file_read(path, 64 << 20, &bytes, &n, &e))
        return false; /* a folder */
    bool found = memmem(bytes, n, text, strlen(text)) != NULL;
    free(bytes);
    return found;
}

static bool folder_holds(const char *folder, const char *text)
{
    bool found = false;
    DIR *dir = opendir(folder);
    struct dirent *entry;
    assert_non_null(dir);
    while (!found && (entry = readdir(dir)) != NULL) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        found = file_holds(path, text);
    }
    closedir(dir);
    return found;
}

static void no_phone_is_readable_in_any_file_of_the_server(void **state)
{
    struct fixture *f = *state;
    char tables[256];
    const char *data = mariadb_server_folder(fixture_server());
    snprintf(tables, sizeof tables, "%s/%s", data, f->name);
    struct store_login in = login_of("openid-visible", "13711112222", T0);
    fixture_login(f, &in);
    fixture_find(f, APPID, "13711112222", "86");
    fixture_sql(f, "FLUSH TABLES users FOR EXPORT");     /* writes it out */
    assert_true(folder_holds(tables, "openid-visible")); /* this search can find something */
    assert_true(folder_holds(data, "openid-visible"));
    assert_false(folder_holds(tables, "13711112222"));
    assert_false(folder_holds(data, "13711112222"));
}

#define MYSQL_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MYSQL_TEST(a_wrong_password_and_an_unknown_database_are_named),
        MYSQL_TEST(a_server_that_is_away_refuses_no_start),
        cmocka_unit_test(what_a_number_means_is_known),
        cmocka_unit_test(what_to_do_about_tls_is_said_where_it_is_known),
        MYSQL_TEST(a_failed_migration_is_taken_up_where_it_stopped),
        MYSQL_TEST(a_database_that_is_up_to_date_needs_no_right_to_change_tables),
        MYSQL_TEST(two_stores_that_insert_the_same_users_at_once_make_each_once),
        MYSQL_TEST(a_row_that_another_one_inserted_first_says_again_and_names_nobody),
        MYSQL_TEST(of_two_that_wait_for_each_other_one_is_told_to_run_again),
        MYSQL_TEST(rows_that_an_update_leaves_as_they_were_count_as_matched),
        MYSQL_TEST(a_commit_without_an_answer_is_unknown),
        MYSQL_TEST(a_purge_waits_for_nobody_who_holds_a_session_that_lives),
        MYSQL_TEST(a_phone_of_a_user_who_is_erased_meanwhile_is_not_told_as_bound),
        MYSQL_TEST(all_sessions_of_a_user_end_in_time_however_many_they_are),
        MYSQL_TEST(no_phone_is_readable_in_any_file_of_the_server),
    };
    return cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
}
