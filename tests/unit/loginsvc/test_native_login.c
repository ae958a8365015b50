/* The native API's ways in: login, registration by ticket, the phone of a user, and the answers for
 * others who must know who calls. */
#include "dialects_fixture.h"

#include <string.h>

#include <event2/bufferevent.h>

#include "loginsvc/login/register_ticket.h"
#include "sys/clock.h"

#define BOTH "{\"appid\":\"wxapp1\",\"loginCode\":\"L1\",\"phoneCode\":\"P1\"}"

#define USER                                                                                       \
    "\"user\":{\"id\":42,\"phoneNumber\":\"13800138000\",\"countryCode\":\"86\",\"nickname\":"     \
    "\"小明\",\"avatar\":\"https://example.com/a.png\",\"createdAt\":1700000000123}"

static void assert_logged_in(void)
{
    assert_status(200);
    assert_json("{\"accessToken\":\"the.access.token\",\"expiresIn\":7200,\"refreshToken\":"
                "\"the-refresh-token\",\"isNew\":true," USER "}");
    assert_header("Cache-Control: no-store\r\n");
}

/* ---- POST /v1/login ---- */

static void a_login_is_of_the_kind_that_its_codes_make_it(void **state)
{
    (void)state;
    post("/v1/login", BOTH);
    assert_logged_in();
    assert_int_equal(played.kind, LOGIN_BY_BOTH);
    assert_string_equal(played.login_code, "L1");
    assert_string_equal(played.phone_code, "P1");
    post("/v1/login", "{\"appid\":\"wxapp1\",\"loginCode\":\"L1\",\"nickname\":\"小明\",\"avatar\":"
                      "\"https://example.com/a.png\",\"device\":\"iPhone 15\"}");
    assert_logged_in();
    assert_int_equal(played.kind, LOGIN_BY_OPENID);
    assert_string_equal(played.phone_code, "");
    assert_string_equal(played.nickname, "小明");
    assert_string_equal(played.avatar, "https://example.com/a.png");
    assert_string_equal(played.device, "iPhone 15");
    post_form("/v1/login", "appid=wxapp2&phoneCode=P1");
    assert_logged_in();
    assert_int_equal(played.kind, LOGIN_BY_PHONE);
    assert_string_equal(played.app, "wxapp2");
    assert_false(played.has_ticket);
}

static void a_phone_that_nobody_has_is_shown_with_a_ticket(void **state)
{
    (void)state;
    end_logins_with(LOGIN_NOT_REGISTERED, ERR_NONE, 0);
    ask("POST", "/v1/login", "X-Request-Id: my-request\r\n",
        "{\"appid\":\"wxapp1\",\"phoneCode\":\"P1\"}");
    assert_status(404);
    assert_header("Content-Type: application/problem+json\r\n");
    assert_header_once("Cache-Control");
    assert_json("{\"title\":\"Not Found\",\"status\":404,\"code\":\"not_registered\","
                "\"request_id\":\"my-request\",\"detail\":\"没有注册\",\"phoneNumber\":"
                "\"13700137000\",\"registerTicket\":\"the-register-ticket\"}");
}

static void what_cannot_be_a_login_is_refused_before_it_costs_anything(void **state)
{
    static const struct {
        const char *body, *code, *detail;
    } rows[] = {
        {"", "missing_parameter", "参数缺失"},
        {"{\"appid\":\"wxapp1\"}", "missing_parameter", "参数缺失"},
        {"{\"loginCode\":null,\"phoneCode\":\"\"}", "missing_parameter", "参数缺失"},
        {"{\"loginCode\":1}", "wrong_parameter", "参数格式错误"},
        {"{\"loginCode\":\"登录\"}", "wrong_parameter", "参数格式错误"},
        {"{\"loginCode\":\"L1\",\"device\":[]}", "wrong_parameter", "参数格式错误"},
        {"{\"loginCode\":\"L1\",\"loginCode\":\"L2\"}", "malformed_request", "请求格式错误"},
        {"\"L1\"", "malformed_request", "请求格式错误"},
        {"[1]", "malformed_request", "请求格式错误"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        post("/v1/login", rows[i].body);
        assert_problem(400, rows[i].code, rows[i].detail);
    }
    assert_int_equal(played.started, 0);
}

static void check_fault(const struct failure *f)
{
    ask("POST", "/v1/login", "X-Request-Id: my-request\r\n", BOTH);
    assert_problem(f->status, f->code, f->text);
    assert_header_once("Cache-Control");
    assert_retry_after(f);
    if (f->errcode != 0)
        assert_member_int("errcode", f->errcode);
    assert_member("request_id", "my-request");
}

static void each_of_wechats_errors_is_told_with_its_number_and_status(void **state)
{
    (void)state;
    each_fault(check_fault);
}

static void a_failure_is_a_problem_and_nothing_else(void **state)
{
    (void)state;
    end_logins_with(LOGIN_REFUSED, ERR_USER, 40163);
    ask("POST", "/v1/login", "X-Request-Id: my-request\r\n", BOTH);
    assert_json(
        "{\"title\":\"Conflict\",\"status\":409,\"code\":\"code_used\",\"request_id\":"
        "\"my-request\",\"detail\":\"授权已被使用，请重新点击按钮授权\",\"errcode\":40163}");
    end_logins_with(LOGIN_CODE_USED, ERR_USER, 0);
    ask("POST", "/v1/login", "X-Request-Id: my-request\r\n", BOTH);
    assert_json("{\"title\":\"Conflict\",\"status\":409,\"code\":\"code_used\",\"request_id\":"
                "\"my-request\",\"detail\":\"授权已被使用，请重新点击按钮授权\"}");
}

static void limits_say_when_to_come_back(void **state)
{
    (void)state;
    played.outcome.result = (struct login_result){LOGIN_LIMITED, ERR_BACKOFF, 0, 1500};
    post("/v1/login", BOTH);
    assert_problem(429, "too_many_requests", "操作过于频繁，请一分钟后再试");
    assert_header("Retry-After: 2\r\n");
    played.outcome.result = (struct login_result){LOGIN_BUDGET_SPENT, ERR_QUOTA, 0, 7200000};
    post("/v1/login", BOTH);
    assert_problem(503, "phone_budget", "今日手机号验证的次数已用完，请使用其他方式登录");
    assert_header("Retry-After: 7200\r\n");
    played.admission = LOGIN_STORE_FAILED;
    post("/v1/login", BOTH);
    assert_problem(503, "database_unavailable", "系统繁忙，请稍后重新点击登录");
    assert_header("Retry-After: 5\r\n");
    played.admission = LOGIN_OVERLOADED;
    post("/v1/login", BOTH);
    assert_problem(503, "overloaded", "当前登录人数较多，请稍后再试");
    assert_header("Retry-After: 1\r\n");
}

static void assert_server_problem(int status, const char *code)
{
    assert_status(status);
    assert_header("Content-Type: application/problem+json\r\n");
    assert_member_int("status", status);
    assert_member("code", code);
}

static void the_servers_own_errors_are_problems_too(void **state)
{
    (void)state;
    ask("GET", "/v1/login", "", "");
    assert_server_problem(405, "method_not_allowed");
    assert_header("Allow: POST, OPTIONS\r\n");
    post("/v1/login/", BOTH);
    assert_server_problem(404, "not_found");
    post("/v1/nothing", BOTH);
    assert_server_problem(404, "not_found");
    played.silent = true;
    post("/v1/login", BOTH);
    assert_server_problem(504, "timeout");
    struct bufferevent *busy = send_login("/v1/login", BOTH);
    post("/v1/login", BOTH);
    bufferevent_free(busy);
    assert_server_problem(503, "overloaded");
    assert_header_once("Retry-After");
}

/* ---- POST /v1/register ---- */

static const char *ticket_of(const char *appid, int64_t age_ms)
{
    static char text[REGISTER_TICKET_SIZE];
    wall_ms_t made = wall_after(clock_wall(), -age_ms);
    register_ticket_make(site.tickets, appid, "13700137000", "852", made, text);
    return text;
}

static void post_ticket(const char *ticket, const char *more)
{
    char body[1024];
    struct text text = text_init(body, sizeof body);
    text_fmt(&text, "{\"appid\":\"wxapp1\",\"registerTicket\":\"%s\"%s}", ticket, more);
    post("/v1/register", body);
}

static void a_ticket_registers_alone_or_with_a_login_code(void **state)
{
    (void)state;
    post_ticket(ticket_of("wxapp1", 0), ",\"nickname\":\"小红\",\"device\":\"Mate 60\"");
    assert_logged_in();
    assert_int_equal(played.kind, LOGIN_BY_TICKET);
    assert_true(played.has_ticket);
    assert_string_equal(played.ticket.phone, "13700137000");
    assert_string_equal(played.ticket.country_code, "852");
    assert_string_equal(played.nickname, "小红");
    assert_string_equal(played.device, "Mate 60");
    post_ticket(ticket_of("wxapp1", 0), ",\"loginCode\":\"L1\"");
    assert_logged_in();
    assert_int_equal(played.kind, LOGIN_REGISTER);
    assert_true(played.has_ticket);
    assert_string_equal(played.login_code, "L1");
}

static void a_ticket_that_is_none_of_this_app_or_over_is_refused(void **state)
{
    static const char detail[] = "注册凭证已失效，请重新点击按钮授权手机号";
    char forged[REGISTER_TICKET_SIZE];
    (void)state;
    assert_true(slice_copy(slice_of(ticket_of("wxapp1", 0)), forged, sizeof forged));
    forged[40] = forged[40] == 'A' ? 'B' : 'A';
    post_ticket(forged, "");
    assert_problem(422, "invalid_ticket", detail);
    post_ticket("nonsense", "");
    assert_problem(422, "invalid_ticket", detail);
    post_ticket(ticket_of("wxapp2", 0), "");
    assert_problem(422, "invalid_ticket", detail);
    post_ticket(ticket_of("wxapp1", REGISTER_TICKET_LIFE_MS), "");
    assert_problem(422, "invalid_ticket", detail);
    assert_int_equal(played.started, 0);
}

static void a_ticket_is_required_and_a_text(void **state)
{
    (void)state;
    post("/v1/register", "{\"appid\":\"wxapp1\",\"loginCode\":\"L1\"}");
    assert_problem(400, "missing_parameter", "参数缺失");
    post("/v1/register", "{\"appid\":\"wxapp1\",\"registerTicket\":7}");
    assert_problem(400, "wrong_parameter", "参数格式错误");
    assert_int_equal(played.started, 0);
}

static void a_ticket_that_was_used_says_so(void **state)
{
    (void)state;
    end_logins_with(LOGIN_TICKET_USED, ERR_USER, 0);
    post_ticket(ticket_of("wxapp1", 0), "");
    assert_problem(409, "ticket_used", "该注册凭证已被使用，请直接登录");
}

/* ---- POST /v1/phone ---- */

static void a_phone_is_bound_to_the_user_of_the_token(void **state)
{
    (void)state;
    ask("POST", "/v1/phone", bearer(), "{\"phoneCode\":\"P1\"}");
    assert_status(200);
    assert_json("{\"phoneNumber\":\"13800138000\",\"countryCode\":\"86\"," USER "}");
    assert_header("Cache-Control: no-store\r\n");
    assert_int_equal(played.kind, LOGIN_BIND_PHONE);
    assert_int_equal(played.user_id, 42);
    assert_string_equal(played.phone_code, "P1");
    end_logins_with(LOGIN_USER_GONE, ERR_USER, 0);
    ask("POST", "/v1/phone", bearer(), "{\"phoneCode\":\"P1\"}");
    assert_problem(401, "invalid_token", "Token 无效或已过期");
    assert_header("WWW-Authenticate: Bearer error=\"invalid_token\"\r\n");
}

static void a_phone_needs_its_code(void **state)
{
    (void)state;
    ask("POST", "/v1/phone", bearer(), "{\"loginCode\":\"L1\"}");
    assert_problem(400, "missing_parameter", "参数缺失");
    ask("POST", "/v1/phone", bearer(), "{\"phoneCode\":1}");
    assert_problem(400, "wrong_parameter", "参数格式错误");
    assert_int_equal(played.started, 0);
}

/* ---- for others who must know who calls ---- */

static void a_proxy_is_told_in_headers_who_calls(void **state)
{
    (void)state;
    ask("GET", "/v1/verify", bearer(), "");
    assert_status(200);
    assert_header("X-User-Id: 42\r\n");
    assert_header("X-Openid: openid-1\r\n");
    assert_header("X-Session-Id: " SID "\r\n");
    assert_header("Cache-Control: no-store\r\n");
    assert_string_equal(body_of_reply(), "");
    ask("HEAD", "/v1/verify", bearer(), "");
    assert_status(200);
    assert_header("X-User-Id: 42\r\n");
}

static void a_symmetric_secret_is_not_published(void **state)
{
    (void)state;
    ask("GET", "/.well-known/jwks.json", "", "");
    assert_status(200);
    assert_json("{\"keys\":[]}");
    assert_header("Content-Type: application/json\r\n");
    assert_header("Cache-Control: public, max-age=300\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dialects_setup, dialects_teardown)
        TEST(a_login_is_of_the_kind_that_its_codes_make_it),
        TEST(a_phone_that_nobody_has_is_shown_with_a_ticket),
        TEST(what_cannot_be_a_login_is_refused_before_it_costs_anything),
        TEST(each_of_wechats_errors_is_told_with_its_number_and_status),
        TEST(a_failure_is_a_problem_and_nothing_else),
        TEST(limits_say_when_to_come_back),
        TEST(the_servers_own_errors_are_problems_too),
        TEST(a_ticket_registers_alone_or_with_a_login_code),
        TEST(a_ticket_that_is_none_of_this_app_or_over_is_refused),
        TEST(a_ticket_is_required_and_a_text),
        TEST(a_ticket_that_was_used_says_so),
        TEST(a_phone_is_bound_to_the_user_of_the_token),
        TEST(a_phone_needs_its_code),
        TEST(a_proxy_is_told_in_headers_who_calls),
        TEST(a_symmetric_secret_is_not_published),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
