/* What one login promises of its claim and of the kinds of logins, case by case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core_fixture.h"

/* ---- claiming ---- */

static void nothing_is_sent_before_the_codes_are_claimed(void **state)
{
    struct fixture f = asked(LOGIN_BY_BOTH, 7);
    (void)state;
    look(&f, 10);
    assert_int_equal(f.out.n, 0);
    assert_int_equal(f.login.state, LOGIN_CLAIMING);
    claimed(&f, 20, CLAIM_MINE);
    assert_int_equal(f.out.n, 2);
    claimed(&f, 21, CLAIM_USED); /* a second answer to one question */
    assert_int_equal(f.out.n, 0);
}

static void a_claim_that_is_refused_ends_the_login_with_nothing_spent(void **state)
{
    static const struct {
        enum claim_verdict verdict;
        enum login_ending ending;
    } cases[] = {
        {CLAIM_KEPT, LOGIN_REPEATED},       {CLAIM_USED, LOGIN_CODE_USED},
        {CLAIM_LIMITED, LOGIN_LIMITED},     {CLAIM_BUSY, LOGIN_OVERLOADED},
        {CLAIM_BUDGET, LOGIN_BUDGET_SPENT},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f = asked(LOGIN_BY_BOTH, 7);
        step(&f, 5,
             (struct login_event){
                 .kind = LOGIN_EV_CLAIMED, .verdict = cases[i].verdict, .retry_after_ms = 1234});
        assert_int_equal(f.out.n, 1);
        assert_finished(&f, cases[i].ending, 0);
        assert_false(f.login.mine);
        if (cases[i].ending == LOGIN_LIMITED)
            assert_int_equal(f.login.result.retry_after_ms, 1234);
    }
}

static void codes_that_the_same_request_holds_are_asked_for_again_ever_more_slowly(void **state)
{
    struct fixture f = asked(LOGIN_BY_BOTH, 7);
    static const int pauses[] = {25, 50, 100, 200, 200};
    int64_t now = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
        claimed(&f, now, CLAIM_HELD);
        assert_int_equal(f.out.n, 0);
        assert_int_equal(login_next_deadline(&f.login).ms, at(now + pauses[i]).ms);
        now += pauses[i];
        look(&f, now - 1);
        assert_int_equal(f.out.n, 0);
        look(&f, now);
        assert_int_equal(f.out.n, 1);
        assert_int_equal(f.out.at[0].kind, LOGIN_ACT_CLAIM);
    }
    claimed(&f, now, CLAIM_KEPT);
    assert_finished(&f, LOGIN_REPEATED, 0);
}

static void at_the_deadline_who_waited_for_the_same_request_is_in_doubt(void **state)
{
    struct fixture held = asked(LOGIN_BY_BOTH, 7);
    struct fixture silent = asked(LOGIN_BY_BOTH, 7);
    (void)state;
    claimed(&held, 10, CLAIM_HELD);
    look(&held, DEADLINE_MS);
    assert_finished(&held, LOGIN_UNSURE, 0);
    look(&silent, DEADLINE_MS); /* no answer to the claim: nothing was spent */
    assert_finished(&silent, LOGIN_OVERLOADED, 0);
    assert_false(silent.login.mine);
}

static void what_was_exchanged_before_goes_straight_to_the_store(void **state)
{
    struct fixture f = asked(LOGIN_BY_BOTH, 0);
    (void)state;
    claimed(&f, 10, CLAIM_EXCHANGED);
    assert_int_equal(f.out.n, 1);
    assert_int_equal(f.out.at[0].kind, LOGIN_ACT_STORE);
    assert_true(f.login.mine);
    step(&f, 20, (struct login_event){.kind = LOGIN_EV_STORED, .error_class = ERR_BACKOFF});
    assert_finished(&f, LOGIN_STORE_FAILED, 0);
    assert_true(login_only_storing_failed(&f.login));
    assert_false(login_code_whole(&f.login, LOGIN_SESSION));
    assert_false(login_code_whole(&f.login, LOGIN_PHONE));
}

static void what_is_claimed_at_the_deadline_is_given_back_as_it_was(void **state)
{
    struct fixture mine = asked(LOGIN_BY_BOTH, 7);
    struct fixture exchanged = asked(LOGIN_BY_BOTH, 7);
    (void)state;
    claimed(&mine, DEADLINE_MS, CLAIM_MINE);
    assert_int_equal(mine.out.n, 1);
    assert_finished(&mine, LOGIN_OVERLOADED, 0);
    assert_true(mine.login.mine);
    assert_true(login_code_whole(&mine.login, LOGIN_SESSION));
    assert_true(login_code_whole(&mine.login, LOGIN_PHONE));
    assert_false(login_is_worth_keeping(&mine.login));
    claimed(&exchanged, DEADLINE_MS, CLAIM_EXCHANGED);
    assert_int_equal(exchanged.out.n, 1);
    assert_finished(&exchanged, LOGIN_STORE_FAILED, 0);
    assert_true(exchanged.login.mine);
    assert_true(login_only_storing_failed(&exchanged.login));
    assert_true(login_is_worth_keeping(&exchanged.login));
    assert_false(login_code_whole(&exchanged.login, LOGIN_PHONE));
}

/* ---- what is left of the codes ---- */

static void a_code_that_wechat_refused_is_free_again_and_the_answer_is_kept(void **state)
{
    struct fixture f = started(LOGIN_BY_OPENID, 0);
    (void)state;
    answer(&f, 50, LOGIN_SESSION, ERR_USER, 40029);
    assert_finished(&f, LOGIN_REFUSED, 40029);
    assert_true(login_code_whole(&f.login, LOGIN_SESSION));
    assert_true(login_is_worth_keeping(&f.login));
}

static void a_code_in_doubt_is_not_whole_and_one_that_never_left_is(void **state)
{
    struct fixture lost = started(LOGIN_BY_OPENID, 0);
    struct fixture none = started(LOGIN_BY_BOTH, 0);
    (void)state;
    answer(&lost, 50, LOGIN_SESSION, ERR_UNKNOWN, 0);
    assert_false(login_code_whole(&lost.login, LOGIN_SESSION));
    assert_true(login_is_worth_keeping(&lost.login));
    look(&none, DEADLINE_MS);
    assert_finished(&none, LOGIN_NO_TOKEN, 0);
    assert_true(login_code_whole(&none.login, LOGIN_SESSION));
    assert_true(login_code_whole(&none.login, LOGIN_PHONE));
    assert_false(login_is_worth_keeping(&none.login));
}

static void a_code_that_was_not_sent_when_the_other_failed_is_whole(void **state)
{
    struct fixture f = started(LOGIN_BY_BOTH, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_RETRY, 0); /* paused */
    answer(&f, 60, LOGIN_SESSION, ERR_USER, 40029);
    assert_finished(&f, LOGIN_REFUSED, 40029);
    assert_true(login_code_whole(&f.login, LOGIN_PHONE));

    f = started(LOGIN_BY_BOTH, 7);
    answer(&f, 60, LOGIN_SESSION, ERR_USER, 40029); /* the phone's is under way */
    assert_finished(&f, LOGIN_REFUSED, 40029);
    assert_false(login_code_whole(&f.login, LOGIN_PHONE));
}

static void when_wechat_is_away_the_phone_code_that_is_under_way_is_waited_for(void **state)
{
    struct fixture f = started(LOGIN_BY_BOTH, 7);
    int64_t now = 10;
    (void)state;
    for (int again = 0; again < EXCHANGE_RESENDS; again++) {
        answer(&f, now, LOGIN_SESSION, ERR_RETRY, 0);
        answer(&f, now, LOGIN_PHONE, ERR_RETRY, 0);
        now = login_next_deadline(&f.login).ms - at(0).ms;
        look(&f, now);
        assert_int_equal(f.out.n, 2);
    }
    answer(&f, now, LOGIN_SESSION, ERR_RETRY, 0);
    assert_int_equal(f.out.n, 0);
    answer(&f, now + 1, LOGIN_PHONE, ERR_RETRY, 0);
    assert_finished(&f, LOGIN_UNREACHABLE, 0);
    assert_true(login_code_whole(&f.login, LOGIN_SESSION));
    assert_true(login_code_whole(&f.login, LOGIN_PHONE));
    assert_false(login_is_worth_keeping(&f.login));
}

static void without_a_token_the_phone_code_stays_whole_though_the_login_code_is_spent(void **state)
{
    struct fixture f = started(LOGIN_BY_BOTH, 7);
    (void)state;
    answer(&f, 50, LOGIN_SESSION, ERR_NONE, 0);
    answer(&f, 60, LOGIN_PHONE, ERR_TOKEN, 40001);
    look(&f, DEADLINE_MS - 1); /* it is tried again, in vain */
    answer(&f, DEADLINE_MS - 1, LOGIN_PHONE, ERR_TOKEN, 40001);
    look(&f, DEADLINE_MS);
    assert_finished(&f, LOGIN_NO_TOKEN, 0);
    assert_false(login_code_whole(&f.login, LOGIN_SESSION));
    assert_true(login_code_whole(&f.login, LOGIN_PHONE));
    assert_true(login_is_worth_keeping(&f.login));
}

/* ---- the kinds ---- */

static void a_lenient_login_goes_on_without_the_phone_that_was_refused(void **state)
{
    struct fixture f = started(LOGIN_LENIENT, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_USER, 40029);
    assert_int_equal(f.out.n, 0);
    answer(&f, 60, LOGIN_SESSION, ERR_NONE, 0);
    assert_int_equal(f.out.n, 1);
    assert_int_equal(f.out.at[0].kind, LOGIN_ACT_STORE);
    step(&f, 70, (struct login_event){.kind = LOGIN_EV_STORED});
    assert_finished(&f, LOGIN_OK, 0);
    assert_int_equal(f.login.phone.ending, LOGIN_REFUSED);
    assert_int_equal(f.login.phone.errcode, 40029);
}

static void a_lenient_login_waits_for_the_phone_no_longer_than_leaves_time_to_store(void **state)
{
    struct fixture f =
        started(LOGIN_LENIENT, 0); /* no token: the login code is sent all the same */
    (void)state;
    assert_sent(&f, LOGIN_SESSION, 1);
    answer(&f, 50, LOGIN_SESSION, ERR_NONE, 0);
    assert_int_equal(f.out.n, 0);
    assert_int_equal(login_next_deadline(&f.login).ms, at(DEADLINE_MS * 3 / 4).ms);
    look(&f, DEADLINE_MS * 3 / 4);
    assert_int_equal(f.out.n, 1);
    assert_int_equal(f.out.at[0].kind, LOGIN_ACT_STORE);
    assert_int_equal(f.login.phone.ending, LOGIN_NO_TOKEN);
}

static void nothing_is_stored_once_the_time_is_over(void **state)
{
    struct fixture f = started(LOGIN_LENIENT, 7);
    (void)state;
    answer(&f, 100, LOGIN_SESSION, ERR_NONE, 0);
    look(&f, DEADLINE_MS + 1); /* the timer for the phone is that late */
    assert_int_equal(f.out.n, 1);
    assert_finished(&f, LOGIN_STORE_FAILED, 0);
    assert_true(login_only_storing_failed(&f.login));
}

static void a_lenient_login_claims_again_without_a_phone_code_that_is_not_to_be_had(void **state)
{
    static const struct {
        enum claim_verdict verdict;
        enum login_ending ending;
    } cases[] = {{CLAIM_USED, LOGIN_CODE_USED}, {CLAIM_BUDGET, LOGIN_BUDGET_SPENT}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f = asked(LOGIN_LENIENT, 7);
        claimed(&f, 10, cases[i].verdict);
        assert_int_equal(f.out.n, 1);
        assert_int_equal(f.out.at[0].kind, LOGIN_ACT_CLAIM);
        assert_true(f.login.without_phone);
        claimed(&f, 20, CLAIM_MINE);
        assert_sent(&f, LOGIN_SESSION, 1);
        answer(&f, 60, LOGIN_SESSION, ERR_NONE, 0);
        assert_int_equal(f.out.at[0].kind, LOGIN_ACT_STORE);
        step(&f, 70, (struct login_event){.kind = LOGIN_EV_STORED});
        assert_finished(&f, LOGIN_OK, 0);
        assert_int_equal(f.login.phone.ending, cases[i].ending);
    }
}

static void a_lenient_login_whose_login_code_is_used_ends(void **state)
{
    struct fixture f = asked(LOGIN_LENIENT, 7);
    (void)state;
    claimed(&f, 10, CLAIM_USED);
    claimed(&f, 20, CLAIM_USED);
    assert_finished(&f, LOGIN_CODE_USED, 0);
}

static void a_lenient_login_fails_with_its_login_code(void **state)
{
    struct fixture f = started(LOGIN_LENIENT, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_NONE, 0);
    answer(&f, 60, LOGIN_SESSION, ERR_USER, 40163);
    assert_finished(&f, LOGIN_REFUSED, 40163);
}

static void a_ticket_alone_is_stored_with_nothing_exchanged(void **state)
{
    struct fixture f = started(LOGIN_BY_TICKET, 0);
    (void)state;
    assert_int_equal(f.out.n, 1);
    assert_int_equal(f.out.at[0].kind, LOGIN_ACT_STORE);
    step(&f, 20, (struct login_event){.kind = LOGIN_EV_REUSED});
    assert_finished(&f, LOGIN_TICKET_USED, 0);
}

static void showing_a_phone_stores_nothing(void **state)
{
    struct fixture f = started(LOGIN_SHOW_PHONE, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_NONE, 0);
    assert_int_equal(f.out.n, 1);
    assert_finished(&f, LOGIN_OK, 0);
    assert_true(login_is_worth_keeping(&f.login));
}

static void a_phone_for_a_user_who_is_gone_is_an_ending_of_its_own(void **state)
{
    struct fixture f = started(LOGIN_BIND_PHONE, 7);
    (void)state;
    answer(&f, 50, LOGIN_PHONE, ERR_NONE, 0);
    step(&f, 60, (struct login_event){.kind = LOGIN_EV_NOBODY});
    assert_finished(&f, LOGIN_USER_GONE, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sent_before_the_codes_are_claimed),
        cmocka_unit_test(a_claim_that_is_refused_ends_the_login_with_nothing_spent),
        cmocka_unit_test(codes_that_the_same_request_holds_are_asked_for_again_ever_more_slowly),
        cmocka_unit_test(at_the_deadline_who_waited_for_the_same_request_is_in_doubt),
        cmocka_unit_test(what_was_exchanged_before_goes_straight_to_the_store),
        cmocka_unit_test(what_is_claimed_at_the_deadline_is_given_back_as_it_was),
        cmocka_unit_test(a_code_that_wechat_refused_is_free_again_and_the_answer_is_kept),
        cmocka_unit_test(a_code_in_doubt_is_not_whole_and_one_that_never_left_is),
        cmocka_unit_test(a_code_that_was_not_sent_when_the_other_failed_is_whole),
        cmocka_unit_test(when_wechat_is_away_the_phone_code_that_is_under_way_is_waited_for),
        cmocka_unit_test(without_a_token_the_phone_code_stays_whole_though_the_login_code_is_spent),
        cmocka_unit_test(a_lenient_login_goes_on_without_the_phone_that_was_refused),
        cmocka_unit_test(a_lenient_login_waits_for_the_phone_no_longer_than_leaves_time_to_store),
        cmocka_unit_test(nothing_is_stored_once_the_time_is_over),
        cmocka_unit_test(a_lenient_login_claims_again_without_a_phone_code_that_is_not_to_be_had),
        cmocka_unit_test(a_lenient_login_whose_login_code_is_used_ends),
        cmocka_unit_test(a_lenient_login_fails_with_its_login_code),
        cmocka_unit_test(a_ticket_alone_is_stored_with_nothing_exchanged),
        cmocka_unit_test(showing_a_phone_stores_nothing),
        cmocka_unit_test(a_phone_for_a_user_who_is_gone_is_an_ending_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
