#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>

#include "client_fixture.h"
#include "free_port.h"

static void serve_ok(struct raw_conn *c)
{
    while (raw_read_request(c))
        raw_write(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
}

static void serve_nothing(struct raw_conn *c)
{
    while (raw_read_request(c))
        continue;
}

/* Takes the connection, and its TLS greeting, and hangs up: nothing of a request came. */
static void hang_up(struct raw_conn *c)
{
    (void)recv(c->fd, c->request, 1, 0);
}

static void a_host_that_refuses_hands_over_to_the_next(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_ok);
    struct http_request req =
        request_to("http://127.0.0.1:%d,http://127.0.0.1:%d", free_port(), raw_server_port(s));
    struct answer a;
    (void)state;
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_int_equal(a.host, 1);
    raw_server_free(s);
    fixture_free(&f);
}

static void a_host_that_is_silent_leaves_time_for_the_next(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_ok);
    struct blackhole hole;
    struct answer a;
    (void)state;
    blackhole_open(&hole, "127.0.0.1", 0);
    struct http_request req =
        request_to("http://127.0.0.1:%d,http://127.0.0.1:%d", hole.port, raw_server_port(s));
    req.timeout_ms = 600;
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_int_equal(a.host, 1);
    assert_in_range(a.elapsed_us, 250 * 1000, 600 * 1000);
    blackhole_close(&hole);
    raw_server_free(s);
    fixture_free(&f);
}

static void a_silent_host_alone_is_not_sent_within_the_connect_timeout(void **state)
{
    const struct http_client_options options = {.connect_timeout_ms = 100};
    struct fixture f = fixture_new(&options);
    struct blackhole hole;
    struct answer a;
    (void)state;
    blackhole_open(&hole, "127.0.0.1", 0);
    struct http_request req = request_to("http://127.0.0.1:%d", hole.port);
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_NOT_SENT);
    assert_in_range(a.elapsed_us, 90 * 1000, 2000 * 1000);
    blackhole_close(&hole);
    fixture_free(&f);
}

static void a_deadline_while_connecting_is_not_sent(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct blackhole hole;
    struct answer a;
    (void)state;
    blackhole_open(&hole, "127.0.0.1", 0);
    struct http_request req = request_to("http://127.0.0.1:%d", hole.port);
    req.timeout_ms = 50;
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_NOT_SENT);
    blackhole_close(&hole);
    fixture_free(&f);
}

static void a_failed_host_is_spared_by_the_requests_after(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *bad = raw_server_new(hang_up), *good = raw_server_new(serve_ok);
    struct http_request req = request_to("https://127.0.0.1:%d,http://127.0.0.1:%d",
                                         raw_server_port(bad), raw_server_port(good));
    struct answer a;
    (void)state;
    for (int i = 0; i < 5; i++) {
        http_hosts_ref(req.hosts);
        fixture_ask(&f, &req, &a);
        assert_int_equal(a.outcome, HTTP_ANSWERED);
        assert_int_equal(a.host, 1);
    }
    http_hosts_unref(req.hosts);
    assert_int_equal(raw_server_connections(bad), 1);
    assert_int_equal(raw_server_connections(good), 1);
    raw_server_free(bad);
    raw_server_free(good);
    fixture_free(&f);
}

static void when_no_host_can_be_reached_nothing_was_sent(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct http_request req =
        request_to("http://127.0.0.1:%d,http://127.0.0.1:%d", free_port(), free_port());
    struct answer a;
    (void)state;
    req.path_query = SLICE_LIT("/x?secret=hush");
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_NOT_SENT);
    assert_int_equal(a.host, 1);
    assert_non_null(strstr(a.error, "Connection refused"));
    assert_null(strstr(a.error, "hush"));
    fixture_free(&f);
}

static void a_request_that_may_have_arrived_goes_to_no_other_host(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *silent = raw_server_new(serve_nothing), *other = raw_server_new(serve_ok);
    struct http_request req = request_to("http://127.0.0.1:%d,http://127.0.0.1:%d",
                                         raw_server_port(silent), raw_server_port(other));
    struct answer a;
    (void)state;
    req.timeout_ms = 100;
    req.repeatable = true;
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_UNKNOWN);
    assert_int_equal(raw_server_connections(other), 0);
    raw_server_free(silent);
    raw_server_free(other);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_that_refuses_hands_over_to_the_next),
        cmocka_unit_test(a_host_that_is_silent_leaves_time_for_the_next),
        cmocka_unit_test(a_silent_host_alone_is_not_sent_within_the_connect_timeout),
        cmocka_unit_test(a_deadline_while_connecting_is_not_sent),
        cmocka_unit_test(a_failed_host_is_spared_by_the_requests_after),
        cmocka_unit_test(when_no_host_can_be_reached_nothing_was_sent),
        cmocka_unit_test(a_request_that_may_have_arrived_goes_to_no_other_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
