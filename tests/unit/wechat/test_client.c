/* The client against an upstream of the test's own, on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "http/client.h"
#include "loop/loop.h"
#include "sys/clock.h"
#include "wechat/client.h"

#define APPID SLICE_LIT("wx0123456789abcdef")
#define TOKEN SLICE_LIT("94_token")
#define CODE  SLICE_LIT("c0de")

enum { TIMEOUT_MS = 300, GIVE_UP_MS = 10000 };

static const struct wechat_app app = {{"wx0123456789abcdef", 18}, {"hunter2", 7}};
static const struct slice no_openid = {NULL, 0};

static const char token_body[] = "{\"access_token\":\"94_new\",\"expires_in\":7200}";
static const char phone_body[] =
    "{\"errcode\":0,\"errmsg\":\"ok\",\"phone_info\":{\"phoneNumber\":\"13800138000\","
    "\"purePhoneNumber\":\"13800138000\",\"countryCode\":\"86\","
    "\"watermark\":{\"timestamp\":1637744274,\"appid\":\"wx0123456789abcdef\"}}}";

enum behaviour { ANSWER, HANG_UP, SAY_NOTHING };

struct bench {
    struct loop *loop;
    struct loop_timer *guard;
    struct http_client *http;
    struct wechat_client *client;
    struct evhttp *upstream;
    int port;
    enum behaviour behaviour;
    const char *body;
    size_t body_len;
    struct evhttp_request *unanswered; /* of SAY_NOTHING */
    int arrived;                       /* requests */
    char line[512];
    char sent_body[512];
    char content_length[32];
    int answered; /* callbacks */
    struct wechat_reply reply;
    char value[128]; /* the result's token, openid or number */
    int observed;
    char observed_path[64];
    enum wechat_outcome observed_outcome;
};

/* ---- the upstream ---- */

static void note_request(struct bench *b, struct evhttp_request *req)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    const char *length =
        evhttp_find_header(evhttp_request_get_input_headers(req), "Content-Length");
    ev_ssize_t n = evbuffer_copyout(in, b->sent_body, sizeof b->sent_body - 1);
    b->sent_body[n > 0 ? n : 0] = '\0';
    snprintf(b->line, sizeof b->line, "%s %s",
             evhttp_request_get_command(req) == EVHTTP_REQ_POST ? "POST" : "GET",
             evhttp_request_get_uri(req));
    snprintf(b->content_length, sizeof b->content_length, "%s", length ? length : "");
    b->arrived++;
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct bench *b = arg;
    note_request(b, req);
    switch (b->behaviour) {
    case ANSWER: {
        struct evbuffer *out = evbuffer_new();
        evbuffer_add(out, b->body, b->body_len);
        evhttp_send_reply(req, 200, "OK", out);
        evbuffer_free(out);
        break;
    }
    case HANG_UP:
        evhttp_connection_free(evhttp_request_get_connection(req));
        break;
    case SAY_NOTHING:
        b->unanswered = req;
        break;
    }
}

static int port_of(evutil_socket_t fd)
{
    struct sockaddr_in at = {0};
    socklen_t n = sizeof at;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    return ntohs(at.sin_port);
}

/* A port where nobody listens: bound, so that nobody else takes it, but never listening. */
static int closed_port(int *fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&at, sizeof at), 0);
    return port_of(*fd);
}

/* ---- the bench ---- */

static void on_guard(void *arg)
{
    (void)arg;
    fail_msg("no callback within %d ms", GIVE_UP_MS);
}

static void on_observed(const char *path, enum wechat_outcome outcome, int64_t took_us, void *arg)
{
    struct bench *b = arg;
    assert_int_equal(b->observed, b->answered);
    assert_true(took_us >= 0);
    snprintf(b->observed_path, sizeof b->observed_path, "%s", path);
    b->observed_outcome = outcome;
    b->observed++;
}

static struct wechat_client *client_of(struct bench *b, const char *hosts)
{
    struct err e = {""};
    struct http_hosts *parsed = http_hosts_parse(slice_of(hosts), &e);
    assert_non_null(parsed);
    struct wechat_client *c = wechat_client_new(b->loop, b->http, parsed, TIMEOUT_MS);
    http_hosts_unref(parsed);
    wechat_client_observe(c, on_observed, b);
    return c;
}

static void set_body(struct bench *b, const char *body)
{
    b->body = body;
    b->body_len = strlen(body);
}

static int setup(void **state)
{
    struct bench *b = xcalloc(1, sizeof *b);
    struct err e = {""};
    char base[64];
    b->loop = loop_new();
    b->guard = loop_timer_new(b->loop, on_guard, b);
    b->upstream = evhttp_new(loop_base(b->loop));
    evhttp_set_gencb(b->upstream, on_request, b);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(b->upstream, "127.0.0.1", 0);
    assert_non_null(bound);
    b->port = port_of(evhttp_bound_socket_get_fd(bound));
    b->http = http_client_new(b->loop, &(struct http_client_options){0}, &e);
    assert_non_null(b->http);
    snprintf(base, sizeof base, "http://127.0.0.1:%d", b->port);
    b->client = client_of(b, base);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    wechat_client_free(b->client);
    http_client_free(b->http);
    if (b->unanswered) /* evhttp cannot be freed over it */
        evhttp_send_reply(b->unanswered, 503, "Gone", NULL);
    evhttp_free(b->upstream);
    loop_timer_free(b->guard);
    loop_free(b->loop);
    free(b);
    return 0;
}

static void run(struct bench *b)
{
    loop_timer_after(b->guard, GIVE_UP_MS);
    loop_run(b->loop);
    loop_timer_stop(b->guard);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* Lets the loop turn for a while in which nothing is expected. */
static void run_for(struct bench *b, int64_t ms)
{
    struct loop_timer *t = loop_timer_new(b->loop, stop_loop, b->loop);
    loop_timer_after(t, ms);
    loop_run(b->loop);
    loop_timer_free(t);
}

static void note(struct bench *b, const struct wechat_reply *reply, struct slice value)
{
    b->reply = *reply;
    assert_true(slice_copy(value, b->value, sizeof b->value));
    b->answered++;
    loop_stop(b->loop);
}

static void on_token(const struct wechat_token_result *r, void *arg)
{
    note(arg, &r->reply, secret_reveal(&r->access_token));
}

static void on_session(const struct wechat_session_result *r, void *arg)
{
    note(arg, &r->reply, slice_of(r->openid));
}

static void on_phone(const struct wechat_phone_result *r, void *arg)
{
    note(arg, &r->reply, slice_of(r->pure_number));
}

static void on_probe(const struct wechat_probe_result *r, void *arg)
{
    note(arg, &r->reply, slice_of(NULL));
}

static uint64_t start_phone(struct bench *b)
{
    return wechat_phone(b->client, APPID, TOKEN, CODE, no_openid, on_phone, b);
}

/* ---- the contract ---- */

static void test_a_classic_token_is_one_get(void **state)
{
    struct bench *b = *state;
    set_body(b, token_body);
    assert_true(wechat_fetch_token(b->client, app, WECHAT_CLASSIC, on_token, b) != 0);
    assert_int_equal(b->answered, 0);
    run(b);
    assert_int_equal(b->reply.outcome, WECHAT_DONE);
    assert_int_equal(b->reply.http_status, 200);
    assert_string_equal(b->value, "94_new");
    assert_string_equal(b->line, "GET /cgi-bin/token?grant_type=client_credential"
                                 "&appid=wx0123456789abcdef&secret=hunter2");
    assert_int_equal(b->arrived, 1);
}

static void test_a_stable_token_is_one_post_with_its_length(void **state)
{
    struct bench *b = *state;
    char length[32];
    set_body(b, token_body);
    wechat_fetch_token(b->client, app, WECHAT_STABLE, on_token, b);
    run(b);
    assert_int_equal(b->reply.outcome, WECHAT_DONE);
    assert_string_equal(b->line, "POST /cgi-bin/stable_token");
    snprintf(length, sizeof length, "%zu", strlen(b->sent_body));
    assert_string_equal(b->content_length, length);
    assert_non_null(strstr(b->sent_body, "\"force_refresh\":false"));
}

static void test_a_login_code_gives_the_openid(void **state)
{
    struct bench *b = *state;
    set_body(b, "{\"openid\":\"oABC\",\"session_key\":\"HyVFkGl5F5OQWJZZaNzBBg==\"}");
    wechat_code2session(b->client, app, CODE, on_session, b);
    run(b);
    assert_int_equal(b->reply.outcome, WECHAT_DONE);
    assert_string_equal(b->value, "oABC");
}

static void test_a_phone_code_gives_the_number(void **state)
{
    struct bench *b = *state;
    set_body(b, phone_body);
    start_phone(b);
    run(b);
    assert_int_equal(b->reply.outcome, WECHAT_DONE);
    assert_string_equal(b->value, "13800138000");
    assert_string_equal(b->sent_body, "{\"code\":\"c0de\"}");
}

static void test_each_call_is_observed_once_before_its_callback(void **state)
{
    struct bench *b = *state;
    set_body(b, "{\"errcode\":40001}");
    wechat_probe(b->client, TOKEN, on_probe, b);
    run(b);
    assert_int_equal(b->reply.error_class, ERR_TOKEN);
    assert_int_equal(b->observed, 1);
    assert_string_equal(b->observed_path, "/cgi-bin/get_api_domain_ip");
    assert_int_equal(b->observed_outcome, WECHAT_REFUSED);
}

static void test_what_never_left_is_not_sent(void **state)
{
    struct bench *b = *state;
    char base[64];
    int fd, port = closed_port(&fd);
    snprintf(base, sizeof base, "http://127.0.0.1:%d", port);
    wechat_client_free(b->client);
    b->client = client_of(b, base);
    start_phone(b);
    run(b);
    assert_int_equal(b->reply.outcome, WECHAT_NOT_SENT);
    assert_int_equal(b->reply.error_class, ERR_RETRY);
    assert_true(wechat_certainly_not_done(&b->reply));
    close(fd);
}

static void test_the_next_host_is_asked_when_the_first_got_nothing(void **state)
{
    struct bench *b = *state;
    char bases[128];
    int fd, port = closed_port(&fd);
    snprintf(bases, sizeof bases, "http://127.0.0.1:%d,http://127.0.0.1:%d", port, b->port);
    wechat_client_free(b->client);
    b->client = client_of(b, bases);
    set_body(b, phone_body);
    start_phone(b);
    run(b);
    assert_int_equal(b->reply.outcome, WECHAT_DONE);
    assert_int_equal(b->arrived, 1);
    close(fd);
}

static void test_a_connection_lost_after_sending_is_unknown_and_sent_once(void **state)
{
    struct bench *b = *state;
    b->behaviour = HANG_UP;
    start_phone(b);
    run(b);
    assert_int_equal(b->reply.outcome, WECHAT_UNKNOWN);
    assert_int_equal(b->reply.error_class, ERR_UNKNOWN);
    assert_int_equal(b->arrived, 1);
    assert_false(wechat_certainly_not_done(&b->reply));
}

static void test_silence_ends_at_the_time_out(void **state)
{
    struct bench *b = *state;
    int64_t start_us = clock_mono_us();
    b->behaviour = SAY_NOTHING;
    wechat_fetch_token(b->client, app, WECHAT_CLASSIC, on_token, b);
    run(b);
    assert_int_equal(b->reply.outcome, WECHAT_UNKNOWN);
    assert_true(clock_mono_us() - start_us >= (TIMEOUT_MS - 5) * 1000);
    assert_null(strstr(b->reply.error.text, "hunter2"));
    assert_null(strstr(b->reply.error.text, "secret"));
}

static void test_an_oversized_answer_is_unknown(void **state)
{
    struct bench *b = *state;
    b->body_len = WECHAT_ANSWER_MAX + 1;
    char *body = xcalloc(b->body_len + 1, 1);
    memset(body, ' ', b->body_len);
    memcpy(body, token_body, strlen(token_body));
    b->body = body;
    wechat_fetch_token(b->client, app, WECHAT_CLASSIC, on_token, b);
    run(b);
    assert_int_equal(b->reply.outcome, WECHAT_UNKNOWN);
    free(body);
}

static void test_a_malformed_argument_is_refused_later_and_never_sent(void **state)
{
    struct bench *b = *state;
    uint64_t id = wechat_code2session(b->client, app, SLICE_LIT("a\nb"), on_session, b);
    assert_true(id != 0);
    assert_int_equal(b->answered, 0);
    run(b);
    assert_int_equal(b->reply.outcome, WECHAT_REFUSED);
    assert_int_equal(b->reply.errcode, 40029);
    assert_int_equal(b->reply.error_class, ERR_USER);
    assert_non_null(strstr(b->reply.error.text, "WeChat was not asked"));
    assert_int_equal(b->arrived, 0);
    assert_int_equal(b->observed, 0);
    wechat_phone(b->client, APPID, SLICE_LIT("a b"), CODE, no_openid, on_phone, b);
    run(b);
    assert_int_equal(b->reply.error_class, ERR_TOKEN);
}

static void test_refusals_are_answered_one_and_all(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 3; i++)
        wechat_probe(b->client, SLICE_LIT(""), on_probe, b);
    while (b->answered < 3)
        run(b);
    run_for(b, 20);
    assert_int_equal(b->answered, 3);
}

static void test_a_cancelled_call_does_not_call_back(void **state)
{
    struct bench *b = *state;
    set_body(b, phone_body);
    uint64_t sent = start_phone(b);
    uint64_t refused = wechat_probe(b->client, SLICE_LIT(""), on_probe, b);
    assert_true(sent != refused);
    wechat_cancel(b->client, sent);
    wechat_cancel(b->client, refused);
    wechat_cancel(b->client, refused);
    wechat_cancel(b->client, 9999);
    run_for(b, 50);
    assert_int_equal(b->answered, 0);
}

static void on_phone_free_client(const struct wechat_phone_result *r, void *arg)
{
    struct bench *b = arg;
    wechat_client_free(b->client);
    b->client = NULL;
    note(b, &r->reply, slice_of(r->pure_number));
}

static void test_a_callback_may_free_the_client_with_calls_under_way(void **state)
{
    struct bench *b = *state;
    set_body(b, phone_body);
    wechat_phone(b->client, APPID, TOKEN, CODE, no_openid, on_phone_free_client, b);
    run(b);
    assert_string_equal(b->value, "13800138000");
    run_for(b, 20);
    assert_int_equal(b->answered, 1);
}

static void test_freeing_the_client_drops_what_is_under_way(void **state)
{
    struct bench *b = *state;
    b->behaviour = SAY_NOTHING;
    start_phone(b);
    wechat_probe(b->client, SLICE_LIT(""), on_probe, b);
    run_for(b, 1);
    wechat_client_free(b->client);
    b->client = NULL;
    int answered = b->answered;
    run_for(b, TIMEOUT_MS + 50);
    assert_int_equal(b->answered, answered);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_classic_token_is_one_get),
        CASE(test_a_stable_token_is_one_post_with_its_length),
        CASE(test_a_login_code_gives_the_openid),
        CASE(test_a_phone_code_gives_the_number),
        CASE(test_each_call_is_observed_once_before_its_callback),
        CASE(test_what_never_left_is_not_sent),
        CASE(test_the_next_host_is_asked_when_the_first_got_nothing),
        CASE(test_a_connection_lost_after_sending_is_unknown_and_sent_once),
        CASE(test_silence_ends_at_the_time_out),
        CASE(test_an_oversized_answer_is_unknown),
        CASE(test_a_malformed_argument_is_refused_later_and_never_sent),
        CASE(test_refusals_are_answered_one_and_all),
        CASE(test_a_cancelled_call_does_not_call_back),
        CASE(test_a_callback_may_free_the_client_with_calls_under_way),
        CASE(test_freeing_the_client_drops_what_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
