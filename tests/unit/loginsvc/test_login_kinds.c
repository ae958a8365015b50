/* What each kind of login asks for, stores and answers. */
#include "driver_fixture.h"

#include "sys/clock.h"

/* ---- by phone alone ---- */

static void nobody_with_this_phone_is_told_with_the_phone_and_a_ticket(void **state)
{
    struct register_ticket ticket;
    (void)state;
    start_claimed(LOGIN_BY_PHONE);
    assert_int_equal(stage.session_calls, 0);
    give_phone();
    assert_string_equal(stage.stored.openid, "");
    assert_string_equal(stage.stored.phone, PHONE);
    answer_store(STORE_NOT_FOUND);
    assert_answered(LOGIN_NOT_REGISTERED);
    assert_string_equal(stage.outcome.phone, PHONE);
    assert_string_equal(stage.outcome.access_token, "");
    assert_string_equal(stage.outcome.refresh_token, "");
    assert_true(register_ticket_open(stage.tickets, slice_of(stage.outcome.register_ticket),
                                     clock_wall(), &ticket));
    assert_string_equal(ticket.appid, APPID);
    assert_string_equal(ticket.phone, PHONE);
    assert_string_equal(ticket.country_code, "86");
}

/* ---- lenient ---- */

static void a_lenient_login_binds_the_phone_when_it_gets_one(void **state)
{
    (void)state;
    start_claimed(LOGIN_LENIENT);
    give_session();
    assert_int_equal(stage.stores, 0);
    give_phone();
    assert_string_equal(stage.stored.phone, PHONE);
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(stage.outcome.phone_result.ending, LOGIN_OK);
}

static void a_lenient_login_goes_on_without_a_phone_that_wechat_refuses_and_says_why(void **state)
{
    (void)state;
    start_claimed(LOGIN_LENIENT);
    refuse_phone(refusal(ERR_USER, 40029));
    give_session();
    assert_string_equal(stage.stored.openid, OPENID);
    assert_string_equal(stage.stored.phone, "");
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(stage.outcome.phone_result.ending, LOGIN_REFUSED);
    assert_int_equal(stage.outcome.phone_result.errcode, 40029);
}

static void a_lenient_login_does_not_wait_for_the_phone_until_its_own_time_is_over(void **state)
{
    (void)state;
    set_timeout(LONG_TIMEOUT_MS);
    start_claimed(LOGIN_LENIENT);
    give_session();
    run_until(&stage.stores, 1);
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(stage.outcome.phone_result.ending, LOGIN_UNSURE);
}

static void a_lenient_login_needs_no_token_for_its_login_code(void **state)
{
    (void)state;
    set_timeout(LONG_TIMEOUT_MS);
    stage.token = NULL;
    start_claimed(LOGIN_LENIENT);
    assert_int_equal(stage.session_calls, 1);
    give_session();
    run_until(&stage.stores, 1);
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(stage.outcome.phone_result.ending, LOGIN_NO_TOKEN);
}

static void a_lenient_login_is_strict_about_its_login_code(void **state)
{
    (void)state;
    start_claimed(LOGIN_LENIENT);
    give_phone();
    refuse_session(refusal(ERR_USER, 40163));
    assert_answered(LOGIN_REFUSED);
    assert_int_equal(stage.outcome.result.errcode, 40163);
    assert_int_equal(stage.stores, 0);
}

/* ---- tickets ---- */

static void a_ticket_registers_its_own_phone_without_a_call_to_wechat(void **state)
{
    struct login_request r = request_of(LOGIN_BY_TICKET);
    (void)state;
    assert_int_equal(start_request(&r), LOGIN_OK);
    assert_int_equal(stage.stores, 0);
    answer_claim(CLAIM_MINE);
    assert_int_equal(stage.session_calls + stage.phone_calls, 0);
    assert_int_equal(stage.stores, 1);
    assert_string_equal(stage.stored.ticket, TICKET_ID);
    assert_int_equal(stage.stored.ticket_expires_at.ms, r.ticket->expires_at.ms);
    assert_string_equal(stage.stored.openid, "");
    assert_string_equal(stage.stored.phone, "13900139000");
    assert_string_equal(stage.stored.country_code, "852");
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_string_not_equal(stage.outcome.access_token, "");
}

static void a_ticket_with_a_login_code_registers_the_openid_too(void **state)
{
    struct login_request r = request_of(LOGIN_BY_OPENID);
    (void)state;
    r.ticket = request_of(LOGIN_BY_TICKET).ticket;
    assert_int_equal(start_request(&r), LOGIN_OK);
    answer_claim(CLAIM_MINE);
    assert_int_equal(stage.session_calls, 1);
    give_session();
    assert_string_equal(stage.stored.ticket, TICKET_ID);
    assert_string_equal(stage.stored.openid, OPENID);
    assert_string_equal(stage.stored.phone, "13900139000");
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
}

static void a_ticket_that_was_used_ends_so(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_TICKET);
    answer_store(STORE_REUSED);
    assert_answered(LOGIN_TICKET_USED);
    assert_string_equal(stage.outcome.refresh_token, "");
}

/* ---- the phone of a user who is logged in, and of nobody ---- */

static void binding_a_phone_sets_it_for_that_user_and_gives_no_session(void **state)
{
    (void)state;
    start_claimed(LOGIN_BIND_PHONE);
    assert_int_equal(stage.session_calls, 0);
    give_phone();
    assert_int_equal(stage.stores, 0);
    assert_int_equal(stage.set_phones, 1);
    assert_int_equal(stage.phone_user_id, USER_ID);
    assert_string_equal(stage.set_phone, PHONE);
    assert_string_equal(stage.set_country_code, "86");
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(stage.outcome.user.id, USER_ID);
    assert_string_equal(stage.outcome.access_token, "");
    assert_string_equal(stage.outcome.refresh_token, "");
}

static void binding_a_phone_to_a_user_who_was_erased_meanwhile_ends_so(void **state)
{
    (void)state;
    start_claimed(LOGIN_BIND_PHONE);
    give_phone();
    answer_store(STORE_NOT_FOUND);
    assert_answered(LOGIN_USER_GONE);
    assert_string_equal(stage.outcome.register_ticket, "");
}

static void showing_a_phone_stores_nothing(void **state)
{
    (void)state;
    start_claimed(LOGIN_SHOW_PHONE);
    give_phone();
    assert_answered(LOGIN_OK);
    assert_int_equal(stage.stores + stage.set_phones, 0);
    assert_string_equal(stage.outcome.phone, PHONE);
    assert_string_equal(stage.outcome.country_code, "86");
    assert_int_equal(stage.outcome.user.id, 0);
    assert_string_equal(stage.outcome.access_token, "");
}

/* ---- the session_key ---- */

static void the_session_key_of_a_stored_login_is_kept_for_its_user(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_BOTH);
    give_session();
    give_phone();
    assert_int_equal(stage.session_keys, 0);
    answer_store(STORE_OK);
    assert_int_equal(stage.session_keys, 1);
    assert_int_equal(stage.session_key_user, USER_ID);
    assert_string_equal(stage.session_key, SESSION_KEY);
    assert_int_equal(stage.session_key_ttl_ms, SESSION_KEY_TTL_MS);
}

static void the_session_key_of_a_login_that_was_not_stored_is_not_kept(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_BOTH);
    give_session();
    refuse_phone(refusal(ERR_USER, 40029));
    assert_answered(LOGIN_REFUSED);
    assert_int_equal(stage.session_keys, 0);
    stage.answers = 0;
    start_claimed(LOGIN_BY_OPENID);
    give_session();
    fail_store(ERR_BACKOFF);
    assert_answered(LOGIN_STORE_FAILED);
    assert_int_equal(stage.session_keys, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, driver_setup, driver_teardown)
        TEST(nobody_with_this_phone_is_told_with_the_phone_and_a_ticket),
        TEST(a_lenient_login_binds_the_phone_when_it_gets_one),
        TEST(a_lenient_login_goes_on_without_a_phone_that_wechat_refuses_and_says_why),
        TEST(a_lenient_login_does_not_wait_for_the_phone_until_its_own_time_is_over),
        TEST(a_lenient_login_needs_no_token_for_its_login_code),
        TEST(a_lenient_login_is_strict_about_its_login_code),
        TEST(a_ticket_registers_its_own_phone_without_a_call_to_wechat),
        TEST(a_ticket_with_a_login_code_registers_the_openid_too),
        TEST(a_ticket_that_was_used_ends_so),
        TEST(binding_a_phone_sets_it_for_that_user_and_gives_no_session),
        TEST(binding_a_phone_to_a_user_who_was_erased_meanwhile_ends_so),
        TEST(showing_a_phone_stores_nothing),
        TEST(the_session_key_of_a_stored_login_is_kept_for_its_user),
        TEST(the_session_key_of_a_login_that_was_not_stored_is_not_kept),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
