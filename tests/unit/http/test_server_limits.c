#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/prng.h"
#include "server_fixture.h"
#include "sys/clock.h"

enum { SHORT_MS = 150, MAX_BODY = 1000 };

/* ---- handlers and hooks, on the server's thread ---- */

static atomic_ullong held_id;

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

static void say_a_lot(struct http_call *call, void *arg)
{
    size_t n = 32 << 20;
    char *body = calloc(n, 1);
    (void)arg;
    http_reply(call, 200, "text/plain", (struct slice){body, n});
    free(body);
}

static const struct http_route routes[] = {
    {HTTP_GET, "/hold", hold, 0, NULL},     {HTTP_POST, "/say", say, 0, NULL},
    {HTTP_GET, "/say", say, 0, NULL},       {HTTP_HEAD, "/say", say, 0, NULL},
    {HTTP_GET, "/lot", say_a_lot, 0, NULL}, {HTTP_GET, "/health", say, HTTP_ROUTE_ALWAYS, NULL},
    {HTTP_GET, "/by/{id}", say, 0, NULL},
};

static struct {
    atomic_int reports, status;
    atomic_bool has_pattern;
    char pattern[64];
} access_log;

static void on_access(const struct http_access *a, void *arg)
{
    (void)arg;
    atomic_store(&access_log.has_pattern, a->pattern != NULL);
    if (a->pattern)
        ASSERT(slice_copy(slice_of(a->pattern), access_log.pattern, sizeof access_log.pattern));
    atomic_store(&access_log.status, a->status);
    atomic_fetch_add(&access_log.reports, 1);
}

/* ---- asking ---- */

static struct site *site;
static char answer[1 << 16];

static void start(const struct http_server_options *options)
{
    site = site_new(options, routes, ARRAY_LEN(routes), NULL);
}

/* Every test ends here: whatever the clients did, all connections are gone and none was lost. */
static void stop(void)
{
    assert_true(site_has_connections(site, 0));
    assert_int_equal(site_in_flight(site), 0);
    site_free(site);
}

static int ask(const char *request)
{
    return site_ask(site, request, answer, sizeof answer);
}

static void expect(const char *part)
{
    if (!strstr(answer, part))
        fail_msg("no \"%s\" in:\n%s", part, answer);
}

static struct http_server_options short_timeouts(void)
{
    return (struct http_server_options){.max_body = MAX_BODY,
                                        .reply_timeout_ms = SHORT_MS,
                                        .read_timeout_ms = SHORT_MS,
                                        .write_timeout_ms = SHORT_MS,
                                        .idle_timeout_ms = SHORT_MS};
}

/* Milliseconds until the server closes the connection; sends `drip`, if any, meanwhile. */
static int64_t closes_after(int fd, const char *drip)
{
    int64_t begin = clock_mono().ms;
    char byte;
    for (;;) {
        if (drip)
            raw_write(fd, drip);
        ssize_t n = recv(fd, &byte, 1, drip ? MSG_DONTWAIT : 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return clock_mono().ms - begin;
        assert_true(clock_mono().ms - begin < PATIENCE_MS);
        usleep(drip ? 5000 : 0);
    }
}

/* ---- too much ---- */

static void a_body_beyond_the_limit_is_413_in_json(void **state)
{
    const struct http_server_options options = {.max_body = MAX_BODY};
    char request[4096];
    (void)state;
    start(&options);
    snprintf(request, sizeof request, "POST /say HTTP/1.1\r\nContent-Length: %d\r\n\r\n%*s",
             MAX_BODY, MAX_BODY, "x");
    assert_int_equal(ask(request), 200);
    snprintf(request, sizeof request, "POST /say HTTP/1.1\r\nContent-Length: %d\r\n\r\n%*s",
             MAX_BODY + 1, MAX_BODY + 1, "x");
    assert_int_equal(ask(request), 413);
    expect("\r\nContent-Type: application/problem+json\r\n");
    expect("{\"title\":\"Content Too Large\",\"status\":413,\"code\":\"body_too_large\",");
    expect("\r\nConnection: close\r\n");
    snprintf(request, sizeof request,
             "POST /say HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%*s\r\n0\r\n\r\n",
             MAX_BODY + 1, MAX_BODY + 1, "x");
    assert_int_equal(ask(request), 413);
    stop();
}

static void a_client_that_sends_far_too_much_can_read_why(void **state)
{
    const struct http_server_options options = {.max_body = MAX_BODY};
    char piece[4096];
    (void)state;
    start(&options);
    memset(piece, 'x', sizeof piece);
    int fd = raw_connect(site_port(site));
    raw_write(fd, "POST /say HTTP/1.1\r\nContent-Length: 4096000\r\n\r\n");
    for (int i = 0; i < 1000; i++)
        raw_write_n(fd, piece, sizeof piece);
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 413);
    close(fd);
    stop();
}

static void a_head_beyond_16_kib_is_400_in_json(void **state)
{
    char *request = calloc(64 * 1024, 1);
    (void)state;
    start(NULL);
    int n = snprintf(request, 1024, "GET /say HTTP/1.1\r\nX-Long: ");
    memset(request + n, 'x', 15 * 1024);
    memcpy(request + n + 15 * 1024, "\r\n\r\n", 5);
    assert_int_equal(ask(request), 200);
    memset(request + n, 'x', 17 * 1024);
    int fd = raw_connect(site_port(site));
    raw_write_n(fd, request, (size_t)n + 17 * 1024);
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 400);
    expect("\"code\":\"bad_request\"");
    close(fd);
    memset(request, 'G', 17 * 1024); /* a first line without end */
    request[17 * 1024] = '\0';
    assert_int_equal(ask(request), 400);
    free(request);
    stop();
}

static void calls_beyond_the_limit_are_503_but_health_is_served(void **state)
{
    const struct http_server_options options = {.max_in_flight = 2, .reply_timeout_ms = SHORT_MS};
    int fds[2];
    (void)state;
    start(&options);
    for (int i = 0; i < 2; i++) {
        fds[i] = raw_connect(site_port(site));
        raw_write(fds[i], "GET /hold HTTP/1.1\r\n\r\n");
    }
    assert_true(site_has_in_flight(site, 2));
    assert_int_equal(ask("GET /say HTTP/1.1\r\n\r\n"), 503);
    expect("\"code\":\"overloaded\"");
    expect("\r\nRetry-After: 1\r\n");
    assert_int_equal(ask("GET /health HTTP/1.1\r\n\r\n"), 200);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(raw_read_response(fds[i], answer, sizeof answer), 504);
        close(fds[i]);
    }
    assert_int_equal(ask("GET /say HTTP/1.1\r\n\r\n"), 200);
    stop();
}

static void connections_beyond_the_limit_wait_for_one_to_close(void **state)
{
    const struct http_server_options options = {.max_connections = 3};
    int fds[3];
    (void)state;
    start(&options);
    for (int i = 0; i < 3; i++) { /* none of them is idle */
        fds[i] = raw_connect(site_port(site));
        raw_write(fds[i], "GET /say HT");
    }
    assert_true(site_has_connections(site, 3));
    int waits = raw_connect(site_port(site));
    raw_write(waits, "GET /say HTTP/1.1\r\n\r\n");
    usleep(20 * 1000);
    assert_int_equal(recv(waits, answer, 1, MSG_DONTWAIT), -1);
    assert_int_equal(site_connections(site), 3);
    close(fds[0]);
    assert_int_equal(raw_read_response(waits, answer, sizeof answer), 200);
    close(fds[1]);
    close(fds[2]);
    close(waits);
    stop();
}

static void at_the_limit_the_oldest_idle_connection_makes_room(void **state)
{
    const struct http_server_options options = {.max_connections = 3};
    int fds[6];
    char byte;
    (void)state;
    start(&options);
    for (int i = 0; i < 6; i++) { /* kept alive, each of them */
        fds[i] = raw_connect(site_port(site));
        raw_write(fds[i], "GET /say HTTP/1.1\r\n\r\n");
        assert_int_equal(raw_read_response(fds[i], answer, sizeof answer), 200);
    }
    assert_int_equal(recv(fds[0], &byte, 1, 0), 0);
    assert_true(site_connections(site) <= 3);
    for (int i = 0; i < 6; i++)
        close(fds[i]);
    stop();
}

/* ---- too slow ---- */

static void a_call_without_a_reply_is_504_and_cannot_be_found_after(void **state)
{
    struct http_server_options options = short_timeouts();
    int64_t begin = clock_mono().ms;
    (void)state;
    start(&options);
    assert_int_equal(ask("GET /hold HTTP/1.1\r\n\r\n"), 504);
    expect("{\"title\":\"Gateway Timeout\",\"status\":504,\"code\":\"timeout\",");
    assert_in_range(clock_mono().ms - begin, SHORT_MS, 10 * SHORT_MS);
    stop();
}

static void an_idle_connection_is_closed(void **state)
{
    struct http_server_options options = short_timeouts();
    (void)state;
    start(&options);
    int fd = raw_connect(site_port(site));
    assert_in_range(closes_after(fd, NULL), SHORT_MS / 2, 10 * SHORT_MS);
    close(fd);
    fd = raw_connect(site_port(site));
    raw_write(fd, "GET /say HTTP/1.1\r\n\r\n");
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 200);
    assert_in_range(closes_after(fd, NULL), SHORT_MS / 2, 10 * SHORT_MS);
    close(fd);
    stop();
}

static void closes_a_trickle(const char *beginning, const char *drip)
{
    struct http_server_options options = short_timeouts();
    start(&options);
    int fd = raw_connect(site_port(site));
    raw_write(fd, beginning);
    assert_in_range(closes_after(fd, drip), SHORT_MS / 2, 10 * SHORT_MS);
    close(fd);
    stop();
}

static void a_request_that_trickles_in_is_cut_off(void **state)
{
    (void)state;
    closes_a_trickle("GET /say HTTP/1.1\r\n", "X: y\r\n");
    closes_a_trickle("GET /", "a");
    closes_a_trickle("\r\n", "\r\n");
    closes_a_trickle("POST /say HTTP/1.1\r\nContent-Length: 900\r\n\r\n", "b");
    closes_a_trickle("POST /say HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nb\r\n");
    closes_a_trickle("POST /say HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "\r\n");
    closes_a_trickle("POST /say HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", "b");
}

/* Fills the server's buffer for the connection: reading is suspended when it is to be closed. */
static void an_endless_line_is_cut_off_with_bounded_memory(void **state)
{
    struct http_server_options options = short_timeouts();
    static char piece[1 << 20];
    (void)state;
    start(&options);
    memset(piece, 'a', sizeof piece);
    int fd = raw_connect(site_port(site));
    raw_write(fd, "POST /say HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    size_t sent = 0;
    ssize_t n;
    int64_t begin = clock_mono().ms;
    while ((n = send(fd, piece, sizeof piece, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0 ||
           errno == EAGAIN) {
        sent += n > 0 ? (size_t)n : 0;
        assert_true(clock_mono().ms - begin < PATIENCE_MS);
        usleep(1000);
    }
    assert_true(sent < 16 << 20); /* the sockets' own buffers */
    close(fd);
    stop();
}

static void a_client_that_does_not_read_is_cut_off(void **state)
{
    struct http_server_options options = short_timeouts();
    static char piece[1 << 20];
    (void)state;
    start(&options);
    int fd = raw_connect(site_port(site));
    raw_write(fd, "GET /lot HTTP/1.1\r\n\r\n");
    assert_true(site_has_connections(site, 1));
    /* And talks on meanwhile: evhttp reads then, to notice a close. */
    size_t sent = 0;
    ssize_t n;
    while ((n = send(fd, piece, sizeof piece, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0 ||
           errno == EAGAIN) {
        sent += n > 0 ? (size_t)n : 0;
        usleep(1000);
    }
    assert_true(sent < 16 << 20);
    assert_true(site_has_connections(site, 0));
    close(fd);
    stop();
}

/* ---- gone ---- */

static void reply_to_held(struct site *s, void *arg)
{
    struct http_call *call = http_server_find(site_server(s), atomic_load(&held_id));
    *(bool *)arg = call != NULL;
    if (call)
        http_reply(call, 200, "text/plain", SLICE_LIT("late"));
}

static void hang_up_while_held(bool reset)
{
    int fd = raw_connect(site_port(site));
    raw_write(fd, "GET /hold HTTP/1.1\r\n\r\n");
    assert_true(site_has_in_flight(site, 1));
    if (reset) {
        const struct linger now = {1, 0};
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    }
    close(fd);
}

static void a_call_whose_client_went_away_is_replied_to_all_the_same(void **state)
{
    (void)state;
    start(NULL);
    for (int i = 0; i < 4; i++) {
        bool found;
        hang_up_while_held(i & 1);
        site_run(site, reply_to_held, &found);
        assert_true(found);
        site_run(site, reply_to_held, &found);
        assert_false(found);
        assert_true(site_has_connections(site, 0));
    }
    stop();
}

static void a_call_whose_client_went_away_ends_at_its_deadline(void **state)
{
    struct http_server_options options = short_timeouts();
    (void)state;
    start(&options);
    for (int reset = 0; reset <= 1; reset++) {
        hang_up_while_held(reset);
        assert_true(site_has_in_flight(site, 0));
        assert_true(site_has_connections(site, 0));
    }
    stop();
}

static void a_held_call_is_replied_to_by_its_id(void **state)
{
    bool found;
    (void)state;
    start(NULL);
    int fd = raw_connect(site_port(site));
    raw_write(fd, "GET /hold HTTP/1.1\r\n\r\n");
    assert_true(site_has_in_flight(site, 1));
    site_run(site, reply_to_held, &found);
    assert_true(found);
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 200);
    expect("late");
    close(fd);
    stop();
}

/* ---- malformed ---- */

/* The status of the first answer; the connection must close after it and nothing else come. */
static void expect_refused(const char *request, int status)
{
    int fd = raw_connect(site_port(site));
    raw_write(fd, request);
    size_t n = raw_read_all(fd, answer, sizeof answer);
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    if (strncmp(answer, line, strlen(line)) != 0)
        fail_msg("not %d for:\n%s\nbut:\n%s", status, request, answer);
    assert_true(n > 0);
    assert_null(strstr(answer + 1, "HTTP/1.1"));
    expect("application/problem+json");
    close(fd);
}

static void what_is_no_request_is_400_in_json(void **state)
{
    (void)state;
    start(NULL);
    expect_refused("garbage\r\n\r\n", 400);
    expect_refused("GET /say\r\n\r\n", 400);
    expect_refused("GET /say HTTP/9.9\r\n\r\n", 400);
    expect_refused("GET /say HTTP/1.1\r\nno colon\r\n\r\n", 400);
    expect_refused("GET /say HTTP/1.1\r\n: empty\r\n\r\n", 400);
    expect_refused("POST /say HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400);
    expect_refused("POST /say HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400);
    expect_refused("BREW /say HTTP/1.1\r\n\r\n", 501);
    expect_refused("TRACE /say HTTP/1.1\r\n\r\n", 501);
    expect_refused("POST /say HTTP/1.1\r\nExpect: the-moon\r\nContent-Length: 1\r\n\r\n", 417);
    expect_refused("POST /say HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 413);
    stop();
}

/* Each of these could hide a second request from a proxy, or from us. */
static void a_body_whose_end_is_a_matter_of_opinion_is_refused(void **state)
{
    (void)state;
    start(NULL);
    expect_refused("POST /say HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n"
                   "GET /say HTTP/1.1\r\n\r\n",
                   400);
    expect_refused("POST /say HTTP/1.1\r\nContent-Length: 0\r\ncontent-length: 0\r\n\r\n", 400);
    expect_refused("POST /say HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "0\r\n\r\n",
                   400);
    expect_refused("POST /say HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400);
    expect_refused("POST /say HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n"
                   "GET /say HTTP/1.1\r\n\r\n",
                   400);
    expect_refused("POST /say HTTP/1.1\r\nContent-Length : 22\r\n\r\nGET /say HTTP/1.1\r\n\r\n",
                   400);
    expect_refused("POST /say HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc", 400);
    expect_refused("HEAD /say HTTP/1.1\r\nContent-Length: 22\r\n\r\nGET /say HTTP/1.1\r\n\r\n",
                   400);
    expect_refused("GET /say HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    stop();
}

static void a_bad_chunk_after_100_continue_is_told_after_it(void **state)
{
    (void)state;
    start(NULL);
    int fd = raw_connect(site_port(site));
    raw_write(fd, "POST /say HTTP/1.1\r\nExpect: 100-continue\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n");
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 100);
    raw_write(fd, "nonsense\r\n");
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 413);
    expect("application/problem+json");
    close(fd);
    stop();
}

static void connect_is_refused_and_its_connection_ends(void **state)
{
    struct http_server_options options = short_timeouts();
    (void)state;
    start(&options);
    assert_int_equal(ask("CONNECT example.org:443 HTTP/1.1\r\n\r\n"), 501);
    stop();
}

static const char *const pieces[] = {
    "GET ",
    "POST ",
    "/say",
    "/by/%41",
    "?a=b&c",
    " HTTP/1.1",
    "\r\n",
    "\r\n\r\n",
    "Content-Length: ",
    "5",
    "-1",
    "99999999999999999999",
    "hello",
    "Transfer-Encoding: chunked",
    "0\r\n\r\n",
    "a\r\n",
    "Connection: ",
    "close",
    "keep-alive",
    "Expect: 100-continue",
    "\r",
    "\n",
    " ",
    ":",
    "\xff\xfe",
    "%00",
    "HEAD ",
    "OPTIONS ",
    "*",
    "//",
    "http://h/say",
    "X: y\r\n",
    "ffffffffffffffff\r\n",
};

static void write_nonsense(struct prng *r, int fd)
{
    int n = (int)prng_between(r, 1, 30);
    for (int i = 0; i < n; i++) {
        if (prng_chance(r, 0.1)) {
            char byte = (char)prng_between(r, 0, 255);
            raw_write_n(fd, &byte, 1);
        } else {
            raw_write(fd, pieces[prng_between(r, 0, ARRAY_LEN(pieces) - 1)]);
        }
    }
    if (prng_chance(r, 0.5))
        shutdown(fd, SHUT_WR);
}

static void nonsense_neither_crashes_nor_hangs_nor_leaks(void **state)
{
    enum { CLIENTS = 8, ROUNDS = 250 };
    struct http_server_options options = short_timeouts();
    struct prng r;
    (void)state;
    prng_seed(&r, 20240607);
    start(&options);
    for (int i = 0; i < ROUNDS; i++) {
        int fds[CLIENTS];
        for (int k = 0; k < CLIENTS; k++) {
            fds[k] = raw_connect(site_port(site));
            write_nonsense(&r, fds[k]);
        }
        for (int k = 0; k < CLIENTS; k++)
            close(fds[k]);
    }
    assert_int_equal(ask("GET /say HTTP/1.1\r\n\r\n"), 200);
    stop();
}

/* ---- told ---- */

static void the_access_hook_learns_the_pattern_and_never_the_values(void **state)
{
    const struct http_server_options options = {.on_access = on_access};
    (void)state;
    start(&options);
    atomic_store(&access_log.reports, 0);
    assert_int_equal(ask("GET /by/secret?code=hush HTTP/1.1\r\n\r\n"), 200);
    assert_int_equal(site_connections(site) <= 1, 1); /* a turn of the server's loop */
    assert_int_equal(atomic_load(&access_log.reports), 1);
    assert_int_equal(atomic_load(&access_log.status), 200);
    assert_string_equal(access_log.pattern, "/by/{id}");
    assert_int_equal(ask("GET /hush HTTP/1.1\r\n\r\n"), 404);
    (void)site_connections(site);
    assert_int_equal(atomic_load(&access_log.reports), 2);
    assert_int_equal(atomic_load(&access_log.status), 404);
    assert_false(atomic_load(&access_log.has_pattern));
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_beyond_the_limit_is_413_in_json),
        cmocka_unit_test(a_client_that_sends_far_too_much_can_read_why),
        cmocka_unit_test(a_head_beyond_16_kib_is_400_in_json),
        cmocka_unit_test(calls_beyond_the_limit_are_503_but_health_is_served),
        cmocka_unit_test(connections_beyond_the_limit_wait_for_one_to_close),
        cmocka_unit_test(at_the_limit_the_oldest_idle_connection_makes_room),
        cmocka_unit_test(a_call_without_a_reply_is_504_and_cannot_be_found_after),
        cmocka_unit_test(an_idle_connection_is_closed),
        cmocka_unit_test(a_request_that_trickles_in_is_cut_off),
        cmocka_unit_test(an_endless_line_is_cut_off_with_bounded_memory),
        cmocka_unit_test(a_client_that_does_not_read_is_cut_off),
        cmocka_unit_test(a_call_whose_client_went_away_is_replied_to_all_the_same),
        cmocka_unit_test(a_call_whose_client_went_away_ends_at_its_deadline),
        cmocka_unit_test(a_held_call_is_replied_to_by_its_id),
        cmocka_unit_test(what_is_no_request_is_400_in_json),
        cmocka_unit_test(a_body_whose_end_is_a_matter_of_opinion_is_refused),
        cmocka_unit_test(a_bad_chunk_after_100_continue_is_told_after_it),
        cmocka_unit_test(connect_is_refused_and_its_connection_ends),
        cmocka_unit_test(nonsense_neither_crashes_nor_hangs_nor_leaks),
        cmocka_unit_test(the_access_hook_learns_the_pattern_and_never_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
