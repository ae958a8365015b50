/* The native API of a user's own record: seen, changed, erased. */
#include "dialects_fixture.h"

#include <string.h>

#include "sys/clock.h"

#define USER                                                                                       \
    "{\"id\":42,\"phoneNumber\":\"13800138000\",\"countryCode\":\"86\",\"nickname\":\"小明\","   \
    "\"avatar\":\"https://example.com/a.png\",\"createdAt\":1700000000123}"

static void assert_store_failures_are_told(const char *method, const char *body)
{
    played.result = (struct store_result){.status = STORE_FAILED, .class = ERR_BACKOFF};
    ask(method, "/v1/me", bearer(), body);
    assert_problem(503, "database_unavailable", "系统繁忙，请稍后重新点击登录");
    assert_header("Retry-After: 5\r\n");
    played.result.class = ERR_BUG;
    ask(method, "/v1/me", bearer(), body);
    assert_problem(500, "internal_error", "服务器错误");
    played.store_full = true;
    ask(method, "/v1/me", bearer(), body);
    assert_problem(503, "overloaded", "当前登录人数较多，请稍后再试");
    assert_header("Retry-After: 1\r\n");
    assert_int_equal(played.announcements, 0);
}

/* ---- GET ---- */

static void a_user_sees_the_own_record(void **state)
{
    (void)state;
    ask("GET", "/v1/me", bearer(), "");
    assert_status(200);
    assert_json(USER);
    assert_header("Cache-Control: no-store\r\n");
    assert_string_equal(played.asked, "get_user");
    assert_int_equal(played.store_user_id, 42);
}

static void what_is_not_known_is_empty(void **state)
{
    (void)state;
    played.result.user = (struct user){.id = 43, .created_at = {5}};
    ask("GET", "/v1/me", bearer(), "");
    assert_json("{\"id\":43,\"phoneNumber\":\"\",\"countryCode\":\"\",\"nickname\":\"\","
                "\"avatar\":\"\",\"createdAt\":5}");
}

static void a_user_who_was_erased_is_nobody(void **state)
{
    (void)state;
    played.result.status = STORE_NOT_FOUND;
    ask("GET", "/v1/me", bearer(), "");
    assert_problem(401, "invalid_token", "Token 无效或已过期");
    ask("PATCH", "/v1/me", bearer(), "{\"nickname\":\"x\"}");
    assert_problem(401, "invalid_token", "Token 无效或已过期");
}

static void a_record_that_the_store_cannot_give_is_told(void **state)
{
    (void)state;
    assert_store_failures_are_told("GET", "");
}

/* ---- PATCH ---- */

static void assert_profile(const char *body, const char *nickname, const char *avatar)
{
    const struct store_profile *p = &played.profile;
    ask("PATCH", "/v1/me", bearer(), body);
    assert_status(200);
    assert_json(USER);
    assert_string_equal(played.asked, "user_update");
    assert_int_equal(p->user_id, 42);
    assert_int_equal(p->has_nickname, nickname != NULL);
    assert_string_equal(p->nickname, nickname ? nickname : "");
    assert_int_equal(p->has_avatar, avatar != NULL);
    assert_string_equal(p->avatar, avatar ? avatar : "");
}

static void a_change_changes_what_it_names(void **state)
{
    (void)state;
    assert_profile("{\"nickname\":\"小 红\"}", "小 红", NULL);
    assert_profile("{\"avatar\":\"https://example.com/b.png\"}", NULL, "https://example.com/b.png");
    assert_profile("nickname=a&avatar=b", "a", "b");
    assert_profile("{\"nickname\":\"a\",\"phoneNumber\":\"13900139000\",\"id\":1}", "a", NULL);
    assert_profile("{}", NULL, NULL);
    assert_profile("", NULL, NULL);
}

static void the_empty_text_clears(void **state)
{
    (void)state;
    assert_profile("{\"nickname\":\"\"}", "", NULL);
    assert_profile("{\"nickname\":\"\",\"avatar\":null}", "", "");
}

static void a_change_that_does_not_fit_changes_nothing(void **state)
{
    char huge[2048] = "{\"nickname\":\"", *at = huge + strlen(huge);
    static const char *const bodies[] = {"{\"nickname\":7}", "{\"avatar\":[\"a\"]}",
                                         "{\"nickname\":\"a\\nb\"}",
                                         "{\"nickname\":\"a\",\"avatar\":false}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        ask("PATCH", "/v1/me", bearer(), bodies[i]);
        assert_problem(400, "wrong_parameter", "参数格式错误");
    }
    memset(at, 'x', USER_NICKNAME_SIZE);
    memcpy(at + USER_NICKNAME_SIZE, "\"}", 3);
    ask("PATCH", "/v1/me", bearer(), huge);
    assert_problem(400, "wrong_parameter", "参数格式错误");
    ask("PATCH", "/v1/me", bearer(), "{\"nickname\":");
    assert_problem(400, "malformed_request", "请求格式错误");
    assert_null(played.asked);
}

static void a_change_that_the_store_cannot_take_is_told(void **state)
{
    (void)state;
    assert_store_failures_are_told("PATCH", "{\"nickname\":\"x\"}");
}

/* ---- DELETE ---- */

static struct store_session ended[3];

static void give_ended(void)
{
    for (size_t i = 0; i < ARRAY_LEN(ended); i++)
        memcpy(ended[i].id, SID, sizeof SID);
    played.result.user = (struct user){.id = 42, .appid = "wxapp1"};
    played.result.sessions = ended;
    played.result.n_sessions = ARRAY_LEN(ended);
}

static void an_erasure_forgets_the_session_key_and_ends_all_sessions_everywhere(void **state)
{
    (void)state;
    give_ended();
    ask("DELETE", "/v1/me", bearer(), "");
    assert_status(204);
    assert_string_equal(body_of_reply(), "");
    assert_header("Cache-Control: no-store\r\n");
    assert_string_equal(played.asked, "user_erase");
    assert_int_equal(played.store_user_id, 42);
    assert_int_equal(wall_between(played.now, played.until), JWT_TTL_S * 1000LL);
    assert_int_equal(played.keys_forgotten, 1);
    assert_string_equal(played.key_app, "wxapp1");
    assert_int_equal(played.key_user_id, 42);
    assert_int_equal(played.announcements, 1);
    assert_int_equal(played.announced, ARRAY_LEN(ended));
    assert_string_equal(played.announced_sid, SID);
    assert_true(wall_between(clock_wall(), played.announced_until) <= JWT_TTL_S * 1000LL);
}

static void a_second_erasure_finds_nothing_and_says_so_to_nobody(void **state)
{
    (void)state;
    played.result.status = STORE_NOT_FOUND;
    ask("DELETE", "/v1/me", bearer(), "");
    assert_status(204);
    assert_int_equal(played.announcements, 0);
}

static void an_erasure_whose_client_is_gone_is_announced_all_the_same(void **state)
{
    (void)state;
    give_ended();
    played.store_silent = true;
    ask("DELETE", "/v1/me", bearer(), "");
    assert_status(504);
    answer_store();
    assert_int_equal(played.announcements, 1);
}

static void an_erasure_that_the_store_cannot_do_is_told(void **state)
{
    (void)state;
    assert_store_failures_are_told("DELETE", "");
}

static void what_can_send_no_patch_sends_a_put(void **state)
{
    (void)state;
    ask("PUT", "/v1/me", bearer(), "{\"nickname\":\"小明\"}");
    assert_status(200);
    assert_true(played.profile.has_nickname);
}

static void only_these_methods_are_there(void **state)
{
    (void)state;
    ask("POST", "/v1/me", bearer(), "{}");
    assert_status(405);
    assert_member("code", "method_not_allowed");
    assert_header("Allow: GET, HEAD, PUT, PATCH, DELETE, OPTIONS\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dialects_setup, dialects_teardown)
        TEST(a_user_sees_the_own_record),
        TEST(what_is_not_known_is_empty),
        TEST(a_user_who_was_erased_is_nobody),
        TEST(a_record_that_the_store_cannot_give_is_told),
        TEST(a_change_changes_what_it_names),
        TEST(the_empty_text_clears),
        TEST(a_change_that_does_not_fit_changes_nothing),
        TEST(a_change_that_the_store_cannot_take_is_told),
        TEST(an_erasure_forgets_the_session_key_and_ends_all_sessions_everywhere),
        TEST(a_second_erasure_finds_nothing_and_says_so_to_nobody),
        TEST(an_erasure_whose_client_is_gone_is_announced_all_the_same),
        TEST(an_erasure_that_the_store_cannot_do_is_told),
        TEST(what_can_send_no_patch_sends_a_put),
        TEST(only_these_methods_are_there),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
