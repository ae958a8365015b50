/* The refresh core: from the start to a token, and what comes between begin and commit. */
#include "play.h"

enum { SEEDS = 200 };

/* ---- start ---- */

static void a_follower_looks_at_redis_and_asks_for_nothing_else(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    config.observe_interval_ms = 5 * SECOND;
    struct play *p = play_new(&config, 1);
    struct refresh_seen none = play_seen(p, 0, NULL, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(play_take(p, REFRESH_DO_READ)->epoch, 0);
        play_read(p, &none);
        assert_in_range(play_await(p), 5000, 5500);
    }
    play_take(p, REFRESH_DO_READ);
    play_free(p);
}

static void a_live_token_at_start_is_adopted_and_nothing_is_asked_of_wechat(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_leading(&config, 7, "tok-7", HOUR);
    play_serves(p, "tok-7", 7);
    play_quiet(p, HOUR - LEAD - 1);
    assert_in_range(play_await(p), 1, LEAD / 20 + 1);
    assert_int_equal(play_take(p, REFRESH_DO_BEGIN)->version, 7);
    play_free(p);
}

static void the_leader_writes_its_epoch_before_it_does_anything_else(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_new(&config, 1);
    struct refresh_seen none = play_seen(p, 0, NULL, 0);
    play_take(p, REFRESH_DO_READ);
    play_lead(p, 42);
    play_read(p, &none); /* of the look that carried no epoch */
    assert_int_equal(play_take(p, REFRESH_DO_READ)->epoch, 42);
    play_store(p, REFRESH_STORE_FAILED);
    play_await(p);
    assert_int_equal(play_take(p, REFRESH_DO_READ)->epoch, 42);
    play_read(p, &none);
    assert_int_equal(play_take(p, REFRESH_DO_BEGIN)->epoch, 42);
    play_free(p);
}

/* ---- begin ---- */

static void no_token_at_all_is_fetched_at_once(void **state)
{
    (void)state;
    struct play *p = play_without_token();
    assert_int_equal(play_status(p).reason, REFRESH_REASON_NO_TOKEN);
    play_refresh(p, "tok-1");
    play_serves(p, "tok-1", 1);
    assert_int_equal(play_status(p).state, REFRESH_HOLDING);
    play_free(p);
}

static void wechat_is_not_asked_unless_the_intent_was_stored(void **state)
{
    (void)state;
    static const struct {
        enum refresh_store refusal;
        enum refresh_action_kind next; /* never the fetch */
    } cases[] = {
        {REFRESH_STORE_FENCED, REFRESH_DO_READ},  {REFRESH_STORE_NEWER, REFRESH_DO_READ},
        {REFRESH_STORE_FAILED, REFRESH_DO_READ},  {REFRESH_STORE_BUDGET, REFRESH_DO_BEGIN},
        {REFRESH_STORE_FORCED, REFRESH_DO_BEGIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play_without_token();
        assert_true(play_take(p, REFRESH_DO_BEGIN)->intent.n > 0);
        play_store(p, cases[i].refusal);
        if (cases[i].refusal == REFRESH_STORE_BUDGET)
            play_take_note(p, REFRESH_NOTE_BUDGET);
        play_await(p);
        play_take(p, cases[i].next);
        play_free(p);
    }
}

static void each_attempt_has_an_intent_of_its_own(void **state)
{
    (void)state;
    struct play *p = play_without_token();
    char first[REFRESH_INTENT_SIZE];
    assert_true(slice_copy(play_take(p, REFRESH_DO_BEGIN)->intent, first, sizeof first));
    play_store(p, REFRESH_STORE_OK);
    play_take(p, REFRESH_DO_FETCH);
    play_refused(p, ERR_BACKOFF, -1);
    play_take(p, REFRESH_DO_SETTLE);
    play_store(p, REFRESH_STORE_OK);
    play_await(p);
    assert_false(slice_is(play_take(p, REFRESH_DO_BEGIN)->intent, first));
    play_free(p);
}

/* ---- how long a token may be used ---- */

static void a_token_lives_from_when_it_was_asked_for_not_from_when_it_came(void **state)
{
    (void)state;
    struct play *p = play_without_token();
    play_pass(p, 300);
    play_begin(p);
    wall_ms_t asked = play_redis_now(p);
    play_take(p, REFRESH_DO_FETCH);
    play_pass(p, 4000);
    play_token(p, "tok-1", LIFETIME);
    const struct refresh_action *commit = play_take(p, REFRESH_DO_COMMIT);
    assert_int_equal(commit->record.issued_at.ms, asked.ms);
    assert_int_equal(commit->record.expires_at.ms, wall_after(asked, LIFETIME).ms);
    assert_int_equal(commit->record.ttl_ms, LIFETIME - 4000);
    play_pass(p, 1000);
    play_store(p, REFRESH_STORE_OK);
    assert_int_equal(record_remaining_ms(refresh_record(p->core), p->now), LIFETIME - 5000);
    play_free(p);
}

static void what_redis_says_is_left_counts_from_when_it_was_asked(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_new(&config, 1);
    struct refresh_seen seen = play_seen(p, 7, "tok-7", HOUR);
    seen.previous = SLICE_LIT("tok-6");
    seen.previous_remaining_ms = MINUTE;
    mono_ms_t asked = p->now;
    play_take(p, REFRESH_DO_READ);
    play_pass(p, 700);
    play_read(p, &seen);
    assert_int_equal(record_remaining_ms(refresh_record(p->core), p->now), HOUR - 700);
    assert_int_equal(refresh_record(p->core)->previous_until.ms, mono_after(asked, MINUTE).ms);
    play_free(p);
}

static void a_token_that_is_over_when_it_comes_is_as_good_as_lost(void **state)
{
    (void)state;
    struct play *p = play_fetching();
    play_pass(p, 2000);
    play_token(p, "tok-1", 2000);
    const struct refresh_action *settle = play_take(p, REFRESH_DO_SETTLE);
    assert_false(settle->drop_intent);
    assert_false(settle->refund);
    play_store(p, REFRESH_STORE_OK);
    play_serves(p, NULL, 0);
    play_await(p);
    play_refresh(p, "tok-2");
    play_serves(p, "tok-2", 1);
    play_free(p);
}

static void the_old_token_is_served_through_the_overlap_at_most(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_order(p);
    play_begin(p);
    play_fetch(p, "tok-8");
    const struct refresh_written *w = &play_take(p, REFRESH_DO_COMMIT)->record;
    assert_slice(w->previous, "tok-7");
    assert_int_equal(w->previous_ttl_ms, OVERLAP);
    assert_int_equal(w->previous_until.ms, wall_after(play_redis_now(p), OVERLAP).ms);
    play_store(p, REFRESH_STORE_OK);
    assert_true(record_previous_live(refresh_record(p->core), mono_after(p->now, OVERLAP - 1)));
    assert_false(record_previous_live(refresh_record(p->core), mono_after(p->now, OVERLAP)));
    play_free(p);
}

static void a_previous_token_does_not_outlive_its_own_end(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_leading(&config, 7, "tok-7", MINUTE);
    play_begin(p);
    play_fetch(p, "tok-8");
    assert_int_equal(play_take(p, REFRESH_DO_COMMIT)->record.previous_ttl_ms, MINUTE);
    play_free(p);
}

/* ---- failures ---- */

static void a_certain_failure_drops_the_intent_and_takes_itself_off_the_budget(void **state)
{
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        struct play *p = play_fetching();
        assert_int_equal(play_status(p).issued_today, 1);
        if (refused)
            play_refused(p, ERR_BACKOFF, -1);
        else
            play_no_token(p, REFRESH_FETCH_NOT_SENT);
        const struct refresh_action *settle = play_take(p, REFRESH_DO_SETTLE);
        assert_true(settle->drop_intent);
        assert_true(settle->refund);
        assert_int_equal(settle->errcode, refused ? -1 : 0);
        play_store(p, REFRESH_STORE_OK);
        assert_int_equal(play_status(p).issued_today, 0);
        assert_int_equal(play_status(p).failures, 1);
        play_free(p);
    }
}

static void an_unknown_outcome_keeps_the_intent_and_the_next_token_has_no_previous(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_order(p);
    play_begin(p);
    play_take(p, REFRESH_DO_FETCH);
    play_no_token(p, REFRESH_FETCH_UNKNOWN);
    const struct refresh_action *settle = play_take(p, REFRESH_DO_SETTLE);
    assert_false(settle->drop_intent);
    assert_false(settle->refund);
    play_store(p, REFRESH_STORE_OK);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_UNRESOLVED);
    assert_in_range(play_await(p), 500, 1000);
    play_begin(p);
    play_fetch(p, "tok-9");
    assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "");
    play_store(p, REFRESH_STORE_OK);
    play_order(p); /* and then it is as ever */
    play_begin(p);
    play_fetch(p, "tok-10");
    assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "tok-9");
    play_free(p);
}

static void a_certain_failure_after_an_unknown_one_still_keeps_the_intent(void **state)
{
    (void)state;
    struct play *p = play_fetching();
    play_no_token(p, REFRESH_FETCH_UNKNOWN);
    play_take(p, REFRESH_DO_SETTLE);
    play_store(p, REFRESH_STORE_OK);
    play_await(p);
    play_begin(p);
    play_take(p, REFRESH_DO_FETCH);
    play_refused(p, ERR_BACKOFF, -1);
    const struct refresh_action *settle = play_take(p, REFRESH_DO_SETTLE);
    assert_false(settle->drop_intent);
    assert_true(settle->refund);
    play_free(p);
}

static void a_failed_refresh_leaves_the_good_token_alone(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_leading(&config, 7, "tok-7", 20 * MINUTE);
    for (int i = 0; i < 5; i++) {
        play_fail(p, ERR_BACKOFF, -1);
        play_serves(p, "tok-7", 7);
        play_await(p);
    }
    play_refresh(p, "tok-8");
    play_serves(p, "tok-8", 8);
    assert_int_equal(play_status(p).failures, 0);
    assert_int_equal(play_status(p).last_err, ERR_NONE);
    play_free(p);
}

/* ---- waiting ---- */

static void an_operators_error_is_asked_at_most_twice_in_the_first_four_seconds(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct play *p = play_new(&config, seed);
        struct refresh_seen none = play_seen(p, 0, NULL, 0);
        play_take(p, REFRESH_DO_READ);
        play_lead(p, 1);
        play_read(p, &none);
        play_take(p, REFRESH_DO_READ);
        play_read(p, &none);
        play_fail(p, ERR_OPERATOR, 40125);
        assert_in_range(play_await(p), 2000, 2500);
        play_fail(p, ERR_OPERATOR, 40125);
        assert_in_range(play_await(p), 4000, 5000);
        play_fail(p, ERR_BUG, 41002);
        for (int i = 0; i < 10; i++) {
            assert_in_range(play_await(p), 8000, 75000);
            play_fail(p, ERR_OPERATOR, 40164);
        }
        play_free(p);
    }
}

static void a_used_up_quota_waits_ten_minutes_and_asks_again(void **state)
{
    (void)state;
    struct play *p = play_without_token();
    play_fail(p, ERR_QUOTA, 45009);
    assert_in_range(play_await(p), 10 * MINUTE, 10 * MINUTE + 5000);
    play_take(p, REFRESH_DO_BEGIN);
    play_free(p);
}

static void back_off_doubles_with_full_jitter_up_to_its_limit(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_leading(&config, 0, NULL, 0);
    int64_t shortest = INT64_MAX, longest = 0;
    for (int failures = 1; failures <= SEEDS; failures++) {
        play_fail(p, ERR_BACKOFF, -1);
        int64_t wait = play_await(p), most = failures < 7 ? SECOND << (failures - 1) : MINUTE;
        assert_in_range(wait, 500, most);
        shortest = failures > 7 && wait < shortest ? wait : shortest;
        longest = wait > longest ? wait : longest;
    }
    assert_true(shortest < 10 * SECOND); /* of a minute at most: it is full jitter */
    assert_true(longest > 50 * SECOND);
    play_take(p, REFRESH_DO_BEGIN);
    play_free(p);
}

static void a_token_near_its_end_is_worth_several_tries(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_leading(&config, 7, "tok-7", 40 * SECOND);
    int tries = 0;
    for (mono_ms_t end = mono_after(p->now, 40 * SECOND); p->now.ms < end.ms; tries++) {
        play_fail(p, ERR_BACKOFF, -1);
        play_await(p);
    }
    assert_true(tries >= 5);
    play_take(p, REFRESH_DO_BEGIN);
    play_free(p);
}

static void new_settings_end_every_wait(void **state)
{
    (void)state;
    static const enum err_class errors[] = {ERR_OPERATOR, ERR_QUOTA, ERR_BACKOFF};
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct play *p = play_without_token();
        struct refresh_config config = play_config(TOKEN_STABLE);
        play_fail(p, errors[i], 1);
        play_configure(p, &config);
        play_begin(p);
        assert_int_equal(play_take(p, REFRESH_DO_FETCH)->mode, TOKEN_STABLE);
        play_free(p);
    }
}

/* ---- budget ---- */

static void the_budget_refuses_to_begin_and_is_asked_again_later(void **state)
{
    (void)state;
    struct play *p = play_without_token();
    assert_int_equal(play_take(p, REFRESH_DO_BEGIN)->budget, 500);
    play_store(p, REFRESH_STORE_BUDGET);
    play_take_note(p, REFRESH_NOTE_BUDGET);
    assert_int_equal(play_status(p).last_err, ERR_QUOTA);
    assert_in_range(play_await(p), 10 * MINUTE, 10 * MINUTE + 5000);
    play_take(p, REFRESH_DO_BEGIN);
    play_free(p);
}

static void what_was_issued_is_remembered_for_a_redis_that_forgets(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_new(&config, 1);
    struct refresh_seen seen = play_seen(p, 7, "tok-7", LIFETIME);
    seen.issued_today = 30;
    play_take(p, REFRESH_DO_READ);
    play_lead(p, 1);
    play_read(p, &seen);
    play_take(p, REFRESH_DO_READ);
    seen = play_seen(p, 0, NULL, 0);
    play_read(p, &seen);
    assert_int_equal(play_take(p, REFRESH_DO_ASSERT)->issued_today, 30);
    play_store(p, REFRESH_STORE_OK);
    play_take_note(p, REFRESH_NOTE_RESTORED);
    play_order(p);
    const struct refresh_action *begin = play_take(p, REFRESH_DO_BEGIN);
    assert_int_equal(begin->issued_today, 30);
    assert_int_equal(begin->day, wall_quota_day(play_redis_now(p)));
    play_free(p);
}

static void a_new_day_begins_with_none_issued(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_order(p);
    play_refresh(p, "tok-8");
    assert_int_equal(play_status(p).issued_today, 1);
    int64_t today = wall_quota_day(play_redis_now(p));
    play_pass(p, 24 * HOUR);
    play_tell(p, REFRESH_TICK);
    const struct refresh_action *begin = play_take(p, REFRESH_DO_BEGIN);
    assert_int_equal(begin->day, today + 1);
    assert_int_equal(begin->issued_today, 0);
    play_free(p);
}

/* What happens while an operation waits to be begun leaves alone what it names. */
static void an_operation_may_be_begun_late(void **state)
{
    (void)state;
    struct play *p = play_holding();
    const struct refresh_config config = play_config(TOKEN_STABLE);
    char intent[REFRESH_INTENT_SIZE];
    play_order(p);
    struct slice named = play_take(p, REFRESH_DO_BEGIN)->intent;
    assert_true(slice_copy(named, intent, sizeof intent));
    play_report(p, 7);
    play_take_note(p, REFRESH_NOTE_REPORTED);
    play_tell(p, REFRESH_LOOK);
    play_configure(p, &config);
    play_tell(p, REFRESH_UNLEAD);
    play_lead(p, 2);
    assert_slice(named, intent);
    play_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_follower_looks_at_redis_and_asks_for_nothing_else),
        cmocka_unit_test(a_live_token_at_start_is_adopted_and_nothing_is_asked_of_wechat),
        cmocka_unit_test(the_leader_writes_its_epoch_before_it_does_anything_else),
        cmocka_unit_test(no_token_at_all_is_fetched_at_once),
        cmocka_unit_test(wechat_is_not_asked_unless_the_intent_was_stored),
        cmocka_unit_test(each_attempt_has_an_intent_of_its_own),
        cmocka_unit_test(a_token_lives_from_when_it_was_asked_for_not_from_when_it_came),
        cmocka_unit_test(what_redis_says_is_left_counts_from_when_it_was_asked),
        cmocka_unit_test(a_token_that_is_over_when_it_comes_is_as_good_as_lost),
        cmocka_unit_test(the_old_token_is_served_through_the_overlap_at_most),
        cmocka_unit_test(a_previous_token_does_not_outlive_its_own_end),
        cmocka_unit_test(a_certain_failure_drops_the_intent_and_takes_itself_off_the_budget),
        cmocka_unit_test(an_unknown_outcome_keeps_the_intent_and_the_next_token_has_no_previous),
        cmocka_unit_test(a_certain_failure_after_an_unknown_one_still_keeps_the_intent),
        cmocka_unit_test(a_failed_refresh_leaves_the_good_token_alone),
        cmocka_unit_test(an_operators_error_is_asked_at_most_twice_in_the_first_four_seconds),
        cmocka_unit_test(a_used_up_quota_waits_ten_minutes_and_asks_again),
        cmocka_unit_test(back_off_doubles_with_full_jitter_up_to_its_limit),
        cmocka_unit_test(a_token_near_its_end_is_worth_several_tries),
        cmocka_unit_test(new_settings_end_every_wait),
        cmocka_unit_test(the_budget_refuses_to_begin_and_is_asked_again_later),
        cmocka_unit_test(what_was_issued_is_remembered_for_a_redis_that_forgets),
        cmocka_unit_test(a_new_day_begins_with_none_issued),
        cmocka_unit_test(an_operation_may_be_begun_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
