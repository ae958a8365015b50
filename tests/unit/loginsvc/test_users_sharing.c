/* users: several processes on one database, and processes that are killed in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loginsvc/users/turn.h"
#include "sys/clock.h"
#include "users_fixture.h"

/* Runs fn(f, arg) in a child, which ends with what it returns. Threads are made there, never before
 * the fork. */
static pid_t in_child(struct fixture *f, int (*fn)(struct fixture *f, int arg), int arg)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn(f, arg));
    return pid;
}

static int wait_for(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int no_store(void **state)
{
    *state = fixture_new();
    return 0;
}

static int remove_folder(void **state)
{
    fixture_free(*state);
    return 0;
}

static void open_or_say(struct fixture *f)
{
    struct err e = {""};
    if (!fixture_open(f, KEY_A, 10000, &e))
        fail_msg("%s", e.text);
}

/* ---- start together ---- */

static int open_and_close(struct fixture *f, int arg)
{
    struct err e = {""};
    (void)arg;
    bool open = fixture_open(f, KEY_A, 0, &e);
    if (!open)
        fprintf(stderr, "%s\n", e.text);
    fixture_close(f);
    return open ? 0 : 1;
}

static void processes_that_start_at_once_on_a_new_database_all_come_up(void **state)
{
    enum { ROUNDS = 5, CHILDREN = 6 };
    struct fixture *f = *state;
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pids[CHILDREN];
        for (int i = 0; i < CHILDREN; i++)
            pids[i] = in_child(f, open_and_close, 0);
        for (int i = 0; i < CHILDREN; i++)
            assert_int_equal(wait_for(pids[i]), 0);
        fixture_empty(f);
    }
}

/* ---- turns ---- */

static void one_has_the_turn_until_it_passes_it_or_goes(void **state)
{
    struct fixture *f = *state;
    struct turn one, two;
    struct db_error e;
    assert_true(turn_open(&one, f->path, &e));
    assert_true(turn_open(&two, f->path, &e));
    assert_true(turn_take(&one, MONO_PAST));
    mono_ms_t start = clock_mono();
    assert_false(turn_take(&two, mono_after(start, 30)));
    assert_true(mono_between(start, clock_mono()) >= 30);
    turn_pass(&one);
    assert_true(turn_take(&two, MONO_PAST));
    assert_false(turn_take(&one, MONO_PAST));
    turn_close(&two);
    assert_true(turn_take(&one, MONO_PAST));
    turn_close(&one);
}

/* ---- write together ---- */

enum { SHARED_LOGINS = 400, SHARED_OPENIDS = 50, AT_ONCE = 20 };

static struct store_login shared_login(int i)
{
    char openid[32];
    snprintf(openid, sizeof openid, "openid-%d", i % SHARED_OPENIDS);
    return login_of(openid, "13800138000", T0);
}

/* Logs the same openids in as the other process does. Returns how many of them it created. */
static int log_everyone_in(struct fixture *f, int arg)
{
    struct err e = {""};
    int created = 0;
    (void)arg;
    if (!fixture_open(f, KEY_A, 10000, &e))
        return 255;
    for (int done = 0; done < SHARED_LOGINS; done += AT_ONCE) {
        for (int i = 0; i < AT_ONCE; i++) {
            struct store_login in = shared_login(done + i);
            if (!store_login(f->store, &in, fixture_caller(f, (uint64_t)i)))
                return 254;
        }
        fixture_await(f, AT_ONCE);
        for (int i = 0; i < AT_ONCE; i++) {
            if (f->results[i].status != STORE_OK)
                return 253;
            created += f->results[i].is_new;
        }
    }
    fixture_close(f);
    return created;
}

static void two_processes_on_one_database_lose_and_double_nothing(void **state)
{
    struct fixture *f = *state;
    pid_t one = in_child(f, log_everyone_in, 0), two = in_child(f, log_everyone_in, 0);
    int a = wait_for(one), b = wait_for(two);
    assert_true(WIFEXITED(a) && WIFEXITED(b));
    assert_int_equal(WEXITSTATUS(a) + WEXITSTATUS(b), SHARED_OPENIDS);
    open_or_say(f);
    for (int i = 0; i < SHARED_OPENIDS; i++) {
        struct store_login in = shared_login(i);
        assert_false(fixture_login(f, &in)->is_new);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM users"), SHARED_OPENIDS);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM sessions"),
                     2 * SHARED_LOGINS + SHARED_OPENIDS);
}

/* ---- rotate together ---- */

enum { SHARED_SESSIONS = 200 };

static void fill_session(struct store_login *in, int number)
{
    snprintf(in->session.id, sizeof in->session.id, "%032x", (unsigned)number);
    memset(in->session.refresh_hash, number, sizeof in->session.refresh_hash);
}

static int start_sessions(struct fixture *f, int arg)
{
    struct err e = {""};
    (void)arg;
    if (!fixture_open(f, KEY_A, 10000, &e))
        return 255;
    for (int i = 0; i < SHARED_SESSIONS; i++) {
        struct store_login in = login_of("openid-1", NULL, T0);
        fill_session(&in, i);
        if (fixture_login(f, &in)->status != STORE_OK)
            return 254;
    }
    fixture_close(f);
    return 0;
}

static bool start_rotating(struct fixture *f, int number, int by)
{
    struct store_login in;
    struct store_rotation r = {
        .now = LATER, .expires_at = wall_after(LATER, TTL_MS), .until = wall_after(LATER, TTL_MS)};
    fill_session(&in, number);
    memcpy(r.sid, in.session.id, sizeof r.sid);
    memcpy(r.old_hash, in.session.refresh_hash, sizeof r.old_hash);
    memset(r.new_hash, 250 + by, sizeof r.new_hash);
    return store_session_rotate(f->store, &r, fixture_caller(f, (uint64_t)(number % AT_ONCE)));
}

/* Uses every session's first token once, as the other process does. Returns how many it won. */
static int rotate_every_session(struct fixture *f, int by)
{
    struct err e = {""};
    int won = 0;
    if (!fixture_open(f, KEY_A, 10000, &e))
        return 255;
    for (int done = 0; done < SHARED_SESSIONS; done += AT_ONCE) {
        for (int i = 0; i < AT_ONCE; i++) {
            if (!start_rotating(f, done + i, by))
                return 254;
        }
        fixture_await(f, AT_ONCE);
        for (int i = 0; i < AT_ONCE; i++) {
            enum store_status status = f->results[i].status;
            if (status != STORE_OK && status != STORE_REUSED)
                return 253;
            won += status == STORE_OK;
        }
    }
    fixture_close(f);
    return won;
}

static void of_two_processes_that_rotate_one_token_exactly_one_wins(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(wait_for(in_child(f, start_sessions, 0)), 0);
    pid_t one = in_child(f, rotate_every_session, 1), two = in_child(f, rotate_every_session, 2);
    int a = wait_for(one), b = wait_for(two);
    assert_true(WIFEXITED(a) && WIFEXITED(b));
    assert_int_equal(WEXITSTATUS(a) + WEXITSTATUS(b), SHARED_SESSIONS);
    open_or_say(f);
    assert_true(store_revocations_after(f->store, T0, SLICE_LIT(""), LATER, fixture_caller(f, 0)));
    fixture_await(f, 1);
    assert_int_equal(f->results[0].n_revocations, SHARED_SESSIONS); /* the other one's doing */
}

/* ---- kill ---- */

static int ack_fd;

static void acknowledge(void *owner, uint64_t id, const struct store_result *r)
{
    (void)owner;
    if (r->status == STORE_OK)
        ASSERT(write(ack_fd, &id, sizeof id) == sizeof id);
}

/* Logs in users from number `first` on without end, and writes the number of each that it was told
 * is stored to ack_fd. */
static int log_in_for_ever(struct fixture *f, int first)
{
    struct err e = {""};
    if (!fixture_open(f, KEY_A, 10000, &e))
        return 255;
    for (uint64_t n = (uint64_t)first;; n++) {
        char openid[32];
        snprintf(openid, sizeof openid, "openid-%llu", (unsigned long long)n);
        struct store_login in = login_of(openid, "13800138000", T0);
        snprintf(in.session.id, sizeof in.session.id, "%032llx", (unsigned long long)n);
        while (!store_login(f->store, &in, (struct store_caller){acknowledge, f, n}))
            event_base_loop(loop_base(f->loop), EVLOOP_ONCE);
        event_base_loop(loop_base(f->loop), EVLOOP_NONBLOCK);
    }
}

/* Lets the child go on for so many acknowledgements, kills it, and gives all that it wrote. */
static size_t kill_after(pid_t pid, int fd, size_t acks, uint64_t *acked, size_t max)
{
    size_t n = 0;
    while (n < max && read(fd, &acked[n], sizeof *acked) == sizeof *acked) {
        n++;
        if (n == acks)
            assert_int_equal(kill(pid, SIGKILL), 0);
    }
    return n;
}

static void what_was_acknowledged_survives_kill_minus_9(void **state)
{
    enum { ROUNDS = 6, ACKS = 150, MAX = 100000 };
    struct fixture *f = *state;
    uint64_t *acked = xcalloc(MAX, sizeof *acked);
    size_t total = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        ack_fd = fds[1];
        pid_t pid = in_child(f, log_in_for_ever, round * 1000000);
        close(fds[1]);
        total += kill_after(pid, fds[0], (size_t)(ACKS + 37 * round), acked + total, MAX - total);
        close(fds[0]);
        int status = wait_for(pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    open_or_say(f);
    assert_true(total >= (size_t)ROUNDS * ACKS);
    for (size_t i = 0; i < total; i++) {
        char sid[SESSION_ID_SIZE];
        snprintf(sid, sizeof sid, "%032llx", (unsigned long long)acked[i]);
        assert_true(store_session_check(f->store, slice_of(sid), T0, fixture_caller(f, 0)));
        fixture_await(f, 1);
        assert_int_equal(f->results[0].status, STORE_OK);
        assert_true(f->results[0].session.alive);
    }
    free(acked);
}

#define SHARING_TEST(name) cmocka_unit_test_setup_teardown(name, no_store, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARING_TEST(processes_that_start_at_once_on_a_new_database_all_come_up),
        SHARING_TEST(two_processes_on_one_database_lose_and_double_nothing),
        SHARING_TEST(of_two_processes_that_rotate_one_token_exactly_one_wins),
        SHARING_TEST(what_was_acknowledged_survives_kill_minus_9),
    };
    const struct CMUnitTest sqlite_tests[] = {
        SHARING_TEST(one_has_the_turn_until_it_passes_it_or_goes),
    };
    int failed = cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
    if (!fixture_on_mysql())
        failed += cmocka_run_group_tests(sqlite_tests, NULL, NULL);
    return failed;
}
