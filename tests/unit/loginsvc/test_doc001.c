/* The dialect of document 001: its one endpoint, and its rule that a phone may fail without failing
 * the login. */
#include "dialects_fixture.h"

#include <event2/bufferevent.h>

#define LOGIN "/api/user/thirdLogin"
#define BOTH  "{\"appid\":\"wxapp1\",\"code\":\"L1\",\"phoneCode\":\"P1\"}"

#define USER_INFO(phone)                                                                           \
    "\"userInfo\":{\"id\":42,\"phone\":\"" phone "\",\"nickname\":\"小明\",\"avatar\":"          \
    "\"https://example.com/a.png\",\"head_pic\":\"https://example.com/a.png\"}"

static void a_login_is_answered_in_the_documents_shape(void **state)
{
    (void)state;
    post(LOGIN, BOTH);
    assert_status(200);
    assert_json("{\"code\":200,\"message\":\"登录成功\",\"data\":{\"token\":\"the.access."
                "token\"," USER_INFO("13800138000") "}}");
    assert_header("Cache-Control: no-store\r\n");
    assert_int_equal(played.kind, LOGIN_LENIENT);
    assert_string_equal(played.login_code, "L1");
    assert_string_equal(played.phone_code, "P1");
}

static void what_the_front_end_sends_of_the_user_goes_with_the_login(void **state)
{
    (void)state;
    post(LOGIN, "{\"appid\":\"wxapp1\",\"code\":\"L1\",\"nickname\":\"小 红\",\"head_pic\":"
                "\"https://example.com/b.png\",\"gender\":1,\"extra\":{\"a\":[null]}}");
    assert_status(200);
    assert_string_equal(played.nickname, "小 红");
    assert_string_equal(played.avatar, "https://example.com/b.png");
    post_form(LOGIN "/", "appid=wxapp1&code=L1&phoneCode=P1&nickname=%E5%B0%8F+%E6%98%8E&head_pic="
                         "https%3A%2F%2Fexample.com%2Fc.png&other=1");
    assert_status(200);
    assert_int_equal(played.kind, LOGIN_LENIENT);
    assert_string_equal(played.nickname, "小 明");
    assert_string_equal(played.avatar, "https://example.com/c.png");
}

static void without_a_phone_code_nothing_is_said_of_a_phone_error(void **state)
{
    (void)state;
    post(LOGIN, "{\"appid\":\"wxapp1\",\"code\":\"L1\",\"phoneCode\":\"\"}");
    assert_status(200);
    assert_int_equal(played.kind, LOGIN_BY_OPENID);
    assert_json("{\"code\":200,\"message\":\"登录成功\",\"data\":{\"token\":\"the.access."
                "token\"," USER_INFO("13800138000") "}}");
}

/* Also when the user has proved a number before: this login gave none. */
static void check_phone_fault(const struct failure *f)
{
    played.outcome.phone_result = played.outcome.result;
    played.outcome.result = (struct login_result){.ending = LOGIN_OK};
    post(LOGIN, BOTH);
    assert_status(200);
    assert_json_fmt(
        "{\"code\":200,\"message\":\"登录成功\",\"data\":{\"token\":\"the.access.token\","
        "\"phoneError\":\"%s\"," USER_INFO("") "}}",
        f->text);
}

static void a_phone_that_fails_leaves_it_empty_and_says_why(void **state)
{
    (void)state;
    each_fault(check_phone_fault);
}

static void check_login_fault(const struct failure *f)
{
    post(LOGIN, BOTH);
    assert_retry_after(f);
    assert_status(f->status);
    if (f->errcode != 0)
        assert_json_fmt("{\"code\":%d,\"message\":\"%s\",\"errcode\":%d}", f->status, f->text,
                        f->errcode);
    else
        assert_json_fmt("{\"code\":%d,\"message\":\"%s\"}", f->status, f->text);
}

static void a_login_code_that_fails_fails_the_login(void **state)
{
    (void)state;
    each_fault(check_login_fault);
}

static void what_cannot_be_a_login_is_refused_before_it_costs_anything(void **state)
{
    static const struct refused_body rows[] = {
        {"", 400, "{\"code\":400,\"message\":\"参数缺失\"}"},
        {"{\"phoneCode\":\"P1\"}", 400, "{\"code\":400,\"message\":\"参数缺失\"}"},
        {"{\"code\":\"\",\"phoneCode\":\"P1\"}", 400, "{\"code\":400,\"message\":\"参数缺失\"}"},
        {"{\"code\":{}}", 400, "{\"code\":400,\"message\":\"参数格式错误\"}"},
        {"{\"code\":\"L1\",\"phoneCode\":false}", 400,
         "{\"code\":400,\"message\":\"参数格式错误\"}"},
        {"{\"code\":\"L1\",\"nickname\":7}", 400, "{\"code\":400,\"message\":\"参数格式错误\"}"},
        {"{\"code\":\"L1\",\"head_pic\":\"a\\tb\"}", 400,
         "{\"code\":400,\"message\":\"参数格式错误\"}"},
        {"{\"code\":", 400, "{\"code\":400,\"message\":\"请求格式错误\"}"},
        {"code=%zz", 400, "{\"code\":400,\"message\":\"请求格式错误\"}"},
        {"{\"code\":\"L1\"}", 400, "{\"code\":400,\"message\":\"未知的小程序\"}"},
    };
    (void)state;
    assert_refused(LOGIN, rows, ARRAY_LEN(rows));
}

static void the_servers_own_errors_keep_the_shape(void **state)
{
    (void)state;
    ask("PUT", LOGIN, "", BOTH);
    assert_status(405);
    assert_json("{\"code\":405,\"message\":\"请求方法错误，请使用 POST\"}");
    played.silent = true;
    post(LOGIN, BOTH);
    assert_status(504);
    assert_json("{\"code\":504,\"message\":\"微信没有及时回应，请重新点击登录\"}");
    struct bufferevent *busy = send_login(LOGIN, BOTH);
    post(LOGIN, BOTH);
    bufferevent_free(busy);
    assert_status(503);
    assert_json("{\"code\":503,\"message\":\"当前登录人数较多，请稍后再试\"}");
    assert_header_once("Retry-After");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dialects_setup, dialects_teardown)
        TEST(a_login_is_answered_in_the_documents_shape),
        TEST(what_the_front_end_sends_of_the_user_goes_with_the_login),
        TEST(without_a_phone_code_nothing_is_said_of_a_phone_error),
        TEST(a_phone_that_fails_leaves_it_empty_and_says_why),
        TEST(a_login_code_that_fails_fails_the_login),
        TEST(what_cannot_be_a_login_is_refused_before_it_costs_anything),
        TEST(the_servers_own_errors_keep_the_shape),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
