/* users: what can be wrong with a database, at the start and later: one clear line, the right
 * class, nothing half done, and the process lives on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "loginsvc/users/sqlite_schema.h"
#include "sys/clock.h"
#include "users_fixture.h"

/* ---- start ---- */

static void assert_refused(struct fixture *f, const char *keys, const char *why)
{
    struct err e = {""};
    assert_false(fixture_open(f, keys, 0, &e));
    if (!strstr(e.text, why))
        fail_msg("\"%s\" does not say \"%s\"", e.text, why);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void a_missing_folder_is_named_and_not_created(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    snprintf(f->url, sizeof f->url, "sqlite://%s/no/users.db", f->dir);
    assert_refused(f, KEY_A, "the folder must be there");
    char folder[96];
    snprintf(folder, sizeof folder, "%s/no", f->dir);
    assert_int_equal(access(folder, F_OK), -1);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    write_file(f->path, "this is a letter, not a database; it is long enough to have a header that "
                        "nobody could take for one of SQLite's, whatever it looks at\n");
    assert_refused(f, KEY_A, "file is not a database");
}

static void a_folder_in_place_of_the_file_is_refused(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    snprintf(f->url, sizeof f->url, "sqlite:///proc/self");
    assert_refused(f, KEY_A, "unable to open database file");
}

static void a_database_of_a_newer_program_is_refused(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    fixture_sql(f, "INSERT INTO schema_migrations VALUES (99, 'from the future', 0)");
    assert_refused(f, KEY_A, "the database has schema version 99, this program knows ");
}

static void another_data_key_is_refused(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    assert_refused(f, KEY_B, "DATA_KEY is not the key that this database was written with");
}

/* ---- migrations ---- */

static const struct sqlite_migration good_then_bad[] = {
    {"good", (const unsigned char *)"CREATE TABLE a (x INTEGER)"},
    {"bad", (const unsigned char *)"CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1)"},
};

static const struct sqlite_migration all_good[] = {
    {"good", (const unsigned char *)"CREATE TABLE a (x INTEGER)"},
    {"better", (const unsigned char *)"CREATE TABLE b (x INTEGER); INSERT INTO b VALUES (1)"},
};

static bool apply(const char *path, const struct sqlite_migration *m, size_t n, struct db_error *e)
{
    struct sqlite_conn c;
    mono_ms_t until = mono_after(clock_mono(), 1000);
    assert_true(sqlite_conn_open(&c, path, SQLITE_FILE_MAY_CREATE, until, e));
    bool applied = sqlite_schema_apply(&c, m, n, e);
    sqlite_conn_close(&c);
    return applied;
}

static void a_failed_migration_leaves_nothing_and_is_applied_later(void **state)
{
    struct fixture *f = *state;
    struct db_error e;
    fixture_close(f);
    assert_int_equal(unlink(f->path), 0);
    assert_false(apply(f->path, good_then_bad, 2, &e));
    assert_non_null(strstr(e.line.text, "migration 2 (bad) failed"));
    assert_non_null(strstr(e.line.text, "nowhere"));
    assert_true(apply(f->path, all_good, 2, &e)); /* would fail if table b were there */
    assert_true(apply(f->path, all_good, 2, &e)); /* would fail if applied twice */
}

/* ---- trouble while it runs ---- */

/* What every write to the disk answers; 0: it works. */
static atomic_int write_errno;

static ssize_t faulty_pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    errno = atomic_load(&write_errno);
    return errno ? -1 : pwrite(fd, bytes, n, at);
}

static void set_system_call(const char *name, sqlite3_syscall_ptr call)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    assert_int_equal(vfs->xSetSystemCall(vfs, name, call), SQLITE_OK);
}

/* SQLite writes through faulty_pwrite. */
static int faulty_up(void **state)
{
    set_system_call("pwrite", (sqlite3_syscall_ptr)faulty_pwrite);
    set_system_call("pwrite64", (sqlite3_syscall_ptr)faulty_pwrite);
    return fixture_up(state);
}

static int faulty_down(void **state)
{
    write_errno = 0;
    int code = fixture_down(state);
    set_system_call("pwrite", NULL);
    set_system_call("pwrite64", NULL);
    return code;
}

/* Logs in until it works again: the store connects anew at most once a second. */
static void await_recovery(struct fixture *f)
{
    mono_ms_t give_up = mono_after(clock_mono(), 10000);
    enum store_status status;
    do {
        struct store_login in = login_of("openid-recovery", NULL, T0);
        status = fixture_login(f, &in)->status;
    } while (status != STORE_OK && !mono_reached(clock_mono(), give_up));
    assert_int_equal(status, STORE_OK);
    assert_true(store_stats(f->store).healthy);
}

static void assert_failed(const struct store_result *r, enum err_class class, const char *why)
{
    assert_int_equal(r->status, STORE_FAILED);
    assert_int_equal(r->class, class);
    if (!strstr(r->err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", r->err.text, why);
}

static void a_full_disk_is_the_operators_and_passes(void **state)
{
    enum { LOGINS = 10 };
    struct fixture *f = *state;
    write_errno = ENOSPC;
    for (uint64_t i = 0; i < LOGINS; i++) {
        struct store_login in = login_of("openid-full", NULL, T0);
        assert_true(store_login(f->store, &in, fixture_caller(f, i)));
    }
    fixture_await(f, LOGINS);
    for (size_t i = 0; i < LOGINS; i++)
        assert_failed(&f->results[i], ERR_OPERATOR, "full");
    assert_true(store_ping(f->store, fixture_caller(f, 0)));
    fixture_await(f, 1);
    assert_failed(&f->results[0], ERR_OPERATOR, "full");
    assert_false(store_stats(f->store).healthy);
    write_errno = 0;
    assert_true(store_ping(f->store, fixture_caller(f, 0)));
    fixture_await(f, 1);
    assert_int_equal(f->results[0].status, STORE_OK);
    assert_true(store_stats(f->store).healthy);
    struct store_login in = login_of("openid-full", NULL, T0);
    assert_true(fixture_login(f, &in)->is_new); /* none of the failed ones stayed */
    assert_true(store_stats(f->store).healthy);
}

static void a_disk_that_errs_is_the_operators_and_passes(void **state)
{
    struct fixture *f = *state;
    struct store_login before = login_of("openid-before", "13800138000", T0);
    fixture_login(f, &before);
    write_errno = EIO;
    struct store_login in = login_of("openid-io", NULL, T0);
    assert_failed(fixture_login(f, &in), ERR_UNKNOWN, "disk I/O error"); /* in the commit itself */
    for (int i = 0; i < 5; i++)
        assert_int_equal(fixture_login(f, &in)->status, STORE_FAILED);
    write_errno = 0;
    await_recovery(f);
    assert_int_equal(fixture_find(f, APPID, "13800138000", "86")->status, STORE_OK);
}

static void a_lock_held_by_another_process_ends_at_the_deadline(void **state)
{
    enum { TIMEOUT_MS = 300 };
    struct fixture *f = *state;
    struct err e;
    fixture_close(f);
    assert_true(fixture_open(f, KEY_A, TIMEOUT_MS, &e));
    struct fixture_lock *other = fixture_lock(f);
    mono_ms_t start = clock_mono();
    struct store_login in = login_of("openid-1", NULL, T0);
    assert_failed(fixture_login(f, &in), ERR_BACKOFF,
                  fixture_on_mysql() ? "Lock wait timeout" : "locked");
    int64_t waited = mono_between(start, clock_mono());
    assert_in_range(waited, TIMEOUT_MS, TIMEOUT_MS + 2000);
    assert_int_equal(fixture_get(f, 1)->status, STORE_NOT_FOUND); /* reading waits for nobody */
    assert_false(store_stats(f->store).healthy);                  /* and proves nothing */
    fixture_unlock(other);
    assert_int_equal(fixture_login(f, &in)->status, STORE_OK);
}

static void a_lock_that_passes_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct fixture_lock *other = fixture_lock(f);
    struct store_login in = login_of("openid-1", NULL, T0);
    assert_true(store_login(f->store, &in, fixture_caller(f, 0)));
    sqlite3_sleep(50); /* lets the worker run into the lock */
    fixture_unlock(other);
    fixture_await(f, 1);
    assert_int_equal(f->results[0].status, STORE_OK);
}

static void a_file_that_was_moved_away_takes_no_logins(void **state)
{
    struct fixture *f = *state;
    char aside[96];
    snprintf(aside, sizeof aside, "%s.aside", f->path);
    struct store_login before = login_of("openid-before", "13800138000", T0);
    fixture_login(f, &before);
    assert_int_equal(rename(f->path, aside), 0);
    struct store_login in = login_of("openid-1", NULL, T0);
    assert_failed(fixture_login(f, &in), ERR_BACKOFF, "unable to open database file");
    assert_false(store_stats(f->store).healthy);
    assert_int_equal(access(f->path, F_OK), -1); /* and no empty one was put in its place */
    assert_int_equal(rename(aside, f->path), 0);
    await_recovery(f);
    assert_int_equal(fixture_find(f, APPID, "13800138000", "86")->status, STORE_OK);
}

static void move_database(const char *from, const char *to)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char a[96], b[96];
        snprintf(a, sizeof a, "%s%s", from, suffixes[i]);
        snprintf(b, sizeof b, "%s%s", to, suffixes[i]);
        assert_int_equal(rename(a, b), 0);
    }
}

static bool knows_session(struct fixture *f, const char *id)
{
    assert_true(store_session_check(f->store, slice_of(id), T0, fixture_caller(f, 0)));
    fixture_await(f, 1);
    return f->results[0].status == STORE_OK;
}

static void another_database_in_place_of_the_moved_one_is_taken_up_whole(void **state)
{
    enum { UPKEEP_MS = 1500 }; /* longer than the pause before a checkpoint */
    struct fixture *f = *state;
    struct err e = {""};
    char aside[96];
    snprintf(aside, sizeof aside, "%s.aside", f->path);
    struct store_login before = login_of("openid-before", NULL, T0);
    fixture_login(f, &before);
    move_database(f->path, aside);

    struct fixture *other = fixture_new();
    memcpy(other->url, f->url, sizeof other->url);
    assert_true(fixture_open(other, KEY_A, 0, &e));
    await_recovery(f);
    mono_ms_t end = mono_after(clock_mono(), UPKEEP_MS);
    struct store_login in;
    do {
        in = login_of("openid-after", NULL, T0);
        assert_int_equal(fixture_login(f, &in)->status, STORE_OK);
    } while (!mono_reached(clock_mono(), end));
    fixture_close(other);
    assert_true(fixture_open(other, KEY_A, 0, &e)); /* opens the files by their names */
    assert_true(knows_session(other, in.session.id));
    assert_false(knows_session(other, before.session.id));
    fixture_free(other);
}

#define START_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
#define FAULT_TEST(name) cmocka_unit_test_setup_teardown(name, faulty_up, faulty_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        START_TEST(a_database_of_a_newer_program_is_refused),
        START_TEST(another_data_key_is_refused),
        START_TEST(a_lock_held_by_another_process_ends_at_the_deadline),
        START_TEST(a_lock_that_passes_is_waited_for),
    };
    const struct CMUnitTest sqlite_tests[] = {
        START_TEST(a_missing_folder_is_named_and_not_created),
        START_TEST(a_file_that_is_no_database_is_refused),
        START_TEST(a_folder_in_place_of_the_file_is_refused),
        START_TEST(a_failed_migration_leaves_nothing_and_is_applied_later),
        FAULT_TEST(a_full_disk_is_the_operators_and_passes),
        FAULT_TEST(a_disk_that_errs_is_the_operators_and_passes),
        START_TEST(a_file_that_was_moved_away_takes_no_logins),
        START_TEST(another_database_in_place_of_the_moved_one_is_taken_up_whole),
    };
    int failed = cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
    if (!fixture_on_mysql())
        failed += cmocka_run_group_tests(sqlite_tests, NULL, NULL);
    return failed;
}
