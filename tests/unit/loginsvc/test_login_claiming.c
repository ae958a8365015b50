/* The claim on a login's codes: nothing is sent before it is answered, each answer leads where
 * core.h says, and in the end it is told exactly what became of the codes. */
#include "driver_fixture.h"

#include <string.h>

#include "sys/clock.h"

/* ---- asking ---- */

static void nothing_is_sent_before_the_claim_is_answered(void **state)
{
    (void)state;
    for (enum login_kind kind = LOGIN_BY_OPENID; kind < LOGIN_KINDS; kind++) {
        stage.answers = 0;
        start(kind);
        run_for(20);
        assert_int_equal(stage.session_calls + stage.phone_calls, 0);
        assert_int_equal(stage.checks + stage.stores + stage.set_phones, 0);
        answer_claim(CLAIM_USED);
        if (kind == LOGIN_LENIENT) /* perhaps it was the phone's code: asks without it */
            answer_claim(CLAIM_USED);
        assert_answered(LOGIN_CODE_USED);
    }
}

static struct claim claim_of(const struct login_request *r)
{
    stage.answers = 0;
    assert_int_equal(start_request(r), LOGIN_OK);
    struct claim c = stage.claim;
    answer_claim(CLAIM_BUSY);
    return c;
}

static void a_lenient_login_whose_phone_code_is_used_claims_its_login_code_alone(void **state)
{
    (void)state;
    start(LOGIN_LENIENT);
    struct claim both = stage.claim;
    answer_claim(CLAIM_USED);
    assert_int_equal(stage.claims_asked, 2);
    assert_int_equal(stage.claim.n_codes, 1);
    assert_string_equal(stage.claim.codes[0], both.codes[0]);
    assert_false(stage.claim.phone);
    answer_claim(CLAIM_MINE);
    give_session();
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(stage.outcome.phone_result.ending, LOGIN_CODE_USED);
    assert_int_equal(stage.phone_calls, 0);
    assert_string_equal(stage.settled_claim.fingerprint, stage.claim.fingerprint);
    assert_string_not_equal(stage.claim.fingerprint, both.fingerprint);
}

static void a_claim_names_the_codes_and_the_client_and_shows_none_of_them(void **state)
{
    struct login_request r = request_of(LOGIN_BY_BOTH);
    struct claim c = claim_of(&r);
    (void)state;
    assert_string_equal(c.appid, APPID);
    assert_int_equal(c.n_codes, 2);
    assert_true(c.phone);
    assert_int_equal(c.user_id, 0);
    assert_int_equal(strlen(c.fingerprint), CLAIM_NAME_SIZE - 1);
    assert_int_equal(strlen(c.address), CLAIM_NAME_SIZE - 1);
    assert_string_not_equal(c.codes[0], c.codes[1]);
    assert_null(memmem(&c, sizeof c, LOGIN_CODE, strlen(LOGIN_CODE)));
    assert_null(memmem(&c, sizeof c, PHONE_CODE, strlen(PHONE_CODE)));
    assert_null(memmem(&c, sizeof c, "203.0.113.7", 11));
}

static void each_kind_claims_what_it_will_spend(void **state)
{
    static const struct {
        int codes;
        bool phone;
        int64_t user_id;
    } want[LOGIN_KINDS] = {
        [LOGIN_BY_OPENID] = {1, false, 0}, [LOGIN_BY_BOTH] = {2, true, 0},
        [LOGIN_LENIENT] = {2, true, 0},    [LOGIN_BY_PHONE] = {1, true, 0},
        [LOGIN_BY_TICKET] = {1, false, 0}, [LOGIN_BIND_PHONE] = {1, true, USER_ID},
        [LOGIN_SHOW_PHONE] = {1, true, 0}, [LOGIN_REGISTER] = {2, false, 0},
    };
    (void)state;
    for (enum login_kind kind = LOGIN_BY_OPENID; kind < LOGIN_KINDS; kind++) {
        struct login_request r = request_of(kind);
        struct claim c = claim_of(&r);
        assert_int_equal(c.n_codes, want[kind].codes);
        assert_int_equal(c.phone, want[kind].phone);
        assert_int_equal(c.user_id, want[kind].user_id);
    }
}

static void the_same_request_is_known_by_its_codes_address_and_purpose(void **state)
{
    const struct client_address elsewhere = {"203.0.113.8", "203.0.113.8", false};
    struct login_request r = request_of(LOGIN_BY_PHONE), other = r;
    struct claim first = claim_of(&r), again = claim_of(&r);
    (void)state;
    assert_string_equal(first.fingerprint, again.fingerprint);
    other.client = &elsewhere;
    again = claim_of(&other);
    assert_string_equal(first.codes[0], again.codes[0]);
    assert_string_not_equal(first.fingerprint, again.fingerprint);
    assert_string_not_equal(first.address, again.address);
    other = request_of(LOGIN_SHOW_PHONE);
    again = claim_of(&other);
    assert_string_equal(first.codes[0], again.codes[0]);
    assert_string_not_equal(first.fingerprint, again.fingerprint);
}

static void households_are_counted_and_proxies_are_not(void **state)
{
    const struct client_address one = {"2001:db8::1", "2001:db8::", false};
    const struct client_address two = {"2001:db8::2", "2001:db8::", false};
    const struct client_address proxy = {"10.0.0.1", "10.0.0.1", true};
    struct login_request r = request_of(LOGIN_BY_OPENID);
    (void)state;
    r.client = &one;
    struct claim first = claim_of(&r);
    r.client = &two;
    struct claim second = claim_of(&r);
    assert_string_equal(first.address, second.address);
    assert_string_not_equal(first.fingerprint, second.fingerprint);
    r.client = &proxy;
    first = claim_of(&r);
    assert_string_equal(first.address, "");
}

/* ---- what the answer leads to ---- */

static void each_refusal_of_a_claim_ends_the_login_with_its_own_word(void **state)
{
    static const struct {
        enum claim_verdict verdict;
        enum login_ending ending;
        enum err_class class;
    } rows[] = {
        {CLAIM_USED, LOGIN_CODE_USED, ERR_USER},
        {CLAIM_LIMITED, LOGIN_LIMITED, ERR_BACKOFF},
        {CLAIM_BUSY, LOGIN_OVERLOADED, ERR_BACKOFF},
        {CLAIM_BUDGET, LOGIN_BUDGET_SPENT, ERR_QUOTA},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool waits = rows[i].verdict == CLAIM_LIMITED || rows[i].verdict == CLAIM_BUDGET;
        stage.answers = 0;
        start(LOGIN_BY_BOTH);
        answer_claim_with(&(struct claims_answer){rows[i].verdict, waits ? 12345 : 0, {NULL, 0}});
        assert_answered(rows[i].ending);
        assert_int_equal(stage.outcome.result.error_class, rows[i].class);
        assert_int_equal(stage.outcome.result.retry_after_ms, waits ? 12345 : 0);
        assert_string_equal(stage.outcome.refresh_token, "");
    }
    assert_int_equal(stage.session_calls + stage.phone_calls + stage.stores, 0);
    assert_int_equal(stage.settled, 0);
}

static void codes_that_the_same_request_holds_are_asked_for_again_ever_more_slowly(void **state)
{
    (void)state;
    set_timeout(LONG_TIMEOUT_MS);
    start(LOGIN_BY_OPENID);
    for (int i = 0; i < 4; i++) {
        mono_ms_t before = clock_mono();
        answer_claim(CLAIM_HELD);
        assert_int_equal(stage.claims_asked, i + 1);
        run_until(&stage.claims_asked, i + 2);
        assert_true(mono_between(before, clock_mono()) >= 25 << i);
    }
    answer_claim(CLAIM_MINE);
    assert_int_equal(stage.session_calls, 1);
}

static void codes_that_are_held_to_the_end_may_be_spent(void **state)
{
    (void)state;
    start(LOGIN_BY_OPENID);
    answer_claim(CLAIM_HELD);
    run_for(TIMEOUT_MS + 50);
    assert_answered(LOGIN_UNSURE);
    assert_int_equal(stage.settled, 0);
    assert_int_equal(stage.session_calls, 0);
}

static void a_claim_that_nobody_answers_ends_the_login_with_its_codes_whole(void **state)
{
    (void)state;
    start(LOGIN_BY_OPENID);
    run_for(TIMEOUT_MS + 50);
    assert_answered(LOGIN_OVERLOADED);
    assert_int_equal(stage.settled, 0);
    assert_int_equal(stage.session_calls, 0);
}

/* ---- repeats ---- */

static void a_repeat_gets_the_kept_outcome_and_nobody_is_asked(void **state)
{
    const struct login_outcome was = full_outcome(LOGIN_OK);
    (void)state;
    start(LOGIN_BY_BOTH);
    answer_claim_with(&(struct claims_answer){CLAIM_KEPT, 0, kept_of(&was)});
    assert_answered(LOGIN_OK);
    assert_same_outcome(&stage.outcome, &was);
    assert_int_equal(stage.session_calls + stage.phone_calls + stage.stores, 0);
    assert_int_equal(stage.settled + stage.session_keys, 0);
}

static void a_repeat_of_what_was_really_kept_gets_the_same_tokens(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_OPENID);
    give_session();
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    struct login_outcome first = stage.outcome;
    struct slice kept = stage.settlement.kept;
    stage.answers = 0;
    start(LOGIN_BY_OPENID);
    answer_claim_with(&(struct claims_answer){CLAIM_KEPT, 0, kept});
    assert_answered(LOGIN_OK);
    assert_same_outcome(&stage.outcome, &first);
    assert_int_equal(stage.session_calls, 1);
    assert_int_equal(stage.stores, 1);
}

static void a_kept_failure_is_repeated_too(void **state)
{
    const struct login_outcome was = full_outcome(LOGIN_REFUSED);
    (void)state;
    start(LOGIN_BY_BOTH);
    answer_claim_with(&(struct claims_answer){CLAIM_KEPT, 0, kept_of(&was)});
    assert_answered(LOGIN_REFUSED);
}

static void a_kept_outcome_that_is_none_of_ours_is_a_used_code(void **state)
{
    (void)state;
    start(LOGIN_BY_OPENID);
    answer_claim_with(&(struct claims_answer){CLAIM_KEPT, 0, SLICE_LIT("nothing of ours")});
    assert_answered(LOGIN_CODE_USED);
    assert_string_equal(stage.outcome.access_token, "");
    assert_int_equal(stage.settled, 0);
}

static void what_is_kept_shows_nothing(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_BOTH);
    give_session();
    give_phone();
    answer_store(STORE_OK);
    struct slice kept = stage.settlement.kept;
    assert_true(kept.n > 0);
    assert_null(memmem(kept.p, kept.n, OPENID, strlen(OPENID)));
    assert_null(memmem(kept.p, kept.n, PHONE, strlen(PHONE)));
    assert_null(memmem(kept.p, kept.n, SESSION_KEY, strlen(SESSION_KEY)));
    assert_null(
        memmem(kept.p, kept.n, stage.outcome.refresh_token, strlen(stage.outcome.refresh_token)));
}

/* ---- going on from what WeChat gave ---- */

static void what_was_exchanged_before_goes_straight_to_the_store(void **state)
{
    struct login_outcome was = {.result = {LOGIN_STORE_FAILED, ERR_BACKOFF, 0, 0},
                                .phone_result = {LOGIN_REFUSED, ERR_USER, 40029, 0},
                                .openid = OPENID,
                                .unionid = UNIONID,
                                .session_key = SESSION_KEY,
                                .phone = PHONE,
                                .country_code = "86"};
    (void)state;
    start(LOGIN_LENIENT);
    answer_claim_with(&(struct claims_answer){CLAIM_EXCHANGED, 0, kept_of(&was)});
    assert_int_equal(stage.session_calls + stage.phone_calls, 0);
    assert_int_equal(stage.stores, 1);
    assert_string_equal(stage.stored.openid, OPENID);
    assert_string_equal(stage.stored.unionid, UNIONID);
    assert_string_equal(stage.stored.phone, PHONE);
    assert_string_equal(stage.stored.country_code, "86");
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(stage.outcome.phone_result.errcode, 40029);
    assert_string_equal(stage.session_key, SESSION_KEY);
    assert_int_equal(stage.settled, 1);
    assert_int_equal(stage.settlement.whole, 0);
    assert_false(stage.settlement.paid);
    assert_false(stage.settlement.exchanged);
    assert_int_equal(stage.settlement.user_id, USER_ID);
}

static void a_store_that_fails_twice_leaves_the_exchange_for_a_third_time(void **state)
{
    struct login_outcome kept;
    (void)state;
    start_claimed(LOGIN_BY_PHONE);
    give_phone();
    fail_store(ERR_BACKOFF);
    for (int i = 0; i < 2; i++) {
        assert_answered(LOGIN_STORE_FAILED);
        assert_true(stage.settlement.exchanged);
        assert_int_equal(stage.settlement.paid, i == 0);
        assert_true(kept_open(stage.kept_ring, &stage.settled_claim, stage.settlement.kept, &kept));
        assert_string_equal(kept.phone, PHONE);
        stage.answers = 0;
        start(LOGIN_BY_PHONE);
        answer_claim_with(&(struct claims_answer){CLAIM_EXCHANGED, 0, stage.settlement.kept});
        fail_store(ERR_BACKOFF);
    }
    assert_int_equal(stage.phone_calls, 1);
    assert_int_equal(stage.stores, 3);
}

static void an_exchange_that_cannot_be_opened_is_spent(void **state)
{
    (void)state;
    start(LOGIN_BY_BOTH);
    answer_claim_with(&(struct claims_answer){CLAIM_EXCHANGED, 0, SLICE_LIT("nothing of ours")});
    assert_answered(LOGIN_CODE_USED);
    assert_int_equal(stage.settled, 1);
    assert_int_equal(stage.settlement.whole, 0);
    assert_int_equal(stage.settlement.kept.n, 0);
    assert_int_equal(stage.stores, 0);
}

/* ---- late claims ---- */

static void a_claim_that_comes_for_nobody_is_given_back_whole(void **state)
{
    (void)state;
    start(LOGIN_BY_BOTH);
    run_for(TIMEOUT_MS + 50);
    assert_answered(LOGIN_OVERLOADED);
    answer_claim(CLAIM_MINE);
    assert_int_equal(stage.settled, 1);
    assert_int_equal(stage.settlement.whole & 3, 3);
    assert_int_equal(stage.settlement.kept.n, 0);
    assert_false(stage.settlement.paid);
    assert_string_equal(stage.settled_claim.fingerprint, stage.claim.fingerprint);
    assert_int_equal(stage.session_calls + stage.phone_calls, 0);
    assert_int_equal(login_driver_stats(stage.driver).late, 1);
}

/* The loop was busy elsewhere: the answer is read before the timer is looked at. */
static void a_claim_that_comes_at_the_deadline_is_settled_too(void **state)
{
    const struct login_outcome was = full_outcome(LOGIN_STORE_FAILED);
    (void)state;
    set_timeout(1);
    for (int i = 0; i < 2; i++) {
        stage.answers = 0;
        start(LOGIN_BY_BOTH);
        mono_ms_t over = mono_after(clock_mono(), 2);
        while (!mono_reached(clock_mono(), over))
            ;
        if (i == 0)
            answer_claim(CLAIM_MINE);
        else
            answer_claim_with(&(struct claims_answer){CLAIM_EXCHANGED, 0, kept_of(&was)});
        assert_answered(i == 0 ? LOGIN_OVERLOADED : LOGIN_STORE_FAILED);
        assert_int_equal(stage.settled, i + 1);
        assert_int_equal(stage.settlement.whole & 3, i == 0 ? 3 : 0);
        assert_int_equal(stage.settlement.exchanged, i == 1);
        assert_int_equal(stage.settlement.kept.n > 0, i == 1);
    }
    assert_int_equal(stage.session_calls + stage.phone_calls + stage.stores, 0);
}

static void an_exchange_that_comes_for_nobody_is_given_back_as_it_was(void **state)
{
    const struct login_outcome was = full_outcome(LOGIN_STORE_FAILED);
    (void)state;
    start(LOGIN_BY_BOTH);
    run_for(TIMEOUT_MS + 50);
    struct slice kept = kept_of(&was);
    answer_claim_with(&(struct claims_answer){CLAIM_EXCHANGED, 0, kept});
    assert_int_equal(stage.settled, 1);
    assert_int_equal(stage.settlement.whole, 0);
    assert_true(stage.settlement.exchanged);
    assert_true(slice_eq(stage.settlement.kept, kept));
    assert_int_equal(stage.stores, 0);
}

static void what_was_not_ours_is_not_given_back(void **state)
{
    static const enum claim_verdict verdicts[] = {CLAIM_HELD,    CLAIM_KEPT, CLAIM_USED,
                                                  CLAIM_LIMITED, CLAIM_BUSY, CLAIM_BUDGET};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        start(LOGIN_BY_OPENID);
        run_for(TIMEOUT_MS + 20);
        answer_claim(verdicts[i]);
    }
    assert_int_equal(stage.settled, 0);
    assert_int_equal(login_driver_stats(stage.driver).late, ARRAY_LEN(verdicts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, driver_setup, driver_teardown)
        TEST(nothing_is_sent_before_the_claim_is_answered),
        TEST(a_claim_names_the_codes_and_the_client_and_shows_none_of_them),
        TEST(each_kind_claims_what_it_will_spend),
        TEST(a_lenient_login_whose_phone_code_is_used_claims_its_login_code_alone),
        TEST(the_same_request_is_known_by_its_codes_address_and_purpose),
        TEST(households_are_counted_and_proxies_are_not),
        TEST(each_refusal_of_a_claim_ends_the_login_with_its_own_word),
        TEST(codes_that_the_same_request_holds_are_asked_for_again_ever_more_slowly),
        TEST(codes_that_are_held_to_the_end_may_be_spent),
        TEST(a_claim_that_nobody_answers_ends_the_login_with_its_codes_whole),
        TEST(a_repeat_gets_the_kept_outcome_and_nobody_is_asked),
        TEST(a_repeat_of_what_was_really_kept_gets_the_same_tokens),
        TEST(a_kept_failure_is_repeated_too),
        TEST(a_kept_outcome_that_is_none_of_ours_is_a_used_code),
        TEST(what_is_kept_shows_nothing),
        TEST(what_was_exchanged_before_goes_straight_to_the_store),
        TEST(a_store_that_fails_twice_leaves_the_exchange_for_a_third_time),
        TEST(an_exchange_that_cannot_be_opened_is_spent),
        TEST(a_claim_that_comes_for_nobody_is_given_back_whole),
        TEST(an_exchange_that_comes_for_nobody_is_given_back_as_it_was),
        TEST(what_was_not_ours_is_not_given_back),
        TEST(a_claim_that_comes_at_the_deadline_is_settled_too),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
