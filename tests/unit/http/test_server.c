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

#include "server_fixture.h"

/* ---- handlers ---- */

static struct slice or_none(struct slice s)
{
    return s.p ? s : SLICE_LIT("(none)");
}

static void add_line(struct text *out, const char *name, struct slice value)
{
    value = or_none(value);
    text_fmt(out, "%s=%.*s\n", name, (int)value.n, value.p);
}

/* Says what it was asked. */
static void tell(struct http_call *call, void *arg)
{
    char body[2048];
    struct text out = text_init(body, sizeof body);
    text_fmt(&out, "arg=%s\n", (const char *)arg);
    text_fmt(&out, "method=%s\n", http_method_name(http_call_method(call)));
    add_line(&out, "path", http_call_path(call));
    add_line(&out, "id", http_call_param(call, "id"));
    add_line(&out, "nothing", http_call_param(call, "nothing"));
    add_line(&out, "q", http_call_query(call, "q"));
    add_line(&out, "x-some", http_call_header(call, "x-SOME"));
    add_line(&out, "body", http_call_body(call));
    text_fmt(&out, "peer=%s\n", http_call_peer(call));
    text_fmt(&out, "request_id=%s\n", http_call_request_id(call));
    http_reply(call, 200, "text/plain", (struct slice){out.p, out.n});
}

static void reply_json(struct http_call *call, void *arg)
{
    (void)arg;
    json_t *o = json_pack("{s:i, s:s}", "n", 1, "name", "\xe5\xa5\xbd");
    http_reply_json(call, 201, o);
    json_decref(o);
}

static void reply_with_headers(struct http_call *call, void *arg)
{
    (void)arg;
    http_reply_header(call, "X-Safe", "a\r\nX-Injected: yes\nX-More: b");
    http_reply_header(call, "Cache-Control", "no-store");
    http_reply(call, 429, "text/plain", SLICE_LIT("slow"));
}

static void reply_nothing(struct http_call *call, void *arg)
{
    (void)arg;
    http_reply(call, 204, NULL, (struct slice){NULL, 0});
}

static void refuse(struct http_call *call, void *arg)
{
    (void)arg;
    http_reply_problem(call, 422, "bad_code", "the code was \"used\"");
}

static void shape_of_its_own(struct http_call *call, const struct http_problem *problem)
{
    char body[128];
    int n = snprintf(body, sizeof body, "{\"errcode\":%d,\"errmsg\":\"%s\"}", problem->status,
                     problem->code);
    http_reply(call, 200, "application/json", (struct slice){body, (size_t)n});
}

static void reply_large(struct http_call *call, void *arg)
{
    size_t n = 4 << 20;
    char *body = calloc(n, 1);
    (void)arg;
    memset(body, 'L', n);
    http_reply(call, 200, "text/plain", (struct slice){body, n});
    free(body);
}

static const struct http_route routes[] = {
    {HTTP_GET, "/tell", tell, 0, NULL},
    {HTTP_POST, "/tell", tell, 0, NULL},
    {HTTP_GET, "/tell/{id}/more", tell, 0, NULL},
    {HTTP_POST, "/slash", tell, HTTP_ROUTE_SLASH, NULL},
    {HTTP_GET, "/json", reply_json, 0, NULL},
    {HTTP_GET, "/headers", reply_with_headers, 0, NULL},
    {HTTP_GET, "/nothing", reply_nothing, 0, NULL},
    {HTTP_GET, "/refuse", refuse, 0, NULL},
    {HTTP_GET, "/wechat/{id}", refuse, 0, shape_of_its_own},
    {HTTP_GET, "/large", reply_large, 0, NULL},
};

/* ---- asking ---- */

static struct site *site;
static char answer[8 << 20];

static int start(void **state)
{
    static char arg[] = "argument";
    (void)state;
    site = site_new(NULL, routes, ARRAY_LEN(routes), arg);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    site_free(site);
    return 0;
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

static void expect_not(const char *part)
{
    if (strstr(answer, part))
        fail_msg("\"%s\" in:\n%s", part, answer);
}

/* ---- requests ---- */

static void a_handler_sees_what_was_sent(void **state)
{
    (void)state;
    assert_int_equal(ask("POST /tell?q=a+b%26&r=2 HTTP/1.1\r\nHost: h\r\nX-Some:  value \r\n"
                         "X-Request-Id: abc.DEF_1-2\r\nContent-Length: 5\r\n\r\nhello"),
                     200);
    expect("arg=argument\nmethod=POST\npath=/tell\nid=(none)\nnothing=(none)\nq=a b&\n"
           "x-some=value\nbody=hello\npeer=127.0.0.1\nrequest_id=abc.DEF_1-2\n");
    expect("\r\nX-Request-Id: abc.DEF_1-2\r\n");
    expect("\r\nContent-Type: text/plain\r\n");
}

static void path_parameters_are_decoded(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /tell/a%2Fb+c/more HTTP/1.1\r\n\r\n"), 200);
    expect("path=/tell/a%2Fb+c/more\nid=a/b+c\n");
}

static void a_request_id_that_is_not_safe_is_replaced(void **state)
{
    const char *bad[] = {"", "a b", "a\"b",
                         "01234567890123456789012345678901234567890123456789012345678901234"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char request[256];
        snprintf(request, sizeof request, "GET /tell HTTP/1.1\r\nX-Request-Id: %s\r\n\r\n", bad[i]);
        assert_int_equal(ask(request), 200);
        const char *id = strstr(answer, "\r\nX-Request-Id: ");
        assert_non_null(id);
        assert_int_equal(strspn(id + 16, "0123456789abcdef"), 16);
    }
}

static void chunked_bodies_are_put_together(void **state)
{
    (void)state;
    assert_int_equal(ask("POST /tell HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
                     200);
    expect("body=hello\n");
}

static void a_slash_more_is_another_path_unless_the_route_says_so(void **state)
{
    (void)state;
    assert_int_equal(ask("POST /slash HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), 200);
    assert_int_equal(ask("POST /slash/ HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), 200);
    assert_int_equal(ask("GET /tell/ HTTP/1.1\r\n\r\n"), 404);
}

static void a_full_address_is_served_like_its_path(void **state)
{
    (void)state;
    assert_int_equal(ask("GET http://other.host/tell?q=1 HTTP/1.1\r\nHost: other.host\r\n\r\n"),
                     200);
    expect("path=/tell\n");
}

/* ---- replies ---- */

static void json_is_sent_compact(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /json HTTP/1.1\r\n\r\n"), 201);
    expect("HTTP/1.1 201 Created\r\n");
    expect("\r\nContent-Type: application/json\r\n");
    expect("\r\n\r\n{\"n\":1,\"name\":\"\xe5\xa5\xbd\"}");
}

static void a_header_value_stays_one_header(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /headers HTTP/1.1\r\n\r\n"), 429);
    expect("HTTP/1.1 429 Too Many Requests\r\n");
    expect("\r\nX-Safe: a  X-Injected: yes X-More: b\r\n");
    expect("\r\nCache-Control: no-store\r\n");
    expect_not("\r\nX-Injected");
}

static void no_content_has_no_length_and_keeps_the_connection(void **state)
{
    int fd = raw_connect(site_port(site));
    (void)state;
    raw_write(fd, "GET /nothing HTTP/1.1\r\n\r\nGET /json HTTP/1.1\r\n\r\n");
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 204);
    expect_not("Content-Length");
    assert_int_equal(raw_read_response(fd, answer, sizeof answer), 201);
    close(fd);
}

static void head_has_the_length_and_no_body(void **state)
{
    int fd = raw_connect(site_port(site));
    (void)state;
    raw_write(fd, "HEAD /json HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_true(raw_read_all(fd, answer, sizeof answer) > 0);
    expect("HTTP/1.1 201 Created\r\n");
    expect("\r\nContent-Length: 20\r\n");
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    close(fd);
}

static void a_large_reply_arrives_whole(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /large HTTP/1.1\r\n\r\n"), 200);
    const char *body = strstr(answer, "\r\n\r\n") + 4;
    assert_int_equal(strspn(body, "L"), 4 << 20);
}

static void a_client_that_half_closed_gets_its_reply(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        int fd = raw_connect(site_port(site));
        raw_write(fd, "GET /json HTTP/1.1\r\n\r\n");
        shutdown(fd, SHUT_WR);
        assert_int_equal(raw_read_response(fd, answer, sizeof answer), 201);
        close(fd);
    }
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    int fd = raw_connect(site_port(site));
    char part[32];
    (void)state;
    for (int i = 0; i < 50; i++) {
        char request[64];
        snprintf(request, sizeof request, "GET /tell?q=%d HTTP/1.1\r\n\r\n", i);
        raw_write(fd, request);
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(raw_read_response(fd, answer, sizeof answer), 200);
        snprintf(part, sizeof part, "q=%d\n", i);
        expect(part);
    }
    close(fd);
}

static void http_1_0_is_answered_and_closed(void **state)
{
    int fd = raw_connect(site_port(site));
    (void)state;
    raw_write(fd, "GET /json HTTP/1.0\r\n\r\n");
    assert_true(raw_read_all(fd, answer, sizeof answer) > 0);
    expect("201 Created");
    expect("{\"n\":1");
    close(fd);
}

static void expect_100_continue_is_answered_before_the_body(void **state)
{
    int fd = raw_connect(site_port(site));
    (void)state;
    for (int i = 0; i < 3; i++) {
        raw_write(fd, "POST /tell HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        assert_int_equal(raw_read_response(fd, answer, sizeof answer), 100);
        raw_write(fd, "hello");
        assert_int_equal(raw_read_response(fd, answer, sizeof answer), 200);
        expect("body=hello\n");
    }
    close(fd);
}

/* ---- errors ---- */

static void an_unknown_path_is_404_in_json(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /nowhere?secret=hush HTTP/1.1\r\nX-Request-Id: r1\r\n\r\n"), 404);
    expect("\r\nContent-Type: application/problem+json\r\n");
    expect("{\"title\":\"Not Found\",\"status\":404,\"code\":\"not_found\",\"request_id\":\"r1\"}");
    expect_not("hush");
}

static void another_method_is_405_with_allow(void **state)
{
    (void)state;
    assert_int_equal(ask("PUT /tell HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"), 405);
    expect("\r\nAllow: GET, HEAD, POST, OPTIONS\r\n");
    expect("\"code\":\"method_not_allowed\"");
}

static void options_tells_what_a_path_takes(void **state)
{
    (void)state;
    assert_int_equal(ask("OPTIONS /json HTTP/1.1\r\n\r\n"), 204);
    expect("\r\nAllow: GET, HEAD, OPTIONS\r\n");
    assert_int_equal(ask("OPTIONS /nowhere HTTP/1.1\r\n\r\n"), 404);
}

static void a_problem_has_code_detail_and_request_id(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /refuse HTTP/1.1\r\nX-Request-Id: r2\r\n\r\n"), 422);
    expect("{\"title\":\"Unprocessable Content\",\"status\":422,\"code\":\"bad_code\","
           "\"request_id\":\"r2\",\"detail\":\"the code was \\\"used\\\"\"}");
}

static void a_route_may_shape_its_errors(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /wechat/1 HTTP/1.1\r\n\r\n"), 200);
    expect("{\"errcode\":422,\"errmsg\":\"bad_code\"}");
    assert_int_equal(ask("POST /wechat/1 HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), 200);
    expect("{\"errcode\":405,\"errmsg\":\"method_not_allowed\"}");
    assert_int_equal(ask("GET /wechat/%zz HTTP/1.1\r\n\r\n"), 200);
    expect("{\"errcode\":400,\"errmsg\":\"bad_encoding\"}");
}

static void what_cannot_be_decoded_is_400(void **state)
{
    (void)state;
    assert_int_equal(ask("GET /tell?q=%00 HTTP/1.1\r\n\r\n"), 400);
    expect("\"code\":\"bad_encoding\"");
    assert_int_equal(ask("GET /tell/%4/more HTTP/1.1\r\n\r\n"), 400);
}

static void an_address_that_is_taken_is_an_error_value(void **state)
{
    char listen[32];
    struct err e = {""};
    struct loop *l = loop_new();
    (void)state;
    snprintf(listen, sizeof listen, "127.0.0.1:%d", site_port(site));
    const struct http_server_options options = {.listen = listen};
    assert_null(http_server_new(l, &options, &e));
    assert_non_null(strstr(e.text, "Address already in use"));
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_sees_what_was_sent),
        cmocka_unit_test(path_parameters_are_decoded),
        cmocka_unit_test(a_request_id_that_is_not_safe_is_replaced),
        cmocka_unit_test(chunked_bodies_are_put_together),
        cmocka_unit_test(a_slash_more_is_another_path_unless_the_route_says_so),
        cmocka_unit_test(a_full_address_is_served_like_its_path),
        cmocka_unit_test(json_is_sent_compact),
        cmocka_unit_test(a_header_value_stays_one_header),
        cmocka_unit_test(no_content_has_no_length_and_keeps_the_connection),
        cmocka_unit_test(head_has_the_length_and_no_body),
        cmocka_unit_test(a_large_reply_arrives_whole),
        cmocka_unit_test(a_client_that_half_closed_gets_its_reply),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(http_1_0_is_answered_and_closed),
        cmocka_unit_test(expect_100_continue_is_answered_before_the_body),
        cmocka_unit_test(an_unknown_path_is_404_in_json),
        cmocka_unit_test(another_method_is_405_with_allow),
        cmocka_unit_test(options_tells_what_a_path_takes),
        cmocka_unit_test(a_problem_has_code_detail_and_request_id),
        cmocka_unit_test(a_route_may_shape_its_errors),
        cmocka_unit_test(what_cannot_be_decoded_is_400),
        cmocka_unit_test(an_address_that_is_taken_is_an_error_value),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
