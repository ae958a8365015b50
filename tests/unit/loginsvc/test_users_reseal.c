/* users: all phones sealed anew under a new key, while others go on, however often it is stopped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "loginsvc/users/reseal.h"
#include "users_fixture.h"

enum { PEOPLE = 250, STEP = 100 };

#define NEW_AND_OLD KEY_B "," KEY_A

/* ---- people ---- */

static struct store_login login_of_number(int number, wall_ms_t now)
{
    char openid[32], phone[16];
    snprintf(openid, sizeof openid, "openid-%d", number);
    snprintf(phone, sizeof phone, "138%08d", number);
    return login_of(openid, phone, now);
}

static void log_in_from_to(struct fixture *f, int from, int to)
{
    for (int i = from; i < to; i++) {
        struct store_login in = login_of_number(i, T0);
        assert_true(store_login(f->store, &in, fixture_caller(f, (uint64_t)(i - from))));
    }
    fixture_await(f, (size_t)(to - from));
    for (int i = 0; i < to - from; i++)
        assert_int_equal(f->results[i].status, STORE_OK);
}

/* PEOPLE with phones under KEY_A, and one without; no store is open. */
static int people_up(void **state)
{
    int code = fixture_up(state);
    struct fixture *f = *state;
    struct store_login nobody = login_of("openid-without-phone", NULL, T0);
    fixture_login(f, &nobody);
    log_in_from_to(f, 0, PEOPLE);
    fixture_close(f);
    return code;
}

static void open_with(struct fixture *f, const char *keys)
{
    struct err e = {""};
    if (!fixture_open(f, keys, 0, &e))
        fail_msg("%s", e.text);
}

/* Everyone is found by phone and has that phone, with the new key alone. */
static void assert_all_readable(struct fixture *f, int people)
{
    open_with(f, KEY_B);
    for (int i = 0; i < people; i++) {
        struct store_login in = login_of_number(i, T0);
        const struct store_result *r = fixture_find(f, APPID, in.phone, "86");
        assert_int_equal(r->status, STORE_OK);
        assert_string_equal(r->user.openid, in.openid);
        assert_string_equal(r->user.phone, in.phone);
    }
}

/* ---- runs ---- */

struct run {
    struct reseal_progress last;
    size_t calls;
    size_t stop_after; /* calls; 0 = never */
    volatile sig_atomic_t stop;
};

static void on_progress(const struct reseal_progress *p, void *arg)
{
    struct run *run = arg;
    run->last = *p;
    run->calls++;
    run->stop = run->calls == run->stop_after;
}

static bool reseal(const struct fixture *f, const char *keys, struct run *run, struct err *e)
{
    struct keyring *ring = ring_of(keys);
    const struct reseal_options o = {
        .url = f->url, .master = ring, .progress = on_progress, .arg = run, .stop = &run->stop};
    bool done = reseal_run(&o, e);
    keyring_free(ring);
    return done;
}

static void assert_progress(const struct run *run, uint64_t seen, uint64_t resealed,
                            uint64_t unreadable, uint64_t total)
{
    assert_int_equal(run->last.seen, seen);
    assert_int_equal(run->last.resealed, resealed);
    assert_int_equal(run->last.unreadable, unreadable);
    assert_int_equal(run->last.total, total);
}

static void afterwards_the_new_key_alone_is_enough(void **state)
{
    struct fixture *f = *state;
    struct run run = {.calls = 0};
    struct err e = {""};
    assert_true(reseal(f, NEW_AND_OLD, &run, &e));
    assert_progress(&run, PEOPLE, PEOPLE, 0, PEOPLE);
    assert_int_equal(run.calls, 3); /* 100, 100, 50 */
    assert_all_readable(f, PEOPLE);
    fixture_close(f);
    assert_false(fixture_open(f, KEY_A, 0, &e)); /* and the old one is not */
}

static void a_second_run_has_nothing_to_do(void **state)
{
    struct fixture *f = *state;
    struct run first = {.calls = 0}, second = {.calls = 0};
    struct err e;
    assert_true(reseal(f, NEW_AND_OLD, &first, &e));
    assert_true(reseal(f, NEW_AND_OLD, &second, &e));
    assert_progress(&second, PEOPLE, 0, 0, PEOPLE);
}

static void one_that_was_stopped_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct run first = {.stop_after = 1}, second = {.calls = 0};
    struct err e = {""};
    assert_false(reseal(f, NEW_AND_OLD, &first, &e));
    assert_non_null(strstr(e.text, "run it again to go on"));
    assert_progress(&first, STEP, STEP, 0, PEOPLE);
    open_with(f, NEW_AND_OLD); /* in the middle, both kinds are found */
    assert_int_equal(fixture_find(f, APPID, "13800000000", "86")->status, STORE_OK);
    assert_int_equal(fixture_find(f, APPID, "13800000249", "86")->status, STORE_OK);
    fixture_close(f);
    assert_true(reseal(f, NEW_AND_OLD, &second, &e));
    assert_progress(&second, PEOPLE, PEOPLE - STEP, 0, PEOPLE);
    assert_all_readable(f, PEOPLE);
}

static int progress_fd;

static void tell_parent(const struct reseal_progress *p, void *arg)
{
    (void)arg;
    ASSERT(write(progress_fd, &p->resealed, sizeof p->resealed) == sizeof p->resealed);
}

static void reseal_for_parent(const struct fixture *f)
{
    struct err e;
    const struct reseal_options o = {
        .url = f->url, .master = ring_of(NEW_AND_OLD), .progress = tell_parent, .pause_ms = 60000};
    _exit(reseal_run(&o, &e));
}

static void one_that_was_killed_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct run second = {.calls = 0};
    struct err e;
    uint64_t resealed = 0;
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    progress_fd = fds[1];
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        reseal_for_parent(f);
    assert_int_equal(read(fds[0], &resealed, sizeof resealed), sizeof resealed);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(resealed, STEP);
    assert_true(reseal(f, NEW_AND_OLD, &second, &e));
    assert_progress(&second, PEOPLE, PEOPLE - STEP, 0, PEOPLE);
    assert_all_readable(f, PEOPLE);
    close(fds[0]);
    close(fds[1]);
}

/* ---- keys ---- */

static void a_ring_without_the_databases_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct run run = {.calls = 0};
    struct err e = {""};
    assert_false(reseal(f, KEY_B, &run, &e));
    assert_non_null(strstr(e.text, "DATA_KEY is not the key"));
    assert_int_equal(run.calls, 0);
}

static void a_phone_that_no_key_opens_is_counted_and_left(void **state)
{
    struct fixture *f = *state;
    struct run run = {.calls = 0};
    struct err e;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE users SET phone = x'00' WHERE id = 2", NULL, NULL, NULL),
        SQLITE_OK);
    assert_true(reseal(f, NEW_AND_OLD, &run, &e));
    assert_progress(&run, PEOPLE, PEOPLE - 1, 1, PEOPLE);
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE users SET nickname = 1 / (phone = x'00') WHERE id = 2",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_database_that_is_not_there_is_not_created(void **state)
{
    struct fixture *f = *state;
    struct run run = {.calls = 0};
    struct err e = {""};
    snprintf(f->url, sizeof f->url, "sqlite://%s/none.db", f->dir);
    assert_false(reseal(f, KEY_A, &run, &e));
    assert_non_null(strstr(e.text, "DATABASE_URL"));
}

/* ---- while others go on ---- */

struct beside {
    const struct fixture *f;
    bool done;
};

static void *reseal_beside(void *arg)
{
    struct beside *b = arg;
    struct err e;
    struct keyring *ring = ring_of(NEW_AND_OLD);
    const struct reseal_options o = {.url = b->f->url, .master = ring, .pause_ms = 5};
    b->done = reseal_run(&o, &e);
    keyring_free(ring);
    return NULL;
}

static void logins_go_on_meanwhile_and_all_phones_are_right(void **state)
{
    enum { NEW_PEOPLE = 200, AT_ONCE = 20 };
    struct fixture *f = *state;
    struct beside beside = {.f = f};
    pthread_t thread;
    open_with(f, NEW_AND_OLD);
    assert_int_equal(pthread_create(&thread, NULL, reseal_beside, &beside), 0);
    for (int done = 0; done < NEW_PEOPLE; done += AT_ONCE) {
        log_in_from_to(f, PEOPLE + done, PEOPLE + done + AT_ONCE);
        log_in_from_to(f, done, done + AT_ONCE); /* people whose phones are being sealed anew */
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(beside.done);
    fixture_close(f);
    assert_all_readable(f, PEOPLE + NEW_PEOPLE);
}

/* Holds the write lock from the first report on, so that the second step reads but cannot write. */
struct blocker {
    const struct fixture *f;
    sqlite3 *db;
    pthread_mutex_t mutex;
    pthread_cond_t blocked;
    bool is_blocked, done;
};

static void block_writes(const struct reseal_progress *p, void *arg)
{
    struct blocker *b = arg;
    if (p->seen != STEP)
        return;
    pthread_mutex_lock(&b->mutex);
    b->is_blocked = sqlite3_exec(b->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    pthread_cond_signal(&b->blocked);
    pthread_mutex_unlock(&b->mutex);
}

static void *reseal_blocked(void *arg)
{
    struct blocker *b = arg;
    struct err e;
    struct keyring *ring = ring_of(NEW_AND_OLD);
    const struct reseal_options o = {
        .url = b->f->url, .master = ring, .progress = block_writes, .arg = b};
    b->done = reseal_run(&o, &e);
    keyring_free(ring);
    return NULL;
}

static void a_phone_that_changed_since_it_was_read_is_not_overwritten(void **state)
{
    enum { CHANGED = STEP + 50 };
    struct fixture *f = *state;
    struct blocker b = {
        .f = f, .mutex = PTHREAD_MUTEX_INITIALIZER, .blocked = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    char sql[96];
    assert_int_equal(sqlite3_open(f->path, &b.db), SQLITE_OK);
    assert_int_equal(pthread_create(&thread, NULL, reseal_blocked, &b), 0);
    pthread_mutex_lock(&b.mutex);
    while (!b.is_blocked)
        pthread_cond_wait(&b.blocked, &b.mutex);
    pthread_mutex_unlock(&b.mutex);
    sqlite3_sleep(100); /* lets it read and run into the lock */
    snprintf(sql, sizeof sql, "UPDATE users SET phone = NULL WHERE id = %d; COMMIT", CHANGED + 2);
    assert_int_equal(sqlite3_exec(b.db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sqlite3_close(b.db), SQLITE_OK);
    assert_true(b.done);
    assert_all_readable(f, CHANGED);
    assert_string_equal(fixture_get(f, CHANGED + 2)->user.phone, "");
}

/* ---- the file ---- */

static char wal_path[96];

static void note_wal_size(const struct reseal_progress *p, void *arg)
{
    off_t *sizes = arg;
    struct stat wal;
    ASSERT(stat(wal_path, &wal) == 0);
    sizes[p->seen > 2 * STEP] = wal.st_size;
}

/* Without a daemon beside it, nobody else takes the WAL into the file. */
static void the_wal_does_not_grow_with_the_number_of_phones(void **state)
{
    enum { MORE_PEOPLE = 1000 };
    struct fixture *f = *state;
    struct err e = {""};
    off_t sizes[2] = {0, 0}; /* after two steps, after all */
    struct keyring *ring = ring_of(NEW_AND_OLD);
    const struct reseal_options o = {
        .url = f->url, .master = ring, .progress = note_wal_size, .arg = sizes};
    open_with(f, KEY_A);
    log_in_from_to(f, PEOPLE, PEOPLE + MORE_PEOPLE);
    fixture_close(f);
    snprintf(wal_path, sizeof wal_path, "%s-wal", f->path);
    assert_true(reseal_run(&o, &e));
    keyring_free(ring);
    assert_true(sizes[1] < 2 * sizes[0]);
}

#define RESEAL_TEST(name) cmocka_unit_test_setup_teardown(name, people_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESEAL_TEST(afterwards_the_new_key_alone_is_enough),
        RESEAL_TEST(a_second_run_has_nothing_to_do),
        RESEAL_TEST(one_that_was_stopped_goes_on_where_it_was),
        RESEAL_TEST(one_that_was_killed_loses_nothing),
        RESEAL_TEST(a_ring_without_the_databases_key_is_refused),
        RESEAL_TEST(logins_go_on_meanwhile_and_all_phones_are_right),
    };
    const struct CMUnitTest sqlite_tests[] = {
        RESEAL_TEST(a_phone_that_no_key_opens_is_counted_and_left),
        RESEAL_TEST(a_database_that_is_not_there_is_not_created),
        RESEAL_TEST(a_phone_that_changed_since_it_was_read_is_not_overwritten),
        RESEAL_TEST(the_wal_does_not_grow_with_the_number_of_phones),
    };
    int failed = cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
    if (!fixture_on_mysql())
        failed += cmocka_run_group_tests(sqlite_tests, NULL, NULL);
    return failed;
}
