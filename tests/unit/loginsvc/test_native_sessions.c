/* The native API of sessions: a new access token, logout, the list, ending one; what was ended is
 * announced to all processes, once it is stored. */
#include "dialects_fixture.h"

#include <string.h>

#include "sys/clock.h"

#define OTHER_SID "fedcba9876543210fedcba9876543210"

enum { SLACK_MS = 60 * 1000 }; /* between two looks at the clock, on a machine that is busy */

/* It is about when an access token that is given out now is over. */
static void assert_jwt_end(wall_ms_t until)
{
    int64_t from_now = wall_between(clock_wall(), until);
    assert_true(from_now <= JWT_TTL_S * 1000LL && from_now > JWT_TTL_S * 1000LL - SLACK_MS);
}

static void fail_store_with(enum err_class c)
{
    played.result = (struct store_result){.status = STORE_FAILED, .class = c};
}

/* Whatever is asked of the store: it is away, finds a bug of ours, or has no room. */
static void assert_store_failures_are_told(const char *method, const char *path, const char *body)
{
    fail_store_with(ERR_BACKOFF);
    ask(method, path, bearer(), body);
    assert_problem(503, "database_unavailable", "系统繁忙，请稍后重新点击登录");
    assert_header("Retry-After: 5\r\n");
    fail_store_with(ERR_BUG);
    ask(method, path, bearer(), body);
    assert_problem(500, "internal_error", "服务器错误");
    assert_int_equal(played.looks, 0);
    fail_store_with(ERR_UNKNOWN);
    ask(method, path, bearer(), body);
    assert_problem(503, "database_unavailable", "系统繁忙，请稍后重新点击登录");
    assert_int_equal(played.looks, 1); /* a session may be over: the table knows */
    played.store_full = true;
    ask(method, path, bearer(), body);
    assert_problem(503, "overloaded", "当前登录人数较多，请稍后再试");
    assert_header("Retry-After: 1\r\n");
    assert_int_equal(played.announcements, 0);
}

static struct store_session sessions[2];

static void give_sessions(size_t n)
{
    sessions[0] = (struct store_session){.id = SID,
                                         .user_id = 42,
                                         .device = "iPhone 15",
                                         .alive = true,
                                         .created_at = {1700000000001},
                                         .last_used_at = {1700000000002},
                                         .expires_at = {1800000000003}};
    sessions[1] = sessions[0];
    memcpy(sessions[1].id, OTHER_SID, sizeof sessions[1].id);
    sessions[1].device[0] = '\0';
    played.result.sessions = sessions;
    played.result.n_sessions = n;
}

/* ---- POST /v1/token/refresh ---- */

/* A body with a refresh token of session SID; its hash is left in `hash`. */
static const char *refresh_body(uint8_t hash[SHA256_SIZE])
{
    static char body[256];
    char token[SESSION_REFRESH_TOKEN_SIZE], sid[SESSION_ID_SIZE];
    struct session s;
    struct text text = text_init(body, sizeof body);
    session_renew(&s, SLICE_LIT(SID), clock_wall(), 1000, token);
    assert_true(session_parse_refresh(slice_of(token), sid, hash));
    text_fmt(&text, "{\"refreshToken\":\"%s\"}", token);
    return body;
}

/* The reply's refresh token is of session SID and the one that the store was given. */
static void assert_renewed(void)
{
    uint8_t hash[SHA256_SIZE];
    char sid[SESSION_ID_SIZE];
    json_t *reply = json_loads(body_of_reply(), 0, NULL);
    const char *token = json_string_value(json_object_get(reply, "refreshToken"));
    assert_int_equal(json_object_size(reply), 3);
    assert_true(session_parse_refresh(slice_of(token), sid, hash));
    assert_string_equal(sid, SID);
    assert_memory_equal(hash, played.rotation.new_hash, sizeof hash);
    json_decref(reply);
}

static void assert_fresh_jwt(void)
{
    struct jwt_claims c;
    json_t *reply = json_loads(body_of_reply(), 0, NULL);
    const char *token = json_string_value(json_object_get(reply, "accessToken"));
    assert_int_equal(jwt_signer_verify(site.signer, slice_of(token), clock_wall(), &c), JWT_OK);
    assert_int_equal(c.user_id, 42);
    assert_string_equal(c.openid, "openid-1");
    assert_string_equal(c.appid, "wxapp1");
    assert_string_equal(c.sid, SID);
    assert_int_equal(c.exp_s - c.iat_s, JWT_TTL_S);
    json_decref(reply);
}

static void a_refresh_token_is_rotated_and_gives_a_new_access_token(void **state)
{
    uint8_t hash[SHA256_SIZE];
    (void)state;
    post("/v1/token/refresh", refresh_body(hash));
    assert_status(200);
    assert_header("Cache-Control: no-store\r\n");
    assert_string_equal(played.asked, "session_rotate");
    assert_string_equal(played.rotation.sid, SID);
    assert_memory_equal(played.rotation.old_hash, hash, sizeof hash);
    assert_int_equal(wall_between(played.rotation.now, played.rotation.expires_at),
                     SESSION_TTL_S * 1000LL);
    assert_int_equal(wall_between(played.rotation.now, played.rotation.until), JWT_TTL_S * 1000LL);
    assert_member_int("expiresIn", JWT_TTL_S);
    assert_renewed();
    assert_fresh_jwt();
    assert_int_equal(played.announcements, 0);
}

static void a_refresh_token_that_was_used_before_ends_its_session_everywhere(void **state)
{
    uint8_t hash[SHA256_SIZE];
    (void)state;
    played.result.status = STORE_REUSED;
    assert_true(slice_copy(slice_of(SID), played.result.session.id, SESSION_ID_SIZE));
    post("/v1/token/refresh", refresh_body(hash));
    assert_problem(401, "invalid_refresh_token", "登录已过期，请重新登录");
    assert_int_equal(played.announcements, 1);
    assert_int_equal(played.announced, 1);
    assert_string_equal(played.announced_sid, SID);
    assert_jwt_end(played.announced_until);
}

static void a_refresh_token_of_no_living_session_is_refused(void **state)
{
    static const char *const bodies[] = {"{\"refreshToken\":\"nonsense\"}",
                                         "{\"refreshToken\":\"" SID "\"}",
                                         "{\"refreshToken\":\"" SID ".x\"}"};
    uint8_t hash[SHA256_SIZE];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        post("/v1/token/refresh", bodies[i]);
        assert_problem(401, "invalid_refresh_token", "登录已过期，请重新登录");
        assert_null(played.asked);
    }
    played.result.status = STORE_NOT_FOUND;
    post("/v1/token/refresh", refresh_body(hash));
    assert_problem(401, "invalid_refresh_token", "登录已过期，请重新登录");
    assert_int_equal(played.announcements, 0);
}

static void a_refresh_without_a_token_is_a_bad_request(void **state)
{
    (void)state;
    post("/v1/token/refresh", "{}");
    assert_problem(400, "missing_parameter", "参数缺失");
    post("/v1/token/refresh", "{\"refreshToken\":7}");
    assert_problem(400, "wrong_parameter", "参数格式错误");
    post("/v1/token/refresh", "{");
    assert_problem(400, "malformed_request", "请求格式错误");
    assert_null(played.asked);
}

static void a_session_of_an_app_that_was_removed_is_not_refreshed(void **state)
{
    static const char *const left[] = {"wxapp2"};
    uint8_t hash[SHA256_SIZE];
    (void)state;
    set_apps(left, 1);
    post("/v1/token/refresh", refresh_body(hash));
    assert_problem(401, "invalid_refresh_token", "登录已过期，请重新登录");
}

static void a_refresh_that_the_store_cannot_do_may_be_tried_again(void **state)
{
    uint8_t hash[SHA256_SIZE];
    (void)state;
    assert_store_failures_are_told("POST", "/v1/token/refresh", refresh_body(hash));
}

static void a_refresh_whose_call_is_over_is_forgotten(void **state)
{
    uint8_t hash[SHA256_SIZE];
    (void)state;
    played.store_silent = true;
    post("/v1/token/refresh", refresh_body(hash));
    assert_status(504);
    answer_store();
    post("/v1/token/refresh", refresh_body(hash)); /* and this one is freed with the dialects */
    assert_status(504);
}

static void reuse_is_announced_even_when_the_client_is_gone(void **state)
{
    uint8_t hash[SHA256_SIZE];
    (void)state;
    give_sessions(1);
    played.result.status = STORE_REUSED;
    played.store_silent = true;
    post("/v1/token/refresh", refresh_body(hash));
    assert_status(504);
    answer_store();
    assert_int_equal(played.announcements, 1);
}

/* ---- POST /v1/logout ---- */

static void a_logout_ends_the_session_of_the_token(void **state)
{
    static const char *const bodies[] = {"", "{}", "{\"all\":false}", "all=0"};
    (void)state;
    give_sessions(1);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        ask("POST", "/v1/logout", bearer(), bodies[i]);
        assert_status(200);
        assert_json("{\"ended\":1}");
        assert_string_equal(played.asked, "session_end");
        assert_int_equal(played.store_user_id, 42);
        assert_string_equal(played.sid, SID);
        assert_int_equal(wall_between(played.now, played.until), JWT_TTL_S * 1000LL);
        assert_int_equal(played.announcements, i + 1);
        assert_int_equal(played.announced, 1);
        assert_string_equal(played.announced_sid, SID);
    }
}

static void a_logout_of_all_ends_and_counts_all(void **state)
{
    (void)state;
    give_sessions(2);
    ask("POST", "/v1/logout", bearer(), "{\"all\":true}");
    assert_status(200);
    assert_json("{\"ended\":2}");
    assert_string_equal(played.asked, "sessions_end_all");
    assert_int_equal(played.store_user_id, 42);
    assert_int_equal(played.announced, 2);
    assert_jwt_end(played.announced_until);
    ask("POST", "/v1/logout", bearer(), "all=true");
    assert_json("{\"ended\":2}");
}

static void a_logout_of_a_session_that_is_over_is_a_logout_too(void **state)
{
    (void)state;
    played.result.status = STORE_NOT_FOUND;
    ask("POST", "/v1/logout", bearer(), "");
    assert_status(200);
    assert_json("{\"ended\":0}");
    assert_int_equal(played.announcements, 0);
}

static void a_logout_that_cannot_be_read_or_stored_ends_nothing(void **state)
{
    (void)state;
    ask("POST", "/v1/logout", bearer(), "{");
    assert_problem(400, "malformed_request", "请求格式错误");
    assert_null(played.asked);
    assert_store_failures_are_told("POST", "/v1/logout", "");
}

static void a_logout_whose_client_is_gone_is_announced_all_the_same(void **state)
{
    (void)state;
    give_sessions(1);
    played.store_silent = true;
    ask("POST", "/v1/logout", bearer(), "");
    assert_status(504);
    assert_int_equal(played.announcements, 0);
    answer_store();
    assert_int_equal(played.announcements, 1);
}

/* ---- GET /v1/sessions ---- */

static void sessions_are_listed_and_the_callers_own_is_marked(void **state)
{
    (void)state;
    give_sessions(2);
    ask("GET", "/v1/sessions", bearer(), "");
    assert_status(200);
    assert_json("{\"sessions\":[{\"id\":\"" SID "\",\"device\":\"iPhone 15\",\"createdAt\":"
                "1700000000001,\"lastUsedAt\":1700000000002,\"expiresAt\":1800000000003,"
                "\"current\":true},{\"id\":\"" OTHER_SID "\",\"device\":\"\",\"createdAt\":"
                "1700000000001,\"lastUsedAt\":1700000000002,\"expiresAt\":1800000000003,"
                "\"current\":false}]}");
    assert_string_equal(played.asked, "sessions_list");
    assert_int_equal(played.store_user_id, 42);
}

static void a_list_without_sessions_is_empty(void **state)
{
    (void)state;
    ask("GET", "/v1/sessions", bearer(), "");
    assert_status(200);
    assert_json("{\"sessions\":[]}");
}

static void a_list_that_the_store_cannot_give_is_told(void **state)
{
    (void)state;
    assert_store_failures_are_told("GET", "/v1/sessions", "");
}

static void a_list_for_a_session_that_ended_meanwhile_is_not_given(void **state)
{
    (void)state;
    give_sessions(2);
    played.ends_meanwhile = SID;
    ask("GET", "/v1/sessions", bearer(), "");
    assert_problem(401, "invalid_token", "Token 无效或已过期");
}

/* ---- DELETE /v1/sessions/{id} ---- */

static void one_session_is_ended_and_announced(void **state)
{
    (void)state;
    give_sessions(2);
    played.result.sessions = sessions + 1;
    played.result.n_sessions = 1;
    ask("DELETE", "/v1/sessions/" OTHER_SID, bearer(), "");
    assert_status(204);
    assert_string_equal(body_of_reply(), "");
    assert_header("Cache-Control: no-store\r\n");
    assert_string_equal(played.asked, "session_end");
    assert_int_equal(played.store_user_id, 42);
    assert_string_equal(played.sid, OTHER_SID);
    assert_int_equal(wall_between(played.now, played.until), JWT_TTL_S * 1000LL);
    assert_string_equal(played.announced_sid, OTHER_SID);
    assert_int_equal(played.announced, 1);
}

static void a_session_that_is_not_the_users_or_no_session_is_not_found(void **state)
{
    static const char *const paths[] = {"/v1/sessions/1", "/v1/sessions/" SID "0",
                                        "/v1/sessions/..%2Fme",
                                        "/v1/sessions/0123456789ABCDEF0123456789ABCDEF"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        ask("DELETE", paths[i], bearer(), "");
        assert_problem(404, "not_found", "没有找到");
        assert_null(played.asked);
    }
    played.result.status = STORE_NOT_FOUND;
    ask("DELETE", "/v1/sessions/" OTHER_SID, bearer(), "");
    assert_problem(404, "not_found", "没有找到");
    assert_int_equal(played.announcements, 0);
}

static void ending_one_that_the_store_cannot_end_is_told(void **state)
{
    (void)state;
    assert_store_failures_are_told("DELETE", "/v1/sessions/" OTHER_SID, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dialects_setup, dialects_teardown)
        TEST(a_refresh_token_is_rotated_and_gives_a_new_access_token),
        TEST(a_refresh_token_that_was_used_before_ends_its_session_everywhere),
        TEST(a_refresh_token_of_no_living_session_is_refused),
        TEST(a_refresh_without_a_token_is_a_bad_request),
        TEST(a_session_of_an_app_that_was_removed_is_not_refreshed),
        TEST(a_refresh_that_the_store_cannot_do_may_be_tried_again),
        TEST(a_refresh_whose_call_is_over_is_forgotten),
        TEST(reuse_is_announced_even_when_the_client_is_gone),
        TEST(a_logout_ends_the_session_of_the_token),
        TEST(a_logout_of_all_ends_and_counts_all),
        TEST(a_logout_of_a_session_that_is_over_is_a_logout_too),
        TEST(a_logout_that_cannot_be_read_or_stored_ends_nothing),
        TEST(a_logout_whose_client_is_gone_is_announced_all_the_same),
        TEST(sessions_are_listed_and_the_callers_own_is_marked),
        TEST(a_list_without_sessions_is_empty),
        TEST(a_list_that_the_store_cannot_give_is_told),
        TEST(a_list_for_a_session_that_ended_meanwhile_is_not_given),
        TEST(one_session_is_ended_and_announced),
        TEST(a_session_that_is_not_the_users_or_no_session_is_not_found),
        TEST(ending_one_that_the_store_cannot_end_is_told),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
