/* What one login promises, case by case; test_login_sim.c looks for the cases nobody thought of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loginsvc/login/core.h"

enum { DEADLINE_MS = 8000 };

struct fixture {
    struct login login;
    struct login_actions out;
    int64_t token; /* newest version known */
};

static mono_ms_t at(int64_t ms)
{
    return (mono_ms_t){1000000 + ms};
}

static void step(struct fixture *f, int64_t ms, struct login_event e)
{
    login_step(&f->login, at(ms), f->token, &e, &f->out);
}

static void look(struct fixture *f, int64_t ms)
{
    step(f, ms, (struct login_event){.kind = LOGIN_EV_LOOK});
}

static void answer(struct fixture *f, int64_t ms, enum login_side side, enum err_class c,
                   int errcode)
{
    step(f, ms,
         (struct login_event){.kind = LOGIN_EV_ANSWERED,
                              .side = side,
                              .attempt = f->login.exchange[side].attempt,
                              .error_class = c,
                              .errcode = errcode});
}

static void claimed(struct fixture *f, int64_t ms, enum claim_verdict verdict)
{
    step(f, ms, (struct login_event){.kind = LOGIN_EV_CLAIMED, .verdict = verdict});
}

static struct fixture asked(enum login_kind kind, int64_t token)
{
    struct fixture f = {.token = token};
    login_init(&f.login, kind, at(DEADLINE_MS));
    step(&f, 0, (struct login_event){.kind = LOGIN_EV_START});
    assert_int_equal(f.out.n, 1);
    assert_int_equal(f.out.at[0].kind, LOGIN_ACT_CLAIM);
    return f;
}

static struct fixture started(enum login_kind kind, int64_t token)
{
    struct fixture f = asked(kind, token);
    claimed(&f, 0, CLAIM_MINE);
    return f;
}

static void assert_action(const struct fixture *f, int i, enum login_action_kind kind,
                          enum login_side side)
{
    assert_true(i < f->out.n);
    assert_int_equal(f->out.at[i].kind, kind);
    assert_int_equal(f->out.at[i].side, side);
}

static void assert_sent(const struct fixture *f, enum login_side side, int attempt)
{
    assert_int_equal(f->out.n, 1);
    assert_action(f, 0, LOGIN_ACT_SEND, side);
    assert_int_equal(f->out.at[0].attempt, attempt);
}

static void assert_finished(const struct fixture *f, enum login_ending ending, int errcode)
{
    assert_true(f->out.n > 0);
    assert_int_equal(f->out.at[f->out.n - 1].kind, LOGIN_ACT_FINISH);
    assert_int_equal(f->login.state, LOGIN_DONE);
    assert_string_equal(login_ending_name(f->login.result.ending), login_ending_name(ending));
    assert_int_equal(f->login.result.errcode, errcode);
}

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
