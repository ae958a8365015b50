#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server_fixture.h"

static atomic_ullong stream_id;
static atomic_int begun, closed;

static void on_close(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void begin(struct http_call *call, void *arg)
{
    (void)arg;
    http_reply_header(call, "Cache-Control", "no-store");
    atomic_store(&stream_id, http_reply_stream(call, "text/event-stream", on_close, &closed));
    atomic_fetch_add(&begun, 1);
}

static void say(struct http_call *call, void *arg)
{
    (void)arg;
    http_reply(call, 200, "text/plain", SLICE_LIT("said"));
}

static const struct http_route routes[] = {
    {HTTP_GET, "/events", begin, 0, NULL},
    {HTTP_GET, "/say", say, 0, NULL},
};

static struct site *site;
static char answer[1 << 16];

static int start(void **state)
{
    const struct http_server_options options = {.max_streams = 2, .write_timeout_ms = 200};
    (void)state;
    atomic_store(&begun, 0);
    atomic_store(&closed, 0);
    site = site_new(&options, routes, ARRAY_LEN(routes), NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    site_free(site);
    return 0;
}

static bool comes_to(atomic_int *n, int wanted)
{
    for (int i = 0; i < PATIENCE_MS && atomic_load(n) != wanted; i++)
        usleep(1000);
    return atomic_load(n) == wanted;
}

static int open_stream(const char *request)
{
    int before = atomic_load(&begun);
    int fd = raw_connect(site_port(site));
    raw_write(fd, request);
    assert_true(comes_to(&begun, before + 1));
    return fd;
}

static int open_events(void)
{
    return open_stream("GET /events HTTP/1.1\r\n\r\n");
}

static void send_piece(struct site *s, void *piece)
{
    http_stream_send(site_server(s), atomic_load(&stream_id), slice_of(piece));
}

static void end_stream(struct site *s, void *arg)
{
    (void)arg;
    http_stream_end(site_server(s), atomic_load(&stream_id));
}

static void send_text(char *piece)
{
    site_run(site, send_piece, piece);
}

/* Reads until what came ends with `end`. */
static void read_until(int fd, const char *end)
{
    size_t n = 0;
    do {
        ssize_t got = recv(fd, answer + n, sizeof answer - 1 - n, 0);
        assert_true(got > 0);
        n += (size_t)got;
        answer[n] = '\0';
    } while (n < strlen(end) || strcmp(answer + n - strlen(end), end) != 0);
}

static void pieces_arrive_as_they_are_sent(void **state)
{
    int fd = open_events();
    (void)state;
    read_until(fd, "\r\n\r\n");
    assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(answer, "\r\nContent-Type: text/event-stream\r\n"));
    assert_non_null(strstr(answer, "\r\nTransfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(answer, "\r\nCache-Control: no-store\r\n"));
    char one[] = "data: 1\n\n", two[] = "data: 2\n\n";
    send_text(one);
    read_until(fd, "9\r\ndata: 1\n\n\r\n");
    send_text(two);
    read_until(fd, "9\r\ndata: 2\n\n\r\n");
    close(fd);
    assert_true(comes_to(&closed, 1));
}

static void after_the_end_the_connection_serves_again(void **state)
{
    int fd = open_events();
    char last[] = "x";
    (void)state;
    send_text(last);
    site_run(site, end_stream, NULL);
    site_run(site, end_stream, NULL);
    send_text(last); /* ignored */
    read_until(fd, "1\r\nx\r\n0\r\n\r\n");
    raw_write(fd, "GET /say HTTP/1.1\r\n\r\n");
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 200);
    assert_int_equal(atomic_load(&closed), 0); /* who ends it knows it */
    close(fd);
}

static void a_client_that_leaves_is_noticed(void **state)
{
    char piece[] = "x";
    (void)state;
    for (int i = 1; i <= 6; i++) {
        int fd = open_events();
        if (i & 1)
            read_until(fd, "\r\n\r\n");
        close(fd);
        assert_true(comes_to(&closed, i));
        send_text(piece); /* ignored */
    }
    assert_true(site_has_connections(site, 0));
}

static void a_quiet_stream_outlives_the_timeouts(void **state)
{
    int fd = open_events();
    char piece[] = "still here";
    (void)state;
    usleep(500 * 1000); /* more than twice write_timeout_ms */
    assert_int_equal(atomic_load(&closed), 0);
    send_text(piece);
    read_until(fd, "still here\r\n");
    close(fd);
}

static void a_client_that_does_not_read_is_given_up(void **state)
{
    int fd = open_events();
    char *piece = calloc(1, 32 * 1024);
    (void)state;
    memset(piece, 'x', 32 * 1024 - 1);
    for (int i = 0; i < 2000 && atomic_load(&closed) == 0; i++)
        send_text(piece);
    assert_true(comes_to(&closed, 1));
    assert_true(site_has_connections(site, 0));
    free(piece);
    close(fd);
}

static void streams_beyond_the_limit_are_503(void **state)
{
    int one = open_events(), two = open_events();
    (void)state;
    assert_int_equal(site_ask(site, "GET /events HTTP/1.1\r\n\r\n", answer, sizeof answer), 503);
    assert_non_null(strstr(answer, "\"code\":\"too_many_streams\""));
    close(one);
    assert_true(comes_to(&closed, 1));
    int three = open_events();
    assert_true(atomic_load(&stream_id) != 0);
    close(two);
    close(three);
}

static void a_head_gets_no_stream(void **state)
{
    int fd = open_stream("HEAD /events HTTP/1.1\r\nConnection: close\r\n\r\n");
    (void)state;
    assert_true(raw_read_all(fd, answer, sizeof answer) > 0);
    assert_true(atomic_load(&stream_id) == 0);
    close(fd);
}

static void http_1_0_streams_until_the_connection_closes(void **state)
{
    int fd = open_stream("GET /events HTTP/1.0\r\n\r\n");
    char piece[] = "plain";
    (void)state;
    send_text(piece);
    site_run(site, end_stream, NULL);
    assert_true(raw_read_all(fd, answer, sizeof answer) > 0);
    assert_non_null(strstr(answer, "\r\n\r\nplain"));
    assert_null(strstr(answer, "chunked"));
    close(fd);
}

static void count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static atomic_int drained;

static void drain(struct site *s, void *arg)
{
    (void)arg;
    http_server_drain(site_server(s), PATIENCE_MS, count, &drained);
}

static void a_drain_ends_the_streams(void **state)
{
    int fd = open_events();
    (void)state;
    atomic_store(&drained, 0);
    site_run(site, drain, NULL);
    read_until(fd, "0\r\n\r\n");
    assert_true(comes_to(&closed, 1));
    assert_true(comes_to(&drained, 1));
    assert_int_equal(recv(fd, answer, 1, 0), 0);
    close(fd);
}

static void drain_and_end(struct site *s, void *arg)
{
    drain(s, arg);
    end_stream(s, arg);
}

static void who_ends_a_stream_that_is_just_over_is_not_told(void **state)
{
    int fd = open_events();
    (void)state;
    atomic_store(&drained, 0);
    site_run(site, drain_and_end, NULL);
    read_until(fd, "0\r\n\r\n");
    assert_true(comes_to(&drained, 1));
    assert_int_equal(atomic_load(&closed), 0);
    close(fd);
}

static void look_at_backlog(struct site *s, void *arg)
{
    *(size_t *)arg = http_stream_backlog(site_server(s), atomic_load(&stream_id));
}

static size_t backlog(void)
{
    size_t n;
    site_run(site, look_at_backlog, &n);
    return n;
}

static bool is_taken_within(int ms)
{
    while (ms-- > 0 && backlog() > 0)
        usleep(1000);
    return backlog() == 0;
}

static void what_the_client_has_not_taken_is_its_backlog(void **state)
{
    int fd = open_events();
    static char piece[8 * 1024], sink[64 * 1024];
    (void)state;
    memset(piece, 'x', sizeof piece - 1);
    assert_true(is_taken_within(PATIENCE_MS));
    do
        send_text(piece);
    while (is_taken_within(50));
    assert_in_range(backlog(), 1, HTTP_STREAM_BACKLOG);
    while (backlog() > 0)
        (void)!recv(fd, sink, sizeof sink, MSG_DONTWAIT);
    close(fd);
    assert_true(comes_to(&closed, 1));
    assert_int_equal(backlog(), 0); /* of a stream that is over */
}

static void freeing_the_server_ends_the_streams(void **state)
{
    int fd = open_events();
    (void)state;
    stop(NULL);
    assert_int_equal(atomic_load(&closed), 1);
    close(fd);
    start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_arrive_as_they_are_sent, start, stop),
        cmocka_unit_test_setup_teardown(after_the_end_the_connection_serves_again, start, stop),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_is_noticed, start, stop),
        cmocka_unit_test_setup_teardown(a_quiet_stream_outlives_the_timeouts, start, stop),
        cmocka_unit_test_setup_teardown(a_client_that_does_not_read_is_given_up, start, stop),
        cmocka_unit_test_setup_teardown(streams_beyond_the_limit_are_503, start, stop),
        cmocka_unit_test_setup_teardown(a_head_gets_no_stream, start, stop),
        cmocka_unit_test_setup_teardown(http_1_0_streams_until_the_connection_closes, start, stop),
        cmocka_unit_test_setup_teardown(a_drain_ends_the_streams, start, stop),
        cmocka_unit_test_setup_teardown(who_ends_a_stream_that_is_just_over_is_not_told, start,
                                        stop),
        cmocka_unit_test_setup_teardown(what_the_client_has_not_taken_is_its_backlog, start, stop),
        cmocka_unit_test_setup_teardown(freeing_the_server_ends_the_streams, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
