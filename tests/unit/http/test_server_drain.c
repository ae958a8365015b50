#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server_fixture.h"

static atomic_ullong held_id;
static atomic_int drained;

static void hold(struct http_call *call, void *arg)
{
    (void)arg;
    atomic_store(&held_id, http_call_id(call));
}

static void say(struct http_call *call, void *arg)
{
    (void)arg;
    http_reply(call, 200, "text/plain", SLICE_LIT("said"));
}

static const struct http_route routes[] = {
    {HTTP_GET, "/hold", hold, 0, NULL},
    {HTTP_GET, "/say", say, 0, NULL},
};

static struct site *site;
static char answer[4096];

static int start(void **state)
{
    (void)state;
    atomic_store(&drained, 0);
    site = site_new(NULL, routes, ARRAY_LEN(routes), NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    site_free(site);
    return 0;
}

static int hold_one(void)
{
    int fd = raw_connect(site_port(site));
    raw_write(fd, "GET /hold HTTP/1.1\r\n\r\n");
    assert_true(site_has_in_flight(site, 1));
    return fd;
}

static void reply_to_held(struct site *s, void *arg)
{
    (void)arg;
    http_reply(http_server_find(site_server(s), atomic_load(&held_id)), 200, "text/plain",
               SLICE_LIT("late"));
}

static void count_drained(void *arg)
{
    (void)arg;
    atomic_fetch_add(&drained, 1);
}

static void drain(struct site *s, void *timeout_ms)
{
    http_server_drain(site_server(s), *(int64_t *)timeout_ms, count_drained, NULL);
    assert_int_equal(atomic_load(&drained), 0);
}

static void drain_within(int64_t timeout_ms)
{
    site_run(site, drain, &timeout_ms);
}

static void wait_for_drained(void)
{
    for (int i = 0; i < PATIENCE_MS && atomic_load(&drained) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&drained), 1);
}

static bool can_connect(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)site_port(site)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return ok;
}

/* A drain accepts for a moment more. */
static void await_refusal(void)
{
    for (int i = 0; can_connect(); i++) {
        assert_true(i < PATIENCE_MS / 5);
        usleep(5 * 1000);
    }
}

static void who_connects_in_the_first_moment_of_a_drain_is_answered(void **state)
{
    int held = hold_one();
    (void)state;
    drain_within(PATIENCE_MS);
    int fd = raw_connect(site_port(site));
    raw_write(fd, "GET /say HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 200);
    assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
    close(fd);
    await_refusal();
    site_run(site, reply_to_held, NULL);
    wait_for_drained();
    close(held);
}

static void assert_answered_last(int fd)
{
    raw_write(fd, "GET /say HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 200);
    assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
    close(fd);
}

/* Its request may be a round trip behind. */
static void who_has_connected_and_asks_in_the_first_moment_of_a_drain_is_answered(void **state)
{
    int silent = raw_connect(site_port(site)), kept = raw_connect(site_port(site));
    (void)state;
    raw_write(kept, "GET /say HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(raw_read_response(kept, answer, sizeof answer), 200);
    assert_true(site_has_connections(site, 2));
    drain_within(PATIENCE_MS);
    usleep(30 * 1000);
    assert_answered_last(silent);
    assert_answered_last(kept);
    wait_for_drained();
}

static void a_drain_waits_for_the_calls_in_flight_and_closes_after_them(void **state)
{
    int fd = hold_one();
    (void)state;
    drain_within(PATIENCE_MS);
    await_refusal();
    usleep(50 * 1000);
    assert_int_equal(atomic_load(&drained), 0);
    site_run(site, reply_to_held, NULL);
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 200);
    assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
    assert_int_equal(recv(fd, answer, 1, 0), 0);
    wait_for_drained();
    close(fd);
}

static void at_the_end_of_its_time_a_drain_replies_503(void **state)
{
    int fd = hold_one();
    (void)state;
    drain_within(50);
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 503);
    assert_non_null(strstr(answer, "\"code\":\"shutting_down\""));
    wait_for_drained();
    close(fd);
}

static void idle_connections_are_closed_after_that_moment(void **state)
{
    int fd = raw_connect(site_port(site));
    (void)state;
    raw_write(fd, "GET /say HTTP/1.1\r\n\r\n");
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 200);
    drain_within(PATIENCE_MS);
    assert_int_equal(recv(fd, answer, 1, 0), 0);
    wait_for_drained();
    close(fd);
}

static void a_request_that_began_to_arrive_is_served(void **state)
{
    int fd = raw_connect(site_port(site));
    (void)state;
    raw_write(fd, "GET /say HT");
    assert_true(site_has_connections(site, 1));
    usleep(20 * 1000); /* for the bytes to be read; when they are not, the test still holds */
    drain_within(PATIENCE_MS);
    raw_write(fd, "TP/1.1\r\n\r\n");
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 200);
    assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
    wait_for_drained();
    close(fd);
}

static void without_calls_a_drain_ends_at_once(void **state)
{
    (void)state;
    drain_within(PATIENCE_MS);
    wait_for_drained();
    usleep(50 * 1000);
    assert_int_equal(atomic_load(&drained), 1);
}

/* stop() frees the server while it holds calls of clients that are there and that are gone. */
static void a_server_is_freed_with_calls_in_flight(void **state)
{
    int here = raw_connect(site_port(site)), gone = raw_connect(site_port(site));
    (void)state;
    raw_write(here, "GET /hold HTTP/1.1\r\n\r\n");
    raw_write(gone, "GET /hold HTTP/1.1\r\n\r\n");
    assert_true(site_has_in_flight(site, 2));
    close(gone);
    stop(NULL);
    assert_int_equal(raw_read_response(here, answer, sizeof answer), 503);
    close(here);
    start(NULL);
}

static void a_server_is_freed_in_the_turn_in_which_it_accepted(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        int fd = raw_connect(site_port(site));
        raw_write(fd, "GET /say HTTP/1.1\r\n\r\n");
        stop(NULL);
        close(fd);
        start(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_connects_in_the_first_moment_of_a_drain_is_answered,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            who_has_connected_and_asks_in_the_first_moment_of_a_drain_is_answered, start, stop),
        cmocka_unit_test_setup_teardown(a_drain_waits_for_the_calls_in_flight_and_closes_after_them,
                                        start, stop),
        cmocka_unit_test_setup_teardown(at_the_end_of_its_time_a_drain_replies_503, start, stop),
        cmocka_unit_test_setup_teardown(idle_connections_are_closed_after_that_moment, start, stop),
        cmocka_unit_test_setup_teardown(a_request_that_began_to_arrive_is_served, start, stop),
        cmocka_unit_test_setup_teardown(without_calls_a_drain_ends_at_once, start, stop),
        cmocka_unit_test_setup_teardown(a_server_is_freed_with_calls_in_flight, start, stop),
        cmocka_unit_test_setup_teardown(a_server_is_freed_in_the_turn_in_which_it_accepted, start,
                                        stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
