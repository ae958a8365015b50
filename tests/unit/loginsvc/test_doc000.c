/* The dialect of document 000: what its front end sends, and what it reads of the answer. */
#include "dialects_fixture.h"

#include <event2/bufferevent.h>

#define LOGIN "/api/auth/wechat"
#define PHONE "/api/auth/phone"
#define BOTH  "{\"appid\":\"wxapp1\",\"code\":\"L1\",\"phoneCode\":\"P1\"}"

static void assert_error(int status, const char *text, int errcode)
{
    assert_status(status);
    assert_json_fmt("{\"success\":false,\"error\":\"%s\",\"errcode\":%d}", text, errcode);
}

/* ---- the login ---- */

static void a_login_is_answered_in_the_documents_shape(void **state)
{
    (void)state;
    post(LOGIN, BOTH);
    assert_status(200);
    assert_json("{\"success\":true,\"token\":\"the.access.token\",\"user\":{\"id\":42,"
                "\"nickname\":\"小明\",\"phoneNumber\":\"13800138000\",\"openId\":\"openid-1\"}}");
    assert_header("Content-Type: application/json");
    assert_header("Cache-Control: no-store\r\n");
    assert_int_equal(played.kind, LOGIN_BY_BOTH);
    assert_string_equal(played.app, "wxapp1");
    assert_string_equal(played.login_code, "L1");
    assert_string_equal(played.phone_code, "P1");
}

static void the_login_code_alone_is_a_login_without_a_phone(void **state)
{
    static const char *const bodies[] = {
        "{\"appid\":\"wxapp1\",\"code\":\"L1\"}",
        "{\"appid\":\"wxapp1\",\"code\":\"L1\",\"phoneCode\":\"\"}",
        "{\"appid\":\"wxapp1\",\"code\":\"L1\",\"phoneCode\":null}",
    };
    (void)state;
    played.outcome.user.phone[0] = played.outcome.user.nickname[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        post(LOGIN, bodies[i]);
        assert_status(200);
        assert_json("{\"success\":true,\"token\":\"the.access.token\",\"user\":{\"id\":42,"
                    "\"nickname\":\"\",\"phoneNumber\":\"\",\"openId\":\"openid-1\"}}");
        assert_int_equal(played.kind, LOGIN_BY_OPENID);
    }
}

static void forms_and_a_slash_at_the_end_are_taken_too(void **state)
{
    (void)state;
    post_form(LOGIN "/", "appid=wxapp2&code=L1&phoneCode=P%311");
    assert_status(200);
    assert_member("token", "the.access.token");
    assert_string_equal(played.app, "wxapp2");
    assert_string_equal(played.phone_code, "P11");
}

static void what_cannot_be_a_login_is_refused_before_it_costs_anything(void **state)
{
#define SAYS(text) "{\"success\":false,\"error\":\"" text "\",\"errcode\":0}"
    static const struct refused_body rows[] = {
        {"", 400, SAYS("参数缺失")},
        {"{\"appid\":\"wxapp1\"}", 400, SAYS("参数缺失")},
        {"{\"phoneCode\":\"P1\"}", 400, SAYS("参数缺失")},
        {"{\"code\":1}", 400, SAYS("参数格式错误")},
        {"{\"code\":\"L1\",\"phoneCode\":{}}", 400, SAYS("参数格式错误")},
        {"{\"code\":\"L 1\"}", 400, SAYS("参数格式错误")},
        {"{", 400, SAYS("请求格式错误")},
        {"[]", 400, SAYS("请求格式错误")},
        {"{\"code\":\"L1\"}", 400, SAYS("未知的小程序")},
        {"{\"code\":\"L1\",\"appid\":\"wxapp3\"}", 400, SAYS("未知的小程序")},
    };
    (void)state;
    assert_refused(LOGIN, rows, ARRAY_LEN(rows));
}

static void check_login_fault(const struct failure *f)
{
    post(LOGIN, BOTH);
    assert_error(f->status, f->text, f->errcode);
    assert_retry_after(f);
}

static void each_of_wechats_errors_is_told_with_its_number_and_status(void **state)
{
    (void)state;
    each_fault(check_login_fault);
}

static void limits_say_when_to_come_back(void **state)
{
    (void)state;
    played.outcome.result = (struct login_result){LOGIN_LIMITED, ERR_BACKOFF, 0, 12001};
    post(LOGIN, BOTH);
    assert_error(429, "操作过于频繁，请一分钟后再试", 0);
    assert_header("Retry-After: 13\r\n");
    played.admission = LOGIN_OVERLOADED;
    post(LOGIN, BOTH);
    assert_error(503, "当前登录人数较多，请稍后再试", 0);
    assert_header("Retry-After: 1\r\n");
    played.admission = LOGIN_STORE_FAILED;
    post(LOGIN, BOTH);
    assert_error(503, "系统繁忙，请稍后重新点击登录", 0);
    assert_header("Retry-After: 5\r\n");
}

/* ---- the phone of a user who is logged in ---- */

static void a_phone_is_bound_to_the_user_of_the_token(void **state)
{
    (void)state;
    ask("POST", PHONE, bearer_of_app("wxapp2"), "{\"phoneCode\":\"P1\"}");
    assert_status(200);
    assert_json("{\"success\":true,\"phoneNumber\":\"13800138000\"}");
    assert_int_equal(played.kind, LOGIN_BIND_PHONE);
    assert_int_equal(played.user_id, 42);
    assert_string_equal(played.app, "wxapp2");
    assert_string_equal(played.phone_code, "P1");
    ask("POST", PHONE "/", bearer(), "phoneCode=P2");
    assert_status(200);
    assert_string_equal(played.phone_code, "P2");
}

static void a_phone_needs_a_good_token_and_a_code(void **state)
{
    (void)state;
    post(PHONE, "{\"phoneCode\":\"P1\"}");
    assert_error(401, "未授权", 0);
    ask("POST", PHONE, authorization("Bearer ", "", now_s() - 1), "{\"phoneCode\":\"P1\"}");
    assert_error(401, "Token 无效或已过期", 0);
    played.ended_sid = SID;
    ask("POST", PHONE, bearer(), "{\"phoneCode\":\"P1\"}");
    assert_error(401, "Token 无效或已过期", 0);
    played.ended_sid = NULL;
    ask("POST", PHONE, bearer(), "{}");
    assert_error(400, "参数缺失", 0);
    ask("POST", PHONE, bearer(), "{\"phoneCode\":7}");
    assert_error(400, "参数格式错误", 0);
    assert_int_equal(played.started, 0);
    end_logins_with(LOGIN_USER_GONE, ERR_USER, 0);
    ask("POST", PHONE, bearer(), "{\"phoneCode\":\"P1\"}");
    assert_error(401, "Token 无效或已过期", 0);
}

static void check_phone_fault(const struct failure *f)
{
    ask("POST", PHONE, bearer(), "{\"phoneCode\":\"P1\"}");
    assert_error(f->status, f->text, f->errcode);
    assert_retry_after(f);
}

static void a_phone_that_wechat_refuses_is_told_like_a_login(void **state)
{
    (void)state;
    each_fault(check_phone_fault);
}

/* ---- the server's own errors ---- */

static void the_servers_own_errors_keep_the_shape(void **state)
{
    (void)state;
    ask("GET", LOGIN, "", "");
    assert_error(405, "请求方法错误，请使用 POST", 0);
    assert_header("Allow: POST, OPTIONS\r\n");
    played.silent = true;
    post(LOGIN, BOTH);
    assert_error(504, "微信没有及时回应，请重新点击登录", 0);
    struct bufferevent *busy = send_login(LOGIN, BOTH);
    post(LOGIN, BOTH);
    assert_error(503, "当前登录人数较多，请稍后再试", 0);
    assert_header_once("Retry-After");
    bufferevent_free(busy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dialects_setup, dialects_teardown)
        TEST(a_login_is_answered_in_the_documents_shape),
        TEST(the_login_code_alone_is_a_login_without_a_phone),
        TEST(forms_and_a_slash_at_the_end_are_taken_too),
        TEST(what_cannot_be_a_login_is_refused_before_it_costs_anything),
        TEST(each_of_wechats_errors_is_told_with_its_number_and_status),
        TEST(limits_say_when_to_come_back),
        TEST(a_phone_is_bound_to_the_user_of_the_token),
        TEST(a_phone_needs_a_good_token_and_a_code),
        TEST(a_phone_that_wechat_refuses_is_told_like_a_login),
        TEST(the_servers_own_errors_keep_the_shape),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
