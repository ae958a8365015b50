/* claims: how much of what may happen, over all processes, and what the paid calls cost; with a
 * real Redis. */
#include "claims_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct claim numbered(const struct bench *b, int i)
{
    char code[32];
    (void)snprintf(code, sizeof code, "code %d", i);
    return claim_of(b, code, code, ADDRESS);
}

/* Of a user who is logged in already. */
static struct claim of_user(const struct bench *b, int i, int64_t user_id)
{
    struct claim c = numbered(b, i);
    c.user_id = user_id;
    return c;
}

/* ---- users and addresses ---- */

static void an_address_is_limited_over_all_processes(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.per_address = (struct window_rule){4, 60000};
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    for (int i = 0; i < 4; i++) {
        struct claim c = numbered(b, i);
        EXPECT(i % 2 ? one : two, &c, CLAIM_MINE);
    }
    struct claim c = numbered(b, 5);
    struct heard h = ask_now(one, &c);
    assert_int_equal(h.verdict, CLAIM_LIMITED);
    assert_in_range(h.retry_after_ms, 50000, 60000);
    EXPECT(two, &c, CLAIM_LIMITED);
    c.address[0] = '\0'; /* nobody's: behind a proxy that tells nothing */
    EXPECT(two, &c, CLAIM_MINE);
    struct claim elsewhere = claim_of(b, "code 6", "", OTHER);
    EXPECT(two, &elsewhere, CLAIM_MINE);
}

static void repeats_cost_no_limit(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.per_address = l.per_user = (struct window_rule){2, 60000};
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    struct claim c = of_user(b, 1, 7), other = claim_of(b, "code 1", "", ADDRESS);
    EXPECT(one, &c, CLAIM_MINE);
    EXPECT(two, &c, CLAIM_HELD);
    settle(one, &c, "the answer");
    flush(one);
    for (int i = 0; i < 5; i++) {
        expect_kept(two, &c, CLAIM_KEPT, "the answer");
        EXPECT(two, &other, CLAIM_USED);
    }
    struct claim next = of_user(b, 2, 7);
    EXPECT(two, &next, CLAIM_MINE);
}

static void who_is_limited_takes_nothing_from_who_asks_at_the_same_time(void **state)
{
    struct heard limited, other;
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.per_address = (struct window_rule){1, 60000};
    struct process *one = process_start(b, &l);
    struct claim first = numbered(b, 1), c = simple_claim(b, "code"),
                 elsewhere = claim_of(b, "code", "", OTHER);
    EXPECT(one, &first, CLAIM_MINE);
    ask(one, &c, &limited);
    ask(one, &elsewhere, &other);
    UNTIL(b->loop, limited.calls > 0 && other.calls > 0);
    assert_int_equal(limited.verdict, CLAIM_LIMITED);
    assert_int_equal(other.verdict, CLAIM_MINE);
}

static void the_window_slides(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.per_address = (struct window_rule){2, 200};
    struct process *one = process_start(b, &l);
    struct claim c[3] = {numbered(b, 0), numbered(b, 1), numbered(b, 2)};
    mono_ms_t start = clock_mono();
    EXPECT(one, &c[0], CLAIM_MINE);
    EXPECT(one, &c[1], CLAIM_MINE);
    struct heard h = ask_now(one, &c[2]);
    assert_int_equal(h.verdict, CLAIM_LIMITED);
    assert_in_range(h.retry_after_ms, 1, 200);
    RUN_UNTIL(b->loop, SOON_MS, ask_now(one, &c[2]).verdict == CLAIM_MINE);
    assert_true(mono_between(start, clock_mono()) >= 200 - CLOCKS_DIFFER_MS);
}

static void a_users_phone_exchanges_are_limited(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.per_user = (struct window_rule){2, 60000};
    struct process *one = process_start(b, &l);
    struct claim first = of_user(b, 1, 7), second = numbered(b, 2), third = of_user(b, 3, 7),
                 other = of_user(b, 4, 8), login = claim_of(b, "code 5", "", ADDRESS);
    EXPECT(one, &first, CLAIM_MINE);
    settle_paid(one, &first, 7); /* counted when it was claimed, and not again */
    EXPECT(one, &second, CLAIM_MINE);
    flush(one);
    EXPECT(one, &other, CLAIM_MINE);
    settle_paid(one, &second, 7); /* only now it is known whose it is */
    flush(one);
    EXPECT(one, &third, CLAIM_LIMITED);
    login.user_id = 7;
    EXPECT(one, &login, CLAIM_MINE); /* exchanges no phone */
}

static void limits_may_be_changed(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.per_address = (struct window_rule){3, 60000};
    struct process *one = process_start(b, &l);
    for (int i = 0; i < 3; i++) {
        struct claim c = numbered(b, i);
        EXPECT(one, &c, CLAIM_MINE);
    }
    struct claim c = numbered(b, 4), d = numbered(b, 5);
    EXPECT(one, &c, CLAIM_LIMITED);
    l.per_address.count = 4;
    claims_set_limits(one->claims, &l);
    EXPECT(one, &c, CLAIM_MINE);
    l.per_address.count = 2;
    claims_set_limits(one->claims, &l);
    EXPECT(one, &d, CLAIM_LIMITED);
    l.per_address.count = 0;
    claims_set_limits(one->claims, &l);
    EXPECT(one, &d, CLAIM_MINE);
}

/* Three codes, a user, an address, all limits, the longest names. */
static void a_claim_may_have_everything(void **state)
{
    struct claims_limits l = {.login_ms = 600000,
                              .kept_ms = 86400000,
                              .per_user = {1000, 86400000},
                              .per_address = {10000, 86400000},
                              .under_way_max = 1000000,
                              .paid_max = 1000000000,
                              .paid_stops = true,
                              .redis_timeout_ms = SOON_MS};
    struct bench *b = *state;
    struct process *one = process_start(b, &l);
    struct claim c = numbered(b, 1);
    c.n_codes = 3;
    memset(c.codes[2], 'c', sizeof c.codes[2] - 1);
    memset(c.appid, 'w', sizeof c.appid - 1);
    c.user_id = INT64_MAX;
    EXPECT(one, &c, CLAIM_MINE);
    assert_int_equal(claims_stats(one->claims).alone, 0);
    settle_paid(one, &c, INT64_MAX);
    flush(one);
    assert_int_equal(claims_stats(one->claims).unsettled, 0);
    EXPECT(one, &c, CLAIM_USED);
}

/* ---- under way ---- */

static void so_many_of_an_app_are_under_way_over_all_processes(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.under_way_max = 3;
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    struct claim c[4] = {numbered(b, 0), numbered(b, 1), numbered(b, 2), numbered(b, 3)};
    for (int i = 0; i < 3; i++)
        EXPECT(i % 2 ? one : two, &c[i], CLAIM_MINE);
    EXPECT(one, &c[3], CLAIM_BUSY);
    EXPECT(two, &c[3], CLAIM_BUSY);
    EXPECT(two, &c[1], CLAIM_HELD); /* no more of them */
    struct claim other_app = c[3];
    memcpy(other_app.appid, "wxother", sizeof "wxother");
    EXPECT(one, &other_app, CLAIM_MINE);
    settle(one, &c[1], "the answer");
    flush(one);
    EXPECT(two, &c[3], CLAIM_MINE);
}

static void what_a_crashed_process_had_under_way_is_over_in_its_time(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.under_way_max = 2;
    l.login_ms = 200;
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    struct claim c[3] = {numbered(b, 0), numbered(b, 1), numbered(b, 2)};
    EXPECT(one, &c[0], CLAIM_MINE);
    EXPECT(one, &c[1], CLAIM_MINE);
    EXPECT(two, &c[2], CLAIM_BUSY);
    process_stop(one);
    EXPECT(two, &c[2], CLAIM_BUSY);
    RUN_UNTIL(b->loop, SOON_MS, ask_now(two, &c[2]).verdict == CLAIM_MINE);
}

/* Others keep the list alive: each of its entries has an end of its own. */
static void what_a_crashed_process_had_under_way_is_over_also_among_others(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.under_way_max = 2;
    l.login_ms = 200;
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    struct claim crashed = numbered(b, 0);
    bool room = false;
    EXPECT(one, &crashed, CLAIM_MINE);
    process_stop(one);
    mono_ms_t deadline = mono_after(loop_now(b->loop), SOON_MS);
    for (int i = 1; !room && !mono_reached(loop_now(b->loop), deadline); i++) {
        struct claim c = numbered(b, i), more = numbered(b, 100000);
        EXPECT(two, &c, CLAIM_MINE);
        room = ask_now(two, &more).verdict == CLAIM_MINE;
        settle(two, &c, "the answer");
        flush(two);
    }
    assert_true(room);
}

/* ---- paid ---- */

static int64_t paid_today_of(const struct process *p)
{
    return claims_paid_today(p->claims, SLICE_LIT(APP));
}

static void paid_login(struct bench *b, struct process *p, int i)
{
    struct claim c = numbered(b, i);
    EXPECT(p, &c, CLAIM_MINE);
    settle_paid(p, &c, 7);
}

static void every_paid_call_is_counted_once(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    assert_string_equal(paid_in_redis(b), "(nil)");
    for (int i = 0; i < 6; i++) {
        struct process *p = i % 2 ? one : two;
        paid_login(b, p, i);
        flush(p);
    }
    struct claim failed = numbered(b, 100);
    EXPECT(one, &failed, CLAIM_MINE);
    settle(one, &failed, "no phone");
    flush(one);
    assert_string_equal(paid_in_redis(b), "6");
    assert_int_equal(paid_today_of(one), 6);
    assert_int_equal(paid_today_of(two), 5); /* as far as it knows */
    claims_forget_app(one->claims, SLICE_LIT(APP));
    assert_int_equal(paid_today_of(one), 0);
}

static void what_was_paid_while_redis_was_away_is_counted_afterwards(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    paid_login(b, one, 0);
    flush(one);
    server_kill(b->server);
    await_loss(one);
    for (int i = 1; i < 4; i++)
        paid_login(b, one, i);
    assert_int_equal(paid_today_of(one), 4);
    RUN_UNTIL(b->loop, SOON_MS, claims_stats(one->claims).unsettled == 3);
    server_restart(b->server); /* without its data: it learns the first one back too */
    await_redis(one);
    paid_login(b, one, 4);
    flush(one);
    assert_string_equal(paid_in_redis(b), "5");
    paid_login(b, one, 5);
    flush(one);
    assert_string_equal(paid_in_redis(b), "6");
    assert_int_equal(paid_today_of(one), 6);
}

static void what_redis_refused_to_count_is_counted_with_the_next(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    struct claim c = numbered(b, 4);
    paid_login(b, one, 0);
    flush(one);
    for (int i = 1; i < 4; i++)
        paid_login(b, two, i); /* which the other does not know of */
    flush(two);
    EXPECT(one, &c, CLAIM_MINE);
    server_do(b->server, "CONFIG SET min-replicas-to-write 1");
    settle_paid(one, &c, 7);
    flush(one);
    assert_int_equal(claims_stats(one->claims).unsettled, 1);
    assert_string_equal(paid_in_redis(b), "4");
    server_do(b->server, "CONFIG SET min-replicas-to-write 0");
    paid_login(b, one, 5);
    flush(one);
    assert_string_equal(paid_in_redis(b), "6");
}

static void what_a_frozen_redis_may_have_counted_is_not_counted_twice(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.redis_timeout_ms = 100;
    struct process *one = process_start(b, &l);
    paid_login(b, one, 0);
    flush(one);
    struct claim c = numbered(b, 1);
    EXPECT(one, &c, CLAIM_MINE);
    server_pause(b->server);
    settle_paid(one, &c, 7);
    RUN_UNTIL(b->loop, SOON_MS, claims_stats(one->claims).unsettled == 1);
    server_resume(b->server);
    await_redis(one);
    paid_login(b, one, 2);
    flush(one);
    assert_string_equal(paid_in_redis(b), "3");
    assert_int_equal(paid_today_of(one), 3);
}

static void what_is_settled_at_midnight_counts_for_its_own_day(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    for (int i = 0; i < 3; i++)
        paid_login(b, one, i);
    flush(one);
    char before[16];
    (void)snprintf(before, sizeof before, "%s", paid_in_redis(b));
    assert_string_equal(before, "3");
    paid_login(b, one, 3);
    clock_ahead_ms += 24LL * 3600 * 1000; /* before Redis could answer */
    flush(one);
    assert_int_equal(paid_today_of(one), 0);
    paid_login(b, one, 4);
    flush(one);
    assert_string_equal(paid_in_redis(b), "1");
    clock_ahead_ms -= 24LL * 3600 * 1000;
    assert_string_equal(paid_in_redis(b), "4");
}

/* ---- the budget ---- */

static void a_budget_that_stops_refuses_phones_until_the_next_day(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.paid_max = 2;
    l.paid_stops = true;
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    paid_login(b, one, 0);
    paid_login(b, one, 1);
    flush(one);
    struct claim c = numbered(b, 2);
    struct heard h = ask_now(two, &c);
    assert_int_equal(h.verdict, CLAIM_BUDGET);
    assert_in_range(h.retry_after_ms, 11 * 3600 * 1000, 12 * 3600 * 1000);
    struct claim login = claim_of(b, "login", "", ADDRESS);
    EXPECT(two, &login, CLAIM_MINE); /* costs nothing */
    clock_ahead_ms += h.retry_after_ms;
    EXPECT(two, &c, CLAIM_MINE);
}

static void a_budget_that_warns_refuses_nothing(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.paid_max = 2;
    struct process *one = process_start(b, &l);
    for (int i = 0; i < 5; i++)
        paid_login(b, one, i);
    flush(one);
    assert_string_equal(paid_in_redis(b), "5");
    server_kill(b->server);
    await_loss(one);
    paid_login(b, one, 5);
}

static void a_spent_budget_stays_spent_whatever_redis_forgets(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.paid_max = 2;
    l.paid_stops = true;
    struct process *one = process_start(b, &l);
    paid_login(b, one, 0);
    paid_login(b, one, 1);
    flush(one);
    struct claim c = numbered(b, 2);
    assert_string_equal(server_do(b->server, "FLUSHALL"), "OK");
    EXPECT(one, &c, CLAIM_BUDGET);
    server_kill(b->server);
    await_loss(one);
    EXPECT(one, &c, CLAIM_BUDGET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(an_address_is_limited_over_all_processes),
        BENCH_TEST(repeats_cost_no_limit),
        BENCH_TEST(who_is_limited_takes_nothing_from_who_asks_at_the_same_time),
        BENCH_TEST(the_window_slides),
        BENCH_TEST(a_users_phone_exchanges_are_limited),
        BENCH_TEST(limits_may_be_changed),
        BENCH_TEST(a_claim_may_have_everything),
        BENCH_TEST(so_many_of_an_app_are_under_way_over_all_processes),
        BENCH_TEST(what_a_crashed_process_had_under_way_is_over_in_its_time),
        BENCH_TEST(what_a_crashed_process_had_under_way_is_over_also_among_others),
        BENCH_TEST(every_paid_call_is_counted_once),
        BENCH_TEST(what_redis_refused_to_count_is_counted_with_the_next),
        BENCH_TEST(what_was_paid_while_redis_was_away_is_counted_afterwards),
        BENCH_TEST(what_a_frozen_redis_may_have_counted_is_not_counted_twice),
        BENCH_TEST(what_is_settled_at_midnight_counts_for_its_own_day),
        BENCH_TEST(a_budget_that_stops_refuses_phones_until_the_next_day),
        BENCH_TEST(a_budget_that_warns_refuses_nothing),
        BENCH_TEST(a_spent_budget_stays_spent_whatever_redis_forgets),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
