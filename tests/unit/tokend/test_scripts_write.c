/* The scripts that write a record, commit and assert, on a real Redis: what each answers and what
 * it leaves behind for those who read it. */
#include "desk.h"

#include <string.h>

enum { LIFE = 60000, OVERLAP = 30000 };

/* A record that is fresh: its keys may live for LIFE, its previous token for OVERLAP. */
static struct refresh_written record(struct desk *d, int64_t version, const char *token,
                                     const char *previous)
{
    wall_ms_t now = {desk_now(d)};
    return (struct refresh_written){
        .version = version,
        .token = slice_of(token),
        .mode = TOKEN_CLASSIC,
        .issued_at = now,
        .expires_at = wall_after(now, LIFE),
        .ttl_ms = LIFE,
        .previous = slice_of(previous),
        .previous_until = wall_after(now, previous ? OVERLAP : 0),
        .previous_ttl_ms = previous ? OVERLAP : 0,
    };
}

static struct refresh_action committing(struct desk *d, int64_t epoch, int64_t known,
                                        const char *token, const char *previous)
{
    return (struct refresh_action){
        .kind = REFRESH_DO_COMMIT,
        .epoch = epoch,
        .record = record(d, known, token, previous),
        .intent = SLICE_LIT("open"), /* as begin's */
    };
}

static struct refresh_action asserting(struct desk *d, int64_t epoch, int64_t version,
                                       const char *token)
{
    return (struct refresh_action){.kind = REFRESH_DO_ASSERT,
                                   .epoch = epoch,
                                   .record = record(d, version, token, NULL),
                                   .day = 19675,
                                   .issued_today = 3};
}

static struct refresh_event run(struct desk *d, struct refresh_action a)
{
    return *desk_run(d, &a);
}

static int64_t pttl(struct desk *d, const char *name)
{
    char command[128];
    int64_t ms;
    (void)snprintf(command, sizeof command, "PTTL " DESK_APP "%s", name);
    assert_true(slice_to_int(slice_of(server_do(d->server, command)), -2, INT32_MAX, &ms));
    return ms;
}

static void begin(struct desk *d, int64_t epoch, int64_t version)
{
    struct refresh_action a = {.kind = REFRESH_DO_BEGIN,
                               .epoch = epoch,
                               .version = version,
                               .day = 19675,
                               .budget = 500,
                               .intent = SLICE_LIT("open")};
    assert_int_equal(run(d, a).store, REFRESH_STORE_OK);
}

/* ---- commit: what consumers read ---- */

static void a_commit_writes_everything_that_consumers_read(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    char expected[256];
    begin(d, 1, 5);
    struct refresh_action a = committing(d, 1, 5, "tok-6", "tok-5");
    struct refresh_event e = run(d, a);
    assert_int_equal(e.kind, REFRESH_COMMITTED);
    assert_int_equal(e.store, REFRESH_STORE_OK);
    assert_int_equal(e.version, 6);
    assert_redis(d, "GET " DESK_APP "access_token", "tok-6");
    assert_redis(d, "GET " DESK_APP "previous_access_token", "tok-5");
    (void)snprintf(expected, sizeof expected,
                   "access_token tok-6 version 6 issued_at %lld expires_at %lld mode classic "
                   "previous_access_token tok-5 previous_usable_until %lld",
                   (long long)a.record.issued_at.ms, (long long)a.record.expires_at.ms,
                   (long long)a.record.previous_until.ms);
    assert_redis(d, "HGETALL " DESK_APP "token", expected);
    assert_redis(d, "EXISTS " DESK_APP "intent", "0");
    assert_redis(d, "HMGET " DESK_APP "state version last_error last_errcode issued_today",
                 "6 none 0 1");
    desk_close(d);
}

static void a_commit_publishes_the_contracts_message_once_for_each_new_version(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    char expected[256];
    struct refresh_action a = committing(d, 1, 5, "tok-6", "tok-5");
    run(d, a);
    assert_int_equal(desk_published(d), 1);
    (void)snprintf(expected, sizeof expected,
                   "{\"appid\":\"wx1\",\"version\":6,\"expires_at\":%lld,"
                   "\"previous_usable_until\":%lld}",
                   (long long)a.record.expires_at.ms, (long long)a.record.previous_until.ms);
    assert_string_equal(d->message, expected);
    a = committing(d, 1, 6, "tok-7", NULL);
    run(d, a);
    assert_int_equal(desk_published(d), 1);
    (void)snprintf(expected, sizeof expected,
                   "{\"appid\":\"wx1\",\"version\":7,\"expires_at\":%lld,"
                   "\"previous_usable_until\":0}",
                   (long long)a.record.expires_at.ms);
    assert_string_equal(d->message, expected);
    desk_close(d);
}

static void a_commit_adds_one_event(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    char expected[128];
    struct refresh_action a = committing(d, 1, 5, "tok-6", NULL);
    run(d, a);
    assert_redis(d, "XLEN " DESK_APP "events", "1");
    (void)snprintf(expected, sizeof expected,
                   "event refreshed version 6 mode classic expires_at %lld by one",
                   (long long)a.record.expires_at.ms);
    assert_non_null(strstr(server_do(d->server, "XRANGE " DESK_APP "events - +"), expected));
    desk_close(d);
}

static void a_commit_without_a_previous_removes_the_one_before(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    run(d, committing(d, 1, 5, "tok-6", "tok-5"));
    run(d, committing(d, 1, 6, "tok-7", NULL));
    assert_redis(d, "EXISTS " DESK_APP "previous_access_token", "0");
    assert_redis(d, "HMGET " DESK_APP "token previous_access_token previous_usable_until",
                 "(nil) (nil)");
    desk_close(d);
}

static void no_token_stands_where_none_belongs(void **state)
{
    (void)state;
    static const char *const places[] = {
        "HGETALL " DESK_APP "state",
        "XRANGE " DESK_APP "events - +",
        "GET " DESK_APP "intent",
    };
    struct desk *d = desk_open();
    begin(d, 1, 5);
    run(d, committing(d, 1, 5, "tok-6", "tok-5"));
    run(d, asserting(d, 2, 6, "tok-6"));
    begin(d, 2, 6);
    run(d, committing(d, 2, 6, "tok-7", "tok-6"));
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        assert_null(strstr(server_do(d->server, places[i]), "tok-"));
    desk_published(d);
    assert_null(strstr(d->message, "tok-"));
    desk_close(d);
}

/* ---- commit: how long it lives ---- */

static void no_key_outlives_its_token(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    run(d, committing(d, 1, 5, "tok-6", "tok-5"));
    assert_in_range(pttl(d, "access_token"), LIFE / 2, LIFE);
    assert_in_range(pttl(d, "token"), LIFE / 2, LIFE);
    assert_in_range(pttl(d, "previous_access_token"), OVERLAP / 2, OVERLAP);
    desk_close(d);
}

/* By expires_at when the script is late, by the ttl when Redis's clock was set back. */
static void the_sooner_of_both_ends_counts(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    for (int clock_set_back = 0; clock_set_back < 2; clock_set_back++) {
        struct refresh_action a = committing(d, 1, 5, "tok-6", "tok-5");
        if (clock_set_back) {
            a.record.expires_at.ms += 3600000;
            a.record.previous_until.ms += 3600000;
        } else {
            a.record.ttl_ms += 3600000;
            a.record.previous_ttl_ms += 3600000;
        }
        run(d, a);
        assert_in_range(pttl(d, "access_token"), 1, LIFE);
        assert_in_range(pttl(d, "token"), 1, LIFE);
        assert_in_range(pttl(d, "previous_access_token"), 1, OVERLAP);
        server_do(d->server, "FLUSHALL");
    }
    desk_close(d);
}

static void a_token_that_is_over_is_not_written(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    run(d, committing(d, 1, 5, "tok-6", NULL));
    assert_int_equal(desk_published(d), 1);
    for (int by_ttl = 0; by_ttl < 2; by_ttl++) {
        struct refresh_action a = committing(d, 1, 6, "tok-7", "tok-6");
        if (by_ttl)
            a.record.ttl_ms = 0;
        else
            a.record.expires_at.ms -= LIFE + 1;
        int64_t before = desk_now(d);
        struct refresh_event late = run(d, a);
        assert_int_equal(late.store, REFRESH_STORE_FAILED);
        assert_in_range(late.redis_now.ms, before, desk_now(d)); /* by which it is over */
        a.kind = REFRESH_DO_ASSERT;
        a.record.version = 7;
        assert_int_equal(run(d, a).store, REFRESH_STORE_FAILED);
    }
    assert_redis(d, "GET " DESK_APP "access_token", "tok-6");
    assert_redis(d, "HGET " DESK_APP "state version", "6");
    assert_int_equal(desk_published(d), 0);
    desk_close(d);
}

static void a_previous_token_that_is_over_is_left_out(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct refresh_action a = committing(d, 1, 5, "tok-6", "tok-5");
    a.record.previous_ttl_ms = 0;
    assert_int_equal(run(d, a).store, REFRESH_STORE_OK);
    assert_redis(d, "EXISTS " DESK_APP "previous_access_token", "0");
    assert_redis(d, "HEXISTS " DESK_APP "token previous_access_token", "0");
    desk_published(d);
    assert_non_null(strstr(d->message, "\"previous_usable_until\":0}"));
    desk_close(d);
}

/* ---- commit: repeated ---- */

static void a_repeated_commit_answers_the_same_and_tells_nobody_twice(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    begin(d, 1, 5);
    struct refresh_action a = committing(d, 1, 5, "tok-6", "tok-5");
    for (int i = 0; i < 3; i++) {
        struct refresh_event e = run(d, a);
        assert_int_equal(e.store, REFRESH_STORE_OK);
        assert_int_equal(e.version, 6);
    }
    assert_int_equal(desk_published(d), 1);
    assert_redis(d, "XLEN " DESK_APP "events", "1");
    assert_redis(d, "GET " DESK_APP "previous_access_token", "tok-5");
    assert_redis(d, "HGET " DESK_APP "state issued_today", "1");
    desk_close(d);
}

static void a_repeated_commit_gives_no_longer_life(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct refresh_action a = committing(d, 1, 5, "tok-6", NULL);
    run(d, a);
    a.record.ttl_ms = LIFE / 2; /* as the core counts it, that much later */
    run(d, a);
    assert_in_range(pttl(d, "access_token"), 1, LIFE / 2);
    assert_in_range(pttl(d, "token"), 1, LIFE / 2);
    desk_close(d);
}

/* Stable mode: WeChat gave the token that is there already. */
static void the_same_token_keeps_its_version_and_is_taken_off_the_budget_once(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    begin(d, 1, 5);
    run(d, committing(d, 1, 5, "tok-6", NULL));
    desk_published(d);
    begin(d, 1, 6);
    struct refresh_action a = committing(d, 1, 6, "tok-6", NULL);
    a.refund = true;
    a.record.ttl_ms = LIFE / 2;
    for (int i = 0; i < 3; i++)
        assert_int_equal(run(d, a).version, 6);
    assert_redis(d, "HGET " DESK_APP "state issued_today", "1");
    assert_redis(d, "EXISTS " DESK_APP "intent", "0");
    assert_in_range(pttl(d, "access_token"), 1, LIFE / 2);
    assert_int_equal(desk_published(d), 0);
    desk_close(d);
}

/* It was long under way, and a later attempt has begun. */
static void a_commit_leaves_the_intent_of_another_attempt_alone(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    begin(d, 1, 5);
    server_do(d->server, "SET " DESK_APP "intent later");
    struct refresh_action a = committing(d, 1, 5, "tok-6", NULL);
    a.refund = true;
    assert_int_equal(run(d, a).store, REFRESH_STORE_OK);
    assert_redis(d, "GET " DESK_APP "intent", "later");
    assert_redis(d, "HGET " DESK_APP "state issued_today", "1");
    desk_close(d);
}

/* ---- commit: refused ---- */

static void a_commit_over_a_newer_version_changes_nothing(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    run(d, committing(d, 1, 5, "tok-6", NULL));
    begin(d, 1, 6);
    assert_int_equal(run(d, committing(d, 1, 5, "tok-other", NULL)).store, REFRESH_STORE_NEWER);
    assert_redis(d, "GET " DESK_APP "access_token", "tok-6");
    assert_redis(d, "EXISTS " DESK_APP "intent", "1");
    assert_int_equal(desk_published(d), 1);
    desk_close(d);
}

static void a_fenced_commit_or_write_back_changes_nothing(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    run(d, committing(d, 9, 5, "tok-6", NULL));
    begin(d, 9, 6);
    assert_int_equal(run(d, committing(d, 8, 6, "tok-7", NULL)).store, REFRESH_STORE_FENCED);
    assert_int_equal(d->fenced_by, 9);
    assert_int_equal(run(d, asserting(d, 8, 7, "tok-7")).store, REFRESH_STORE_FENCED);
    assert_int_equal(d->fenced_by, 9);
    assert_redis(d, "GET " DESK_APP "access_token", "tok-6");
    assert_redis(d, "EXISTS " DESK_APP "intent", "1");
    assert_int_equal(desk_published(d), 1);
    desk_close(d);
}

static void the_version_grows_by_one_over_an_expired_token(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    run(d, committing(d, 1, 5, "tok-6", NULL));
    server_do(d->server, "DEL " DESK_APP "access_token " DESK_APP "token");
    assert_int_equal(run(d, committing(d, 1, 6, "tok-7", NULL)).version, 7);
    desk_close(d);
}

static void a_token_that_someone_else_put_there_is_not_taken_for_ours(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    run(d, committing(d, 1, 5, "tok-6", NULL));
    server_do(d->server, "SET " DESK_APP "access_token evil");
    assert_int_equal(run(d, committing(d, 1, 6, "tok-7", NULL)).version, 7);
    assert_redis(d, "GET " DESK_APP "access_token", "tok-7");
    assert_in_range(pttl(d, "access_token"), 1, LIFE);
    desk_close(d);
}

/* An old snapshot holds the token under a lower version: nobody may read that one again. */
static void the_same_token_brings_back_the_version_that_was_lost(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    run(d, committing(d, 1, 5, "tok-6", NULL));
    assert_int_equal(run(d, committing(d, 1, 8, "tok-6", NULL)).version, 8);
    assert_redis(d, "HGET " DESK_APP "token version", "8");
    assert_redis(d, "HGET " DESK_APP "state version", "8");
    desk_close(d);
}

static void the_same_token_mends_a_key_that_someone_else_changed(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    run(d, committing(d, 1, 5, "tok-6", NULL));
    server_do(d->server, "SET " DESK_APP "access_token evil PX 60000");
    assert_int_equal(run(d, committing(d, 1, 6, "tok-6", NULL)).version, 7);
    assert_redis(d, "GET " DESK_APP "access_token", "tok-6");
    desk_close(d);
}

/* ---- assert ---- */

static void a_record_that_was_lost_is_written_back_quietly_with_its_version(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    struct refresh_action a = asserting(d, 4, 8, "tok-8");
    a.record.previous = SLICE_LIT("tok-7");
    a.record.previous_until = wall_after(a.record.issued_at, OVERLAP);
    a.record.previous_ttl_ms = OVERLAP;
    a.intent = SLICE_LIT("open");
    struct refresh_event e = run(d, a);
    assert_int_equal(e.kind, REFRESH_ASSERTED);
    assert_int_equal(e.store, REFRESH_STORE_OK);
    assert_redis(d, "GET " DESK_APP "access_token", "tok-8");
    assert_redis(d, "GET " DESK_APP "previous_access_token", "tok-7");
    assert_redis(d, "HGET " DESK_APP "token version", "8");
    assert_redis(d, "HMGET " DESK_APP "state version epoch day issued_today", "8 4 19675 3");
    assert_redis(d, "GET " DESK_APP "intent", "open");
    assert_in_range(pttl(d, "access_token"), 1, LIFE);
    assert_in_range(pttl(d, "previous_access_token"), 1, OVERLAP);
    assert_int_equal(desk_published(d), 0);
    desk_close(d);
}

static void a_write_back_never_meets_a_newer_version_nor_a_lower_count(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    server_do(d->server, "HSET " DESK_APP "state version 9 day 19675 issued_today 40");
    assert_int_equal(run(d, asserting(d, 4, 8, "tok-8")).store, REFRESH_STORE_NEWER);
    assert_redis(d, "EXISTS " DESK_APP "access_token", "0");
    assert_int_equal(run(d, asserting(d, 4, 9, "tok-9")).store, REFRESH_STORE_OK);
    assert_redis(d, "HMGET " DESK_APP "state day issued_today", "19675 40");
    struct refresh_action later = asserting(d, 4, 9, "tok-9");
    later.day++;
    run(d, later);
    assert_redis(d, "HMGET " DESK_APP "state day issued_today", "19676 3");
    run(d, asserting(d, 4, 9, "tok-9"));
    assert_redis(d, "HMGET " DESK_APP "state day issued_today", "19676 3"); /* never goes back */
    desk_close(d);
}

static void a_write_back_without_an_intent_leaves_the_one_that_is_there(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    begin(d, 4, 8);
    run(d, asserting(d, 4, 8, "tok-8"));
    assert_redis(d, "GET " DESK_APP "intent", "open");
    desk_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_writes_everything_that_consumers_read),
        cmocka_unit_test(a_commit_publishes_the_contracts_message_once_for_each_new_version),
        cmocka_unit_test(a_commit_adds_one_event),
        cmocka_unit_test(a_commit_without_a_previous_removes_the_one_before),
        cmocka_unit_test(no_token_stands_where_none_belongs),
        cmocka_unit_test(no_key_outlives_its_token),
        cmocka_unit_test(the_sooner_of_both_ends_counts),
        cmocka_unit_test(a_token_that_is_over_is_not_written),
        cmocka_unit_test(a_previous_token_that_is_over_is_left_out),
        cmocka_unit_test(a_repeated_commit_answers_the_same_and_tells_nobody_twice),
        cmocka_unit_test(a_repeated_commit_gives_no_longer_life),
        cmocka_unit_test(the_same_token_keeps_its_version_and_is_taken_off_the_budget_once),
        cmocka_unit_test(a_commit_leaves_the_intent_of_another_attempt_alone),
        cmocka_unit_test(a_commit_over_a_newer_version_changes_nothing),
        cmocka_unit_test(a_fenced_commit_or_write_back_changes_nothing),
        cmocka_unit_test(the_version_grows_by_one_over_an_expired_token),
        cmocka_unit_test(a_token_that_someone_else_put_there_is_not_taken_for_ours),
        cmocka_unit_test(the_same_token_brings_back_the_version_that_was_lost),
        cmocka_unit_test(the_same_token_mends_a_key_that_someone_else_changed),
        cmocka_unit_test(a_record_that_was_lost_is_written_back_quietly_with_its_version),
        cmocka_unit_test(a_write_back_never_meets_a_newer_version_nor_a_lower_count),
        cmocka_unit_test(a_write_back_without_an_intent_leaves_the_one_that_is_there),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
