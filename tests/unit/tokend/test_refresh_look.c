/* The refresh core: what it makes of what it finds in Redis. */
#include "play.h"

/* A holding leader (version 7, "tok-7") that has asked to look and waits for the answer. */
static struct play *looking(void)
{
    struct play *p = play_holding();
    play_tell(p, REFRESH_LOOK);
    play_take(p, REFRESH_DO_READ);
    return p;
}

/* The same, of one that follows. */
static struct play *follower_looking(void)
{
    struct play *p = play_holding();
    play_tell(p, REFRESH_UNLEAD);
    play_tell(p, REFRESH_LOOK);
    play_take(p, REFRESH_DO_READ);
    return p;
}

static struct play *follower_looking_every(int64_t interval_ms)
{
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    config.observe_interval_ms = interval_ms;
    struct play *p = play_leading(&config, 7, "tok-7", LIFETIME);
    play_tell(p, REFRESH_UNLEAD);
    play_tell(p, REFRESH_LOOK);
    play_take(p, REFRESH_DO_READ);
    return p;
}

static void finds(struct play *p, int64_t version, const char *token, int64_t remaining_ms)
{
    struct refresh_seen seen = play_seen(p, version, token, remaining_ms);
    play_read(p, &seen);
}

/* Looks again, after so long. */
static void look_again(struct play *p, int64_t ms)
{
    play_pass(p, ms);
    play_tell(p, REFRESH_LOOK);
    play_take(p, REFRESH_DO_READ);
}

/* ---- a record that Redis lost ---- */

static void a_lost_record_is_written_back_with_its_version(void **state)
{
    (void)state;
    struct play *p = looking();
    play_pass(p, 200);
    finds(p, 0, NULL, 0);
    const struct refresh_action *a = play_take(p, REFRESH_DO_ASSERT);
    assert_int_equal(a->record.version, 7);
    assert_slice(a->record.token, "tok-7");
    assert_int_equal(a->record.ttl_ms, LIFETIME - 200);
    assert_in_range(a->record.expires_at.ms, wall_after(play_redis_now(p), LIFETIME - 400).ms,
                    wall_after(play_redis_now(p), LIFETIME - 200).ms);
    assert_slice(a->record.previous, "");
    assert_slice(a->intent, "");
    play_store(p, REFRESH_STORE_OK);
    play_take_note(p, REFRESH_NOTE_RESTORED);
    assert_int_equal(play_status(p).state, REFRESH_HOLDING);
    play_free(p);
}

static void a_lost_previous_token_is_written_back_for_what_is_left_of_it(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_order(p);
    play_refresh(p, "tok-8");
    play_pass(p, MINUTE);
    play_tell(p, REFRESH_LOOK);
    play_take(p, REFRESH_DO_READ);
    finds(p, 0, NULL, 0);
    const struct refresh_written *w = &play_take(p, REFRESH_DO_ASSERT)->record;
    assert_int_equal(w->version, 8);
    assert_slice(w->previous, "tok-7");
    assert_int_equal(w->previous_ttl_ms, OVERLAP - MINUTE);
    assert_int_equal(w->previous_until.ms, wall_after(play_redis_now(p), OVERLAP - MINUTE).ms);
    play_free(p);
}

static void a_token_of_which_redis_knows_only_the_version_is_written_back_too(void **state)
{
    (void)state;
    struct play *p = looking();
    finds(p, 7, NULL, 0); /* the keys were deleted or tampered with; the state is still there */
    assert_int_equal(play_take(p, REFRESH_DO_ASSERT)->record.version, 7);
    play_free(p);
}

static void a_follower_serves_on_and_writes_nothing(void **state)
{
    (void)state;
    struct play *p = follower_looking();
    finds(p, 0, NULL, 0);
    play_serves(p, "tok-7", 7);
    play_quiet(p, LIFETIME);
    play_serves(p, NULL, 0);
    play_free(p);
}

static void a_write_back_that_failed_begins_with_another_look(void **state)
{
    (void)state;
    static const enum refresh_store failures[] = {REFRESH_STORE_FAILED, REFRESH_STORE_NEWER};
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        struct play *p = looking();
        finds(p, 0, NULL, 0);
        play_take(p, REFRESH_DO_ASSERT);
        play_store(p, failures[i]);
        assert_in_range(play_await(p), 1, SECOND);
        play_take(p, REFRESH_DO_READ);
        play_free(p);
    }
}

static void a_fenced_write_back_leads_no_more(void **state)
{
    (void)state;
    struct play *p = looking();
    finds(p, 0, NULL, 0);
    play_take(p, REFRESH_DO_ASSERT);
    play_store(p, REFRESH_STORE_FENCED);
    assert_false(play_status(p).leading);
    assert_int_equal(play_take(p, REFRESH_DO_READ)->epoch, 0);
    play_free(p);
}

/* ---- two records ---- */

static void a_newer_version_in_redis_is_taken(void **state)
{
    (void)state;
    struct play *p = looking();
    finds(p, 9, "tok-9", HOUR);
    play_serves(p, "tok-9", 9);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_NONE);
    play_free(p);
}

static void a_newer_version_without_a_token_means_that_ours_is_not_the_last(void **state)
{
    (void)state;
    struct play *p = looking();
    finds(p, 9, NULL, 0);
    play_serves(p, NULL, 0);
    assert_int_equal(play_take(p, REFRESH_DO_BEGIN)->version, 9);
    play_free(p);
}

static void a_follower_takes_what_the_leader_wrote_with_its_previous(void **state)
{
    (void)state;
    struct play *p = follower_looking();
    struct refresh_seen seen = play_seen(p, 8, "tok-8", LIFETIME);
    seen.previous = SLICE_LIT("tok-7");
    seen.previous_remaining_ms = OVERLAP;
    play_read(p, &seen);
    play_serves(p, "tok-8", 8);
    const struct record *r = refresh_record(p->core);
    assert_slice(secret_reveal(&r->previous), "tok-7");
    assert_true(record_previous_live(r, mono_after(p->now, OVERLAP - 1)));
    assert_false(record_previous_live(r, mono_after(p->now, OVERLAP)));
    play_free(p);
}

/* Redis went back to an old snapshot. */
static void a_plainly_older_token_in_redis_yields_to_ours(void **state)
{
    (void)state;
    struct play *p = looking();
    finds(p, 6, "tok-6", HOUR);
    const struct refresh_action *a = play_take(p, REFRESH_DO_ASSERT);
    assert_int_equal(a->record.version, 7);
    assert_slice(a->record.token, "tok-7");
    assert_slice(a->intent, "");
    play_store(p, REFRESH_STORE_OK);
    play_take_note(p, REFRESH_NOTE_RESTORED);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_NONE);
    play_free(p);
}

/* Redis lost everything, and who leads now knew nothing: only followers know the version. */
static void a_follower_tells_the_leader_of_a_version_that_redis_lost_once(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        int64_t remaining_ms, version;
    } cases[] = {{"tok-1", LIFETIME, 8}, {"tok-old", HOUR, 7}};
    const int64_t interval = MINUTE;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = follower_looking_every(interval);
        finds(p, 1, cases[i].token, cases[i].remaining_ms);
        play_serves(p, i == 0 ? "tok-1" : "tok-7", cases[i].version);
        look_again(p, SECOND);
        finds(p, 1, cases[i].token, cases[i].remaining_ms - SECOND);
        look_again(p, interval);
        finds(p, 1, cases[i].token, cases[i].remaining_ms - SECOND - interval);
        const struct refresh_action *tell = play_take(p, REFRESH_DO_TELL);
        assert_int_equal(tell->tell, REFRESH_ORDER);
        assert_int_equal(tell->version, cases[i].version);
        play_store(p, REFRESH_STORE_OK);
        look_again(p, interval);
        finds(p, 1, cases[i].token, cases[i].remaining_ms - SECOND - 2 * interval);
        play_free(p);
    }
}

static void a_follower_tells_nothing_of_what_the_leader_puts_right(void **state)
{
    (void)state;
    const int64_t interval = MINUTE;
    struct play *p = follower_looking_every(interval);
    finds(p, 0, NULL, 0);
    look_again(p, interval);
    finds(p, 0, NULL, 0);
    look_again(p, interval);
    finds(p, 6, "tok-6", HOUR);
    look_again(p, SECOND);
    finds(p, 7, "tok-7", LIFETIME - 2 * interval - SECOND);
    look_again(p, interval);
    finds(p, 6, "tok-6", HOUR);
    play_free(p);
}

/* Refreshes within a moment, then a snapshot from before them: nobody else has fetched. */
static void a_token_that_we_have_replaced_yields_to_ours_however_young_it_is(void **state)
{
    (void)state;
    for (int refreshes = 1; refreshes <= 4; refreshes++) {
        struct play *p = play_holding();
        for (int i = 0; i < refreshes; i++) {
            play_order(p);
            play_refresh(p, (const char *[]){"tok-8", "tok-9", "tok-10", "tok-11"}[i]);
        }
        play_tell(p, REFRESH_LOOK);
        play_take(p, REFRESH_DO_READ);
        finds(p, 7, "tok-7", LIFETIME);
        const struct refresh_action *a = play_take(p, REFRESH_DO_ASSERT);
        assert_int_equal(a->record.version, 7 + refreshes);
        assert_slice(a->intent, "");
        play_store(p, REFRESH_STORE_OK);
        play_take_note(p, REFRESH_NOTE_RESTORED);
        assert_int_equal(play_status(p).reason, REFRESH_REASON_NONE);
        play_free(p);
    }
}

/* Redis lost data, and two leaders fetched at about the same time: only a refresh makes it sure
 * that what we hold is what WeChat calls current. */
static void tokens_of_about_the_same_moment_end_in_a_refresh_without_a_previous(void **state)
{
    (void)state;
    for (int64_t apart = -CALL_TIMEOUT; apart <= MINUTE; apart += CALL_TIMEOUT) {
        bool ours_later = apart < 0;
        struct play *p = looking();
        finds(p, 6, "tok-other", LIFETIME + apart);
        const struct refresh_action *a = play_take(p, REFRESH_DO_ASSERT);
        assert_int_equal(a->record.version, ours_later ? 7 : 8);
        assert_slice(a->record.token, ours_later ? "tok-7" : "tok-other");
        assert_true(a->intent.n > 0);
        play_store(p, REFRESH_STORE_OK);
        play_take_note(p, REFRESH_NOTE_RESTORED);
        assert_int_equal(play_status(p).reason, REFRESH_REASON_UNRESOLVED);
        play_begin(p);
        play_fetch(p, "tok-9");
        assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "");
        play_store(p, REFRESH_STORE_OK);
        play_free(p);
    }
}

static void of_two_tokens_of_one_version_the_later_gets_the_next_version(void **state)
{
    (void)state;
    for (int ours_later = 0; ours_later < 2; ours_later++) {
        struct play *p = looking();
        finds(p, 7, "tok-other", ours_later ? LIFETIME - HOUR : LIFETIME + HOUR);
        const struct refresh_written *w = &play_take(p, REFRESH_DO_ASSERT)->record;
        assert_int_equal(w->version, 8);
        assert_slice(w->token, ours_later ? "tok-7" : "tok-other");
        play_store(p, REFRESH_STORE_OK);
        play_take_note(p, REFRESH_NOTE_RESTORED);
        play_take(p, REFRESH_DO_BEGIN);
        play_free(p);
    }
}

static void the_version_never_goes_back_over_an_expired_token_or_a_lost_database(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_pass(p, LIFETIME + HOUR); /* asleep */
    play_tell(p, REFRESH_LOOK);
    play_take(p, REFRESH_DO_READ);
    finds(p, 0, NULL, 0);
    assert_int_equal(play_take(p, REFRESH_DO_BEGIN)->version, 7);
    play_store(p, REFRESH_STORE_OK);
    play_fetch(p, "tok-8");
    play_commit(p);
    play_serves(p, "tok-8", 8);
    play_free(p);
}

/* ---- an intent ---- */

static void an_intent_found_by_the_leader_is_answered_by_a_refresh_at_once(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_new(&config, 1);
    struct refresh_seen seen = play_seen(p, 7, "tok-7", LIFETIME);
    seen.intent = SLICE_LIT("{\"by\":\"one that died\"}");
    play_take(p, REFRESH_DO_READ);
    play_read(p, &seen);
    play_lead(p, 2);
    play_take(p, REFRESH_DO_READ);
    play_read(p, &seen);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_UNRESOLVED);
    play_begin(p);
    play_fetch(p, "tok-8");
    assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "");
    play_store(p, REFRESH_STORE_OK);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_NONE);
    play_free(p);
}

static void an_intent_of_any_size_is_answered_by_one_refresh(void **state)
{
    (void)state;
    static char long_intent[4096];
    for (size_t i = 0; i < sizeof long_intent - 1; i++)
        long_intent[i] = 'x';
    struct play *p = looking();
    struct refresh_seen seen = play_seen(p, 7, "tok-7", HOUR);
    seen.intent = slice_of(long_intent);
    play_read(p, &seen);
    play_refresh(p, "tok-8");
    play_quiet(p, HOUR);
    play_free(p);
}

static void our_own_intent_under_which_wechat_was_not_called_is_no_open_question(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_leading(&config, 7, "tok-7", 20 * MINUTE);
    char intent[REFRESH_INTENT_SIZE];
    assert_true(slice_copy(play_take(p, REFRESH_DO_BEGIN)->intent, intent, sizeof intent));
    play_store(p, REFRESH_STORE_FAILED); /* stored, but we did not hear of it */
    play_await(p);
    play_take(p, REFRESH_DO_READ);
    struct refresh_seen seen = play_seen(p, 7, "tok-7", 19 * MINUTE);
    seen.intent = slice_of(intent);
    play_read(p, &seen);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_DUE);
    play_begin(p);
    play_fetch(p, "tok-8");
    assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "tok-7");
    play_free(p);
}

static void our_own_intent_under_which_wechat_was_called_is_one(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_leading(&config, 7, "tok-7", 20 * MINUTE);
    char intent[REFRESH_INTENT_SIZE];
    assert_true(slice_copy(play_take(p, REFRESH_DO_BEGIN)->intent, intent, sizeof intent));
    play_store(p, REFRESH_STORE_OK);
    play_fetch(p, "tok-8");
    play_take(p, REFRESH_DO_COMMIT);
    play_store(p, REFRESH_STORE_NEWER);
    play_take(p, REFRESH_DO_READ);
    struct refresh_seen seen = play_seen(p, 9, "tok-9", LIFETIME);
    seen.intent = slice_of(intent);
    play_read(p, &seen);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_UNRESOLVED);
    play_take(p, REFRESH_DO_BEGIN);
    play_free(p);
}

static void an_open_question_is_closed_by_a_newer_version_and_by_nothing_less(void **state)
{
    (void)state;
    struct play *p = follower_looking();
    struct refresh_seen seen = play_seen(p, 7, "tok-7", HOUR);
    seen.intent = SLICE_LIT("{}");
    play_read(p, &seen);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_UNRESOLVED);
    play_tell(p, REFRESH_LOOK);
    play_take(p, REFRESH_DO_READ);
    finds(p, 7, "tok-7", HOUR); /* the intent is gone: dropped, or lost with Redis's tail */
    assert_int_equal(play_status(p).reason, REFRESH_REASON_UNRESOLVED);
    play_tell(p, REFRESH_LOOK);
    play_take(p, REFRESH_DO_READ);
    finds(p, 8, "tok-8", LIFETIME);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_NONE);
    play_free(p);
}

/* ---- a Redis that does not answer ---- */

static void a_redis_that_does_not_answer_is_asked_every_second_or_sooner(void **state)
{
    (void)state;
    struct play *p = looking();
    for (int i = 0; i < 50; i++) {
        play_store(p, REFRESH_STORE_FAILED);
        play_serves(p, "tok-7", 7);
        assert_in_range(play_await(p), 50, SECOND);
        play_take(p, REFRESH_DO_READ);
    }
    finds(p, 7, "tok-7", HOUR);
    assert_int_equal(play_status(p).state, REFRESH_HOLDING);
    play_free(p);
}

static void a_fenced_look_leads_no_more_and_is_repeated_without_an_epoch(void **state)
{
    (void)state;
    struct play *p = looking();
    play_store(p, REFRESH_STORE_FENCED);
    assert_false(play_status(p).leading);
    assert_in_range(play_await(p), 0, SECOND);
    assert_int_equal(play_take(p, REFRESH_DO_READ)->epoch, 0);
    play_free(p);
}

static void news_during_a_look_means_another_look(void **state)
{
    (void)state;
    struct play *p = looking();
    play_tell(p, REFRESH_LOOK);
    finds(p, 7, "tok-7", LIFETIME);
    play_take(p, REFRESH_DO_READ);
    finds(p, 8, "tok-8", LIFETIME);
    play_serves(p, "tok-8", 8);
    play_free(p);
}

static void a_look_that_began_before_the_lead_is_no_ground_to_write_on(void **state)
{
    (void)state;
    struct play *p = follower_looking();
    play_lead(p, 2);
    finds(p, 0, NULL, 0);
    assert_int_equal(play_take(p, REFRESH_DO_READ)->epoch, 2);
    finds(p, 0, NULL, 0);
    assert_int_equal(play_take(p, REFRESH_DO_ASSERT)->epoch, 2);
    play_free(p);
}

static void a_follower_tells_the_error_of_the_leaders_last_attempt(void **state)
{
    (void)state;
    struct play *p = follower_looking();
    struct refresh_seen seen = play_seen(p, 7, "tok-7", HOUR);
    seen.last_err = ERR_OPERATOR;
    seen.last_errcode = 40164;
    play_read(p, &seen);
    assert_int_equal(play_status(p).last_err, ERR_OPERATOR);
    assert_int_equal(play_status(p).last_errcode, 40164);
    play_free(p);
}

/* The budget is ours alone to know: Redis has the error before it. */
static void a_leader_keeps_the_error_of_its_own_attempt(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_order(p);
    play_fail(p, ERR_OPERATOR, 40164);
    play_tell(p, REFRESH_LOOK);
    play_take(p, REFRESH_DO_READ);
    struct refresh_seen seen = play_seen(p, 7, "tok-7", HOUR);
    play_read(p, &seen);
    assert_int_equal(play_status(p).last_err, ERR_OPERATOR);
    play_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_record_is_written_back_with_its_version),
        cmocka_unit_test(a_lost_previous_token_is_written_back_for_what_is_left_of_it),
        cmocka_unit_test(a_token_of_which_redis_knows_only_the_version_is_written_back_too),
        cmocka_unit_test(a_follower_serves_on_and_writes_nothing),
        cmocka_unit_test(a_write_back_that_failed_begins_with_another_look),
        cmocka_unit_test(a_fenced_write_back_leads_no_more),
        cmocka_unit_test(a_newer_version_in_redis_is_taken),
        cmocka_unit_test(a_newer_version_without_a_token_means_that_ours_is_not_the_last),
        cmocka_unit_test(a_follower_takes_what_the_leader_wrote_with_its_previous),
        cmocka_unit_test(a_plainly_older_token_in_redis_yields_to_ours),
        cmocka_unit_test(a_follower_tells_the_leader_of_a_version_that_redis_lost_once),
        cmocka_unit_test(a_follower_tells_nothing_of_what_the_leader_puts_right),
        cmocka_unit_test(a_token_that_we_have_replaced_yields_to_ours_however_young_it_is),
        cmocka_unit_test(tokens_of_about_the_same_moment_end_in_a_refresh_without_a_previous),
        cmocka_unit_test(of_two_tokens_of_one_version_the_later_gets_the_next_version),
        cmocka_unit_test(the_version_never_goes_back_over_an_expired_token_or_a_lost_database),
        cmocka_unit_test(an_intent_found_by_the_leader_is_answered_by_a_refresh_at_once),
        cmocka_unit_test(an_intent_of_any_size_is_answered_by_one_refresh),
        cmocka_unit_test(our_own_intent_under_which_wechat_was_not_called_is_no_open_question),
        cmocka_unit_test(our_own_intent_under_which_wechat_was_called_is_one),
        cmocka_unit_test(an_open_question_is_closed_by_a_newer_version_and_by_nothing_less),
        cmocka_unit_test(a_redis_that_does_not_answer_is_asked_every_second_or_sooner),
        cmocka_unit_test(a_fenced_look_leads_no_more_and_is_repeated_without_an_epoch),
        cmocka_unit_test(news_during_a_look_means_another_look),
        cmocka_unit_test(a_look_that_began_before_the_lead_is_no_ground_to_write_on),
        cmocka_unit_test(a_follower_tells_the_error_of_the_leaders_last_attempt),
        cmocka_unit_test(a_leader_keeps_the_error_of_its_own_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
