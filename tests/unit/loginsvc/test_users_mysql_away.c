/* users: a database server that goes away, freezes or takes no writes, and comes back: failures in
 * time, of the right class, nothing half done, and the process lives on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sys/clock.h"
#include "users_fixture.h"

enum { SLACK_MS = 2500 }; /* what was begun gets 1.5 s; the rest is the machine's */

/* Logs in until it works again: each connection is made anew at most once a second. */
static void await_recovery(struct fixture *f)
{
    mono_ms_t give_up = mono_after(clock_mono(), 10000);
    struct store_login in = login_of("openid-recovery", NULL, T0);
    while (fixture_login(f, &in)->status != STORE_OK) {
        assert_false(mono_reached(clock_mono(), give_up));
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        in = login_of("openid-recovery", NULL, T0);
    }
    assert_true(store_stats(f->store).healthy);
}

/* Has every thread of the store work at once, so that each connection is made. */
static void warm_up(struct fixture *f)
{
    enum { LOGINS = 300 };
    for (uint64_t i = 0; i < LOGINS; i++) {
        char openid[32];
        snprintf(openid, sizeof openid, "openid-warm-%d", (int)i);
        struct store_login in = login_of(openid, NULL, T0);
        assert_true(store_login(f->store, &in, fixture_caller(f, i)));
    }
    fixture_await(f, LOGINS);
}

static void connections_that_the_server_closed_cost_nobody_a_login(void **state)
{
    struct fixture *f = *state;
    warm_up(f);
    for (int i = 0; i < 10; i++) {
        fixture_sql(f, "KILL USER " MARIADB_USER);
        fixture_must_log_in(f, "openid-1");
        fixture_sql(f, "KILL USER " MARIADB_USER);
        assert_int_equal(fixture_find(f, APPID, "13800138000", "86")->status, STORE_OK);
    }
}

/* From here on the server closes each of our next `doomed` connections right after it was opened.
 */
static void doom_connections(struct fixture *f, int doomed)
{
    char sql[128];
    fixture_sql(f, "CREATE TABLE doom (connections INT)");
    snprintf(sql, sizeof sql, "INSERT INTO doom VALUES (%d)", doomed);
    fixture_sql(f, sql);
    fixture_sql(f, "CREATE PROCEDURE meet_doom() BEGIN"
                   " UPDATE doom SET connections = connections - 1 WHERE connections > 0;"
                   " IF ROW_COUNT() > 0 THEN KILL CONNECTION_ID(); END IF; END");
    snprintf(sql, sizeof sql, "SET GLOBAL init_connect = 'CALL %s.meet_doom()'", f->name);
    fixture_sql(f, sql);
}

static int fixture_down_without_doom(void **state)
{
    fixture_sql(*state, "SET GLOBAL init_connect = ''");
    return fixture_down(state);
}

static void a_connection_that_is_lost_before_its_first_use_costs_nobody_a_login(void **state)
{
    struct fixture *f = *state;
    warm_up(f);
    doom_connections(f, 1);
    fixture_sql(f, "KILL USER " MARIADB_USER);
    fixture_must_log_in(f, "openid-1");
    assert_int_equal(fixture_count(f, "SELECT connections FROM doom"), 0);
    fixture_sql(f, "UPDATE doom SET connections = 1");
    fixture_sql(f, "KILL USER " MARIADB_USER);
    assert_int_equal(fixture_find(f, APPID, "13800138000", "86")->status, STORE_OK);
    assert_int_equal(fixture_count(f, "SELECT connections FROM doom"), 0);
}

static void a_server_that_closes_every_connection_is_left_alone_for_a_second(void **state)
{
    enum { DOOMED = 1000, LOGINS = 20, MOST = 8 };
    struct fixture *f = *state;
    warm_up(f);
    doom_connections(f, DOOMED);
    fixture_sql(f, "KILL USER " MARIADB_USER);
    for (int i = 0; i < LOGINS; i++) {
        struct store_login in = login_of("openid-during", NULL, T0);
        const struct store_result *r = fixture_login(f, &in);
        assert_int_equal(r->status, STORE_FAILED);
        assert_int_equal(r->class, ERR_BACKOFF);
    }
    int64_t met = DOOMED - fixture_count(f, "SELECT connections FROM doom");
    assert_in_range(met, 1, MOST);
    fixture_sql(f, "SET GLOBAL init_connect = ''");
    await_recovery(f);
}

static void a_killed_server_fails_logins_at_once_and_loses_none_that_was_told(void **state)
{
    struct fixture *f = *state;
    fixture_must_log_in(f, "openid-before");
    mariadb_server_kill(fixture_server());
    mono_ms_t start = clock_mono();
    for (int i = 0; i < 20; i++) {
        struct store_login in = login_of("openid-during", NULL, T0);
        const struct store_result *r = fixture_login(f, &in);
        assert_int_equal(r->status, STORE_FAILED);
        assert_int_equal(r->class, ERR_BACKOFF);
    }
    assert_true(mono_between(start, clock_mono()) < SLACK_MS);
    assert_false(store_stats(f->store).healthy);
    mariadb_server_start(fixture_server());
    await_recovery(f);
    struct store_login before = login_of("openid-before", NULL, T0);
    assert_false(fixture_login(f, &before)->is_new);
    struct store_login during = login_of("openid-during", NULL, T0);
    assert_true(fixture_login(f, &during)->is_new);
}

static void logins_under_way_when_the_server_is_killed_are_whole_or_not_there(void **state)
{
    enum { LOGINS = 600 };
    struct fixture *f = *state;
    struct store_login *in = xcalloc(LOGINS, sizeof *in);
    for (uint64_t i = 0; i < LOGINS; i++) {
        char openid[32];
        snprintf(openid, sizeof openid, "openid-%d", (int)i);
        in[i] = login_of(openid, "13800138000", T0);
        assert_true(store_login(f->store, &in[i], fixture_caller(f, i)));
    }
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    mariadb_server_kill(fixture_server());
    fixture_await(f, LOGINS);
    struct store_result *told = xcalloc(LOGINS, sizeof *told);
    memcpy(told, f->results, LOGINS * sizeof *told);
    mariadb_server_start(fixture_server());
    await_recovery(f);
    for (size_t i = 0; i < LOGINS; i++) {
        assert_true(
            store_session_check(f->store, slice_of(in[i].session.id), T0, fixture_caller(f, 0)));
        fixture_await(f, 1);
        if (told[i].status == STORE_OK)
            assert_int_equal(f->results[0].status, STORE_OK);
        else if (told[i].class != ERR_UNKNOWN)
            assert_int_equal(f->results[0].status, STORE_NOT_FOUND);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM users"),
                     fixture_count(f, "SELECT count(DISTINCT user_id) FROM sessions"));
    free(told);
    free(in);
}

static void a_frozen_server_fails_operations_in_their_time(void **state)
{
    enum { TIMEOUT_MS = 1000, LOGINS = 40 };
    struct fixture *f = *state;
    struct err e = {""};
    fixture_close(f);
    assert_true(fixture_open(f, KEY_A, TIMEOUT_MS, &e));
    warm_up(f);
    mariadb_server_freeze(fixture_server());
    mono_ms_t start = clock_mono();
    for (uint64_t i = 0; i < LOGINS; i++) {
        struct store_login in = login_of("openid-1", NULL, T0);
        assert_true(store_login(f->store, &in, fixture_caller(f, i)));
    }
    assert_true(store_find_by_phone(f->store, slice_of(APPID), slice_of("13800138000"),
                                    slice_of("86"), fixture_caller(f, LOGINS)));
    fixture_await(f, LOGINS + 1);
    assert_true(mono_between(start, clock_mono()) < TIMEOUT_MS + SLACK_MS);
    for (size_t i = 0; i <= LOGINS; i++)
        assert_int_equal(f->results[i].status, STORE_FAILED);
    assert_false(store_stats(f->store).healthy);
    mariadb_server_thaw(fixture_server());
    await_recovery(f);
}

static void a_read_only_server_is_the_operators_and_passes(void **state)
{
    struct fixture *f = *state;
    fixture_must_log_in(f, "openid-before");
    fixture_sql(f, "SET GLOBAL read_only = 1");
    struct store_login in = login_of("openid-1", NULL, T0);
    const struct store_result *r = fixture_login(f, &in);
    assert_int_equal(r->status, STORE_FAILED);
    assert_int_equal(r->class, ERR_OPERATOR);
    assert_non_null(strstr(r->err.text, "read-only"));
    fixture_sql(f, "SET GLOBAL read_only = 0");
    await_recovery(f);
}

#define AWAY_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
#define DOOM_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down_without_doom)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AWAY_TEST(connections_that_the_server_closed_cost_nobody_a_login),
        DOOM_TEST(a_connection_that_is_lost_before_its_first_use_costs_nobody_a_login),
        DOOM_TEST(a_server_that_closes_every_connection_is_left_alone_for_a_second),
        AWAY_TEST(a_killed_server_fails_logins_at_once_and_loses_none_that_was_told),
        AWAY_TEST(logins_under_way_when_the_server_is_killed_are_whole_or_not_there),
        AWAY_TEST(a_frozen_server_fails_operations_in_their_time),
        AWAY_TEST(a_read_only_server_is_the_operators_and_passes),
    };
    return cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
}
