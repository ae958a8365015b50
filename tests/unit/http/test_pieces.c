/* A body that is taken as it comes, and headers of a request's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <string.h>

#include "client_fixture.h"

enum {
    PACE_MS = 100,    /* between two pieces of a slow server */
    SILENCE_MS = 450, /* taken for the end; more than PACE_MS, less than all the pieces take */
    SLOW_PIECES = 6,
};

#define HEAD_OK "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* ---- servers ---- */

static void serve_a_piece_and_stay(struct raw_conn *c)
{
    if (raw_read_request(c))
        raw_write(c->fd, HEAD_OK "3\r\none\r\n");
    (void)raw_read_request(c);
}

static void serve_slow_pieces(struct raw_conn *c)
{
    if (!raw_read_request(c))
        return;
    raw_write(c->fd, HEAD_OK);
    for (int i = 0; i < SLOW_PIECES; i++) {
        (void)poll(NULL, 0, PACE_MS);
        raw_write(c->fd, "1\r\n.\r\n");
    }
    raw_write(c->fd, "0\r\n\r\n");
    (void)raw_read_request(c);
}

static void serve_cut_pieces(struct raw_conn *c)
{
    if (raw_read_request(c))
        raw_write(c->fd, HEAD_OK "3\r\none\r\n3\r\nt");
}

static void serve_refusal(struct raw_conn *c)
{
    while (raw_read_request(c))
        raw_write(c->fd, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nwhy: ");
}

static void serve_large_piece(struct raw_conn *c)
{
    char text[9000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    if (!raw_read_request(c))
        return;
    raw_write(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 8999\r\n\r\n");
    raw_write(c->fd, text);
    (void)raw_read_request(c);
}

static void serve_request_back(struct raw_conn *c)
{
    char head[128];
    while (raw_read_request(c)) {
        struct text t = text_init(head, sizeof head);
        text_fmt(&t, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(c->request));
        raw_write(c->fd, head);
        raw_write(c->fd, c->request);
    }
}

/* ---- a client that keeps the pieces ---- */

struct reader {
    struct fixture f;
    struct raw_server *server;
    struct answer answer;
    uint64_t id;
    struct text got;
    char bytes[64];
    bool cancels; /* at the first piece */
    int pieces;
};

static void on_answer(const struct http_answer *a, void *arg)
{
    struct reader *r = arg;
    r->answer.calls++;
    r->answer.outcome = a->outcome;
    r->answer.status = a->status;
    r->answer.body_n = a->body.n;
    ASSERT(slice_copy(slice_of(a->error), r->answer.error, sizeof r->answer.error));
}

static void on_piece(struct slice piece, void *arg)
{
    struct reader *r = arg;
    assert_int_equal(r->answer.calls, 0); /* never behind the answer */
    r->pieces++;
    text_add(&r->got, piece);
    if (r->cancels)
        http_client_cancel(r->f.client, r->id);
}

static void begin(struct reader *r, void (*serve)(struct raw_conn *c), int64_t timeout_ms,
                  size_t max_response)
{
    *r = (struct reader){.f = fixture_new(NULL), .server = raw_server_new(serve)};
    r->got = text_init(r->bytes, sizeof r->bytes);
    struct http_request req = request_to("http://127.0.0.1:%d", raw_server_port(r->server));
    req.on_piece = on_piece;
    req.timeout_ms = timeout_ms;
    req.max_response = max_response;
    r->id = http_client_send(r->f.client, &req, on_answer, r);
    http_hosts_unref(req.hosts);
    assert_int_equal(r->pieces + r->answer.calls, 0); /* never before send returned */
}

static bool has_a_piece(void *arg)
{
    return ((struct reader *)arg)->pieces > 0;
}

static bool has_ended(void *arg)
{
    return ((struct reader *)arg)->answer.calls > 0;
}

static void await(struct reader *r, bool (*done)(void *arg))
{
    assert_true(loop_until(r->f.loop, done, r, PATIENCE_MS));
}

static void end(struct reader *r)
{
    fixture_free(&r->f);
    raw_server_free(r->server);
}

/* ---- pieces ---- */

static void a_piece_comes_while_the_response_goes_on(void **state)
{
    struct reader r;
    (void)state;
    begin(&r, serve_a_piece_and_stay, PATIENCE_MS, 1000);
    await(&r, has_a_piece);
    assert_string_equal(r.bytes, "one");
    assert_int_equal(r.answer.calls, 0);
    fixture_free(&r.f);
    assert_int_equal(r.answer.calls, 1);
    assert_int_equal(r.answer.outcome, HTTP_UNKNOWN);
    raw_server_free(r.server);
}

static void time_begins_anew_with_each_piece(void **state)
{
    struct reader r;
    (void)state;
    begin(&r, serve_slow_pieces, SILENCE_MS, 1000);
    await(&r, has_ended);
    assert_string_equal(r.bytes, "......");
    assert_int_equal(r.answer.outcome, HTTP_ANSWERED);
    assert_int_equal(r.answer.status, 200);
    assert_int_equal(r.answer.body_n, 0);
    end(&r);
}

static void silence_behind_a_piece_is_unknown_in_time(void **state)
{
    struct reader r;
    (void)state;
    begin(&r, serve_a_piece_and_stay, SILENCE_MS, 1000);
    await(&r, has_ended);
    assert_string_equal(r.bytes, "one");
    assert_int_equal(r.answer.outcome, HTTP_UNKNOWN);
    assert_string_equal(r.answer.error, "timed out waiting for the response");
    end(&r);
}

static void what_came_before_the_connection_died_is_told_before_the_end(void **state)
{
    struct reader r;
    (void)state;
    begin(&r, serve_cut_pieces, PATIENCE_MS, 1000);
    await(&r, has_ended);
    assert_string_equal(r.bytes, "onet");
    assert_int_equal(r.answer.outcome, HTTP_UNKNOWN);
    end(&r);
}

static void a_refusal_is_an_answer_with_its_body(void **state)
{
    struct reader r;
    (void)state;
    begin(&r, serve_refusal, PATIENCE_MS, 1000);
    await(&r, has_ended);
    assert_int_equal(r.pieces, 0);
    assert_int_equal(r.answer.status, 401);
    assert_int_equal(r.answer.body_n, 5);
    end(&r);
}

static void more_than_the_cap_in_one_turn_ends_it(void **state)
{
    struct reader r;
    (void)state;
    begin(&r, serve_large_piece, PATIENCE_MS, 100);
    await(&r, has_ended);
    assert_int_equal(r.answer.outcome, HTTP_UNKNOWN);
    assert_string_equal(r.answer.error, "the response is too large");
    end(&r);
}

static void a_request_may_be_cancelled_from_its_own_piece(void **state)
{
    struct reader r;
    (void)state;
    begin(&r, serve_a_piece_and_stay, PATIENCE_MS, 1000);
    r.cancels = true;
    await(&r, has_a_piece);
    loop_for(r.f.loop, 20);
    assert_int_equal(r.answer.calls, 0);
    assert_int_equal(http_client_pending(r.f.client), 0);
    end(&r);
    assert_int_equal(r.answer.calls, 0);
}

/* ---- headers ---- */

static void headers_of_one_request_are_not_those_of_the_next(void **state)
{
    struct fixture f = fixture_new(NULL);
    struct raw_server *s = raw_server_new(serve_request_back);
    struct http_request with = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct http_request without = request_to("http://127.0.0.1:%d", raw_server_port(s));
    struct answer a;
    (void)state;
    with.headers = SLICE_LIT("Authorization: Bearer hush\nLast-Event-ID: 5");
    fixture_ask(&f, &with, &a);
    assert_non_null(strstr(a.body, "\r\nAuthorization: Bearer hush\r\nLast-Event-ID: 5\r\n"));
    fixture_ask(&f, &without, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_null(strstr(a.body, "Authorization"));
    assert_null(strstr(a.body, "Last-Event-ID"));
    assert_int_equal(raw_server_connections(s), 1); /* the same handle */
    raw_server_free(s);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_comes_while_the_response_goes_on),
        cmocka_unit_test(time_begins_anew_with_each_piece),
        cmocka_unit_test(silence_behind_a_piece_is_unknown_in_time),
        cmocka_unit_test(what_came_before_the_connection_died_is_told_before_the_end),
        cmocka_unit_test(a_refusal_is_an_answer_with_its_body),
        cmocka_unit_test(more_than_the_cap_in_one_turn_ends_it),
        cmocka_unit_test(a_request_may_be_cancelled_from_its_own_piece),
        cmocka_unit_test(headers_of_one_request_are_not_those_of_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
