/* What all endpoints that take codes have in common: which app it is, what a field may hold, where
 * the client is, that late answers find nobody, and what is counted. */
#include "dialects_fixture.h"

#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent.h>

#define LOGIN "/v1/login"
#define CODES "{\"loginCode\":\"L1\",\"phoneCode\":\"P1\"}"
#define BOTH  "{\"appid\":\"wxapp1\",\"loginCode\":\"L1\",\"phoneCode\":\"P1\"}"

/* ---- which app ---- */

static void assert_app(const char *head, const char *body, const char *appid)
{
    ask("POST", LOGIN, head, body);
    assert_status(200);
    assert_string_equal(played.app, appid);
}

static void the_app_comes_from_body_then_header_then_referer(void **state)
{
    (void)state;
    assert_app("Referer: https://servicewechat.com/wxapp1/7/page-frame.html\r\n", CODES, "wxapp1");
    assert_app("X-Wx-Appid: wxapp2\r\nReferer: https://servicewechat.com/wxapp1/7/\r\n", CODES,
               "wxapp2");
    assert_app("X-Wx-Appid: wxapp2\r\n", BOTH, "wxapp1");
    assert_app("X-Wx-Appid: \r\nReferer: https://servicewechat.com/wxapp2/7/\r\n", CODES, "wxapp2");
    assert_app("X-Wx-Appid: wxapp2\r\n", "loginCode=L1&phoneCode=P1", "wxapp2");
}

static void an_app_that_is_not_ours_or_not_named_is_refused(void **state)
{
    static const char *const heads[] = {
        "", "X-Wx-Appid: foreign\r\n",
        "X-Wx-Appid: foreign\r\nReferer: https://servicewechat.com/wxapp1/7/\r\n",
        "Referer: https://servicewechat.com.evil.example/wxapp1/7/\r\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        ask("POST", LOGIN, heads[i], CODES);
        assert_problem(400, "unknown_app", "未知的小程序");
    }
    ask("POST", LOGIN, "X-Wx-Appid: wxapp1\r\n",
        "{\"appid\":7,\"loginCode\":\"L1\",\"phoneCode\":\"P1\"}");
    assert_problem(400, "unknown_app", "未知的小程序");
    assert_int_equal(played.started, 0);
}

static void the_only_app_need_not_be_named(void **state)
{
    static const char *const only[] = {"wxonly"};
    (void)state;
    set_apps(only, 1);
    assert_app("", CODES, "wxonly");
    ask("POST", LOGIN, "X-Wx-Appid: foreign\r\n", CODES);
    assert_status(400);
}

/* Codes are for one app: what the token says goes before what the request says. */
static void a_users_app_is_that_of_the_token(void **state)
{
    char head[JWT_TEXT_MAX + 128];
    struct text text = text_init(head, sizeof head);
    (void)state;
    text_fmt(&text, "%sX-Wx-Appid: wxapp1\r\n", bearer_of_app("wxapp2"));
    ask("POST", "/v1/phone", head, "{\"appid\":\"wxapp1\",\"phoneCode\":\"P1\"}");
    assert_status(200);
    assert_string_equal(played.app, "wxapp2");
}

/* ---- what a field may hold ---- */

/* A body with n times 'x' in this field. */
static void post_long(const char *field, size_t n)
{
    char body[2048], value[1200] = "";
    struct text text = text_init(body, sizeof body);
    memset(value, 'x', n);
    text_fmt(&text, "{\"appid\":\"wxapp1\",\"loginCode\":\"L1\",\"%s\":\"%s\"}", field, value);
    assert_false(text.cut);
    post(LOGIN, body);
}

static void fields_that_the_store_has_no_room_for_are_refused(void **state)
{
    static const struct {
        const char *field;
        size_t max;
    } fields[] = {{"phoneCode", WECHAT_CODE_MAX},
                  {"nickname", USER_NICKNAME_SIZE - 1},
                  {"avatar", USER_AVATAR_SIZE - 1},
                  {"device", USER_DEVICE_SIZE - 1}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        post_long(fields[i].field, fields[i].max);
        assert_status(200);
        post_long(fields[i].field, fields[i].max + 1);
        assert_problem(400, "wrong_parameter", "参数格式错误");
    }
    assert_int_equal(played.started, ARRAY_LEN(fields));
    assert_int_equal(strlen(played.device), USER_DEVICE_SIZE - 1);
}

/* ---- where the client is ---- */

static void the_client_is_who_the_trusted_proxy_says(void **state)
{
    (void)state;
    ask("POST", LOGIN, "X-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n", BOTH);
    assert_string_equal(played.client.text, "203.0.113.7");
    assert_false(played.client.is_proxy);
    ask("POST", LOGIN, "X-Forwarded-For: 203.0.113.8\r\nX-Forwarded-For: 2001:db8::7\r\n", BOTH);
    assert_string_equal(played.client.text, "2001:db8::7");
    post(LOGIN, BOTH);
    assert_string_equal(played.client.text, "127.0.0.1");
    assert_true(played.client.is_proxy);
}

/* Whoever could drown the proxy's word would be nobody, and have no limit. */
static void a_client_cannot_hide_behind_a_long_line_of_its_own(void **state)
{
    static char head[8200];
    struct text t = text_init(head, sizeof head);
    (void)state;
    text_str(&t, "X-Forwarded-For: ");
    while (t.n < 8100)
        text_str(&t, "198.51.100.1, ");
    text_str(&t, "203.0.113.7\r\n");
    assert_false(t.cut);
    ask("POST", LOGIN, head, BOTH);
    assert_string_equal(played.client.text, "203.0.113.7");
    assert_false(played.client.is_proxy);
}

/* ---- the end of a login ---- */

static void a_login_that_ends_after_its_call_finds_nobody(void **state)
{
    (void)state;
    played.silent = true;
    post(LOGIN, BOTH);
    assert_status(504);
    end_login();
}

static void a_client_that_went_away_makes_no_difference(void **state)
{
    struct bufferevent *gone = send_login(LOGIN, BOTH);
    (void)state;
    bufferevent_free(gone);
    end_login();
    assert_int_equal(http_server_in_flight(site.server), 0);
    played.silent = false;
    post(LOGIN, BOTH);
    assert_status(200);
}

/* ---- counting ---- */

static void assert_metric(const char *line)
{
    size_t n;
    char *text = metrics_text(site.metrics, &n);
    if (!strstr(text, line))
        fail_msg("no %s in\n%s", line, text);
    free(text);
}

static void logins_are_counted_by_dialect_and_outcome(void **state)
{
    (void)state;
    post("/api/user/login", BOTH);
    post("/api/user/login", "{}");
    post("/api/user/thirdLogin", "{\"appid\":\"wxapp1\",\"code\":\"L1\"}");
    end_logins_with(LOGIN_UNSURE, ERR_UNKNOWN, 0);
    post(LOGIN, BOTH);
    end_logins_with(LOGIN_NOT_REGISTERED, ERR_NONE, 0);
    ask("GET", "/getPhoneNumber/?appid=wxapp1&code=P1", "", "");
    end_logins_with(LOGIN_REFUSED, ERR_USER, 40163);
    post("/api/auth/wechat", "{\"appid\":\"wxapp1\",\"code\":\"L1\"}");
    played.admission = LOGIN_OVERLOADED;
    post("/api/functions/decryptPhoneNumber", "{\"appid\":\"wxapp1\",\"code\":\"P1\"}");
#define LOGINS "loginsvc_logins_total"
    assert_metric(LOGINS "{dialect=\"002\",outcome=\"ok\"} 1");
    assert_metric(LOGINS "{dialect=\"002\",outcome=\"missing_parameter\"} 1");
    assert_metric(LOGINS "{dialect=\"001\",outcome=\"ok\"} 1");
    assert_metric(LOGINS "{dialect=\"native\",outcome=\"wechat_no_answer\"} 1");
    assert_metric(LOGINS "{dialect=\"004\",outcome=\"not_registered\"} 1");
    assert_metric(LOGINS "{dialect=\"000\",outcome=\"code_used\"} 1");
    assert_metric(LOGINS "{dialect=\"003\",outcome=\"overloaded\"} 1");
#undef LOGINS
    assert_metric("loginsvc_login_seconds_count{dialect=\"002\"} 1");
    assert_metric("loginsvc_login_seconds_count{dialect=\"003\"} 0");
}

static void a_login_whose_client_got_no_answer_is_counted_as_it_ended(void **state)
{
    (void)state;
    played.silent = true;
    post(LOGIN, BOTH);
    end_login();
    assert_metric("loginsvc_logins_total{dialect=\"native\",outcome=\"ok\"} 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dialects_setup, dialects_teardown)
        TEST(the_app_comes_from_body_then_header_then_referer),
        TEST(an_app_that_is_not_ours_or_not_named_is_refused),
        TEST(the_only_app_need_not_be_named),
        TEST(a_users_app_is_that_of_the_token),
        TEST(fields_that_the_store_has_no_room_for_are_refused),
        TEST(the_client_is_who_the_trusted_proxy_says),
        TEST(a_client_cannot_hide_behind_a_long_line_of_its_own),
        TEST(a_login_that_ends_after_its_call_finds_nobody),
        TEST(a_client_that_went_away_makes_no_difference),
        TEST(logins_are_counted_by_dialect_and_outcome),
        TEST(a_login_whose_client_got_no_answer_is_counted_as_it_ended),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
