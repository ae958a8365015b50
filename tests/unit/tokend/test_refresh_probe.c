/* The refresh core: reports of consumers, probes, orders and displaced tokens. */
#include "play.h"

/* Leads, and its "tok-7" was reported: the probe is asked for. */
static struct play *probing(void)
{
    struct play *p = play_holding();
    play_report(p, 7);
    play_take_note(p, REFRESH_NOTE_REPORTED);
    assert_slice(play_take(p, REFRESH_DO_PROBE)->token, "tok-7");
    return p;
}

static struct play *probing_by(int64_t interval_ms)
{
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    config.probe_interval_ms = interval_ms;
    return play_leading(&config, 7, "tok-7", LIFETIME);
}

/* ---- reports ---- */

static void a_report_about_another_than_the_current_version_changes_nothing(void **state)
{
    (void)state;
    struct play *p = play_holding();
    for (int64_t version = 0; version < 20; version++)
        if (version != 7)
            play_report(p, version);
    play_quiet(p, HOUR);
    play_free(p);
}

static void a_report_about_the_current_token_is_probed_before_it_costs_a_refresh(void **state)
{
    (void)state;
    struct play *p = probing();
    play_probe(p, REFRESH_PROBE_LIVE);
    play_take_note(p, REFRESH_NOTE_FLAPPED);
    play_serves(p, "tok-7", 7);
    play_quiet(p, HOUR);
    play_free(p);
}

static void a_storm_of_true_reports_costs_one_probe(void **state)
{
    (void)state;
    struct play *p = probing();
    for (int i = 0; i < 1000; i++)
        play_report(p, 7);
    play_probe(p, REFRESH_PROBE_DEAD);
    play_take_note(p, REFRESH_NOTE_DISPLACED);
    play_refresh(p, "tok-8");
    play_quiet(p, HOUR);
    play_free(p);
}

/* The token may have died after WeChat judged it and before its answer came. */
static void what_is_reported_during_a_probe_is_weighed_by_one_more(void **state)
{
    (void)state;
    struct play *p = probing();
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(refresh_knows(p->core, 7), i > 0);
        play_report(p, 7);
        assert_true(refresh_weighing(p->core, 7));
    }
    play_probe(p, REFRESH_PROBE_LIVE);
    assert_false(refresh_settled(p->core));
    assert_in_range(play_await(p), 1, SECOND / 2);
    play_take(p, REFRESH_DO_PROBE);
    play_probe(p, REFRESH_PROBE_DEAD);
    play_take_note(p, REFRESH_NOTE_DISPLACED);
    play_take(p, REFRESH_DO_BEGIN);
    play_free(p);
}

static void a_report_during_the_periodic_probe_is_weighed_by_one_more(void **state)
{
    (void)state;
    struct play *p = probing_by(10 * MINUTE);
    play_await(p);
    play_take(p, REFRESH_DO_PROBE);
    struct refresh_action probe = p->asked;
    play_report(p, 7);
    play_take_note(p, REFRESH_NOTE_REPORTED);
    p->asked = probe;
    play_probe(p, REFRESH_PROBE_LIVE);
    assert_in_range(play_await(p), 1, SECOND / 2);
    play_take(p, REFRESH_DO_PROBE);
    play_probe(p, REFRESH_PROBE_LIVE);
    play_take_note(p, REFRESH_NOTE_FLAPPED);
    play_free(p);
}

static void reports_that_go_on_cost_two_probes_a_second_at_most(void **state)
{
    (void)state;
    struct play *p = play_holding();
    int probes = 0;
    for (int ms = 0; ms < 10 * SECOND; ms += 10) {
        play_report(p, 7);
        while (play_asks(p)) {
            if (p->out.list[p->taken].kind == REFRESH_DO_NOTE) {
                play_take_note(p, REFRESH_NOTE_REPORTED);
                continue;
            }
            play_take(p, REFRESH_DO_PROBE);
            play_probe(p, REFRESH_PROBE_LIVE);
            play_take_note(p, REFRESH_NOTE_FLAPPED);
            probes++;
        }
        play_pass(p, 10);
    }
    assert_in_range(probes, 10, 20);
    play_free(p);
}

static void a_token_that_the_probe_finds_dead_is_refreshed_at_once_and_is_no_previous(void **state)
{
    (void)state;
    static const struct {
        enum refresh_probe probe;
        enum refresh_note note;
    } cases[] = {{REFRESH_PROBE_DEAD, REFRESH_NOTE_DISPLACED},
                 {REFRESH_PROBE_EXPIRED, REFRESH_NOTE_EXPIRED}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = probing();
        play_probe(p, cases[i].probe);
        play_take_note(p, cases[i].note);
        assert_int_equal(play_status(p).reason, REFRESH_REASON_DEAD);
        play_begin(p);
        assert_false(play_take(p, REFRESH_DO_FETCH)->force);
        play_token(p, "tok-8", LIFETIME);
        assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "");
        play_store(p, REFRESH_STORE_OK);
        play_report(p, 7); /* by consumers that are late */
        play_quiet(p, HOUR);
        play_free(p);
    }
}

static void a_probe_without_a_usable_answer_is_repeated_while_a_report_waits_for_it(void **state)
{
    (void)state;
    struct play *p = probing();
    for (int i = 0; i < 3; i++) {
        play_probe(p, REFRESH_PROBE_UNKNOWN);
        assert_int_equal(play_await(p), SECOND);
        play_take(p, REFRESH_DO_PROBE);
    }
    play_probe(p, REFRESH_PROBE_DEAD);
    play_take_note(p, REFRESH_NOTE_DISPLACED);
    play_take(p, REFRESH_DO_BEGIN);
    play_free(p);
}

/* A refresh that waits for its next try would otherwise wait on with a token that is dead. */
static void a_report_is_probed_while_a_refresh_waits_and_ends_the_wait_if_it_is_true(void **state)
{
    (void)state;
    for (int dead = 0; dead < 2; dead++) {
        struct play *p = play_holding();
        play_order(p);
        play_fail(p, ERR_OPERATOR, 40164);
        play_report(p, 7);
        play_take_note(p, REFRESH_NOTE_REPORTED);
        play_take(p, REFRESH_DO_PROBE);
        play_probe(p, dead ? REFRESH_PROBE_DEAD : REFRESH_PROBE_LIVE);
        play_take_note(p, dead ? REFRESH_NOTE_DISPLACED : REFRESH_NOTE_FLAPPED);
        assert_in_range(play_await(p), dead ? 0 : SECOND, dead ? 0 : 3 * SECOND);
        play_refresh(p, "tok-8");
        play_free(p);
    }
}

static void a_report_during_a_refresh_is_answered_by_the_new_token(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_order(p);
    play_begin(p);
    play_take(p, REFRESH_DO_FETCH);
    struct refresh_action fetch = p->asked;
    play_report(p, 7);
    play_take_note(p, REFRESH_NOTE_REPORTED);
    p->asked = fetch;
    play_token(p, "tok-8", LIFETIME);
    play_commit(p);
    play_quiet(p, HOUR);
    play_free(p);
}

/* The commit's answer may be late, or lost: consumers have the token from Redis before we know. */
static void a_report_about_the_token_that_is_being_committed_is_weighed_after_it(void **state)
{
    (void)state;
    for (int lost = 0; lost < 2; lost++) {
        struct play *p = play_holding();
        play_order(p);
        play_begin(p);
        play_fetch(p, "tok-8");
        play_take(p, REFRESH_DO_COMMIT);
        if (lost)
            play_store(p, REFRESH_STORE_FAILED);
        struct refresh_action commit = p->asked;
        play_report(p, 8);
        assert_int_equal(play_take(p, REFRESH_DO_NOTE)->version, 8);
        play_report(p, 7); /* by one who is late */
        assert_true(refresh_weighing(p->core, 8));
        assert_false(refresh_settled(p->core));
        p->asked = commit;
        if (lost) {
            play_await(p);
            play_take(p, REFRESH_DO_COMMIT);
        }
        play_store(p, REFRESH_STORE_OK);
        assert_slice(play_take(p, REFRESH_DO_PROBE)->token, "tok-8");
        play_probe(p, REFRESH_PROBE_LIVE);
        play_take_note(p, REFRESH_NOTE_FLAPPED);
        assert_true(refresh_settled(p->core));
        play_free(p);
    }
}

/* A version that is to come, but nobody has seen yet. */
static void a_report_about_the_next_version_before_its_commit_changes_nothing(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_order(p);
    play_begin(p);
    play_take(p, REFRESH_DO_FETCH);
    struct refresh_action fetch = p->asked;
    play_report(p, 8);
    p->asked = fetch;
    play_token(p, "tok-8", LIFETIME);
    play_commit(p);
    play_quiet(p, HOUR);
    play_free(p);
}

static void new_settings_forget_no_report(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = probing();
    play_probe(p, REFRESH_PROBE_UNKNOWN);
    config.probe_interval_ms = 10 * MINUTE;
    play_configure(p, &config);
    assert_false(refresh_settled(p->core));
    if (!play_asks(p))
        assert_in_range(play_await(p), 1, SECOND);
    play_take(p, REFRESH_DO_PROBE);
    play_configure(p, &config);
    play_probe(p, REFRESH_PROBE_UNKNOWN);
    assert_in_range(play_await(p), 1, SECOND);
    play_take(p, REFRESH_DO_PROBE);
    play_free(p);
}

static void a_follower_neither_probes_nor_refreshes(void **state)
{
    (void)state;
    struct play *p = probing_by(10 * MINUTE);
    play_tell(p, REFRESH_UNLEAD);
    play_report(p, 7);
    play_quiet(p, 2 * LIFETIME);
    play_free(p);
}

/* ---- the periodic probe ---- */

static void the_periodic_probe_comes_about_as_often_as_it_is_set(void **state)
{
    (void)state;
    struct play *p = probing_by(10 * MINUTE);
    for (int i = 0; i < 5; i++) {
        assert_in_range(play_await(p), 9 * MINUTE, 11 * MINUTE);
        play_take(p, REFRESH_DO_PROBE);
        play_probe(p, i % 2 ? REFRESH_PROBE_LIVE : REFRESH_PROBE_UNKNOWN);
    }
    play_free(p);
}

static void the_periodic_probe_finds_a_token_that_another_environment_replaced(void **state)
{
    (void)state;
    struct play *p = probing_by(10 * MINUTE);
    play_await(p);
    play_take(p, REFRESH_DO_PROBE);
    play_probe(p, REFRESH_PROBE_DEAD);
    play_take_note(p, REFRESH_NOTE_DISPLACED);
    play_refresh(p, "tok-8");
    play_serves(p, "tok-8", 8);
    play_free(p);
}

/* A takeover of many apps is no storm of probes. */
static void a_new_leader_does_not_probe_what_it_adopts_at_once(void **state)
{
    (void)state;
    struct play *p = probing_by(10 * MINUTE);
    struct refresh_seen seen;
    play_tell(p, REFRESH_UNLEAD);
    play_quiet(p, HOUR);
    play_lead(p, 2);
    play_take(p, REFRESH_DO_READ);
    seen = play_seen(p, 7, "tok-7", LIFETIME - HOUR);
    play_read(p, &seen);
    assert_in_range(play_await(p), 9 * MINUTE, 11 * MINUTE);
    play_take(p, REFRESH_DO_PROBE);
    play_free(p);
}

/* ---- orders and displaced tokens ---- */

static void an_order_refreshes_at_once_and_once(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_order(p);
    assert_int_equal(play_status(p).reason, REFRESH_REASON_ORDERED);
    play_refresh(p, "tok-8");
    play_quiet(p, HOUR);
    play_free(p);
}

static void an_order_ends_a_wait(void **state)
{
    (void)state;
    struct refresh_config config = play_config(TOKEN_CLASSIC);
    struct play *p = play_leading(&config, 0, NULL, 0);
    play_fail(p, ERR_OPERATOR, 40164);
    play_order(p);
    play_refresh(p, "tok-1");
    play_free(p);
}

static void a_displaced_token_is_answered_by_a_refresh_without_a_previous(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_displaced(p);
    play_begin(p);
    play_fetch(p, "tok-8");
    assert_slice(play_take(p, REFRESH_DO_COMMIT)->record.previous, "");
    play_store(p, REFRESH_STORE_OK);
    play_quiet(p, HOUR);
    play_free(p);
}

/* The paused leader's request may have reached WeChat after ours: then ours is the older one. */
static void a_token_displaced_while_ours_was_fetched_is_answered_by_another_refresh(void **state)
{
    (void)state;
    for (int in_commit = 0; in_commit < 2; in_commit++) {
        struct play *p = play_holding();
        play_order(p);
        play_begin(p);
        play_take(p, REFRESH_DO_FETCH);
        struct refresh_action asked = p->asked;
        if (in_commit) {
            play_token(p, "tok-8", LIFETIME);
            play_take(p, REFRESH_DO_COMMIT);
            asked = p->asked;
        }
        play_displaced(p);
        p->asked = asked;
        if (!in_commit) {
            play_token(p, "tok-8", LIFETIME);
            play_take(p, REFRESH_DO_COMMIT);
        }
        play_store(p, REFRESH_STORE_OK);
        assert_int_equal(play_status(p).reason, REFRESH_REASON_UNRESOLVED);
        play_refresh(p, "tok-9");
        play_quiet(p, HOUR);
        play_free(p);
    }
}

/* Once heard it stands nowhere but in the intent: whoever leads next must find it there. */
static void a_displaced_token_keeps_the_intent_of_an_attempt_that_was_refused(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_order(p);
    play_begin(p);
    play_take(p, REFRESH_DO_FETCH);
    play_displaced(p);
    play_refused(p, ERR_BACKOFF, -1);
    const struct refresh_action *settle = play_take(p, REFRESH_DO_SETTLE);
    assert_false(settle->drop_intent);
    assert_true(settle->refund);
    play_free(p);
}

/* ---- what must be told again to whoever leads next ---- */

static void a_report_is_settled_when_a_probe_found_it_wrong(void **state)
{
    (void)state;
    struct play *p = play_holding();
    assert_true(refresh_settled(p->core));
    play_report(p, 6);
    assert_true(refresh_settled(p->core)); /* of an older token: nothing to weigh */
    play_report(p, 7);
    assert_true(refresh_weighing(p->core, 7));
    assert_false(refresh_settled(p->core));
    play_take_note(p, REFRESH_NOTE_REPORTED);
    play_take(p, REFRESH_DO_PROBE);
    assert_false(refresh_settled(p->core));
    play_probe(p, REFRESH_PROBE_LIVE);
    play_take_note(p, REFRESH_NOTE_FLAPPED);
    assert_true(refresh_settled(p->core));
    assert_false(refresh_weighing(p->core, 7));
    play_free(p);
}

static void a_true_report_is_settled_by_the_new_token(void **state)
{
    (void)state;
    struct play *p = probing();
    play_probe(p, REFRESH_PROBE_DEAD);
    play_take_note(p, REFRESH_NOTE_DISPLACED);
    play_begin(p);
    assert_true(refresh_weighing(p->core, 7));
    play_fetch(p, "tok-8");
    play_take(p, REFRESH_DO_COMMIT);
    assert_false(refresh_settled(p->core));
    play_store(p, REFRESH_STORE_OK);
    assert_true(refresh_settled(p->core));
    play_free(p);
}

static void a_displaced_token_is_settled_by_the_intent_and_an_order_by_the_new_token(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct play *p = play_holding();
        if (order)
            play_order(p);
        else
            play_displaced(p);
        play_take(p, REFRESH_DO_BEGIN);
        assert_false(refresh_settled(p->core));
        play_store(p, REFRESH_STORE_OK);
        assert_int_equal(refresh_settled(p->core), !order);
        play_fetch(p, "tok-8");
        play_commit(p);
        assert_true(refresh_settled(p->core));
        play_free(p);
    }
}

static void nothing_is_settled_by_who_does_not_lead_or_has_not_read_the_record(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_tell(p, REFRESH_UNLEAD);
    assert_false(refresh_settled(p->core));
    play_lead(p, 2);
    play_take(p, REFRESH_DO_READ);
    assert_false(refresh_settled(p->core));
    struct refresh_seen seen = play_seen(p, 7, "tok-7", LIFETIME);
    play_read(p, &seen);
    assert_true(refresh_settled(p->core));
    play_free(p);
}

static void an_order_that_a_newer_token_has_answered_is_passed_over(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_send(p, &(struct refresh_event){.kind = REFRESH_ORDER, .version = 6});
    play_quiet(p, HOUR);
    play_send(p, &(struct refresh_event){.kind = REFRESH_ORDER, .version = 7});
    play_take_note(p, REFRESH_NOTE_ORDERED);
    play_take(p, REFRESH_DO_BEGIN);
    play_free(p);
}

/* ---- what one leader owes the next ---- */

/* Redis may have lost it since. */
static void what_is_not_settled_is_told_to_the_next_leader(void **state)
{
    (void)state;
    static const enum refresh_event_kind kinds[] = {REFRESH_REPORT, REFRESH_ORDER};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct play *p = play_holding();
        play_order(p);
        play_fail(p, ERR_OPERATOR, 40164);
        if (kinds[i] == REFRESH_REPORT) { /* and so is what a probe found true */
            play_free(p);
            p = probing();
            play_probe(p, REFRESH_PROBE_DEAD);
            play_take_note(p, REFRESH_NOTE_DISPLACED);
            play_fail(p, ERR_OPERATOR, 40164);
        }
        play_tell(p, REFRESH_UNLEAD);
        const struct refresh_action *tell = play_take(p, REFRESH_DO_TELL);
        assert_int_equal(tell->tell, kinds[i]);
        assert_int_equal(tell->version, 7);
        play_store(p, REFRESH_STORE_OK);
        play_quiet(p, MINUTE);
        play_lead(p, 2);
        play_take(p, REFRESH_DO_READ);
        struct refresh_seen seen = play_seen(p, 7, "tok-7", LIFETIME);
        play_read(p, &seen);
        assert_false(play_asks(p)); /* it stands in Redis, not here */
        play_free(p);
    }
}

static void a_report_that_was_being_weighed_is_told_unless_it_was_wrong(void **state)
{
    (void)state;
    for (int dead = 0; dead < 2; dead++) {
        struct play *p = probing();
        play_tell(p, REFRESH_UNLEAD);
        assert_false(refresh_attempting(p->core)); /* a graceful stop does not wait */
        play_probe(p, dead ? REFRESH_PROBE_DEAD : REFRESH_PROBE_LIVE);
        play_take_note(p, dead ? REFRESH_NOTE_DISPLACED : REFRESH_NOTE_FLAPPED);
        if (dead) {
            assert_int_equal(play_take(p, REFRESH_DO_TELL)->tell, REFRESH_REPORT);
            play_store(p, REFRESH_STORE_OK);
        }
        play_quiet(p, MINUTE);
        play_free(p);
    }
}

static void an_order_of_a_version_that_redis_lost_is_answered_above_it(void **state)
{
    (void)state;
    struct play *p = play_holding();
    const struct refresh_event order = {.kind = REFRESH_ORDER, .version = 20};
    const struct refresh_event absurd = {.kind = REFRESH_ORDER, .version = INT64_MAX};
    play_send(p, &order);
    play_take_note(p, REFRESH_NOTE_ORDERED);
    play_take(p, REFRESH_DO_READ);
    struct refresh_seen seen = play_seen(p, 7, "tok-7", LIFETIME);
    play_read(p, &seen);
    assert_int_equal(play_take(p, REFRESH_DO_ASSERT)->record.version, 20);
    play_store(p, REFRESH_STORE_OK);
    play_take_note(p, REFRESH_NOTE_RESTORED);
    assert_int_equal(play_take(p, REFRESH_DO_BEGIN)->version, 20);
    play_send(p, &absurd);
    play_store(p, REFRESH_STORE_OK);
    play_fetch(p, "tok-21");
    assert_int_equal(play_take(p, REFRESH_DO_COMMIT)->record.version, 20);
    play_store(p, REFRESH_STORE_OK);
    play_serves(p, "tok-21", 21);
    play_free(p);
}

static void a_version_told_of_during_a_commit_is_written_after_it(void **state)
{
    (void)state;
    struct play *p = play_holding();
    const struct refresh_event order = {.kind = REFRESH_ORDER, .version = 20};
    play_order(p);
    play_begin(p);
    play_fetch(p, "tok-8");
    play_take(p, REFRESH_DO_COMMIT);
    play_send(p, &order);
    play_store(p, REFRESH_STORE_OK);
    play_serves(p, "tok-8", 20);
    play_take(p, REFRESH_DO_READ);
    struct refresh_seen seen = play_seen(p, 8, "tok-8", LIFETIME);
    play_read(p, &seen);
    assert_int_equal(play_take(p, REFRESH_DO_ASSERT)->record.version, 20);
    play_store(p, REFRESH_STORE_OK);
    play_take_note(p, REFRESH_NOTE_RESTORED);
    play_free(p);
}

static void an_order_that_the_next_leader_carried_out_is_forgotten(void **state)
{
    (void)state;
    struct play *p = play_holding();
    play_order(p);
    play_fail(p, ERR_OPERATOR, 40164);
    play_tell(p, REFRESH_UNLEAD);
    play_take(p, REFRESH_DO_TELL);
    play_store(p, REFRESH_STORE_FAILED);
    play_tell(p, REFRESH_LOOK);
    play_take(p, REFRESH_DO_READ);
    struct refresh_seen seen = play_seen(p, 8, "tok-8", LIFETIME);
    play_read(p, &seen);
    play_quiet(p, MINUTE);
    play_lead(p, 2);
    play_take(p, REFRESH_DO_READ);
    play_read(p, &seen);
    play_quiet(p, MINUTE);
    play_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_about_another_than_the_current_version_changes_nothing),
        cmocka_unit_test(a_report_about_the_current_token_is_probed_before_it_costs_a_refresh),
        cmocka_unit_test(a_storm_of_true_reports_costs_one_probe),
        cmocka_unit_test(what_is_reported_during_a_probe_is_weighed_by_one_more),
        cmocka_unit_test(a_report_during_the_periodic_probe_is_weighed_by_one_more),
        cmocka_unit_test(reports_that_go_on_cost_two_probes_a_second_at_most),
        cmocka_unit_test(a_token_that_the_probe_finds_dead_is_refreshed_at_once_and_is_no_previous),
        cmocka_unit_test(a_probe_without_a_usable_answer_is_repeated_while_a_report_waits_for_it),
        cmocka_unit_test(a_report_is_probed_while_a_refresh_waits_and_ends_the_wait_if_it_is_true),
        cmocka_unit_test(a_report_during_a_refresh_is_answered_by_the_new_token),
        cmocka_unit_test(a_report_about_the_token_that_is_being_committed_is_weighed_after_it),
        cmocka_unit_test(a_report_about_the_next_version_before_its_commit_changes_nothing),
        cmocka_unit_test(new_settings_forget_no_report),
        cmocka_unit_test(a_follower_neither_probes_nor_refreshes),
        cmocka_unit_test(the_periodic_probe_comes_about_as_often_as_it_is_set),
        cmocka_unit_test(the_periodic_probe_finds_a_token_that_another_environment_replaced),
        cmocka_unit_test(a_new_leader_does_not_probe_what_it_adopts_at_once),
        cmocka_unit_test(an_order_refreshes_at_once_and_once),
        cmocka_unit_test(an_order_ends_a_wait),
        cmocka_unit_test(a_displaced_token_is_answered_by_a_refresh_without_a_previous),
        cmocka_unit_test(a_token_displaced_while_ours_was_fetched_is_answered_by_another_refresh),
        cmocka_unit_test(a_displaced_token_keeps_the_intent_of_an_attempt_that_was_refused),
        cmocka_unit_test(a_report_is_settled_when_a_probe_found_it_wrong),
        cmocka_unit_test(a_true_report_is_settled_by_the_new_token),
        cmocka_unit_test(a_displaced_token_is_settled_by_the_intent_and_an_order_by_the_new_token),
        cmocka_unit_test(nothing_is_settled_by_who_does_not_lead_or_has_not_read_the_record),
        cmocka_unit_test(an_order_that_a_newer_token_has_answered_is_passed_over),
        cmocka_unit_test(what_is_not_settled_is_told_to_the_next_leader),
        cmocka_unit_test(a_report_that_was_being_weighed_is_told_unless_it_was_wrong),
        cmocka_unit_test(an_order_that_the_next_leader_carried_out_is_forgotten),
        cmocka_unit_test(an_order_of_a_version_that_redis_lost_is_answered_above_it),
        cmocka_unit_test(a_version_told_of_during_a_commit_is_written_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
