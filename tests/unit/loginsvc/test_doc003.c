/* The dialect of document 003: the phone behind a code, as the document's cloud function gives it.
 */
#include "dialects_fixture.h"

#include <event2/bufferevent.h>

#define PATH "/api/functions/decryptPhoneNumber"
#define CODE "{\"appid\":\"wxapp1\",\"code\":\"P1\"}"

static void assert_error(const char *text, int errcode)
{
    assert_status(200);
    if (errcode != 0)
        assert_json_fmt("{\"success\":false,\"error\":\"%s\",\"errcode\":%d}", text, errcode);
    else
        assert_json_fmt("{\"success\":false,\"error\":\"%s\"}", text);
}

static void a_phone_is_answered_in_the_documents_shape(void **state)
{
    (void)state;
    played.outcome.user = (struct user){.id = 0};
    post(PATH, CODE);
    assert_status(200);
    assert_json("{\"success\":true,\"phoneNumber\":\"13700137000\",\"countryCode\":\"852\"}");
    assert_header("Cache-Control: no-store\r\n");
    assert_int_equal(played.kind, LOGIN_SHOW_PHONE);
    assert_string_equal(played.phone_code, "P1");
    assert_string_equal(played.login_code, "");
    assert_int_equal(played.user_id, 0);
}

static void forms_and_a_slash_at_the_end_are_taken_too(void **state)
{
    (void)state;
    post_form(PATH "/", "code=P2&appid=wxapp2");
    assert_status(200);
    assert_member("phoneNumber", "13700137000");
    assert_string_equal(played.phone_code, "P2");
    assert_string_equal(played.app, "wxapp2");
}

static void what_has_no_code_is_refused_in_the_documents_words(void **state)
{
    static const char missing[] = "{\"success\":false,\"error\":\"缺少code参数\"}";
    static const struct refused_body rows[] = {
        {"", 200, missing},
        {"{}", 200, missing},
        {"{\"code\":\"\"}", 200, missing},
        {"{\"code\":null}", 200, missing},
        {"{\"phoneCode\":\"P1\"}", 200, missing},
        {"{\"code\":7}", 200, "{\"success\":false,\"error\":\"参数格式错误\"}"},
        {"{\"code\":[\"P1\"]}", 200, "{\"success\":false,\"error\":\"参数格式错误\"}"},
        {"{\"code\"", 200, "{\"success\":false,\"error\":\"请求格式错误\"}"},
        {"{\"code\":\"P1\"}", 200, "{\"success\":false,\"error\":\"未知的小程序\"}"},
    };
    (void)state;
    assert_refused(PATH, rows, ARRAY_LEN(rows));
}

static void check_fault(const struct failure *f)
{
    post(PATH, CODE);
    assert_error(f->text, f->errcode);
    assert_retry_after(f);
}

static void each_of_wechats_errors_is_told_with_status_200(void **state)
{
    (void)state;
    each_fault(check_fault);
}

static void limits_are_told_with_status_200_too(void **state)
{
    (void)state;
    played.outcome.result = (struct login_result){LOGIN_BUDGET_SPENT, ERR_QUOTA, 0, 3600000};
    post(PATH, CODE);
    assert_error("今日手机号验证的次数已用完，请使用其他方式登录", 0);
    assert_header("Retry-After: 3600\r\n");
    played.admission = LOGIN_OVERLOADED;
    post(PATH, CODE);
    assert_error("当前登录人数较多，请稍后再试", 0);
}

static void the_servers_own_errors_keep_the_shape(void **state)
{
    (void)state;
    ask("GET", PATH "?code=P1", "", "");
    assert_error("请求方法错误，请使用 POST", 0);
    played.silent = true;
    post(PATH, CODE);
    assert_error("微信没有及时回应，请重新点击登录", 0);
    struct bufferevent *busy = send_login(PATH, CODE);
    post(PATH, CODE);
    bufferevent_free(busy);
    assert_error("当前登录人数较多，请稍后再试", 0);
    assert_header_once("Retry-After");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dialects_setup, dialects_teardown)
        TEST(a_phone_is_answered_in_the_documents_shape),
        TEST(forms_and_a_slash_at_the_end_are_taken_too),
        TEST(what_has_no_code_is_refused_in_the_documents_words),
        TEST(each_of_wechats_errors_is_told_with_status_200),
        TEST(limits_are_told_with_status_200_too),
        TEST(the_servers_own_errors_keep_the_shape),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
