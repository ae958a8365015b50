/* The dialect of document 002: HTTP always says 200, the body's code says the rest; its wrapper
 * sends the user to the login page on 401 and 403 there. */
#include "dialects_fixture.h"

#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent.h>

#define LOGIN "/api/user/login"
#define CHECK "/api/user/checkToken"
#define BOTH  "{\"appid\":\"wxapp1\",\"loginCode\":\"L1\",\"phoneCode\":\"P1\"}"

enum { HUGE_BODY = 70 * 1024 };

static void assert_said(int code, const char *message)
{
    assert_status(200);
    assert_json_fmt("{\"code\":%d,\"message\":\"%s\"}", code, message);
}

/* ---- the login ---- */

static void a_login_is_answered_in_the_documents_shape(void **state)
{
    (void)state;
    post(LOGIN, BOTH);
    assert_status(200);
    assert_json("{\"code\":200,\"message\":\"登录成功\",\"data\":{\"token\":\"the.access.token\","
                "\"userInfo\":{\"id\":42,\"phone\":\"13800138000\",\"nickname\":\"小明\","
                "\"avatar\":\"https://example.com/a.png\"}}}");
    assert_header("Cache-Control: no-store\r\n");
    assert_int_equal(played.kind, LOGIN_BY_BOTH);
    assert_string_equal(played.login_code, "L1");
    assert_string_equal(played.phone_code, "P1");
    assert_string_equal(played.app, "wxapp1");
}

static void forms_and_a_slash_at_the_end_are_taken_too(void **state)
{
    (void)state;
    post_form(LOGIN "/", "appid=wxapp1&loginCode=L2&phoneCode=P2");
    assert_member_int("code", 200);
    assert_string_equal(played.login_code, "L2");
    assert_string_equal(played.phone_code, "P2");
}

static void both_codes_are_required_as_texts(void **state)
{
    static const char missing[] = "{\"code\":400,\"message\":\"参数缺失\"}";
    static const struct refused_body rows[] = {
        {"", 200, missing},
        {"{}", 200, missing},
        {"{\"loginCode\":\"L1\"}", 200, missing},
        {"{\"phoneCode\":\"P1\",\"loginCode\":\"\"}", 200, missing},
        {"phoneCode=P1", 200,
         "{\"code\":400,\"message\":\"请求格式错误\"}"}, /* it calls itself JSON */
        {"{\"loginCode\":1,\"phoneCode\":\"P1\"}", 200, missing},
        {"{\"loginCode\":false,\"phoneCode\":\"P1\"}", 200, missing},
        {"{\"loginCode\":\"L1\",\"phoneCode\":[\"P1\"]}", 200, missing},
        {"{\"loginCode\":\"L1\",\"phoneCode\":{}}", 200, missing},
        {"{", 200, "{\"code\":400,\"message\":\"请求格式错误\"}"},
        {"[]", 200, "{\"code\":400,\"message\":\"请求格式错误\"}"},
        {"{\"loginCode\":\"L1\",\"phoneCode\":\"P1\"}", 200,
         "{\"code\":400,\"message\":\"未知的小程序\"}"},
    };
    (void)state;
    assert_refused(LOGIN, rows, ARRAY_LEN(rows));
}

static void a_huge_body_is_not_read(void **state)
{
    (void)state;
    char *huge = xcalloc(HUGE_BODY + 1, 1);
    memset(huge, 'x', HUGE_BODY);
    post(LOGIN, huge);
    free(huge);
    assert_status(413);
    assert_int_equal(played.started, 0);
}

static void check_fault(const struct failure *f)
{
    post(LOGIN, BOTH);
    assert_retry_after(f);
    if (f->errcode == 0) {
        assert_said(500, f->text);
        return;
    }
    assert_status(200);
    assert_json_fmt("{\"code\":500,\"message\":\"%s\",\"errcode\":%d}", f->text, f->errcode);
}

static void each_of_wechats_errors_is_told_with_status_200(void **state)
{
    (void)state;
    each_fault(check_fault);
}

static void what_fails_here_is_told_with_status_200(void **state)
{
    (void)state;
    end_logins_with(LOGIN_STORE_FAILED, ERR_BACKOFF, 0);
    post(LOGIN, BOTH);
    assert_said(500, "系统繁忙，请稍后重新点击登录");
    end_logins_with(LOGIN_CODE_USED, ERR_USER, 0);
    post(LOGIN, BOTH);
    assert_said(500, "授权已被使用，请重新点击按钮授权");
    end_logins_with(LOGIN_BUDGET_SPENT, ERR_QUOTA, 0);
    post(LOGIN, BOTH);
    assert_said(500, "今日手机号验证的次数已用完，请使用其他方式登录");
    played.admission = LOGIN_OVERLOADED;
    post(LOGIN, BOTH);
    assert_said(500, "当前登录人数较多，请稍后再试");
    assert_header("Retry-After: 1\r\n");
}

static void the_servers_own_errors_keep_the_shape(void **state)
{
    (void)state;
    ask("GET", LOGIN, "", "");
    assert_said(400, "请求方法错误，请使用 POST");
    played.silent = true;
    post(LOGIN, BOTH);
    assert_said(500, "微信没有及时回应，请重新点击登录");
    end_login(); /* finds nobody */
    struct bufferevent *busy = send_login(LOGIN, BOTH);
    post(LOGIN, BOTH);
    bufferevent_free(busy);
    assert_said(500, "当前登录人数较多，请稍后再试");
    assert_header_once("Retry-After");
}

static void drained(void *arg)
{
    (void)arg;
}

static void a_server_that_shuts_down_keeps_the_shape(void **state)
{
    (void)state;
    struct bufferevent *waiting = send_login(LOGIN, BOTH);
    http_server_drain(site.server, 0, drained, NULL);
    read_reply(waiting);
    assert_said(500, "当前登录人数较多，请稍后再试");
    assert_header("Retry-After: 1\r\n");
}

/* ---- checkToken ---- */

static void a_good_token_is_shown_as_the_document_has_it(void **state)
{
    int64_t exp_s = now_s() + 3600;
    (void)state;
    ask("POST", CHECK, authorization("Bearer ", "", exp_s), "");
    assert_status(200);
    assert_json_fmt("{\"code\":200,\"message\":\"Token 有效\",\"data\":{\"userId\":42,\"openid\":"
                    "\"openid-1\",\"iat\":%lld,\"exp\":%lld}}",
                    (long long)exp_s - JWT_TTL_S, (long long)exp_s);
    ask("POST", CHECK "/", authorization("Bearer ", "", exp_s), "");
    assert_member_int("code", 200);
}

static void no_token_is_401_in_the_body(void **state)
{
    (void)state;
    ask("POST", CHECK, "", "");
    assert_said(401, "未授权");
    ask("POST", CHECK, "Authorization: \r\n", "");
    assert_said(401, "未授权");
}

static void a_token_that_is_not_good_is_403_in_the_body(void **state)
{
    (void)state;
    ask("POST", CHECK, "Authorization: Bearer nonsense\r\n", "");
    assert_said(403, "Token 无效或已过期");
    ask("POST", CHECK, authorization("Bearer ", "", now_s() - 1), "");
    assert_said(403, "Token 无效或已过期");
    played.ended_sid = SID;
    ask("POST", CHECK, bearer(), "");
    assert_said(403, "Token 无效或已过期");
}

/* The document's wrapper must not send anybody to the login page for this. */
static void a_token_that_cannot_be_checked_yet_is_neither(void **state)
{
    (void)state;
    played.not_loaded = true;
    ask("POST", CHECK, bearer(), "");
    assert_said(500, "当前登录人数较多，请稍后再试");
    assert_header("Retry-After: 1\r\n");
}

static void the_second_word_of_authorization_is_the_token(void **state)
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
        ask("POST", CHECK, authorization(forms[i].before, forms[i].after, now_s() + 3600), "");
        assert_status(200);
        assert_member_int("code", forms[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dialects_setup, dialects_teardown)
        TEST(a_login_is_answered_in_the_documents_shape),
        TEST(forms_and_a_slash_at_the_end_are_taken_too),
        TEST(both_codes_are_required_as_texts),
        TEST(a_huge_body_is_not_read),
        TEST(each_of_wechats_errors_is_told_with_status_200),
        TEST(what_fails_here_is_told_with_status_200),
        TEST(the_servers_own_errors_keep_the_shape),
        TEST(a_server_that_shuts_down_keeps_the_shape),
        TEST(a_good_token_is_shown_as_the_document_has_it),
        TEST(no_token_is_401_in_the_body),
        TEST(a_token_that_is_not_good_is_403_in_the_body),
        TEST(a_token_that_cannot_be_checked_yet_is_neither),
        TEST(the_second_word_of_authorization_is_the_token),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
