/* Whose call it is: every endpoint that acts for a user lets nobody in without a good token of a
 * session that lives, in an app that is ours. */
#include "dialects_fixture.h"

#include <stdlib.h>
#include <string.h>

static const struct endpoint {
    const char *method, *path, *body;
} native[] = {
    {"POST", "/v1/phone", "{\"phoneCode\":\"P1\"}"},
    {"POST", "/v1/phone/decrypt", "{\"encryptedData\":\"QUJD\",\"iv\":\"QUJD\"}"},
    {"POST", "/v1/logout", ""},
    {"GET", "/v1/sessions", ""},
    {"DELETE", "/v1/sessions/" SID, ""},
    {"GET", "/v1/me", ""},
    {"PATCH", "/v1/me", "{\"nickname\":\"x\"}"},
    {"DELETE", "/v1/me", ""},
    {"GET", "/v1/verify", ""},
};

static void assert_nobody_was_asked(void)
{
    assert_int_equal(played.started, 0);
    assert_null(played.asked);
    assert_int_equal(played.keys_asked + played.keys_forgotten, 0);
    assert_int_equal(played.announcements, 0);
}

/* Every native endpoint refuses this Authorization with 401 and this challenge. */
static void assert_all_refuse(const char *head, const char *code, const char *challenge)
{
    for (size_t i = 0; i < ARRAY_LEN(native); i++) {
        ask(native[i].method, native[i].path, head, native[i].body);
        assert_status(401);
        assert_member("code", code);
        assert_header(challenge);
    }
    assert_nobody_was_asked();
}

static void assert_all_call_it_invalid(const char *head)
{
    assert_all_refuse(head, "invalid_token",
                      "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n");
}

static void without_a_token_nobody_is_let_in(void **state)
{
    static const char challenge[] = "WWW-Authenticate: Bearer\r\n";
    (void)state;
    assert_all_refuse("", "unauthorized", challenge);
    assert_all_refuse("Authorization: \r\n", "unauthorized", challenge);
    assert_all_refuse("Authorization: Bearer\r\n", "unauthorized", challenge);
    assert_all_refuse("Authorization: Bearer  \r\n", "unauthorized", challenge);
    assert_all_refuse(authorization("JWT ", "", now_s() + 3600), "unauthorized", challenge);
    assert_all_refuse(authorization("", "", now_s() + 3600), "unauthorized", challenge);
}

static void the_scheme_may_be_in_any_case_and_followed_by_blanks(void **state)
{
    (void)state;
    ask("GET", "/v1/verify", authorization("bearer  ", "", now_s() + 3600), "");
    assert_status(200);
    ask("GET", "/v1/verify", authorization("BEARER ", " ", now_s() + 3600), "");
    assert_status(200);
}

static void a_token_that_is_over_is_refused(void **state)
{
    (void)state;
    assert_all_call_it_invalid(authorization("Bearer ", "", now_s() - 1));
}

/* An ended session is remembered for JWT_TTL as it is: an older token that is not over yet could
 * come back to life. */
static void when_the_life_of_tokens_was_shortened_older_ones_are_over(void **state)
{
    int64_t exp_s = now_s() + 60;
    (void)state;
    site.limits.jwt_ttl_ms = (JWT_TTL_S - 30) * 1000LL;
    ask("GET", "/v1/verify", authorization("Bearer ", "", exp_s), "");
    assert_status(200);
    site.limits.jwt_ttl_ms = (JWT_TTL_S - 60) * 1000LL;
    assert_all_call_it_invalid(authorization("Bearer ", "", exp_s));
}

/* The good token, changed by the caller. */
static char *good_token(void)
{
    const char *line = bearer();
    const char *token = line + strlen("Authorization: Bearer ");
    return slice_dup((struct slice){token, strcspn(token, "\r")});
}

static void assert_token_refused(const char *token)
{
    char head[JWT_TEXT_MAX + 64];
    struct text text = text_init(head, sizeof head);
    text_fmt(&text, "Authorization: Bearer %s\r\n", token);
    assert_all_call_it_invalid(head);
}

static void forged_and_cut_tokens_are_refused(void **state)
{
    char forged[JWT_TEXT_MAX + 1];
    char *good = good_token();
    char *claims = strchr(good, '.'), *signature = strrchr(good, '.');
    struct text text = text_init(forged, sizeof forged);
    (void)state;
    assert_token_refused("nonsense");
    text_fmt(&text, "eyJhbGciOiJub25lIn0%.*s.", (int)(signature - claims), claims); /* alg none */
    assert_token_refused(forged);
    text = text_init(forged, sizeof forged);
    text_fmt(&text, "%.*s", (int)(signature - good), good);
    assert_token_refused(forged);
    text = text_init(forged, sizeof forged);
    text_fmt(&text, "%.*s", (int)strlen(good) - 1, good);
    assert_token_refused(forged);
    signature[1] = signature[1] == 'A' ? 'B' : 'A';
    assert_token_refused(good);
    free(good);
}

static void a_token_whose_session_was_ended_is_refused(void **state)
{
    (void)state;
    played.ended_sid = SID;
    assert_all_call_it_invalid(bearer());
    played.ended_sid = "ffffffffffffffffffffffffffffffff";
    ask("GET", "/v1/verify", bearer(), "");
    assert_status(200);
}

static void a_token_of_an_app_that_was_removed_is_refused(void **state)
{
    static const char *const left[] = {"wxapp2"};
    (void)state;
    set_apps(left, 1);
    assert_all_call_it_invalid(bearer());
    ask("GET", "/v1/verify", bearer_of_app("wxapp2"), "");
    assert_status(200);
}

/* Who was logged out is not known yet: neither yes nor no would be true. */
static void before_the_ended_sessions_are_known_no_token_is_judged(void **state)
{
    (void)state;
    played.not_loaded = true;
    for (size_t i = 0; i < ARRAY_LEN(native); i++) {
        ask(native[i].method, native[i].path, bearer(), native[i].body);
        assert_problem(503, "overloaded", "当前登录人数较多，请稍后再试");
        assert_header("Retry-After: 1\r\n");
    }
    assert_nobody_was_asked();
}

static bool metrics_say(const char *line)
{
    size_t n;
    char *text = metrics_text(site.metrics, &n);
    bool found = strstr(text, line) != NULL;
    free(text);
    return found;
}

static void checks_are_counted_by_dialect_and_outcome(void **state)
{
    (void)state;
    ask("GET", "/v1/verify", bearer(), "");
    ask("GET", "/v1/verify", "", "");
    ask("POST", "/api/user/checkToken", authorization("Bearer ", "", now_s() - 1), "");
    played.ended_sid = SID;
    ask("POST", "/api/auth/phone", bearer(), "{\"phoneCode\":\"P1\"}");
    played.not_loaded = true;
    ask("GET", "/v1/verify", bearer(), "");
#define CHECKS "loginsvc_token_checks_total"
    assert_true(metrics_say(CHECKS "{dialect=\"native\",outcome=\"ok\"} 1"));
    assert_true(metrics_say(CHECKS "{dialect=\"native\",outcome=\"none\"} 1"));
    assert_true(metrics_say(CHECKS "{dialect=\"002\",outcome=\"expired\"} 1"));
    assert_true(metrics_say(CHECKS "{dialect=\"000\",outcome=\"ended\"} 1"));
    assert_true(metrics_say(CHECKS "{dialect=\"native\",outcome=\"not_ready\"} 1"));
#undef CHECKS
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dialects_setup, dialects_teardown)
        TEST(without_a_token_nobody_is_let_in),
        TEST(the_scheme_may_be_in_any_case_and_followed_by_blanks),
        TEST(a_token_that_is_over_is_refused),
        TEST(when_the_life_of_tokens_was_shortened_older_ones_are_over),
        TEST(forged_and_cut_tokens_are_refused),
        TEST(a_token_whose_session_was_ended_is_refused),
        TEST(a_token_of_an_app_that_was_removed_is_refused),
        TEST(before_the_ended_sessions_are_known_no_token_is_judged),
        TEST(checks_are_counted_by_dialect_and_outcome),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
