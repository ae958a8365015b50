/* What one login promises of its exchanges, case by case; test_login_sim.c looks for the cases
 * nobody thought of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core_fixture.h"

/* ---- exchanging ---- */

static void both_codes_are_sent_at_the_same_time(void **state)
{
    struct fixture f = started(LOGIN_BY_BOTH, 7);
    (void)state;
    assert_int_equal(f.out.n, 2);
    assert_action(&f, 0, LOGIN_ACT_SEND, LOGIN_SESSION);
    assert_int_equal(f.out.at[0].token_version, 0);
    assert_action(&f, 1, LOGIN_ACT_SEND, LOGIN_PHONE);
    assert_int_equal(f.out.at[1].token_version, 7);
}

static void one_code_alone_makes_one_call(void **state)
{
    struct fixture openid = started(LOGIN_BY_OPENID, 0);
    struct fixture phone = started(LOGIN_BY_PHONE, 7);
    (void)state;
    assert_sent(&openid, LOGIN_SESSION, 1);
    assert_sent(&phone, LOGIN_PHONE, 1);
}

static void it_stores_when_both_are_done_and_ends_when_stored(void **state)
{
    struct fixture f = started(LOGIN_BY_BOTH, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_NONE, 0);
    assert_int_equal(f.out.n, 0);
    answer(&f, 60, LOGIN_SESSION, ERR_NONE, 0);
    assert_int_equal(f.out.n, 1);
    assert_int_equal(f.out.at[0].kind, LOGIN_ACT_STORE);
    step(&f, 61, (struct login_event){.kind = LOGIN_EV_STORED});
    assert_finished(&f, LOGIN_OK, 0);
    assert_int_equal(login_next_deadline(&f.login).ms, MONO_NEVER.ms);
}

static void by_phone_nobody_is_an_ending_of_its_own(void **state)
{
    struct fixture f = started(LOGIN_BY_PHONE, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_NONE, 0);
    step(&f, 60, (struct login_event){.kind = LOGIN_EV_NOBODY});
    assert_finished(&f, LOGIN_NOT_REGISTERED, 0);
}

static void the_session_code_decides_which_failure_is_told_in_either_order(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct fixture f = started(LOGIN_BY_BOTH, 7);
        if (order == 0) {
            answer(&f, 50, LOGIN_PHONE, ERR_USER, 40029);
            assert_int_equal(f.out.n, 0);
        }
        answer(&f, 60, LOGIN_SESSION, ERR_USER, 40163);
        assert_finished(&f, LOGIN_REFUSED, 40163);
        assert_int_equal(f.login.result.error_class, ERR_USER);
    }
}

static void a_refused_phone_code_is_told_once_the_session_is_known(void **state)
{
    struct fixture f = started(LOGIN_BY_BOTH, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_USER, 40029);
    assert_int_equal(f.out.n, 0);
    answer(&f, 60, LOGIN_SESSION, ERR_NONE, 0);
    assert_finished(&f, LOGIN_REFUSED, 40029);
}

static void a_dead_token_is_replaced_by_a_newer_known_one_at_once_without_a_report(void **state)
{
    struct fixture f = started(LOGIN_BY_PHONE, 7);
    (void)state;
    f.token = 8;
    answer(&f, 50, LOGIN_PHONE, ERR_TOKEN, 40001);
    assert_sent(&f, LOGIN_PHONE, 2);
    assert_int_equal(f.out.at[0].token_version, 8);
}

static void a_dead_token_is_reported_and_the_newer_one_used_when_it_comes(void **state)
{
    struct fixture f = started(LOGIN_BY_PHONE, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_TOKEN, 42001);
    assert_int_equal(f.out.n, 1);
    assert_action(&f, 0, LOGIN_ACT_REPORT, LOGIN_PHONE);
    assert_int_equal(f.out.at[0].token_version, 7);
    assert_int_equal(f.out.at[0].errcode, 42001);
    assert_true(login_wants_token(&f.login));
    look(&f, 60);
    assert_int_equal(f.out.n, 0);
    f.token = 8;
    look(&f, 300);
    assert_sent(&f, LOGIN_PHONE, 2);
    assert_int_equal(f.out.at[0].token_version, 8);
}

static void a_second_dead_token_is_reported_too_and_the_third_refusal_ends_the_login(void **state)
{
    struct fixture f = started(LOGIN_BY_PHONE, 7);
    (void)state;
    f.token = 8;
    answer(&f, 50, LOGIN_PHONE, ERR_TOKEN, 40001);
    assert_sent(&f, LOGIN_PHONE, 2);
    answer(&f, 90, LOGIN_PHONE, ERR_TOKEN, 40014);
    assert_int_equal(f.out.n, 1);
    assert_action(&f, 0, LOGIN_ACT_REPORT, LOGIN_PHONE);
    assert_int_equal(f.out.at[0].token_version, 8);
    f.token = 9;
    look(&f, 300);
    assert_sent(&f, LOGIN_PHONE, 3);
    answer(&f, 350, LOGIN_PHONE, ERR_TOKEN, 40001);
    assert_finished(&f, LOGIN_NO_TOKEN, 40001);
}

static void a_refused_token_is_tried_once_more_after_a_second_if_no_newer_came(void **state)
{
    struct fixture f = started(LOGIN_BY_PHONE, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_TOKEN, 40001);
    assert_int_equal(login_next_deadline(&f.login).ms, at(50 + EXCHANGE_FLAP_MS).ms);
    look(&f, 50 + EXCHANGE_FLAP_MS);
    assert_sent(&f, LOGIN_PHONE, 2);
    assert_int_equal(f.out.at[0].token_version, 7);
    answer(&f, 1100, LOGIN_PHONE, ERR_TOKEN, 40001); /* dead after all: a newer one is waited for */
    assert_int_equal(f.out.n, 0);
    assert_int_equal(login_next_deadline(&f.login).ms, at(DEADLINE_MS).ms);
    f.token = 8;
    look(&f, 2000);
    assert_sent(&f, LOGIN_PHONE, 3);
    assert_int_equal(f.out.at[0].token_version, 8);
}

static void without_any_token_it_waits_for_one_and_spends_neither_code(void **state)
{
    struct fixture f = started(LOGIN_BY_BOTH, 0);
    (void)state;
    assert_int_equal(f.out.n, 0);
    assert_true(login_wants_token(&f.login));
    assert_int_equal(login_next_deadline(&f.login).ms, at(DEADLINE_MS).ms);
    look(&f, DEADLINE_MS);
    assert_finished(&f, LOGIN_NO_TOKEN, 0);
}

static void the_first_token_that_comes_begins_both_exchanges(void **state)
{
    struct fixture f = started(LOGIN_BY_BOTH, 0);
    (void)state;
    f.token = 1;
    look(&f, 700);
    assert_int_equal(f.out.n, 2);
    answer(&f, 750, LOGIN_SESSION, ERR_NONE, 0);
    answer(&f, 760, LOGIN_PHONE, ERR_NONE, 0);
    assert_int_equal(f.login.state, LOGIN_STORING);
}

static void the_first_token_that_comes_is_used(void **state)
{
    struct fixture f = started(LOGIN_BY_PHONE, 0);
    (void)state;
    f.token = 1;
    look(&f, 700);
    assert_sent(&f, LOGIN_PHONE, 1);
    assert_int_equal(f.out.at[0].token_version, 1);
}

static void a_request_that_never_left_is_sent_again_twice_at_most(void **state)
{
    struct fixture f = started(LOGIN_BY_OPENID, 0);
    int64_t now = 10;
    (void)state;
    for (int again = 0; again < EXCHANGE_RESENDS; again++) {
        answer(&f, now, LOGIN_SESSION, ERR_RETRY, 0);
        assert_int_equal(f.out.n, 0);
        now = login_next_deadline(&f.login).ms - at(0).ms;
        look(&f, now - 1);
        assert_int_equal(f.out.n, 0);
        look(&f, now);
        assert_sent(&f, LOGIN_SESSION, again + 2);
    }
    answer(&f, now + 1, LOGIN_SESSION, ERR_RETRY, 0);
    assert_finished(&f, LOGIN_UNREACHABLE, 0);
}

static void a_code_whose_answer_is_lost_or_busy_is_never_sent_again(void **state)
{
    struct fixture lost = started(LOGIN_BY_OPENID, 0);
    struct fixture busy = started(LOGIN_BY_PHONE, 7);
    (void)state;
    answer(&lost, 50, LOGIN_SESSION, ERR_UNKNOWN, 0);
    assert_finished(&lost, LOGIN_UNSURE, 0);
    answer(&busy, 50, LOGIN_PHONE, ERR_BACKOFF, -1);
    assert_finished(&busy, LOGIN_UNSURE, -1);
}

static void the_minute_limit_is_a_refusal_and_not_a_doubt(void **state)
{
    struct fixture f = started(LOGIN_BY_PHONE, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_BACKOFF, 45011);
    assert_finished(&f, LOGIN_REFUSED, 45011);
    assert_int_equal(f.login.result.error_class, ERR_BACKOFF);
}

static void an_answer_that_never_comes_ends_at_the_deadline_in_doubt(void **state)
{
    struct fixture f = started(LOGIN_BY_BOTH, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_NONE, 0);
    look(&f, DEADLINE_MS);
    assert_finished(&f, LOGIN_UNSURE, 0);
}

static void at_the_deadline_a_token_error_does_not_send_the_code_again(void **state)
{
    struct fixture f = started(LOGIN_BY_PHONE, 7);
    (void)state;
    f.token = 8;
    answer(&f, DEADLINE_MS, LOGIN_PHONE, ERR_TOKEN, 40001);
    assert_int_equal(f.out.n, 1);
    assert_finished(&f, LOGIN_UNSURE, 0);
}

static void answers_to_an_earlier_attempt_and_after_the_end_are_ignored(void **state)
{
    struct fixture f = started(LOGIN_BY_PHONE, 7);
    (void)state;
    f.token = 8;
    answer(&f, 50, LOGIN_PHONE, ERR_TOKEN, 40001);
    step(&f, 51,
         (struct login_event){.kind = LOGIN_EV_ANSWERED,
                              .side = LOGIN_PHONE,
                              .attempt = 1,
                              .error_class = ERR_TOKEN,
                              .errcode = 40001});
    assert_int_equal(f.out.n, 0);
    answer(&f, 60, LOGIN_PHONE, ERR_USER, 40029);
    assert_finished(&f, LOGIN_REFUSED, 40029);
    answer(&f, 61, LOGIN_PHONE, ERR_NONE, 0);
    assert_int_equal(f.out.n, 0);
    step(&f, 62, (struct login_event){.kind = LOGIN_EV_STORED});
    assert_int_equal(f.out.n, 0);
}

static void a_store_that_fails_or_is_late_ends_the_login(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct fixture f = started(LOGIN_BY_OPENID, 0);
        answer(&f, 50, LOGIN_SESSION, ERR_NONE, 0);
        if (late)
            look(&f, DEADLINE_MS);
        else
            step(&f, 60, (struct login_event){.kind = LOGIN_EV_STORED, .error_class = ERR_BACKOFF});
        assert_finished(&f, LOGIN_STORE_FAILED, 0);
    }
}

static void a_wrong_appsecret_is_not_taken_for_a_dead_token(void **state)
{
    struct fixture f = started(LOGIN_BY_OPENID, 7);
    (void)state;
    answer(&f, 50, LOGIN_SESSION, ERR_OPERATOR, 40001);
    assert_finished(&f, LOGIN_REFUSED, 40001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_codes_are_sent_at_the_same_time),
        cmocka_unit_test(one_code_alone_makes_one_call),
        cmocka_unit_test(it_stores_when_both_are_done_and_ends_when_stored),
        cmocka_unit_test(by_phone_nobody_is_an_ending_of_its_own),
        cmocka_unit_test(the_session_code_decides_which_failure_is_told_in_either_order),
        cmocka_unit_test(a_refused_phone_code_is_told_once_the_session_is_known),
        cmocka_unit_test(a_dead_token_is_replaced_by_a_newer_known_one_at_once_without_a_report),
        cmocka_unit_test(a_dead_token_is_reported_and_the_newer_one_used_when_it_comes),
        cmocka_unit_test(a_second_dead_token_is_reported_too_and_the_third_refusal_ends_the_login),
        cmocka_unit_test(a_refused_token_is_tried_once_more_after_a_second_if_no_newer_came),
        cmocka_unit_test(without_any_token_it_waits_for_one_and_spends_neither_code),
        cmocka_unit_test(the_first_token_that_comes_begins_both_exchanges),
        cmocka_unit_test(the_first_token_that_comes_is_used),
        cmocka_unit_test(a_request_that_never_left_is_sent_again_twice_at_most),
        cmocka_unit_test(a_code_whose_answer_is_lost_or_busy_is_never_sent_again),
        cmocka_unit_test(the_minute_limit_is_a_refusal_and_not_a_doubt),
        cmocka_unit_test(an_answer_that_never_comes_ends_at_the_deadline_in_doubt),
        cmocka_unit_test(at_the_deadline_a_token_error_does_not_send_the_code_again),
        cmocka_unit_test(answers_to_an_earlier_attempt_and_after_the_end_are_ignored),
        cmocka_unit_test(a_store_that_fails_or_is_late_ends_the_login),
        cmocka_unit_test(a_wrong_appsecret_is_not_taken_for_a_dead_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
