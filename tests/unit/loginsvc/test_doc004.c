/* The dialect of document 004: a login by phone alone, also as the GET that its front end really
 * sends. */
#include "dialects_fixture.h"

#include <string.h>

#include <event2/bufferevent.h>

#define PATH "/getPhoneNumber"
#define CODE "{\"appid\":\"wxapp1\",\"code\":\"P1\"}"

static void assert_error(int status, const char *text, int errcode)
{
    assert_status(status);
    if (errcode != 0)
        assert_json_fmt("{\"data\":{\"code\":%d,\"msg\":\"%s\",\"errcode\":%d}}", status, text,
                        errcode);
    else
        assert_json_fmt("{\"data\":{\"code\":%d,\"msg\":\"%s\"}}", status, text);
}

static void assert_logged_in(void)
{
    assert_status(200);
    assert_json("{\"data\":{\"code\":200,\"msg\":\"登录成功\",\"token\":\"the.access.token\","
                "\"phoneNumber\":\"13800138000\",\"userInfo\":{\"id\":42,\"phone\":\"13800138000\","
                "\"nickname\":\"小明\",\"avatar\":\"https://example.com/a.png\"}}}");
}

static void whoever_is_registered_is_logged_in(void **state)
{
    (void)state;
    post(PATH "/", CODE);
    assert_logged_in();
    assert_header("Cache-Control: no-store\r\n");
    assert_int_equal(played.kind, LOGIN_BY_PHONE);
    assert_string_equal(played.phone_code, "P1");
    assert_string_equal(played.login_code, "");
    post_form(PATH, "appid=wxapp1&code=P2");
    assert_logged_in();
    assert_string_equal(played.phone_code, "P2");
}

/* The document's own page goes on with phoneNumber. */
static void whoever_is_not_registered_is_shown_the_phone_and_given_a_ticket(void **state)
{
    (void)state;
    end_logins_with(LOGIN_NOT_REGISTERED, ERR_NONE, 0);
    post(PATH "/", CODE);
    assert_status(200);
    assert_json("{\"data\":{\"code\":404,\"msg\":\"没有注册\",\"phoneNumber\":\"13700137000\","
                "\"registerTicket\":\"the-register-ticket\"}}");
}

static void a_get_with_the_code_in_its_query_is_a_login_too(void **state)
{
    (void)state;
    ask("GET", PATH "/?code=P%2D1&appid=wxapp2", "", "");
    assert_logged_in();
    assert_int_equal(played.kind, LOGIN_BY_PHONE);
    assert_string_equal(played.phone_code, "P-1");
    assert_string_equal(played.app, "wxapp2");
    ask("GET", PATH "?code=P2", "Referer: https://servicewechat.com/wxapp1/7/page-frame.html\r\n",
        "");
    assert_logged_in();
    assert_string_equal(played.phone_code, "P2");
    assert_string_equal(played.app, "wxapp1");
}

static void a_gets_query_is_as_strict_as_a_body(void **state)
{
    char path[512] = PATH "?appid=wxapp1&code=";
    (void)state;
    ask("GET", PATH "?appid=wxapp1", "", CODE);
    assert_error(400, "参数缺失", 0);
    ask("GET", PATH "?appid=wxapp1&code=", "", "");
    assert_error(400, "参数缺失", 0);
    ask("GET", PATH "?appid=wxapp1&code=a%20b", "", "");
    assert_error(400, "参数格式错误", 0);
    ask("GET", PATH "?appid=wxapp1&code=%ff", "", "");
    assert_error(400, "请求格式错误", 0);
    ask("GET", PATH "?code=P1", "", "");
    assert_error(400, "未知的小程序", 0);
    memset(path + strlen(path), 'x', 257);
    ask("GET", path, "", "");
    assert_error(400, "参数格式错误", 0);
    assert_int_equal(played.started, 0);
}

/* Link previews and monitors send it. */
static void a_head_spends_nothing(void **state)
{
    (void)state;
    ask("HEAD", PATH "/?code=P1&appid=wxapp1", "", "");
    assert_status(400);
    assert_string_equal(body_of_reply(), "");
    assert_int_equal(played.started, 0);
}

static void a_post_does_not_read_the_query(void **state)
{
    (void)state;
    post(PATH "/?code=P1&appid=wxapp1", "{}");
    assert_error(400, "参数缺失", 0);
    assert_int_equal(played.started, 0);
}

static void check_fault(const struct failure *f)
{
    post(PATH, CODE);
    assert_error(f->status, f->text, f->errcode);
    assert_retry_after(f);
}

static void each_of_wechats_errors_is_told_with_its_status(void **state)
{
    (void)state;
    each_fault(check_fault);
}

static void the_servers_own_errors_keep_the_shape(void **state)
{
    (void)state;
    ask("DELETE", PATH "/", "", "");
    assert_error(405, "请求方法错误，请使用 POST", 0);
    assert_header("Allow: GET, HEAD, POST, OPTIONS\r\n");
    ask("GET", PATH "/?code=%zz", "", "");
    assert_error(400, "请求格式错误", 0);
    played.silent = true;
    post(PATH, CODE);
    assert_error(504, "微信没有及时回应，请重新点击登录", 0);
    struct bufferevent *busy = send_login(PATH, CODE);
    post(PATH, CODE);
    bufferevent_free(busy);
    assert_error(503, "当前登录人数较多，请稍后再试", 0);
    assert_header_once("Retry-After");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dialects_setup, dialects_teardown)
        TEST(whoever_is_registered_is_logged_in),
        TEST(whoever_is_not_registered_is_shown_the_phone_and_given_a_ticket),
        TEST(a_get_with_the_code_in_its_query_is_a_login_too),
        TEST(a_gets_query_is_as_strict_as_a_body),
        TEST(a_head_spends_nothing),
        TEST(a_post_does_not_read_the_query),
        TEST(each_of_wechats_errors_is_told_with_its_status),
        TEST(the_servers_own_errors_keep_the_shape),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
