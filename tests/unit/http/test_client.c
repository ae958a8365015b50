#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client_fixture.h"
#include "free_port.h"

enum { LARGE = 2 << 20 }; /* bytes of a body */

/* ---- servers ---- */

static void reply(struct raw_conn *c, const char *head, const char *body)
{
    char text[8192];
    snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body),
             body);
    raw_write(c->fd, text);
}

static void serve_ok(struct raw_conn *c)
{
    while (raw_read_request(c))
        reply(c, "200 OK", "fine");
}

static void serve_request_back(struct raw_conn *c)
{
    while (raw_read_request(c))
        reply(c, "200 OK", c->request);
}

/* Keeps the connection alive once, and hangs up on the request that reuses it. */
static void serve_one_then_hang_up(struct raw_conn *c)
{
    if (raw_read_request(c))
        reply(c, "200 OK", "fine");
    (void)raw_read_request(c);
}

static void serve_nothing(struct raw_conn *c)
{
    while (raw_read_request(c))
        continue;
}

static void serve_half_a_body(struct raw_conn *c)
{
    if (raw_read_request(c))
        raw_write(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
}

static void serve_half_a_chunk(struct raw_conn *c)
{
    if (raw_read_request(c))
        raw_write(c->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nonly this");
}

static void serve_half_a_body_and_stay(struct raw_conn *c)
{
    serve_half_a_body(c);
    (void)raw_read_request(c);
}

static void write_forever(struct raw_conn *c, const char *piece)
{
    for (int i = 0; i < 1 << 20; i++) { /* ends early: the client hangs up */
        if (write(c->fd, piece, strlen(piece)) < 0)
            return;
    }
}

static void serve_endless_body(struct raw_conn *c)
{
    char piece[4096];
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    if (!raw_read_request(c))
        return;
    raw_write(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    write_forever(c, piece);
}

static void serve_endless_chunks(struct raw_conn *c)
{
    char piece[1100];
    memset(piece, 'x', sizeof piece);
    memcpy(piece, "400\r\n", 5);
    memcpy(piece + 5 + 1024, "\r\n", 3);
    if (!raw_read_request(c))
        return;
    raw_write(c->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    write_forever(c, piece);
}

static void serve_endless_headers(struct raw_conn *c)
{
    if (!raw_read_request(c))
        return;
    raw_write(c->fd, "HTTP/1.1 200 OK\r\n");
    write_forever(c, "X-More: and more and more and more\r\n");
}

static void serve_endless_continues(struct raw_conn *c)
{
    if (raw_read_request(c))
        write_forever(c, "HTTP/1.1 100 Continue\r\n\r\n");
}

/* Answers "asked" when the client wants a word before it sends its body. */
static void serve_large(struct raw_conn *c)
{
    char piece[4096];
    size_t n = (size_t)recv(c->fd, c->request, sizeof c->request - 1, 0), rest = LARGE;
    bool asked = strstr(c->request, "Expect:") != NULL;
    n -= (size_t)(strstr(c->request, "\r\n\r\n") + 4 - c->request);
    for (rest -= n; rest > 0 && !asked; rest -= n)
        n = (size_t)recv(c->fd, piece, sizeof piece, 0);
    reply(c, "200 OK", asked ? "asked" : "fine");
}

static void serve_redirect(struct raw_conn *c)
{
    while (raw_read_request(c))
        reply(c, "302 Found\r\nLocation: /elsewhere", "");
}

static void serve_garbage(struct raw_conn *c)
{
    if (raw_read_request(c))
        raw_write(c->fd, "\x16\x03 this is no HTTP\r\n\r\n");
}

/* ---- what is sent ---- */

static void a_get_is_answered_with_status_and_body(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_ok);
    struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a;
    (void)state;
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "fine");
    assert_string_equal(a.error, "");
    assert_int_equal(a.host, 0);
    assert_true(a.elapsed_us > 0);
    raw_server_free(s);
    fixture_free(&f);
}

static void a_post_carries_content_length_and_type_and_no_expect(void **state)
{
    const struct http_client_options options = {.user_agent = "probe/1"};
    struct fixture f = fixture_new(&options);
    struct raw_server *s = raw_server_new(serve_request_back);
    struct http_request req = request_to("http://127.0.0.1:%d/prefix/", raw_server_port(s));
    struct answer a;
    (void)state;
    req.method = HTTP_POST;
    req.path_query = SLICE_LIT("/a/../b?token=1%202");
    req.content_type = "application/json";
    req.body = SLICE_LIT("{\"code\":1}");
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_non_null(strstr(a.body, "POST /prefix/a/../b?token=1%202 HTTP/1.1\r\n"));
    assert_non_null(strstr(a.body, "\r\nContent-Length: 10\r\n"));
    assert_non_null(strstr(a.body, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(a.body, "\r\nUser-Agent: probe/1\r\n"));
    assert_non_null(strstr(a.body, "\r\n\r\n{\"code\":1}"));
    assert_null(strstr(a.body, "Expect"));
    assert_null(strstr(a.body, "chunked"));
    raw_server_free(s);
    fixture_free(&f);
}

static void a_post_without_a_body_says_so(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_request_back);
    struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a;
    (void)state;
    req.method = HTTP_POST;
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_non_null(strstr(a.body, "\r\nContent-Length: 0\r\n"));
    assert_null(strstr(a.body, "Content-Type"));
    raw_server_free(s);
    fixture_free(&f);
}

/* curl would say "Expect: 100-continue" for such a one. */
static void a_large_post_is_sent_without_asking_first(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_large);
    struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a;
    char *body = calloc(LARGE, 1);
    (void)state;
    memset(body, 'b', LARGE);
    req.method = HTTP_POST;
    req.body = (struct slice){body, LARGE};
    (void)fixture_send(&f, &req, &a);
    free(body); /* was copied */
    fixture_wait(&f, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_string_equal(a.body, "fine");
    raw_server_free(s);
    fixture_free(&f);
}

static void a_get_after_a_post_on_the_same_handle_has_no_body(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_request_back);
    struct http_request post = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct http_request get = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a;
    (void)state;
    post.method = HTTP_POST;
    post.body = SLICE_LIT("secret");
    post.content_type = "text/plain";
    fixture_ask(&f, &post, &a);
    fixture_ask(&f, &get, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_true(strncmp(a.body, "GET /x HTTP/1.1\r\n", 17) == 0);
    assert_null(strstr(a.body, "secret"));
    assert_null(strstr(a.body, "Content-"));
    assert_int_equal(raw_server_connections(s), 1);
    raw_server_free(s);
    fixture_free(&f);
}

static void environment_proxies_are_ignored(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_ok);
    struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a;
    char proxy[64];
    (void)state;
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", free_port());
    assert_int_equal(setenv("http_proxy", proxy, 1), 0);
    assert_int_equal(setenv("all_proxy", proxy, 1), 0);
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    raw_server_free(s);
    fixture_free(&f);
}

/* ---- once or more than once ---- */

static void ask_twice_over_a_dying_connection(bool repeatable, struct answer *second, int *arrived)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_one_then_hang_up);
    struct http_request one = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct http_request two = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer first;
    fixture_ask(&f, &one, &first);
    assert_int_equal(first.outcome, HTTP_ANSWERED);
    two.method = HTTP_POST;
    two.body = SLICE_LIT("code=1");
    two.repeatable = repeatable;
    fixture_ask(&f, &two, second);
    loop_for(f.loop, 20);
    *arrived = raw_server_requests(s);
    raw_server_free(s);
    fixture_free(&f);
}

static void a_request_on_a_kept_alive_connection_that_dies_is_not_sent_twice(void **state)
{
    struct answer a;
    int arrived;
    (void)state;
    ask_twice_over_a_dying_connection(false, &a, &arrived);
    assert_int_equal(a.outcome, HTTP_UNKNOWN);
    assert_int_equal(arrived, 2); /* the first request, and the second one once */
    assert_int_equal(a.calls, 1);
    assert_string_equal(a.error, "the kept-alive connection died under the request");
}

static void a_repeatable_request_on_a_connection_that_dies_is_sent_again(void **state)
{
    struct answer a;
    int arrived;
    (void)state;
    ask_twice_over_a_dying_connection(true, &a, &arrived);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_string_equal(a.body, "fine");
    assert_int_equal(arrived, 3);
}

/* The client sees such a close before it sends. */
static void a_connection_closed_while_idle_costs_nothing(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_one_then_hang_up);
    struct answer a;
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
        fixture_ask(&f, &req, &a);
        assert_int_equal(a.outcome, HTTP_ANSWERED);
        raw_server_free(s);
        s = raw_server_new(serve_one_then_hang_up);
    }
    raw_server_free(s);
    fixture_free(&f);
}

static void connections_are_reused(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_ok);
    struct answer a;
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
        fixture_ask(&f, &req, &a);
        assert_int_equal(a.outcome, HTTP_ANSWERED);
    }
    assert_int_equal(raw_server_connections(s), 1);
    raw_server_free(s);
    fixture_free(&f);
}

/* ---- what can go wrong ---- */

static void expect(void (*serve)(struct raw_conn *c), int64_t timeout_ms, size_t max_response,
                   enum http_outcome outcome, const char *error)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve);
    struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a;
    req.timeout_ms = timeout_ms;
    req.max_response = max_response;
    req.path_query = SLICE_LIT("/x?secret=hush");
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, outcome);
    assert_int_equal(a.status, 0);
    assert_int_equal(a.body_n, 0);
    assert_string_equal(a.error, error);
    assert_int_equal(raw_server_requests(s), 1);
    raw_server_free(s);
    fixture_free(&f);
}

static void silence_after_the_request_is_unknown_in_time(void **state)
{
    (void)state;
    expect(serve_nothing, 100, 1000, HTTP_UNKNOWN, "timed out waiting for the response");
}

static void silence_within_the_body_is_unknown_in_time(void **state)
{
    (void)state;
    expect(serve_half_a_body_and_stay, 100, 10000, HTTP_UNKNOWN,
           "timed out waiting for the response");
}

static void a_truncated_body_is_unknown(void **state)
{
    (void)state;
    expect(serve_half_a_body, PATIENCE_MS, 10000, HTTP_UNKNOWN, "Transferred a partial file");
    expect(serve_half_a_chunk, PATIENCE_MS, 10000, HTTP_UNKNOWN, "Transferred a partial file");
}

static void a_body_beyond_the_cap_is_unknown(void **state)
{
    (void)state;
    expect(serve_endless_body, PATIENCE_MS, 8 << 20, HTTP_UNKNOWN, "the response is too large");
    expect(serve_endless_chunks, PATIENCE_MS, 8 << 20, HTTP_UNKNOWN, "the response is too large");
}

static void endless_heads_are_unknown(void **state)
{
    (void)state;
    expect(serve_endless_headers, PATIENCE_MS, 1000, HTTP_UNKNOWN,
           "the response's head is too large");
    expect(serve_endless_continues, PATIENCE_MS, 1000, HTTP_UNKNOWN,
           "the response's head is too large");
}

static void what_is_not_http_is_unknown(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_garbage);
    struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a;
    (void)state;
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_UNKNOWN);
    raw_server_free(s);
    fixture_free(&f);
}

static void a_body_of_exactly_the_cap_is_answered(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_ok);
    struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a;
    (void)state;
    req.max_response = 4;
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_string_equal(a.body, "fine");
    raw_server_free(s);
    fixture_free(&f);
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_redirect);
    struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a;
    (void)state;
    fixture_ask(&f, &req, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_int_equal(a.status, 302);
    assert_int_equal(raw_server_requests(s), 1);
    raw_server_free(s);
    fixture_free(&f);
}

/* ---- many, cancelled, ended ---- */

static void no_more_connections_than_allowed_and_the_rest_waits(void **state)
{
    const struct http_client_options options = {.max_connections = 3, .max_queued = 100};
    struct fixture f = fixture_new(&options);
    struct raw_server *s = raw_server_new(serve_ok);
    static struct answer a[50];
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
        (void)fixture_send(&f, &req, &a[i]);
    }
    assert_int_equal(http_client_pending(f.client), 50);
    for (int i = 0; i < 50; i++) {
        fixture_wait(&f, &a[i]);
        assert_int_equal(a[i].outcome, HTTP_ANSWERED);
        assert_int_equal(a[i].calls, 1);
    }
    assert_int_equal(raw_server_connections(s), 3);
    assert_int_equal(http_client_pending(f.client), 0);
    raw_server_free(s);
    fixture_free(&f);
}

static void a_full_queue_is_not_sent(void **state)
{
    const struct http_client_options options = {.max_connections = 1, .max_queued = 1};
    struct fixture f = fixture_new(&options);
    struct raw_server *s = raw_server_new(serve_nothing);
    static struct answer a[4];
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
        (void)fixture_send(&f, &req, &a[i]);
    }
    fixture_wait(&f, &a[2]);
    fixture_wait(&f, &a[3]);
    assert_int_equal(a[2].outcome, HTTP_NOT_SENT);
    assert_int_equal(a[3].outcome, HTTP_NOT_SENT);
    assert_string_equal(a[3].error, "too many requests are waiting");
    assert_int_equal(a[3].host, -1);
    assert_int_equal(a[0].calls + a[1].calls, 0);
    raw_server_free(s);
    fixture_free(&f);
}

static void a_deadline_that_passes_in_the_queue_is_not_sent(void **state)
{
    const struct http_client_options options = {.max_connections = 1};
    struct fixture f = fixture_new(&options);
    struct raw_server *s = raw_server_new(serve_nothing);
    struct http_request one = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct http_request two = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a, b;
    (void)state;
    two.timeout_ms = 50;
    (void)fixture_send(&f, &one, &a);
    fixture_ask(&f, &two, &b);
    assert_int_equal(b.outcome, HTTP_NOT_SENT);
    assert_string_equal(b.error, "timed out in the queue");
    raw_server_free(s);
    fixture_free(&f);
}

static void a_cancelled_request_never_calls_back(void **state)
{
    const struct http_client_options options = {.max_connections = 1, .max_queued = 1};
    struct fixture f = fixture_new(&options);
    struct raw_server *s = raw_server_new(serve_nothing);
    uint64_t ids[3];
    static struct answer a[4];
    (void)state;
    for (int i = 0; i < 3; i++) { /* one runs, one waits, one is refused */
        struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
        ids[i] = fixture_send(&f, &req, &a[i]);
    }
    for (int i = 2; i >= 0; i--)
        http_client_cancel(f.client, ids[i]);
    for (int i = 0; i < 3; i++)
        http_client_cancel(f.client, ids[i]);
    http_client_cancel(f.client, 12345);
    assert_int_equal(http_client_pending(f.client), 0);
    loop_for(f.loop, 30);
    assert_int_equal(a[0].calls + a[1].calls + a[2].calls, 0);
    raw_server_free(s);
    s = raw_server_new(serve_ok);
    struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
    fixture_ask(&f, &req, &a[3]);
    assert_int_equal(a[3].outcome, HTTP_ANSWERED);
    raw_server_free(s);
    fixture_free(&f);
}

struct chain {
    struct fixture *f;
    int port, answers, to_go;
    uint64_t victim;
    struct answer victims;
};

static void send_next(struct chain *c);

/* In a callback: cancels one request and sends another. */
static void on_link(const struct http_answer *a, void *arg)
{
    struct chain *c = arg;
    assert_int_equal(a->outcome, HTTP_ANSWERED);
    c->answers++;
    http_client_cancel(c->f->client, c->victim);
    if (--c->to_go > 0)
        send_next(c);
}

static void send_next(struct chain *c)
{
    struct http_request victim = request_to("http://127.0.0.1:%d", c->port);
    struct http_request link = request_to("http://127.0.0.1:%d", c->port);
    c->victim = fixture_send(c->f, &victim, &c->victims);
    (void)http_client_send(c->f->client, &link, on_link, c);
    http_hosts_unref(link.hosts);
}

static bool chain_is_done(void *arg)
{
    return ((struct chain *)arg)->to_go == 0;
}

static void a_callback_may_send_and_cancel(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_ok);
    struct chain c = {.f = &f, .port = raw_server_port(s), .to_go = 50};
    (void)state;
    send_next(&c);
    assert_true(loop_until(f.loop, chain_is_done, &c, PATIENCE_MS));
    assert_int_equal(c.answers, 50);
    assert_int_equal(http_client_pending(f.client), 0);
    raw_server_free(s);
    fixture_free(&f);
}

static void freeing_the_client_ends_every_request_with_what_is_certain(void **state)
{
    const struct http_client_options options = {.max_connections = 1, .max_queued = 1};
    struct fixture f = fixture_new(&options);
    struct raw_server *s = raw_server_new(serve_nothing);
    static struct answer a[3];
    (void)state;
    struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(s));
    (void)fixture_send(&f, &req, &a[0]);
    while (raw_server_requests(s) == 0)
        loop_for(f.loop, 1);
    for (int i = 1; i < 3; i++) {
        req = request_to("http://127.0.0.1:%d", raw_server_port(s));
        (void)fixture_send(&f, &req, &a[i]);
    }
    fixture_free(&f);
    assert_int_equal(a[0].outcome, HTTP_UNKNOWN);
    assert_int_equal(a[1].outcome, HTTP_NOT_SENT);
    assert_int_equal(a[2].outcome, HTTP_NOT_SENT);
    for (int i = 0; i < 3; i++)
        assert_int_equal(a[i].calls, 1);
    raw_server_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_is_answered_with_status_and_body),
        cmocka_unit_test(a_post_carries_content_length_and_type_and_no_expect),
        cmocka_unit_test(a_post_without_a_body_says_so),
        cmocka_unit_test(a_large_post_is_sent_without_asking_first),
        cmocka_unit_test(a_get_after_a_post_on_the_same_handle_has_no_body),
        cmocka_unit_test(environment_proxies_are_ignored),
        cmocka_unit_test(a_request_on_a_kept_alive_connection_that_dies_is_not_sent_twice),
        cmocka_unit_test(a_repeatable_request_on_a_connection_that_dies_is_sent_again),
        cmocka_unit_test(a_connection_closed_while_idle_costs_nothing),
        cmocka_unit_test(connections_are_reused),
        cmocka_unit_test(silence_after_the_request_is_unknown_in_time),
        cmocka_unit_test(silence_within_the_body_is_unknown_in_time),
        cmocka_unit_test(a_truncated_body_is_unknown),
        cmocka_unit_test(a_body_beyond_the_cap_is_unknown),
        cmocka_unit_test(endless_heads_are_unknown),
        cmocka_unit_test(what_is_not_http_is_unknown),
        cmocka_unit_test(a_body_of_exactly_the_cap_is_answered),
        cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
        cmocka_unit_test(no_more_connections_than_allowed_and_the_rest_waits),
        cmocka_unit_test(a_full_queue_is_not_sent),
        cmocka_unit_test(a_deadline_that_passes_in_the_queue_is_not_sent),
        cmocka_unit_test(a_cancelled_request_never_calls_back),
        cmocka_unit_test(a_callback_may_send_and_cancel),
        cmocka_unit_test(freeing_the_client_ends_every_request_with_what_is_certain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
