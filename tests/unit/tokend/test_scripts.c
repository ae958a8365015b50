/* The scripts that look, begin, settle and lease, on a real Redis: what each answers and what it
 * leaves behind. */
#include "desk.h"

#include <string.h>

enum { TTL = 10000, DAY = 19675 };

static struct refresh_action reading(int64_t epoch)
{
    return (struct refresh_action){.kind = REFRESH_DO_READ, .epoch = epoch};
}

static struct refresh_action beginning(int64_t epoch, int64_t version)
{
    return (struct refresh_action){
        .kind = REFRESH_DO_BEGIN,
        .epoch = epoch,
        .version = version,
        .day = DAY,
        .budget = 500,
        .intent = SLICE_LIT("{\"by\":\"one\"}"),
    };
}

static struct refresh_action settling(int64_t epoch, bool drop, bool refund)
{
    return (struct refresh_action){
        .kind = REFRESH_DO_SETTLE,
        .epoch = epoch,
        .intent = SLICE_LIT("{\"by\":\"one\"}"), /* as beginning's */
        .drop_intent = drop,
        .refund = refund,
        .err = ERR_OPERATOR,
        .errcode = 40164,
    };
}

static struct refresh_event run(struct desk *d, struct refresh_action a)
{
    return *desk_run(d, &a);
}

static void assert_answers(struct desk *d, struct refresh_action a, enum refresh_store expected)
{
    assert_int_equal(run(d, a).store, expected);
}

/* What commit leaves: version 5, "tok-5". */
static void put_record(struct desk *d)
{
    server_do(d->server, "SET " DESK_APP "access_token tok-5 PX 60000");
    server_do(d->server, "HSET " DESK_APP "token access_token tok-5 version 5 issued_at 1000"
                         " expires_at 2000 mode stable");
    server_do(d->server, "PEXPIRE " DESK_APP "token 60000");
    server_do(d->server, "HSET " DESK_APP "state version 5 epoch 3");
}

/* ---- read ---- */

static void an_app_that_nobody_knows_has_no_version_and_no_token(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    int64_t before = desk_now(d);
    struct refresh_event e = run(d, reading(0));
    assert_int_equal(e.kind, REFRESH_READ);
    assert_int_equal(e.store, REFRESH_STORE_OK);
    assert_in_range(e.redis_now.ms, before, desk_now(d));
    assert_int_equal(e.seen.version, 0);
    assert_int_equal(e.seen.token.n, 0);
    assert_int_equal(e.seen.previous.n, 0);
    assert_int_equal(e.seen.intent.n, 0);
    assert_int_equal(e.seen.issued_today, 0);
    assert_redis(d, "DBSIZE", "0"); /* a look without an epoch leaves no trace */
    desk_close(d);
}

static void a_look_tells_all_that_is_known(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    put_record(d);
    server_do(d->server, "SET " DESK_APP "previous_access_token tok-4 PX 30000");
    server_do(d->server, "SET " DESK_APP "intent open");
    server_do(d->server, "HSET " DESK_APP "state day 19675 issued_today 12");
    struct refresh_event e = run(d, reading(0));
    assert_int_equal(e.seen.version, 5);
    assert_true(slice_is(e.seen.token, "tok-5"));
    assert_in_range(e.seen.remaining_ms, 50000, 60000);
    assert_int_equal(e.seen.issued_at.ms, 1000);
    assert_int_equal(e.seen.expires_at.ms, 2000);
    assert_int_equal(e.seen.mode, TOKEN_STABLE);
    assert_true(slice_is(e.seen.previous, "tok-4"));
    assert_in_range(e.seen.previous_remaining_ms, 20000, 30000);
    assert_true(slice_is(e.seen.intent, "open"));
    assert_int_equal(e.seen.day, DAY);
    assert_int_equal(e.seen.issued_today, 12);
    desk_close(d);
}

static void a_token_counts_only_when_both_its_keys_hold_it_and_will_expire(void **state)
{
    (void)state;
    static const char *const harms[] = {
        "DEL " DESK_APP "access_token",       "DEL " DESK_APP "token",
        "PERSIST " DESK_APP "access_token",   "PERSIST " DESK_APP "token",
        "SET " DESK_APP "access_token evil",  "SET " DESK_APP "access_token evil PX 60000",
        "HDEL " DESK_APP "token access_token"};
    struct desk *d = desk_open();
    for (size_t i = 0; i < ARRAY_LEN(harms); i++) {
        put_record(d);
        assert_int_equal(run(d, reading(0)).seen.token.n, 5);
        server_do(d->server, harms[i]);
        struct refresh_event e = run(d, reading(0));
        assert_int_equal(e.seen.token.n, 0);
        assert_int_equal(e.seen.version, 5);
        server_do(d->server, "FLUSHALL");
    }
    desk_close(d);
}

static void the_version_survives_the_token_and_either_copy_of_it(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    put_record(d);
    server_do(d->server, "HDEL " DESK_APP "state version");
    assert_int_equal(run(d, reading(0)).seen.version, 5);
    server_do(d->server, "HSET " DESK_APP "state version 6");
    assert_int_equal(run(d, reading(0)).seen.version, 6);
    server_do(d->server, "DEL " DESK_APP "token " DESK_APP "access_token");
    assert_int_equal(run(d, reading(0)).seen.version, 6);
    desk_close(d);
}

/* Whoever has the highest of all can never be outdone: not by a leader, nor by a refresh. */
static void a_number_that_is_none_of_ours_counts_as_none(void **state)
{
    (void)state;
    static const char *const numbers[] = {"1e300", "inf", "nan", "-inf", "9223372036854775807"};
    struct desk *d = desk_open();
    put_record(d);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char set[256];
        (void)snprintf(set, sizeof set,
                       "HSET " DESK_APP "state version %s epoch %s day %s"
                       " issued_today %s",
                       numbers[i], numbers[i], numbers[i], numbers[i]);
        server_do(d->server, set);
        struct refresh_event read = run(d, reading(9));
        assert_int_equal(read.store, REFRESH_STORE_OK);
        assert_int_equal(read.seen.version, 5);
        assert_int_equal(read.seen.day, 0);
        assert_int_equal(read.seen.issued_today, 0);
        assert_answers(d, beginning(9, 5), REFRESH_STORE_OK);
        assert_redis(d, "HMGET " DESK_APP "state epoch issued_today", "9 1");
    }
    desk_close(d);
}

static void a_leader_writes_its_epoch_and_one_event(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    for (int i = 0; i < 3; i++)
        assert_answers(d, reading(1700000000123), REFRESH_STORE_OK);
    assert_redis(d, "HGET " DESK_APP "state epoch", "1700000000123");
    assert_redis(d, "XLEN " DESK_APP "events", "1");
    const char *event = server_do(d->server, "XRANGE " DESK_APP "events - +");
    assert_non_null(strstr(event, "event leader epoch 1700000000123 by one"));
    desk_close(d);
}

/* ---- fencing ---- */

static void an_older_epoch_changes_nothing_and_learns_which_one_forbids_it(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    put_record(d);
    server_do(d->server, "HSET " DESK_APP "state epoch 9");
    const struct refresh_action actions[] = {reading(8), beginning(8, 5), settling(8, true, true)};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        assert_answers(d, actions[i], REFRESH_STORE_FENCED);
        assert_int_equal(d->fenced_by, 9);
    }
    assert_redis(d, "HGETALL " DESK_APP "state", "version 5 epoch 9");
    assert_redis(d, "EXISTS " DESK_APP "intent " DESK_APP "events", "0");
    assert_answers(d, reading(0), REFRESH_STORE_OK); /* whoever only looks */
    assert_answers(d, beginning(9, 5), REFRESH_STORE_OK);
    desk_close(d);
}

static void any_write_of_a_later_epoch_forbids_the_earlier_ones(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    assert_answers(d, beginning(4, 0), REFRESH_STORE_OK);
    assert_answers(d, settling(6, false, false), REFRESH_STORE_OK);
    assert_answers(d, beginning(5, 0), REFRESH_STORE_FENCED);
    assert_int_equal(d->fenced_by, 6);
    assert_int_equal(run(d, beginning(6, 0)).store, REFRESH_STORE_OK);
    assert_int_equal(d->fenced_by, 0);
    desk_close(d);
}

/* ---- begin ---- */

static void begin_stores_the_intent_for_good_and_counts(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    int64_t before = desk_now(d);
    struct refresh_event e = run(d, beginning(1, 0));
    assert_int_equal(e.kind, REFRESH_BEGAN);
    assert_int_equal(e.issued_today, 1);
    assert_in_range(e.redis_now.ms, before, desk_now(d));
    assert_redis(d, "GET " DESK_APP "intent", "{\"by\":\"one\"}");
    assert_redis(d, "PTTL " DESK_APP "intent", "-1");
    assert_redis(d, "PTTL " DESK_APP "state", "-1");
    struct refresh_action again = beginning(1, 0);
    again.intent = SLICE_LIT("second");
    assert_int_equal(run(d, again).issued_today, 2);
    assert_redis(d, "GET " DESK_APP "intent", "second");
    desk_close(d);
}

static void begin_is_refused_to_whoever_knows_an_older_version(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    put_record(d);
    assert_answers(d, beginning(3, 4), REFRESH_STORE_NEWER);
    assert_redis(d, "EXISTS " DESK_APP "intent", "0");
    assert_answers(d, beginning(3, 5), REFRESH_STORE_OK);
    assert_answers(d, beginning(3, 6), REFRESH_STORE_OK); /* Redis lost the tail */
    desk_close(d);
}

static void the_budget_of_a_day_is_never_exceeded(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct refresh_action a = beginning(1, 0);
    a.budget = 3;
    for (int i = 1; i <= 3; i++)
        assert_int_equal(run(d, a).issued_today, i);
    assert_answers(d, a, REFRESH_STORE_BUDGET);
    a.day = DAY - 1; /* a clock that was set back wins nothing */
    assert_answers(d, a, REFRESH_STORE_BUDGET);
    a.day = DAY + 1;
    assert_int_equal(run(d, a).issued_today, 1);
    assert_redis(d, "HMGET " DESK_APP "state day issued_today", "19676 1");
    desk_close(d);
}

static void what_the_leader_knows_counts_when_redis_forgot(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct refresh_action a = beginning(1, 0);
    a.issued_today = 41;
    assert_int_equal(run(d, a).issued_today, 42);
    a.issued_today = 5;
    assert_int_equal(run(d, a).issued_today, 43);
    desk_close(d);
}

static void a_forced_refresh_is_allowed_every_thirty_seconds(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    char command[128];
    struct refresh_action a = beginning(1, 0);
    a.force = true;
    assert_answers(d, a, REFRESH_STORE_OK);
    assert_answers(d, a, REFRESH_STORE_FORCED);
    int64_t soon = desk_now(d) - 20000, enough = desk_now(d) - 30000;
    (void)snprintf(command, sizeof command, "HSET " DESK_APP "state forced_at %lld",
                   (long long)soon);
    server_do(d->server, command);
    assert_answers(d, a, REFRESH_STORE_FORCED);
    assert_redis(d, "HGET " DESK_APP "state issued_today", "1");
    (void)snprintf(command, sizeof command, "HSET " DESK_APP "state forced_at %lld",
                   (long long)enough);
    server_do(d->server, command);
    assert_answers(d, a, REFRESH_STORE_OK);
    a.force = false; /* the normal call is not bound by this */
    assert_answers(d, a, REFRESH_STORE_OK);
    desk_close(d);
}

static void a_forced_refresh_is_allowed_twenty_times_a_day(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct refresh_action a = beginning(1, 0);
    a.force = true;
    for (int i = 0; i < 20; i++) {
        assert_answers(d, a, REFRESH_STORE_OK);
        server_do(d->server, "HSET " DESK_APP "state forced_at 0");
    }
    assert_answers(d, a, REFRESH_STORE_FORCED);
    a.day = DAY + 1;
    assert_answers(d, a, REFRESH_STORE_OK);
    desk_close(d);
}

/* ---- settle ---- */

static void settle_drops_the_intent_or_keeps_it_as_it_is_told(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    assert_answers(d, beginning(1, 0), REFRESH_STORE_OK);
    assert_int_equal(run(d, settling(1, false, false)).kind, REFRESH_SETTLED);
    assert_redis(d, "EXISTS " DESK_APP "intent", "1");
    assert_redis(d, "HGET " DESK_APP "state issued_today", "1");
    assert_answers(d, settling(1, true, true), REFRESH_STORE_OK);
    assert_redis(d, "EXISTS " DESK_APP "intent", "0");
    assert_redis(d, "HGET " DESK_APP "state issued_today", "0");
    assert_answers(d, settling(1, true, true), REFRESH_STORE_OK);
    assert_redis(d, "HGET " DESK_APP "state issued_today", "0"); /* never below */
    desk_close(d);
}

/* It was long under way, and a later attempt has begun. */
static void settle_leaves_the_intent_of_another_attempt_alone(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    server_do(d->server, "SET " DESK_APP "intent later");
    assert_answers(d, settling(1, true, false), REFRESH_STORE_OK);
    assert_redis(d, "GET " DESK_APP "intent", "later");
    desk_close(d);
}

static void settle_says_what_failed(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    assert_answers(d, settling(1, true, true), REFRESH_STORE_OK);
    assert_redis(d, "HMGET " DESK_APP "state last_error last_errcode", "operator 40164");
    const char *event = server_do(d->server, "XRANGE " DESK_APP "events - +");
    assert_non_null(strstr(event, "event refresh_failed class operator errcode 40164 by one"));
    assert_redis(d, "XLEN " DESK_APP "events", "1");
    assert_int_equal(desk_published(d), 0);
    desk_close(d);
}

static void the_events_are_capped(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    int64_t n;
    for (int i = 0; i < 1300; i++)
        assert_answers(d, settling(1, true, true), REFRESH_STORE_OK);
    assert_true(
        slice_to_int(slice_of(server_do(d->server, "XLEN " DESK_APP "events")), 1000, 1200, &n));
    desk_close(d);
}

/* ---- the lease ---- */

static void assert_granted(struct lease_event e, int64_t at_least)
{
    assert_int_equal(e.kind, LEASE_GRANTED);
    assert_true(e.epoch >= at_least);
}

static void a_free_lease_is_granted_with_an_epoch_of_the_clock_at_least(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    int64_t before = desk_now(d), ttl;
    struct lease_event e = desk_run_lease(d, "one", LEASE_DO_ACQUIRE, 0);
    assert_granted(e, before);
    assert_true(e.epoch <= desk_now(d));
    assert_redis(d, "GET " DESK_PREFIX ":leader", "one");
    assert_true(slice_to_int(slice_of(server_do(d->server, "PTTL " DESK_PREFIX ":leader")), TTL / 2,
                             TTL, &ttl));
    assert_granted(desk_run_lease(d, "one", LEASE_DO_ACQUIRE, 0), e.epoch + 1); /* ours already */
    desk_close(d);
}

static void epochs_grow_also_when_redis_or_the_caller_is_ahead_of_the_clock(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    int64_t ahead = desk_now(d) + 1000000;
    struct lease_event e = desk_run_lease(d, "one", LEASE_DO_ACQUIRE, ahead);
    assert_int_equal(e.epoch, ahead + 1);
    server_do(d->server, "DEL " DESK_PREFIX ":leader");
    e = desk_run_lease(d, "two", LEASE_DO_ACQUIRE, 0);
    assert_int_equal(e.epoch, ahead + 2);
    server_do(d->server, "FLUSHALL");
    assert_granted(desk_run_lease(d, "two", LEASE_DO_ACQUIRE, e.epoch), ahead + 3);
    desk_close(d);
}

static void a_counter_of_epochs_that_is_none_of_ours_counts_as_none(void **state)
{
    (void)state;
    static const char *const numbers[] = {"1e300", "inf", "nan", "-inf", "9223372036854775807"};
    struct desk *d = desk_open();
    int64_t now = desk_now(d);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char set[64];
        (void)snprintf(set, sizeof set, "SET " DESK_PREFIX ":epoch %s", numbers[i]);
        server_do(d->server, set);
        assert_in_range(desk_run_lease(d, "one", LEASE_DO_ACQUIRE, 0).epoch, now, now + 60000);
    }
    desk_close(d);
}

static void a_held_lease_is_nobody_elses(void **state)
{
    (void)state;
    static const enum lease_action_kind kinds[] = {LEASE_DO_ACQUIRE, LEASE_DO_RENEW,
                                                   LEASE_DO_RELEASE};
    struct desk *d = desk_open();
    int64_t epoch = desk_run_lease(d, "one", LEASE_DO_ACQUIRE, 0).epoch;
    server_do(d->server, "PEXPIRE " DESK_PREFIX ":leader 5000");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct lease_event e = desk_run_lease(d, "two", kinds[i], epoch + 100);
        assert_int_equal(e.kind, LEASE_HELD);
        assert_in_range(e.remaining_ms, 1, 5000);
        assert_string_equal(d->lease_holder, "one");
        assert_int_equal(d->lease_epoch_held, epoch);
    }
    assert_redis(d, "GET " DESK_PREFIX ":leader", "one");
    assert_int_equal(desk_published(d), 0);
    desk_close(d);
}

static void renewing_extends_it_and_keeps_the_epoch(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    int64_t epoch = desk_run_lease(d, "one", LEASE_DO_ACQUIRE, 0).epoch, ttl;
    server_do(d->server, "PEXPIRE " DESK_PREFIX ":leader 500");
    struct lease_event e = desk_run_lease(d, "one", LEASE_DO_RENEW, epoch);
    assert_int_equal(e.kind, LEASE_GRANTED);
    assert_int_equal(e.epoch, epoch);
    assert_true(slice_to_int(slice_of(server_do(d->server, "PTTL " DESK_PREFIX ":leader")), TTL / 2,
                             TTL, &ttl));
    server_do(d->server, "DEL " DESK_PREFIX ":epoch"); /* lost: the next one must be higher */
    assert_int_equal(desk_run_lease(d, "one", LEASE_DO_RENEW, epoch).epoch, epoch);
    assert_granted(desk_run_lease(d, "one", LEASE_DO_ACQUIRE, 0), epoch + 1);
    desk_close(d);
}

static void a_lease_that_ran_out_is_not_renewed(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    int64_t epoch = desk_run_lease(d, "one", LEASE_DO_ACQUIRE, 0).epoch;
    server_do(d->server, "DEL " DESK_PREFIX ":leader");
    struct lease_event e = desk_run_lease(d, "one", LEASE_DO_RENEW, epoch);
    assert_int_equal(e.kind, LEASE_HELD);
    assert_int_equal(e.remaining_ms, 0);
    assert_string_equal(d->lease_holder, "");
    assert_redis(d, "EXISTS " DESK_PREFIX ":leader", "0");
    desk_close(d);
}

static void a_holder_that_is_no_tokend_has_no_name(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    server_do(d->server, "SET " DESK_PREFIX ":leader caf\xc3\xa9 PX 5000");
    assert_int_equal(desk_run_lease(d, "two", LEASE_DO_ACQUIRE, 0).kind, LEASE_HELD);
    assert_string_equal(d->lease_holder, "");
    desk_close(d);
}

/* No tokend writes one: someone did by hand. */
static void a_lease_that_never_ends_is_none(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    server_do(d->server, "SET " DESK_PREFIX ":leader somebody");
    assert_granted(desk_run_lease(d, "one", LEASE_DO_ACQUIRE, 0), 1);
    assert_redis(d, "GET " DESK_PREFIX ":leader", "one");
    server_do(d->server, "PERSIST " DESK_PREFIX ":leader");
    assert_int_equal(desk_run_lease(d, "one", LEASE_DO_RENEW, 1).kind, LEASE_HELD);
    desk_close(d);
}

static void releasing_frees_it_and_tells_the_others(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    int64_t epoch = desk_run_lease(d, "one", LEASE_DO_ACQUIRE, 0).epoch;
    assert_int_equal(desk_run_lease(d, "one", LEASE_DO_RELEASE, epoch).kind, LEASE_GRANTED);
    assert_redis(d, "EXISTS " DESK_PREFIX ":leader", "0");
    assert_int_equal(desk_published(d), 1);
    assert_string_equal(d->message, "one");
    assert_granted(desk_run_lease(d, "two", LEASE_DO_ACQUIRE, 0), epoch + 1);
    desk_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_app_that_nobody_knows_has_no_version_and_no_token),
        cmocka_unit_test(a_look_tells_all_that_is_known),
        cmocka_unit_test(a_token_counts_only_when_both_its_keys_hold_it_and_will_expire),
        cmocka_unit_test(the_version_survives_the_token_and_either_copy_of_it),
        cmocka_unit_test(a_number_that_is_none_of_ours_counts_as_none),
        cmocka_unit_test(a_leader_writes_its_epoch_and_one_event),
        cmocka_unit_test(an_older_epoch_changes_nothing_and_learns_which_one_forbids_it),
        cmocka_unit_test(any_write_of_a_later_epoch_forbids_the_earlier_ones),
        cmocka_unit_test(begin_stores_the_intent_for_good_and_counts),
        cmocka_unit_test(begin_is_refused_to_whoever_knows_an_older_version),
        cmocka_unit_test(the_budget_of_a_day_is_never_exceeded),
        cmocka_unit_test(what_the_leader_knows_counts_when_redis_forgot),
        cmocka_unit_test(a_forced_refresh_is_allowed_every_thirty_seconds),
        cmocka_unit_test(a_forced_refresh_is_allowed_twenty_times_a_day),
        cmocka_unit_test(settle_drops_the_intent_or_keeps_it_as_it_is_told),
        cmocka_unit_test(settle_leaves_the_intent_of_another_attempt_alone),
        cmocka_unit_test(settle_says_what_failed),
        cmocka_unit_test(the_events_are_capped),
        cmocka_unit_test(a_free_lease_is_granted_with_an_epoch_of_the_clock_at_least),
        cmocka_unit_test(epochs_grow_also_when_redis_or_the_caller_is_ahead_of_the_clock),
        cmocka_unit_test(a_counter_of_epochs_that_is_none_of_ours_counts_as_none),
        cmocka_unit_test(a_held_lease_is_nobody_elses),
        cmocka_unit_test(renewing_extends_it_and_keeps_the_epoch),
        cmocka_unit_test(a_lease_that_ran_out_is_not_renewed),
        cmocka_unit_test(a_holder_that_is_no_tokend_has_no_name),
        cmocka_unit_test(a_lease_that_never_ends_is_none),
        cmocka_unit_test(releasing_frees_it_and_tells_the_others),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
