/* The refresh core in stable mode: the same token until its last minutes, and force_refresh only
 * after a probe proved it dead. */
#include "play.h"

static struct play *holding_stable(int64_t remaining_ms)
{
    struct refresh_config config = play_config(TOKEN_STABLE);
    return play_leading(&config, 7, "tok-7", remaining_ms);
}

/* Asked for by an order or a wake-up, WeChat gives the token that is there already. */
static void gets_the_same(struct play *p, int64_t remaining_ms)
{
    play_begin(p);
    play_take(p, REFRESH_DO_FETCH);
    play_token(p, "tok-7", remaining_ms);
    assert_true(play_take(p, REFRESH_DO_COMMIT)->refund);
    /* as the script says: the same token keeps its version */
    play_send(p, &(struct refresh_event){.kind = REFRESH_COMMITTED,
                                         .op = p->asked.op,
                                         .redis_now = play_redis_now(p),
                                         .version = 7});
}

static void found_dead(struct play *p)
{
    play_report(p, 7);
    play_take_note(p, REFRESH_NOTE_REPORTED);
    play_take(p, REFRESH_DO_PROBE);
    play_probe(p, REFRESH_PROBE_DEAD);
    play_take_note(p, REFRESH_NOTE_DISPLACED);
}

/* ---- the last minutes ---- */

static void it_wakes_in_the_last_minutes_whatever_the_lead(void **state)
{
    (void)state;
    struct play *p = holding_stable(LIFETIME);
    play_quiet(p, LIFETIME - OVERLAP - 1);
    assert_in_range(play_await(p), 1, OVERLAP / 10 + 1);
    play_begin(p);
    const struct refresh_action *fetch = play_take(p, REFRESH_DO_FETCH);
    assert_int_equal(fetch->mode, TOKEN_STABLE);
    assert_false(fetch->force);
    play_token(p, "tok-8", LIFETIME);
    assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "tok-7");
    play_store(p, REFRESH_STORE_OK);
    play_serves(p, "tok-8", 8);
    play_free(p);
}

static void a_short_life_never_makes_the_margin_the_whole_of_it(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_STABLE);
    for (int64_t life = SECOND; life < 3 * OVERLAP; life = life * 3 / 2) {
        struct play *p = play_leading(&config, 0, NULL, 0);
        play_begin(p);
        play_take(p, REFRESH_DO_FETCH);
        play_token(p, "tok-1", life);
        play_commit(p);
        assert_in_range(play_await(p), life / 2, life - 1);
        play_take(p, REFRESH_DO_BEGIN);
        play_free(p);
    }
}

static void the_same_token_is_no_new_version_and_is_asked_for_again_shortly(void **state)
{
    (void)state;
    struct play *p = holding_stable(4 * MINUTE);
    int64_t left = 4 * MINUTE;
    for (int i = 0; i < 5; i++) {
        left -= play_await(p);
        gets_the_same(p, left);
        play_serves(p, "tok-7", 7);
        assert_int_equal(play_status(p).reason, REFRESH_REASON_NONE);
        assert_false(play_asks(p)); /* not at once */
    }
    assert_true(left > 0);
    play_await(p);
    play_begin(p);
    play_fetch(p, "tok-8");
    play_commit(p);
    play_serves(p, "tok-8", 8);
    play_free(p);
}

static void the_last_moments_are_not_filled_with_calls(void **state)
{
    (void)state;
    struct play *p = holding_stable(HOUR);
    play_order(p);
    gets_the_same(p, 900);
    assert_in_range(play_await(p), 500, 899);
    play_take(p, REFRESH_DO_BEGIN);
    play_free(p);
}

static void the_same_token_takes_the_life_that_wechat_says_is_left(void **state)
{
    (void)state;
    struct play *p = holding_stable(HOUR);
    play_order(p);
    gets_the_same(p, 50 * MINUTE);
    assert_int_equal(record_remaining_ms(refresh_record(p->core), p->now), 50 * MINUTE);
    play_free(p);
}

static void the_same_token_is_no_issuance(void **state)
{
    (void)state;
    struct play *p = holding_stable(HOUR);
    for (int i = 0; i < 3; i++) {
        play_order(p);
        gets_the_same(p, HOUR);
        assert_int_equal(play_status(p).issued_today, 0);
    }
    play_order(p);
    assert_int_equal(play_take(p, REFRESH_DO_BEGIN)->issued_today, 0);
    play_free(p);
}

static void an_unknown_outcome_is_only_a_question_of_asking_again(void **state)
{
    (void)state;
    struct play *p = holding_stable(3 * MINUTE);
    play_await(p);
    play_begin(p);
    play_take(p, REFRESH_DO_FETCH);
    play_no_token(p, REFRESH_FETCH_UNKNOWN);
    play_take(p, REFRESH_DO_SETTLE);
    play_store(p, REFRESH_STORE_OK);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_DUE);
    play_await(p);
    play_begin(p);
    play_fetch(p, "tok-8");
    assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "tok-7");
    play_free(p);
}

/* ---- force_refresh ---- */

static void a_dead_token_is_forced_only_when_the_normal_call_gives_it_again(void **state)
{
    (void)state;
    struct play *p = holding_stable(HOUR);
    found_dead(p);
    assert_false(play_take(p, REFRESH_DO_BEGIN)->force);
    play_store(p, REFRESH_STORE_OK);
    assert_false(play_take(p, REFRESH_DO_FETCH)->force);
    play_token(p, "tok-7", HOUR);
    play_take(p, REFRESH_DO_COMMIT);
    struct refresh_event same = {.kind = REFRESH_COMMITTED, .op = p->asked.op, .version = 7};
    play_send(p, &same);
    assert_true(play_take(p, REFRESH_DO_BEGIN)->force);
    play_store(p, REFRESH_STORE_OK);
    assert_true(play_take(p, REFRESH_DO_FETCH)->force);
    play_token(p, "tok-8", LIFETIME);
    assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "");
    play_store(p, REFRESH_STORE_OK);
    play_serves(p, "tok-8", 8);
    play_order(p); /* and then no more by force */
    assert_false(play_take(p, REFRESH_DO_BEGIN)->force);
    play_free(p);
}

static void a_dead_token_that_the_normal_call_replaces_is_not_forced(void **state)
{
    (void)state;
    struct play *p = holding_stable(HOUR);
    found_dead(p);
    play_refresh(p, "tok-8");
    play_serves(p, "tok-8", 8);
    play_free(p);
}

static void an_order_alone_never_forces(void **state)
{
    (void)state;
    struct play *p = holding_stable(HOUR);
    for (int i = 0; i < 5; i++) {
        play_order(p);
        assert_false(p->out.list[0].force);
        gets_the_same(p, HOUR);
    }
    play_free(p);
}

static void a_force_that_is_not_allowed_now_waits_half_a_minute_and_begins_without(void **state)
{
    (void)state;
    struct play *p = holding_stable(HOUR);
    found_dead(p);
    gets_the_same(p, HOUR);
    assert_true(play_take(p, REFRESH_DO_BEGIN)->force);
    play_store(p, REFRESH_STORE_FORCED);
    play_take_note(p, REFRESH_NOTE_NO_FORCE);
    assert_int_equal(play_await(p), 30 * SECOND);
    assert_false(play_take(p, REFRESH_DO_BEGIN)->force);
    play_free(p);
}

static void a_force_that_brought_the_same_token_is_not_repeated_within_half_a_minute(void **state)
{
    (void)state;
    struct play *p = holding_stable(HOUR);
    found_dead(p);
    gets_the_same(p, HOUR);
    assert_true(p->out.list[0].force);
    gets_the_same(p, HOUR);
    assert_in_range(play_await(p), 30 * SECOND, 40 * SECOND);
    assert_false(play_take(p, REFRESH_DO_BEGIN)->force);
    play_free(p);
}

/* Found dead, and the normal call gave it again: about to be forced. */
static struct play *forcing(void)
{
    struct play *p = holding_stable(HOUR);
    found_dead(p);
    gets_the_same(p, HOUR);
    assert_true(p->out.list[0].force);
    return p;
}

/* WeChat may have carried it out: then the normal call gives what came of it, and a second force
 * would be refused for half a minute. */
static void a_force_without_an_answer_is_followed_by_a_normal_call(void **state)
{
    (void)state;
    struct play *p = forcing();
    play_begin(p);
    assert_true(play_take(p, REFRESH_DO_FETCH)->force);
    play_no_token(p, REFRESH_FETCH_UNKNOWN);
    play_take(p, REFRESH_DO_SETTLE);
    play_store(p, REFRESH_STORE_OK);
    assert_in_range(play_await(p), 0, 2 * SECOND);
    assert_false(play_take(p, REFRESH_DO_BEGIN)->force);
    play_store(p, REFRESH_STORE_OK);
    assert_false(play_take(p, REFRESH_DO_FETCH)->force);
    play_token(p, "tok-8", LIFETIME);
    assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "");
    play_store(p, REFRESH_STORE_OK);
    play_serves(p, "tok-8", 8);
    play_free(p);
}

static void a_force_that_another_leader_made_needless_is_forgotten(void **state)
{
    (void)state;
    struct play *p = forcing();
    play_take(p, REFRESH_DO_BEGIN);
    play_store(p, REFRESH_STORE_FENCED);
    play_take(p, REFRESH_DO_TELL);
    play_store(p, REFRESH_STORE_FAILED);
    play_take(p, REFRESH_DO_READ);
    struct refresh_seen seen = play_seen(p, 8, "tok-8", LIFETIME);
    seen.mode = TOKEN_STABLE;
    play_read(p, &seen);
    play_lead(p, 3);
    play_take(p, REFRESH_DO_READ);
    play_read(p, &seen);
    play_await(p);
    assert_false(play_take(p, REFRESH_DO_BEGIN)->force);
    play_free(p);
}

static void a_force_is_forgotten_with_the_mode(void **state)
{
    (void)state;
    struct refresh_config classic = play_config(TOKEN_CLASSIC);
    struct play *p = forcing();
    play_take(p, REFRESH_DO_BEGIN);
    play_store(p, REFRESH_STORE_FAILED);
    play_await(p);
    play_take(p, REFRESH_DO_READ);
    struct refresh_seen seen = play_seen(p, 7, "tok-7", HOUR);
    seen.mode = TOKEN_STABLE;
    struct refresh_action asked = p->asked;
    play_configure(p, &classic);
    p->asked = asked;
    play_read(p, &seen);
    play_await(p);
    assert_false(play_take(p, REFRESH_DO_BEGIN)->force);
    play_free(p);
}

static void a_force_that_is_refused_is_told_once(void **state)
{
    (void)state;
    struct play *p = forcing();
    for (int i = 0; i < 5; i++) {
        play_take(p, REFRESH_DO_BEGIN);
        play_store(p, REFRESH_STORE_FORCED);
        if (i == 0)
            play_take_note(p, REFRESH_NOTE_NO_FORCE);
        assert_int_equal(play_status(p).last_err, ERR_QUOTA);
        assert_int_equal(play_status(p).reason, REFRESH_REASON_DEAD);
        assert_in_range(play_await(p), 30 * SECOND, 30 * SECOND);
        gets_the_same(p, HOUR);
    }
    play_begin(p);
    play_fetch(p, "tok-8");
    play_commit(p);
    play_serves(p, "tok-8", 8);
    play_free(p);
}

/* ---- the one before ---- */

/* The two families know nothing of each other. */
static void a_token_of_the_other_family_lives_on_to_its_own_end(void **state)
{
    (void)state;
    for (int mode = TOKEN_CLASSIC; mode <= TOKEN_STABLE; mode++) {
        struct refresh_config before = play_config((enum token_mode)mode),
                              after =
                                  play_config(mode == TOKEN_CLASSIC ? TOKEN_STABLE : TOKEN_CLASSIC);
        struct play *p = play_leading(&before, 7, "tok-7", HOUR);
        play_configure(p, &after);
        play_order(p);
        play_begin(p);
        play_fetch(p, "tok-8");
        const struct refresh_action *commit = play_take(p, REFRESH_DO_COMMIT);
        assert_slice(commit->record.previous, "tok-7");
        assert_int_equal(commit->record.previous_ttl_ms, HOUR);
        assert_int_equal(commit->record.mode, after.mode);
        play_store(p, REFRESH_STORE_OK);
        play_serves(p, "tok-8", 8);
        play_free(p);
    }
}

/* WeChat gives a new one of itself only in the last minutes: before, somebody has forced it, and
 * who knows when. */
static void a_token_that_another_environment_forced_away_is_no_previous(void **state)
{
    (void)state;
    struct play *p = holding_stable(HOUR);
    play_order(p);
    play_begin(p);
    play_fetch(p, "tok-8");
    assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "");
    play_serves(p, "tok-8", 8);
    play_store(p, REFRESH_STORE_OK);
    play_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_wakes_in_the_last_minutes_whatever_the_lead),
        cmocka_unit_test(a_short_life_never_makes_the_margin_the_whole_of_it),
        cmocka_unit_test(the_same_token_is_no_new_version_and_is_asked_for_again_shortly),
        cmocka_unit_test(the_last_moments_are_not_filled_with_calls),
        cmocka_unit_test(the_same_token_takes_the_life_that_wechat_says_is_left),
        cmocka_unit_test(the_same_token_is_no_issuance),
        cmocka_unit_test(an_unknown_outcome_is_only_a_question_of_asking_again),
        cmocka_unit_test(a_dead_token_is_forced_only_when_the_normal_call_gives_it_again),
        cmocka_unit_test(a_dead_token_that_the_normal_call_replaces_is_not_forced),
        cmocka_unit_test(an_order_alone_never_forces),
        cmocka_unit_test(a_force_that_is_not_allowed_now_waits_half_a_minute_and_begins_without),
        cmocka_unit_test(a_force_that_brought_the_same_token_is_not_repeated_within_half_a_minute),
        cmocka_unit_test(a_force_without_an_answer_is_followed_by_a_normal_call),
        cmocka_unit_test(a_force_that_another_leader_made_needless_is_forgotten),
        cmocka_unit_test(a_force_is_forgotten_with_the_mode),
        cmocka_unit_test(a_force_that_is_refused_is_told_once),
        cmocka_unit_test(a_token_of_the_other_family_lives_on_to_its_own_end),
        cmocka_unit_test(a_token_that_another_environment_forced_away_is_no_previous),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
