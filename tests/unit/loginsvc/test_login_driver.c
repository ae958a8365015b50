/* The driver of logins: who is asked what, that late answers find nobody, and that nothing is done
 * beyond the limits. Run under the sanitizers, it also shows that nothing is used after its end.
 * test_login_claiming.c has the claims, test_login_kinds.c what each kind of login does. */
#include "driver_fixture.h"

#include "sys/clock.h"

/* ---- exchanges ---- */

static void a_login_asks_both_at_once_stores_and_answers_with_a_good_jwt(void **state)
{
    struct jwt_claims claims;
    (void)state;
    start_claimed(LOGIN_BY_BOTH);
    assert_int_equal(stage.session_calls, 1);
    assert_int_equal(stage.phone_calls, 1);
    assert_string_equal(stage.phone_token, "token-5");
    give_phone();
    assert_int_equal(stage.stores, 0);
    give_session();
    assert_int_equal(stage.stores, 1);
    assert_string_equal(stage.stored.appid, APPID);
    assert_string_equal(stage.stored.openid, OPENID);
    assert_string_equal(stage.stored.unionid, UNIONID);
    assert_string_equal(stage.stored.phone, PHONE);
    assert_string_equal(stage.stored.country_code, "86");
    assert_int_equal(stage.answers, 0);
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_true(stage.outcome.is_new);
    assert_int_equal(stage.outcome.user.id, USER_ID);
    assert_int_equal(jwt_signer_verify(stage.signer, slice_of(stage.outcome.access_token),
                                       clock_wall(), &claims),
                     JWT_OK);
    assert_int_equal(claims.user_id, USER_ID);
    assert_string_equal(claims.openid, OPENID);
    assert_string_equal(claims.appid, APPID);
    assert_string_equal(claims.sid, stage.stored.session.id);
    assert_int_equal(claims.exp_s - claims.iat_s, JWT_TTL_S);
    assert_int_equal(stage.outcome.expires_in_s, JWT_TTL_S);
}

static void the_session_that_is_stored_is_that_of_the_refresh_token(void **state)
{
    char sid[SESSION_ID_SIZE];
    uint8_t hash[SHA256_SIZE];
    (void)state;
    start_claimed(LOGIN_BY_OPENID);
    give_session();
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_true(session_parse_refresh(slice_of(stage.outcome.refresh_token), sid, hash));
    assert_string_equal(sid, stage.stored.session.id);
    assert_memory_equal(hash, stage.stored.session.refresh_hash, sizeof hash);
    assert_int_equal(wall_between(stage.stored.now, stage.stored.session.expires_at),
                     SESSION_TTL_S * 1000LL);
}

static void what_the_client_says_of_itself_is_stored(void **state)
{
    struct login_request r = request_of(LOGIN_BY_OPENID);
    (void)state;
    r.nickname = SLICE_LIT("小明");
    r.avatar = SLICE_LIT("https://example.com/a.png");
    r.device = SLICE_LIT("iPhone 15");
    assert_int_equal(start_request(&r), LOGIN_OK);
    answer_claim(CLAIM_MINE);
    give_session();
    assert_string_equal(stage.stored.nickname, "小明");
    assert_string_equal(stage.stored.avatar, "https://example.com/a.png");
    assert_string_equal(stage.stored.device, "iPhone 15");
}

static void
a_refused_code_ends_the_login_with_wechats_number_and_id_and_without_tokens(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_OPENID);
    refuse_session(refusal(ERR_USER, 40029));
    assert_answered(LOGIN_REFUSED);
    assert_int_equal(stage.outcome.result.errcode, 40029);
    assert_string_equal(stage.outcome.rid, "12345678-12345678-12345678");
    assert_string_equal(stage.outcome.access_token, "");
    assert_string_equal(stage.outcome.refresh_token, "");
    assert_int_equal(stage.stores, 0);
}

static void a_request_that_never_left_is_sent_again_with_the_same_code(void **state)
{
    (void)state;
    set_timeout(LONG_TIMEOUT_MS);
    start_claimed(LOGIN_BY_OPENID);
    refuse_session(not_sent());
    assert_int_equal(stage.session_calls, 1);
    run_until(&stage.session_calls, 2);
    give_session();
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
}

static void a_code_whose_answer_is_lost_is_not_sent_again(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_OPENID);
    refuse_session(no_answer());
    assert_answered(LOGIN_UNSURE);
    run_for(TIMEOUT_MS + 50);
    assert_int_equal(stage.session_calls, 1);
}

/* ---- tokens ---- */

static void a_displaced_token_is_reported_and_the_same_code_sent_with_the_next(void **state)
{
    const struct token_view newer = {SLICE_LIT("token-6"), 6, 1000};
    (void)state;
    start_claimed(LOGIN_BY_PHONE);
    refuse_phone(refusal(ERR_TOKEN, 40001));
    assert_int_equal(stage.reports, 1);
    assert_int_equal(stage.reported, 5);
    assert_int_equal(stage.waits, 1);
    assert_int_equal(stage.phone_calls, 1);
    stage.token = "token-6";
    stage.version = 6;
    stage.wait_fn(&newer, stage.wait_arg);
    assert_int_equal(stage.phone_calls, 2);
    assert_string_equal(stage.phone_token, "token-6");
    give_phone();
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(login_driver_stats(stage.driver).tokens_refused, 1);
}

static void a_login_that_waits_for_a_token_ends_at_its_deadline_and_waits_no_more(void **state)
{
    (void)state;
    stage.token = NULL;
    start_claimed(LOGIN_BY_PHONE);
    assert_int_equal(stage.waits, 1);
    stage.wait_fn(NULL, stage.wait_arg);
    assert_int_equal(stage.waits, 1);
    run_for(TIMEOUT_MS + 50);
    assert_answered(LOGIN_NO_TOKEN);
    assert_int_equal(stage.phone_calls, 0);
    assert_int_equal(stage.cancels, 1);
}

static void without_a_token_the_login_code_is_not_spent_either(void **state)
{
    (void)state;
    stage.token = NULL;
    start_claimed(LOGIN_BY_BOTH);
    assert_int_equal(stage.session_calls + stage.phone_calls, 0);
}

static void a_login_without_a_phone_needs_no_token(void **state)
{
    (void)state;
    stage.token = NULL;
    start_claimed(LOGIN_BY_OPENID);
    give_session();
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(stage.waits, 0);
}

/* ---- what comes late ---- */

static void answers_after_the_end_find_nobody(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_BOTH);
    run_for(TIMEOUT_MS + 50);
    assert_answered(LOGIN_UNSURE);
    give_session();
    give_phone();
    assert_int_equal(stage.answers, 1);
    assert_int_equal(stage.stores, 0);
    assert_int_equal(login_driver_stats(stage.driver).late, 2);
    assert_int_equal(stage.paid_late, 1); /* WeChat gave the number, and is paid for it */
}

/* Until three quarters of its time a lenient login waits for the phone. */
static void a_phone_that_a_lenient_login_did_not_wait_for_is_paid_for_and_not_bound(void **state)
{
    (void)state;
    set_timeout(LONG_TIMEOUT_MS);
    start_claimed(LOGIN_LENIENT);
    run_for(LONG_TIMEOUT_MS * 3 / 4 + 20);
    give_phone();
    assert_int_equal(stage.paid_late, 1);
    give_session();
    assert_int_equal(stage.stores, 1);
    assert_string_equal(stage.stored.phone, "");
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(stage.outcome.phone_result.ending, LOGIN_UNSURE);
    assert_false(stage.settlement.paid);
    assert_int_equal(login_driver_stats(stage.driver).late, 1);
}

static void a_late_store_finds_nobody(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_OPENID);
    give_session();
    run_for(TIMEOUT_MS + 50);
    assert_answered(LOGIN_STORE_FAILED);
    assert_string_equal(stage.outcome.refresh_token, "");
    answer_store(STORE_OK);
    assert_int_equal(stage.answers, 1);
    assert_int_equal(stage.session_keys, 0);
    assert_int_equal(login_driver_stats(stage.driver).late, 1);
}

/* ---- limits ---- */

static void beyond_the_limit_wechat_is_not_asked(void **state)
{
    struct login_request r = request_of(LOGIN_BY_OPENID);
    (void)state;
    for (int i = 0; i < MAX_LOGINS; i++)
        start(LOGIN_BY_OPENID);
    assert_int_equal(start_request(&r), LOGIN_OVERLOADED);
    assert_int_equal(stage.claims_asked, MAX_LOGINS);
}

static void a_login_that_the_store_would_have_no_room_for_is_not_begun(void **state)
{
    struct login_request r = request_of(LOGIN_BY_OPENID);
    (void)state;
    stage.store_under_way = STORE_QUEUE - 1;
    start(LOGIN_BY_OPENID);
    assert_int_equal(start_request(&r), LOGIN_OVERLOADED);
    assert_int_equal(stage.claims_asked, 1);
}

static void new_limits_hold_for_logins_to_come(void **state)
{
    const struct login_limits limits = {
        .timeout_ms = TIMEOUT_MS, .jwt_ttl_ms = 60000, .max_logins = 1, .store_queue = STORE_QUEUE};
    struct login_request r = request_of(LOGIN_BY_OPENID);
    (void)state;
    login_driver_set_limits(stage.driver, &limits);
    start_claimed(LOGIN_BY_OPENID);
    assert_int_equal(start_request(&r), LOGIN_OVERLOADED);
    give_session();
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(stage.outcome.expires_in_s, 60);
}

static void while_the_database_is_away_no_code_is_claimed(void **state)
{
    struct login_request r = request_of(LOGIN_BY_BOTH);
    (void)state;
    stage.store_unhealthy = true;
    assert_int_equal(start_request(&r), LOGIN_STORE_FAILED);
    assert_int_equal(stage.claims_asked, 0);
    assert_int_equal(stage.answers, 0);
}

static void a_number_that_is_only_shown_needs_no_database(void **state)
{
    (void)state;
    stage.store_unhealthy = true;
    start_claimed(LOGIN_SHOW_PHONE);
    give_phone();
    assert_answered(LOGIN_OK);
}

static void a_full_store_ends_the_login(void **state)
{
    (void)state;
    stage.store_full = true;
    start_claimed(LOGIN_BY_OPENID);
    give_session();
    assert_answered(LOGIN_STORE_FAILED);
    assert_string_equal(stage.outcome.refresh_token, "");
}

/* ---- ends ---- */

static void a_driver_that_goes_forgets_its_logins(void **state)
{
    (void)state;
    stage.token = NULL;
    start_claimed(LOGIN_BY_BOTH);
    login_driver_free(stage.driver);
    stage.driver = NULL;
    assert_int_equal(stage.answers, 0);
    assert_int_equal(stage.cancels, 1);
}

static void a_driver_that_goes_forgets_its_calls_too(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_BOTH);
    login_driver_free(stage.driver);
    stage.driver = NULL;
    assert_int_equal(stage.answers, 0);
}

static void a_removed_app_serves_its_last_login(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_OPENID);
    assert_true(apps_replace(stage.apps, NULL, 0, NULL));
    give_session();
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, driver_setup, driver_teardown)
        TEST(a_login_asks_both_at_once_stores_and_answers_with_a_good_jwt),
        TEST(the_session_that_is_stored_is_that_of_the_refresh_token),
        TEST(what_the_client_says_of_itself_is_stored),
        TEST(a_refused_code_ends_the_login_with_wechats_number_and_id_and_without_tokens),
        TEST(a_request_that_never_left_is_sent_again_with_the_same_code),
        TEST(a_code_whose_answer_is_lost_is_not_sent_again),
        TEST(a_displaced_token_is_reported_and_the_same_code_sent_with_the_next),
        TEST(a_login_that_waits_for_a_token_ends_at_its_deadline_and_waits_no_more),
        TEST(without_a_token_the_login_code_is_not_spent_either),
        TEST(a_login_without_a_phone_needs_no_token),
        TEST(answers_after_the_end_find_nobody),
        TEST(a_phone_that_a_lenient_login_did_not_wait_for_is_paid_for_and_not_bound),
        TEST(a_late_store_finds_nobody),
        TEST(beyond_the_limit_wechat_is_not_asked),
        TEST(a_login_that_the_store_would_have_no_room_for_is_not_begun),
        TEST(new_limits_hold_for_logins_to_come),
        TEST(while_the_database_is_away_no_code_is_claimed),
        TEST(a_number_that_is_only_shown_needs_no_database),
        TEST(a_full_store_ends_the_login),
        TEST(a_driver_that_goes_forgets_its_logins),
        TEST(a_driver_that_goes_forgets_its_calls_too),
        TEST(a_removed_app_serves_its_last_login),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
