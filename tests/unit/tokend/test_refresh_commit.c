/* The refresh core: what may be written, by whom, and what becomes of answers that come late or
 * never. */
#include "play.h"

/* As far as the commit of "tok-8" over "tok-7", whose time had come, having been asked for. */
static struct play *committing(void)
{
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_leading(&config, 7, "tok-7", 20 * MINUTE);
    play_begin(p);
    play_fetch(p, "tok-8");
    play_take(p, REFRESH_DO_COMMIT);
    return p;
}

/* ---- lease ---- */

static void nothing_is_begun_with_less_of_the_lease_than_a_call_may_need(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_holding();
    p->lease_left_ms = config.lease_needed_ms - 1;
    play_order(p);
    play_quiet(p, 10 * SECOND);
    p->lease_left_ms = config.lease_needed_ms;
    assert_true(play_await(p) <= 100); /* soon after the lease was renewed */
    play_take(p, REFRESH_DO_BEGIN);
    play_free(p);
}

static void a_begin_that_took_too_long_is_not_followed_by_the_fetch(void **state)
{
    (void)state;
    for (int unled = 0; unled < 2; unled++) {
        struct play *p = play_without_token();
        play_take(p, REFRESH_DO_BEGIN);
        struct refresh_action begin = p->asked;
        if (unled)
            play_tell(p, REFRESH_UNLEAD);
        else
            p->lease_left_ms = LEASE_NEEDED - 1;
        p->asked = begin;
        play_store(p, REFRESH_STORE_OK);
        const struct refresh_action *settle = play_take(p, REFRESH_DO_SETTLE);
        assert_true(settle->drop_intent);
        assert_true(settle->refund);
        assert_int_equal(settle->epoch, 1);
        play_store(p, REFRESH_STORE_OK);
        play_free(p);
    }
}

static void what_was_asked_of_wechat_is_written_even_if_the_lead_is_lost_meanwhile(void **state)
{
    (void)state;
    struct play *p = play_fetching();
    play_tell(p, REFRESH_UNLEAD);
    assert_true(refresh_attempting(p->core));
    play_token(p, "tok-1", LIFETIME);
    play_commit(p);
    play_serves(p, "tok-1", 1);
    assert_false(refresh_attempting(p->core));
    play_quiet(p, 3 * LIFETIME); /* and then another leads */
    play_free(p);
}

static void a_token_is_of_the_family_that_was_asked_whatever_is_set_meanwhile(void **state)
{
    (void)state;
    struct refresh_config stable = play_config(TOKEN_STABLE);
    struct play *p = play_fetching();
    play_configure(p, &stable);
    play_token(p, "tok-1", LIFETIME);
    assert_int_equal(play_take(p, REFRESH_DO_COMMIT)->record.mode, TOKEN_CLASSIC);
    play_store(p, REFRESH_STORE_OK);
    assert_int_equal(refresh_record(p->core)->mode, TOKEN_CLASSIC);
    play_order(p);
    play_begin(p);
    assert_int_equal(play_take(p, REFRESH_DO_FETCH)->mode, TOKEN_STABLE);
    play_free(p);
}

static void a_report_can_be_weighed_only_by_a_leader_that_has_read_the_record(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_new(&config, 1);
    struct refresh_seen seen = play_seen(p, 7, "tok-7", LIFETIME);
    play_take(p, REFRESH_DO_READ);
    play_read(p, &seen);
    assert_false(play_status(p).adopted);
    play_lead(p, 1);
    assert_false(play_status(p).adopted);
    play_take(p, REFRESH_DO_READ);
    play_read(p, &seen);
    assert_true(play_status(p).adopted);
    play_tell(p, REFRESH_UNLEAD);
    assert_false(play_status(p).adopted);
    play_free(p);
}

/* ---- answers that nobody waits for ---- */

static void late_and_duplicate_answers_change_nothing(void **state)
{
    (void)state;
    struct play *p = play_without_token();
    uint64_t read_op = p->out.list[0].op - 1;
    struct refresh_seen other = play_seen(p, 99, "tok-99", HOUR);
    struct refresh_event late[] = {
        {.kind = REFRESH_READ, .op = read_op, .seen = other},
        {.kind = REFRESH_BEGAN, .op = read_op},
        {.kind = REFRESH_FETCHED,
         .op = read_op,
         .token = SLICE_LIT("tok-99"),
         .expires_in_ms = LIFETIME},
        {.kind = REFRESH_COMMITTED, .op = read_op, .version = 99},
        {.kind = REFRESH_SETTLED, .op = read_op, .store = REFRESH_STORE_FENCED},
        {.kind = REFRESH_PROBED, .op = read_op, .probe = REFRESH_PROBE_DEAD},
        {.kind = REFRESH_ASSERTED, .op = read_op, .store = REFRESH_STORE_FENCED},
    };
    static const enum refresh_state path[] = {REFRESH_BEGINNING, REFRESH_FETCHING,
                                              REFRESH_COMMITTING, REFRESH_HOLDING};
    for (size_t at = 0; at < ARRAY_LEN(path); at++) {
        if (path[at] != REFRESH_HOLDING)
            play_take(p, path[at] == REFRESH_BEGINNING  ? REFRESH_DO_BEGIN
                         : path[at] == REFRESH_FETCHING ? REFRESH_DO_FETCH
                                                        : REFRESH_DO_COMMIT);
        for (size_t i = 0; i < ARRAY_LEN(late); i++) {
            play_send(p, &late[i]);
            assert_int_equal(play_status(p).state, path[at]);
        }
        if (path[at] == REFRESH_FETCHING)
            play_token(p, "tok-1", LIFETIME);
        else if (path[at] != REFRESH_HOLDING)
            play_store(p, REFRESH_STORE_OK);
    }
    play_serves(p, "tok-1", 1);
    play_free(p);
}

static void an_answer_of_another_kind_than_was_asked_is_dropped(void **state)
{
    (void)state;
    struct play *p = play_fetching();
    play_send(p, &(struct refresh_event){.kind = REFRESH_COMMITTED, .op = p->asked.op});
    assert_int_equal(play_status(p).state, REFRESH_FETCHING);
    play_token(p, "tok-1", LIFETIME);
    play_commit(p);
    play_free(p);
}

/* ---- commit ---- */

static void commit_and_settle_name_the_intent_that_they_end(void **state)
{
    (void)state;
    for (int fetched = 0; fetched < 2; fetched++) {
        struct play *p = play_without_token();
        char intent[REFRESH_INTENT_SIZE];
        assert_true(slice_copy(play_take(p, REFRESH_DO_BEGIN)->intent, intent, sizeof intent));
        play_store(p, REFRESH_STORE_OK);
        play_take(p, REFRESH_DO_FETCH);
        if (fetched)
            play_token(p, "tok-1", LIFETIME);
        else
            play_refused(p, ERR_BACKOFF, -1);
        assert_slice(play_take(p, fetched ? REFRESH_DO_COMMIT : REFRESH_DO_SETTLE)->intent, intent);
        play_free(p);
    }
}

static void a_fenced_commit_tells_the_new_leader_and_leads_no_more(void **state)
{
    (void)state;
    struct play *p = committing();
    play_store(p, REFRESH_STORE_FENCED);
    play_take(p, REFRESH_DO_TELL);
    assert_false(play_status(p).leading);
    play_store(p, REFRESH_STORE_OK);
    assert_int_equal(play_take(p, REFRESH_DO_READ)->epoch, 0);
    struct refresh_seen seen = play_seen(p, 8, "tok-new-leader", LIFETIME);
    play_read(p, &seen);
    play_serves(p, "tok-new-leader", 8);
    play_free(p);
}

/* Looks are taken and not answered until something is to be told; how long that took. */
static int64_t fail_looks_until_told(struct play *p)
{
    int64_t took = 0;
    for (;;) {
        took += play_await(p);
        if (p->out.list[p->taken].kind == REFRESH_DO_TELL)
            return took;
        play_take(p, REFRESH_DO_READ);
        play_store(p, REFRESH_STORE_FAILED);
    }
}

static void a_fenced_out_leader_tells_until_redis_has_it(void **state)
{
    (void)state;
    struct play *p = committing();
    play_store(p, REFRESH_STORE_FENCED);
    for (int i = 0; i < 20; i++) {
        play_take(p, REFRESH_DO_TELL);
        assert_true(refresh_attempting(p->core)); /* a graceful stop waits */
        play_store(p, REFRESH_STORE_FAILED);
        assert_in_range(fail_looks_until_told(p), 1, 500);
    }
    assert_int_equal(play_take(p, REFRESH_DO_TELL)->tell, REFRESH_DISPLACED);
    play_store(p, REFRESH_STORE_OK);
    assert_false(refresh_attempting(p->core));
    play_free(p);
}

static void who_leads_again_before_redis_has_it_tells_itself(void **state)
{
    (void)state;
    struct play *p = committing();
    play_store(p, REFRESH_STORE_FENCED);
    play_take(p, REFRESH_DO_TELL);
    play_lead(p, 3);
    play_store(p, REFRESH_STORE_FAILED);
    assert_int_equal(play_take(p, REFRESH_DO_READ)->epoch, 3);
    struct refresh_seen seen = play_seen(p, 8, "tok-new-leader", LIFETIME);
    play_read(p, &seen);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_UNRESOLVED);
    play_take(p, REFRESH_DO_BEGIN);
    play_free(p);
}

/* Redis's clock was set forward between begin and commit: what is over by it lives on by ours. */
static void a_commit_that_redis_calls_late_is_repeated_on_the_clock_it_shows(void **state)
{
    (void)state;
    const int64_t set_forward = 3 * HOUR;
    struct play *p = committing();
    struct refresh_written first = p->asked.record;
    play_late(p, wall_after(play_redis_now(p), set_forward));
    play_await(p);
    const struct refresh_written *again = &play_take(p, REFRESH_DO_COMMIT)->record;
    assert_int_equal(again->expires_at.ms, wall_after(first.expires_at, set_forward).ms);
    assert_int_equal(again->issued_at.ms, wall_after(first.issued_at, set_forward).ms);
    assert_true(again->ttl_ms <= first.ttl_ms);
    play_store(p, REFRESH_STORE_OK);
    play_serves(p, "tok-8", 8);
    play_free(p);
}

/* The call may have reached WeChat after another leader's. */
static void a_settle_that_nobody_answered_is_told_when_the_lead_is_lost(void **state)
{
    (void)state;
    struct play *p = play_fetching();
    play_no_token(p, REFRESH_FETCH_UNKNOWN);
    play_take(p, REFRESH_DO_SETTLE);
    play_tell(p, REFRESH_UNLEAD);
    play_store(p, REFRESH_STORE_FAILED);
    play_take(p, REFRESH_DO_TELL);
    play_free(p);
}

/* A new leader has been there: it must know of a token that may have been issued. */
static void a_fenced_settle_tells_the_new_leader_unless_certainly_nothing_was_issued(void **state)
{
    (void)state;
    for (int unknown = 0; unknown < 2; unknown++) {
        struct play *p = play_fetching();
        play_no_token(p, unknown ? REFRESH_FETCH_UNKNOWN : REFRESH_FETCH_NOT_SENT);
        play_take(p, REFRESH_DO_SETTLE);
        play_store(p, REFRESH_STORE_FENCED);
        if (unknown) {
            play_take(p, REFRESH_DO_TELL);
            play_store(p, REFRESH_STORE_OK);
        }
        assert_int_equal(play_take(p, REFRESH_DO_READ)->epoch, 0);
        assert_false(play_status(p).leading);
        play_free(p);
    }
}

static void a_fenced_answer_to_an_old_epoch_does_not_end_a_new_lead(void **state)
{
    (void)state;
    struct play *p = committing();
    struct refresh_action commit = p->asked;
    play_tell(p, REFRESH_UNLEAD);
    play_lead(p, 2);
    p->asked = commit;
    play_store(p, REFRESH_STORE_FENCED);
    assert_true(play_status(p).leading);
    assert_int_equal(play_take(p, REFRESH_DO_READ)->epoch, 2);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_UNRESOLVED); /* it tells itself */
    play_free(p);
}

static void a_commit_that_meets_a_newer_version_yields_to_it(void **state)
{
    (void)state;
    struct play *p = committing();
    play_store(p, REFRESH_STORE_NEWER);
    play_take(p, REFRESH_DO_READ);
    struct refresh_seen seen = play_seen(p, 12, "tok-12", LIFETIME);
    play_read(p, &seen);
    play_serves(p, "tok-12", 12);
    play_take(p, REFRESH_DO_BEGIN); /* WeChat issued ours later, perhaps */
    play_free(p);
}

static void a_commit_without_an_answer_is_repeated_until_there_is_one(void **state)
{
    (void)state;
    struct play *p = committing();
    for (int i = 0; i < 50; i++) {
        play_store(p, REFRESH_STORE_FAILED);
        assert_in_range(play_await(p), 20, 500);
        const struct refresh_written *w = &play_take(p, REFRESH_DO_COMMIT)->record;
        assert_slice(w->token, "tok-8");
        assert_int_equal(w->version, 7);
    }
    play_store(p, REFRESH_STORE_OK);
    play_serves(p, "tok-8", 8);
    play_free(p);
}

static void a_commit_is_repeated_at_once_when_redis_is_back(void **state)
{
    (void)state;
    struct play *p = committing();
    play_store(p, REFRESH_STORE_FAILED);
    play_tell(p, REFRESH_LOOK);
    play_commit(p);
    play_serves(p, "tok-8", 8);
    play_free(p);
}

static void a_repeated_commit_gives_the_token_no_longer_life(void **state)
{
    (void)state;
    struct play *p = committing();
    struct refresh_written first = p->asked.record;
    play_store(p, REFRESH_STORE_FAILED);
    play_pass(p, 10 * SECOND);
    play_tell(p, REFRESH_TICK);
    const struct refresh_written *again = &play_take(p, REFRESH_DO_COMMIT)->record;
    assert_int_equal(again->expires_at.ms, first.expires_at.ms);
    assert_int_equal(again->ttl_ms, first.ttl_ms - 10 * SECOND);
    assert_int_equal(again->previous_until.ms, first.previous_until.ms);
    assert_int_equal(again->previous_ttl_ms, first.previous_ttl_ms - 10 * SECOND);
    play_free(p);
}

static void a_token_that_cannot_be_written_yet_is_served_when_the_old_one_is_gone(void **state)
{
    (void)state;
    struct play *p = committing();
    play_store(p, REFRESH_STORE_FAILED);
    play_serves(p, "tok-7", 7); /* through the overlap, as all others who read Redis */
    play_pass(p, OVERLAP);
    play_serves(p, "tok-8", 8);
    play_tell(p, REFRESH_TICK);
    play_commit(p);
    play_serves(p, "tok-8", 8);
    play_free(p);
}

static void a_token_that_could_never_be_written_is_over_in_its_time(void **state)
{
    (void)state;
    struct play *p = committing();
    play_store(p, REFRESH_STORE_FAILED);
    play_pass(p, LIFETIME);
    play_serves(p, NULL, 0);
    play_tell(p, REFRESH_TICK);
    play_take(p, REFRESH_DO_READ);
    play_store(p, REFRESH_STORE_FAILED);
    play_refresh(p, "tok-9");
    play_serves(p, "tok-9", 8);
    play_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_begun_with_less_of_the_lease_than_a_call_may_need),
        cmocka_unit_test(a_begin_that_took_too_long_is_not_followed_by_the_fetch),
        cmocka_unit_test(what_was_asked_of_wechat_is_written_even_if_the_lead_is_lost_meanwhile),
        cmocka_unit_test(a_token_is_of_the_family_that_was_asked_whatever_is_set_meanwhile),
        cmocka_unit_test(a_report_can_be_weighed_only_by_a_leader_that_has_read_the_record),
        cmocka_unit_test(late_and_duplicate_answers_change_nothing),
        cmocka_unit_test(an_answer_of_another_kind_than_was_asked_is_dropped),
        cmocka_unit_test(commit_and_settle_name_the_intent_that_they_end),
        cmocka_unit_test(a_fenced_commit_tells_the_new_leader_and_leads_no_more),
        cmocka_unit_test(a_fenced_out_leader_tells_until_redis_has_it),
        cmocka_unit_test(who_leads_again_before_redis_has_it_tells_itself),
        cmocka_unit_test(a_settle_that_nobody_answered_is_told_when_the_lead_is_lost),
        cmocka_unit_test(a_fenced_settle_tells_the_new_leader_unless_certainly_nothing_was_issued),
        cmocka_unit_test(a_fenced_answer_to_an_old_epoch_does_not_end_a_new_lead),
        cmocka_unit_test(a_commit_that_meets_a_newer_version_yields_to_it),
        cmocka_unit_test(a_commit_without_an_answer_is_repeated_until_there_is_one),
        cmocka_unit_test(a_commit_is_repeated_at_once_when_redis_is_back),
        cmocka_unit_test(a_commit_that_redis_calls_late_is_repeated_on_the_clock_it_shows),
        cmocka_unit_test(a_repeated_commit_gives_the_token_no_longer_life),
        cmocka_unit_test(a_token_that_cannot_be_written_yet_is_served_when_the_old_one_is_gone),
        cmocka_unit_test(a_token_that_could_never_be_written_is_over_in_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
