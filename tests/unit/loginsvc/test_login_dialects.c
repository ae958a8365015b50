/* What the dialects say over HTTP, byte by byte where the document prescribes it. The server is
 * real, the login behind it is played by this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/times.h"
#include "loginsvc/dialects/doc002.h"
#include "loginsvc/dialects/native.h"
#include "loginsvc/login/register_ticket.h"
#include "sys/clock.h"

enum { REPLY_TIMEOUT_MS = 300, HUGE_BODY = 70 * 1024 };

static struct {
    struct loop *loop;
    struct http_server *server;
    struct metrics *metrics;
    struct jwt_signer *signer;
    struct keyring *tickets;
    struct apps *apps;
    struct desk_parts parts;
    struct desk *desks[2];
    char reply[16 * 1024]; /* of the last request: head and body */

    /* the played driver */
    enum login_ending admission;
    struct login_result result; /* what a login ends with */
    bool silent;                /* it does not end */
    int started;
    char app[USER_APPID_SIZE], login_code[257], phone_code[257], nickname[USER_NICKNAME_SIZE];
    struct login_caller caller;
} t;

/* ---- the played driver ---- */

static void end_login(void *arg)
{
    static const struct user user = {.id = 42,
                                     .openid = "openid-1",
                                     .phone = "13800138000",
                                     .country_code = "86",
                                     .nickname = "小明",
                                     .avatar = ""};
    struct login_answer a = {.result = t.result,
                             .rid = "",
                             .took_us = 1500,
                             .user = t.result.ending == LOGIN_OK ? &user : NULL,
                             .is_new = true,
                             .access_token = "the.access.token",
                             .refresh_token = "the-refresh-token",
                             .expires_in_s = 2592000,
                             .appid = slice_of(t.app),
                             .phone = "13800138000",
                             .country_code = "86"};
    (void)arg;
    t.caller.done(t.caller.owner, t.caller.id, &a);
}

enum login_ending login_driver_start(struct login_driver *d, const struct login_request *r,
                                     struct login_caller caller)
{
    (void)d;
    t.started++;
    assert_true(slice_copy(app_id(r->app), t.app, sizeof t.app));
    assert_true(slice_copy(r->login_code, t.login_code, sizeof t.login_code));
    assert_true(slice_copy(r->phone_code, t.phone_code, sizeof t.phone_code));
    assert_true(slice_copy(r->nickname, t.nickname, sizeof t.nickname));
    t.caller = caller;
    if (t.admission == LOGIN_OK && !t.silent)
        loop_defer(t.loop, end_login, NULL);
    return t.admission;
}

/* ---- a client ---- */

static void on_client_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
        loop_stop(t.loop);
}

/* Sends one request and reads until the server closes; head lines end in \r\n. */
static void ask(const char *method, const char *path, const char *head, const char *body)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_server_port(t.server))};
    struct timeval patience = {10, 0};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct bufferevent *bev = bufferevent_socket_new(loop_base(t.loop), -1, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(bev, NULL, NULL, on_client_event, NULL);
    bufferevent_set_timeouts(bev, &patience, &patience);
    assert_int_equal(bufferevent_enable(bev, EV_READ | EV_WRITE), 0);
    evbuffer_add_printf(bufferevent_get_output(bev),
                        "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: "
                        "%zu\r\n\r\n%s",
                        method, path, head, strlen(body), body);
    assert_int_equal(bufferevent_socket_connect(bev, (struct sockaddr *)&to, sizeof to), 0);
    loop_run(t.loop);
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t n = evbuffer_get_length(in);
    assert_true(n > 0 && n < sizeof t.reply);
    assert_int_equal(evbuffer_remove(in, t.reply, n), n);
    t.reply[n] = '\0';
    bufferevent_free(bev);
}

static void post(const char *path, const char *body)
{
    ask("POST", path, "Content-Type: application/json\r\n", body);
}

static const char *body_of_reply(void)
{
    const char *end = strstr(t.reply, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void assert_status(int status)
{
    assert_int_equal(strtol(t.reply + strlen("HTTP/1.1 "), NULL, 10), status);
}

/* The same members with the same values, in any order. */
static void assert_json(const char *expected)
{
    json_t *want = json_loads(expected, 0, NULL);
    json_t *have = json_loads(body_of_reply(), 0, NULL);
    assert_non_null(want);
    if (!json_equal(want, have))
        fail_msg("expected %s\n     but had %s", expected, body_of_reply());
    json_decref(want);
    json_decref(have);
}

static void assert_member(const char *name, const char *value)
{
    json_t *have = json_loads(body_of_reply(), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(have, name)), value);
    json_decref(have);
}

static void assert_header(const char *line)
{
    if (!strstr(t.reply, line))
        fail_msg("no \"%s\" in:\n%s", line, t.reply);
}

static int64_t now_s(void)
{
    return clock_wall().ms / 1000;
}

/* "Authorization: ...\r\n" with a JWT that ends then, between these two. */
static const char *authorization_around(const char *before, const char *after, int64_t exp_s)
{
    static char line[JWT_TEXT_MAX + 64];
    char jwt[JWT_TEXT_MAX + 1];
    struct jwt_claims c = {.user_id = 42,
                           .openid = "openid-1",
                           .appid = "wxapp1",
                           .sid = "0123456789abcdef0123456789abcdef",
                           .iat_s = 1700000000,
                           .exp_s = exp_s};
    struct text text = text_init(line, sizeof line);
    assert_true(jwt_signer_sign(t.signer, &c, jwt));
    text_fmt(&text, "Authorization: %s%s%s\r\n", before, jwt, after);
    return line;
}

static const char *authorization(int64_t exp_s)
{
    return authorization_around("Bearer ", "", exp_s);
}

/* ---- set-up ---- */

static void make_keys(void)
{
    struct secret secret = {NULL, 0};
    secret_set(&secret, SLICE_LIT("0123456789abcdef0123456789abcdef"));
    t.signer = jwt_signer_new_hs256(&secret, "loginsvc", NULL);
    secret_wipe(&secret);
    struct keyring *master =
        keyring_parse(SLICE_LIT("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), NULL);
    t.tickets = keyring_derive(master, REGISTER_TICKET_LABEL);
    keyring_free(master);
}

static int setup(void **state)
{
    struct app_entry entries[] = {{SLICE_LIT("wxapp1"), SLICE_LIT("secret1")},
                                  {SLICE_LIT("wxapp2"), SLICE_LIT("secret2")}};
    struct http_server_options options = {.listen = "127.0.0.1:0",
                                          .reply_timeout_ms = REPLY_TIMEOUT_MS};
    (void)state;
    memset(&t, 0, sizeof t);
    make_keys();
    t.loop = loop_new();
    t.server = http_server_new(t.loop, &options, NULL);
    assert_non_null(t.server);
    t.metrics = metrics_new();
    t.apps = apps_new();
    assert_true(apps_replace(t.apps, entries, 2, NULL));
    t.parts = (struct desk_parts){t.server, NULL, t.apps, t.signer, t.tickets, t.metrics};
    desk_metrics_register(t.metrics);
    t.desks[0] = desk_new(&t.parts, &doc002);
    t.desks[1] = desk_new(&t.parts, &native);
    doc002_routes(t.server, t.desks[0]);
    native_routes(t.server, t.desks[1]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_server_free(t.server);
    desk_free(t.desks[0]);
    desk_free(t.desks[1]);
    apps_free(t.apps);
    metrics_free(t.metrics);
    loop_free(t.loop);
    keyring_free(t.tickets);
    jwt_signer_free(t.signer);
    return 0;
}

#define BOTH_CODES "{\"appid\":\"wxapp1\",\"loginCode\":\"L1\",\"phoneCode\":\"P1\"}"

/* ---- document 002 ---- */

static void doc002_answers_a_login_in_its_own_shape(void **state)
{
    (void)state;
    post("/api/user/login", BOTH_CODES);
    assert_status(200);
    assert_json("{\"code\":200,\"message\":\"登录成功\",\"data\":{\"token\":\"the.access.token\","
                "\"userInfo\":{\"id\":42,\"phone\":\"13800138000\",\"nickname\":\"小明\","
                "\"avatar\":\"\"}}}");
    assert_header("Cache-Control: no-store\r\n");
    assert_string_equal(t.login_code, "L1");
    assert_string_equal(t.phone_code, "P1");
    assert_string_equal(t.app, "wxapp1");
}

static void doc002_requires_both_codes_as_texts(void **state)
{
    static const char *const bodies[] = {"",
                                         "{}",
                                         "{\"loginCode\":\"L1\"}",
                                         "{\"phoneCode\":\"P1\",\"loginCode\":\"\"}",
                                         "phoneCode=P1",
                                         "{\"loginCode\":1,\"phoneCode\":\"P1\"}",
                                         "{\"loginCode\":false,\"phoneCode\":\"P1\"}",
                                         "{\"loginCode\":\"L1\",\"phoneCode\":[\"P1\"]}",
                                         "{\"loginCode\":\"L1\",\"phoneCode\":{}}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        post("/api/user/login", bodies[i]);
        assert_status(200);
        assert_json("{\"code\":400,\"message\":\"参数缺失\"}");
    }
    assert_int_equal(t.started, 0);
}

static void doc002_says_400_to_what_it_cannot_read(void **state)
{
    static const char *const bodies[] = {"{", "[]"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        post("/api/user/login", bodies[i]);
        assert_status(200);
        assert_non_null(strstr(body_of_reply(), "\"code\":400"));
    }
    char *huge = xcalloc(HUGE_BODY + 1, 1);
    memset(huge, 'x', HUGE_BODY);
    post("/api/user/login", huge);
    free(huge);
    assert_int_equal(t.started, 0);
}

static void doc002_tells_wechats_errors_with_status_200(void **state)
{
    (void)state;
    t.result = (struct login_result){LOGIN_REFUSED, ERR_USER, 40029};
    post("/api/user/login", BOTH_CODES);
    assert_status(200);
    assert_json("{\"code\":500,\"message\":\"授权已失效，请重新点击按钮授权\",\"errcode\":40029}");
    t.result = (struct login_result){LOGIN_STORE_FAILED, ERR_BACKOFF, 0};
    post("/api/user/login", BOTH_CODES);
    assert_status(200);
    assert_json("{\"code\":500,\"message\":\"系统繁忙，请稍后重新点击登录\"}");
}

static void doc002_sheds_with_status_200_and_says_when_to_come_back(void **state)
{
    (void)state;
    t.admission = LOGIN_OVERLOADED;
    post("/api/user/login", BOTH_CODES);
    assert_status(200);
    assert_json("{\"code\":500,\"message\":\"当前登录人数较多，请稍后再试\"}");
    assert_header("Retry-After: 1\r\n");
}

static void
doc002_keeps_its_shape_when_the_answer_is_late_and_the_late_answer_finds_nobody(void **state)
{
    (void)state;
    t.silent = true;
    post("/api/user/login", BOTH_CODES);
    assert_status(200);
    assert_json("{\"code\":500,\"message\":\"微信没有及时回应，请重新点击登录\"}");
    end_login(NULL);
}

static void doc002_checks_tokens(void **state)
{
    char expected[256];
    struct text text = text_init(expected, sizeof expected);
    (void)state;
    int64_t exp_s = now_s() + 3600;
    text_fmt(&text,
             "{\"code\":200,\"message\":\"Token 有效\",\"data\":{\"userId\":42,\"openid\":"
             "\"openid-1\",\"iat\":1700000000,\"exp\":%lld}}",
             (long long)exp_s);
    ask("POST", "/api/user/checkToken", authorization(exp_s), "");
    assert_status(200);
    assert_json(expected);
    ask("POST", "/api/user/checkToken", "", "");
    assert_status(200);
    assert_json("{\"code\":401,\"message\":\"未授权\"}");
    ask("POST", "/api/user/checkToken", "Authorization: \r\n", "");
    assert_json("{\"code\":401,\"message\":\"未授权\"}");
    ask("POST", "/api/user/checkToken", "Authorization: Bearer nonsense\r\n", "");
    assert_status(200);
    assert_json("{\"code\":403,\"message\":\"Token 无效或已过期\"}");
    ask("POST", "/api/user/checkToken", authorization(now_s() - 1), "");
    assert_json("{\"code\":403,\"message\":\"Token 无效或已过期\"}");
}

static void doc002_takes_the_second_word_of_authorization_for_the_token(void **state)
{
    static const struct {
        const char *before, *after;
        int code;
    } forms[] = {
        {"bearer ", "", 200},  {"JWT ", "", 200},     {"Bearer ", " more", 200}, {"", "", 401},
        {"Bearer  ", "", 401}, {"Bearer\t", "", 401}, {"Bearer ", ",", 403},     {"", " x", 403},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        ask("POST", "/api/user/checkToken",
            authorization_around(forms[i].before, forms[i].after, now_s() + 3600), "");
        assert_status(200);
        json_t *have = json_loads(body_of_reply(), 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(have, "code")), forms[i].code);
        json_decref(have);
    }
}

/* ---- which app ---- */

static void the_app_comes_from_body_then_header_then_referer(void **state)
{
    static const char codes[] = "{\"loginCode\":\"L1\",\"phoneCode\":\"P1\"}";
    static const char referer[] = "Referer: https://servicewechat.com/wxapp1/7/page-frame.html\r\n";
    (void)state;
    ask("POST", "/api/user/login", referer, codes);
    assert_string_equal(t.app, "wxapp1");
    ask("POST", "/api/user/login",
        "X-Wx-Appid: wxapp2\r\nReferer: https://servicewechat.com/wxapp1/7/\r\n", codes);
    assert_string_equal(t.app, "wxapp2");
    ask("POST", "/api/user/login", "X-Wx-Appid: wxapp2\r\n", BOTH_CODES);
    assert_string_equal(t.app, "wxapp1");
    ask("POST", "/api/user/login",
        "X-Wx-Appid: \r\nReferer: https://servicewechat.com/wxapp2/7/\r\n", codes);
    assert_string_equal(t.app, "wxapp2");
    assert_int_equal(t.started, 4);
    post("/api/user/login", codes);
    assert_json("{\"code\":400,\"message\":\"未知的小程序\"}");
    ask("POST", "/api/user/login", "X-Wx-Appid: foreign\r\n", codes);
    assert_json("{\"code\":400,\"message\":\"未知的小程序\"}");
    assert_int_equal(t.started, 4);
}

static void the_only_app_need_not_be_named(void **state)
{
    struct app_entry only = {SLICE_LIT("wxonly"), SLICE_LIT("secret")};
    (void)state;
    assert_true(apps_replace(t.apps, &only, 1, NULL));
    post("/api/user/login", "loginCode=L1&phoneCode=P1");
    assert_string_equal(t.app, "wxonly");
}

/* ---- native ---- */

static void native_answers_a_login(void **state)
{
    (void)state;
    post("/v1/login", "{\"appid\":\"wxapp1\",\"loginCode\":\"L1\",\"nickname\":\"小明\"}");
    assert_status(200);
    assert_json("{\"accessToken\":\"the.access.token\",\"expiresIn\":2592000,\"refreshToken\":"
                "\"the-refresh-token\",\"isNew\":true,\"user\":{\"id\":42,\"phoneNumber\":"
                "\"13800138000\",\"countryCode\":\"86\",\"nickname\":\"小明\",\"avatar\":\"\"}}");
    assert_string_equal(t.phone_code, "");
    assert_string_equal(t.nickname, "小明");
}

static void native_gives_a_ticket_to_a_phone_that_nobody_has(void **state)
{
    struct register_ticket ticket;
    (void)state;
    t.result = (struct login_result){LOGIN_NOT_REGISTERED, ERR_NONE, 0};
    post("/v1/login", "{\"appid\":\"wxapp1\",\"phoneCode\":\"P1\"}");
    assert_status(404);
    assert_header("Content-Type: application/problem+json");
    assert_member("code", "not_registered");
    assert_member("phoneNumber", "13800138000");
    json_t *body = json_loads(body_of_reply(), 0, NULL);
    const char *text = json_string_value(json_object_get(body, "registerTicket"));
    assert_true(register_ticket_open(t.tickets, slice_of(text), clock_wall(), &ticket));
    assert_string_equal(ticket.appid, "wxapp1");
    assert_string_equal(ticket.phone, "13800138000");
    json_decref(body);
}

static void native_tells_failures_with_their_own_status(void **state)
{
    (void)state;
    t.result = (struct login_result){LOGIN_REFUSED, ERR_USER, 40163};
    ask("POST", "/v1/login", "X-Request-Id: my-request\r\n", BOTH_CODES);
    assert_status(409);
    assert_json(
        "{\"title\":\"Conflict\",\"status\":409,\"code\":\"code_used\",\"request_id\":"
        "\"my-request\",\"detail\":\"授权已被使用，请重新点击按钮授权\",\"errcode\":40163}");
    t.result = (struct login_result){LOGIN_REFUSED, ERR_BACKOFF, 45011};
    post("/v1/login", BOTH_CODES);
    assert_status(429);
    assert_header("Retry-After: 60\r\n");
    t.admission = LOGIN_OVERLOADED;
    post("/v1/login", BOTH_CODES);
    assert_status(503);
    assert_header("Retry-After: 1\r\n");
    post("/v1/login", "{\"appid\":\"wxapp1\"}");
    assert_status(400);
    assert_member("code", "missing_parameter");
}

static void native_verifies_for_a_proxy(void **state)
{
    (void)state;
    ask("GET", "/v1/verify", authorization(now_s() + 3600), "");
    assert_status(200);
    assert_header("X-User-Id: 42\r\n");
    assert_header("X-Openid: openid-1\r\n");
    assert_header("X-Session-Id: 0123456789abcdef0123456789abcdef\r\n");
    ask("GET", "/v1/verify", authorization_around("bearer  ", "", now_s() + 3600), "");
    assert_status(200);
    ask("GET", "/v1/verify", "", "");
    assert_status(401);
    assert_header("WWW-Authenticate: Bearer\r\n");
    ask("GET", "/v1/verify", authorization_around("JWT ", "", now_s() + 3600), "");
    assert_status(401);
    assert_member("code", "unauthorized");
    ask("GET", "/v1/verify", authorization(now_s() - 1), "");
    assert_status(401);
    assert_header("WWW-Authenticate: Bearer error=\"invalid_token\"\r\n");
    assert_member("code", "invalid_token");
}

/* ---- counting ---- */

static void logins_are_counted_by_dialect_and_outcome(void **state)
{
    size_t n;
    (void)state;
    post("/api/user/login", BOTH_CODES);
    post("/api/user/login", "{}");
    t.result = (struct login_result){LOGIN_UNSURE, ERR_UNKNOWN, 0};
    post("/v1/login", BOTH_CODES);
    char *text = metrics_text(t.metrics, &n);
    assert_non_null(strstr(text, "loginsvc_logins_total{dialect=\"002\",outcome=\"ok\"} 1"));
    assert_non_null(
        strstr(text, "loginsvc_logins_total{dialect=\"002\",outcome=\"missing_parameter\"} 1"));
    assert_non_null(
        strstr(text, "loginsvc_logins_total{dialect=\"native\",outcome=\"wechat_no_answer\"} 1"));
    assert_non_null(strstr(text, "loginsvc_login_seconds_count{dialect=\"002\"} 1"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(doc002_answers_a_login_in_its_own_shape),
        TEST(doc002_requires_both_codes_as_texts),
        TEST(doc002_says_400_to_what_it_cannot_read),
        TEST(doc002_tells_wechats_errors_with_status_200),
        TEST(doc002_sheds_with_status_200_and_says_when_to_come_back),
        TEST(doc002_keeps_its_shape_when_the_answer_is_late_and_the_late_answer_finds_nobody),
        TEST(doc002_checks_tokens),
        TEST(doc002_takes_the_second_word_of_authorization_for_the_token),
        TEST(the_app_comes_from_body_then_header_then_referer),
        TEST(the_only_app_need_not_be_named),
        TEST(native_answers_a_login),
        TEST(native_gives_a_ticket_to_a_phone_that_nobody_has),
        TEST(native_tells_failures_with_their_own_status),
        TEST(native_verifies_for_a_proxy),
        TEST(logins_are_counted_by_dialect_and_outcome),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
