/* claims, with a Redis that is dead, dies between claim and settlement, is frozen, or comes back
 * without its data: a process goes on by itself and still never spends a code twice. */
#include "claims_fixture.h"

#include <stdio.h>
#include <string.h>

/* Decides soon when Redis keeps silent. */
static struct claims_limits hasty(void)
{
    struct claims_limits l = generous;
    l.redis_timeout_ms = 100;
    return l;
}

/* So that Redis knows the scripts. */
static void warm_up(struct bench *b, struct process *p)
{
    struct claim c = simple_claim(b, "warm");
    login(p, &c, "warm");
}

static void kill_redis(struct bench *b, struct process *p)
{
    server_kill(b->server);
    await_loss(p);
}

static void restart_redis(struct bench *b, struct process *p)
{
    server_restart(b->server);
    await_redis(p);
}

/* ---- dead ---- */

static void without_redis_a_process_decides_alone(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    kill_redis(b, one);
    EXPECT(one, &c, CLAIM_MINE);
    EXPECT(one, &c, CLAIM_HELD);
    EXPECT(one, &other, CLAIM_USED);
    settle(one, &c, "the answer");
    expect_kept(one, &c, CLAIM_KEPT, "the answer");
    EXPECT(one, &other, CLAIM_USED);
    RUN_UNTIL(b->loop, SOON_MS, claims_stats(one->claims).unsettled == 1);
    expect_kept(one, &c, CLAIM_KEPT, "the answer");
    assert_int_equal(claims_stats(one->claims).alone, 3); /* all but what it knew for certain */
}

static void parallel_repeats_at_one_process_are_one_also_without_redis(void **state)
{
    struct heard h[8];
    int mine = 0;
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    struct claim c = simple_claim(b, "code");
    kill_redis(b, one);
    for (size_t i = 0; i < ARRAY_LEN(h); i++)
        ask(one, &c, &h[i]);
    for (size_t i = 0; i < ARRAY_LEN(h); i++) {
        RUN_UNTIL(b->loop, SOON_MS, h[i].calls > 0);
        mine += h[i].verdict == CLAIM_MINE;
        assert_true(h[i].verdict == CLAIM_MINE || h[i].verdict == CLAIM_HELD);
    }
    assert_int_equal(mine, 1);
}

static void a_local_answer_ends_with_its_window(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.kept_ms = 100;
    struct process *one = process_start(b, &l);
    struct claim c = simple_claim(b, "code");
    kill_redis(b, one);
    mono_ms_t start = clock_mono();
    login(one, &c, "the answer");
    RUN_UNTIL(b->loop, SOON_MS, ask_now(one, &c).verdict != CLAIM_KEPT);
    assert_true(mono_between(start, clock_mono()) >= 100 - CLOCKS_DIFFER_MS);
    EXPECT(one, &c, CLAIM_USED);
}

static void a_whole_code_is_free_also_without_redis(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    kill_redis(b, one);
    EXPECT(one, &c, CLAIM_MINE);
    settle_whole(one, &c, ~0u);
    EXPECT(one, &other, CLAIM_MINE);
}

static void an_exchange_is_handed_on_also_without_redis(void **state)
{
    struct bench *b = *state;
    struct claims_limits l = hasty();
    struct process *one = process_start(b, &l);
    struct claim c = simple_claim(b, "code");
    kill_redis(b, one);
    EXPECT(one, &c, CLAIM_MINE);
    settle_exchanged(one, &c, "what WeChat gave");
    RUN_UNTIL(b->loop, SOON_MS, ask_now(one, &c).verdict == CLAIM_EXCHANGED);
    EXPECT(one, &c, CLAIM_HELD);
    settle(one, &c, "the answer");
    expect_kept(one, &c, CLAIM_KEPT, "the answer");
}

static void of_two_who_ask_for_an_exchange_at_once_one_has_it(void **state)
{
    struct heard h[2];
    struct bench *b = *state;
    struct claims_limits l = hasty();
    struct process *one = process_start(b, &l);
    struct claim c = simple_claim(b, "code");
    kill_redis(b, one);
    EXPECT(one, &c, CLAIM_MINE);
    settle_exchanged(one, &c, "what WeChat gave");
    rig_run_for(b->loop, 110);
    ask(one, &c, &h[0]);
    ask(one, &c, &h[1]);
    RUN_UNTIL(b->loop, SOON_MS, h[0].calls > 0 && h[1].calls > 0);
    assert_int_equal(h[0].verdict, CLAIM_EXCHANGED);
    assert_string_equal(h[0].kept, "what WeChat gave");
    assert_int_equal(h[1].verdict, CLAIM_HELD);
}

/* ---- dies and comes back empty ---- */

static void what_redis_forgot_its_process_still_knows(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    login(one, &c, "the answer");
    kill_redis(b, one);
    restart_redis(b, one);
    EXPECT(one, &other, CLAIM_USED);
    EXPECT(one, &c, CLAIM_USED); /* its answer is gone, and it must not be sent again */
    flush(one);
    await_redis(two);
    EXPECT(two, &c, CLAIM_USED); /* Redis was told again */
    EXPECT(two, &other, CLAIM_USED);
    assert_string_equal(server_do(b->server, "ZCARD t:{" APP "}:login:under_way"), "0");
}

static void a_redis_that_forgot_is_told_of_used_codes_only(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    struct claim both = claim_of(b, "login", "phone", ADDRESS);
    struct claim login = claim_of(b, "login", "", OTHER), phone = claim_of(b, "", "phone", OTHER);
    EXPECT(one, &both, CLAIM_MINE);
    settle_whole(one, &both, 1u << 1); /* the phone code */
    flush(one);
    assert_string_equal(server_do(b->server, "FLUSHALL"), "OK");
    EXPECT(one, &both, CLAIM_USED);
    flush(one);
    EXPECT(two, &login, CLAIM_USED);
    EXPECT(two, &phone, CLAIM_MINE);
}

static void an_answer_that_came_while_redis_was_away_stays_with_its_process(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    struct claim c = simple_claim(b, "code");
    kill_redis(b, one);
    login(one, &c, "the answer");
    RUN_UNTIL(b->loop, SOON_MS, claims_stats(one->claims).unsettled == 1);
    restart_redis(b, one);
    expect_kept(one, &c, CLAIM_KEPT, "the answer");
}

static void redis_may_die_between_claim_and_settlement(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    EXPECT(one, &c, CLAIM_MINE);
    kill_redis(b, one);
    EXPECT(one, &c, CLAIM_HELD);
    settle(one, &c, "the answer");
    RUN_UNTIL(b->loop, SOON_MS, claims_stats(one->claims).unsettled == 1);
    expect_kept(one, &c, CLAIM_KEPT, "the answer");
    restart_redis(b, one);
    expect_kept(one, &c, CLAIM_KEPT, "the answer");
    EXPECT(one, &other, CLAIM_USED);
}

static void a_settlement_to_an_empty_redis_tells_all(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    EXPECT(one, &c, CLAIM_MINE);
    assert_string_equal(server_do(b->server, "FLUSHALL"), "OK");
    settle(one, &c, "the answer");
    flush(one);
    expect_kept(two, &c, CLAIM_KEPT, "the answer");
    EXPECT(two, &other, CLAIM_USED);
}

/* ---- frozen ---- */

static void a_frozen_redis_is_waited_for_no_longer_than_its_timeout(void **state)
{
    struct bench *b = *state;
    struct claims_limits l = hasty();
    struct process *one = process_start(b, &l), *two = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    warm_up(b, one);
    server_pause(b->server);
    mono_ms_t start = clock_mono();
    EXPECT(one, &c, CLAIM_MINE);
    assert_in_range(mono_between(start, clock_mono()), 90, 1500);
    settle(one, &c, "the answer");
    expect_kept(one, &c, CLAIM_KEPT, "the answer");
    EXPECT(one, &other, CLAIM_USED);
    server_resume(b->server);
    await_redis(one);
    await_redis(two);
    expect_kept(one, &c, CLAIM_KEPT, "the answer");
    EXPECT(two, &other, CLAIM_USED); /* the claim was heard when Redis woke up */
}

/* Who repeats it meanwhile waits for the first, whatever becomes of that. */
static void parallel_repeats_wait_out_a_frozen_redis_together(void **state)
{
    struct heard first, repeat;
    struct bench *b = *state;
    struct claims_limits l = hasty();
    struct process *one = process_start(b, &l);
    struct claim c = simple_claim(b, "code");
    warm_up(b, one);
    server_pause(b->server);
    ask(one, &c, &first);
    while (first.calls == 0) {
        ask(one, &c, &repeat);
        RUN_UNTIL(b->loop, SOON_MS, repeat.calls > 0);
        assert_int_equal(repeat.verdict, CLAIM_HELD);
    }
    assert_int_equal(first.verdict, CLAIM_MINE);
    EXPECT(one, &c, CLAIM_HELD);
    server_resume(b->server);
}

/* ---- limits, by each process for itself ---- */

static void without_redis_each_process_counts_users_and_addresses_for_itself(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.per_user = (struct window_rule){2, 60000};
    l.per_address = (struct window_rule){3, 60000};
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    kill_redis(b, one);
    await_loss(two);
    for (int i = 0; i < 5; i++) {
        char code[32];
        (void)snprintf(code, sizeof code, "code %d", i);
        struct claim of_user = claim_of(b, "", code, OTHER), of_address = simple_claim(b, code);
        of_user.user_id = 7;
        of_user.address[0] = '\0';
        EXPECT(one, &of_user, i < 2 ? CLAIM_MINE : CLAIM_LIMITED);
        EXPECT(one, &of_address, i < 3 ? CLAIM_MINE : CLAIM_LIMITED);
        EXPECT(two, &of_address, i < 3 ? CLAIM_MINE : CLAIM_LIMITED);
    }
    struct claim more = simple_claim(b, "more");
    struct heard h = ask_now(one, &more);
    assert_int_equal(h.verdict, CLAIM_LIMITED);
    assert_in_range(h.retry_after_ms, 50000, 60000);
    struct claim elsewhere = claim_of(b, "more", "", OTHER);
    EXPECT(one, &elsewhere, CLAIM_MINE); /* what was limited was not spent */
}

static void a_user_who_is_known_only_after_the_exchange_is_counted_then(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.per_user = (struct window_rule){1, 60000};
    struct process *one = process_start(b, &l);
    kill_redis(b, one);
    struct claim c = claim_of(b, "", "phone 1", ADDRESS), d = claim_of(b, "", "phone 2", ADDRESS);
    EXPECT(one, &c, CLAIM_MINE);
    settle_paid(one, &c, 7);
    d.user_id = 7;
    EXPECT(one, &d, CLAIM_LIMITED);
}

static void without_redis_each_process_counts_what_is_under_way_for_itself(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.under_way_max = 2;
    struct process *one = process_start(b, &l);
    struct claim c[3] = {simple_claim(b, "1"), simple_claim(b, "2"), simple_claim(b, "3")};
    EXPECT(one, &c[0], CLAIM_MINE); /* with Redis: it counts too */
    kill_redis(b, one);
    EXPECT(one, &c[1], CLAIM_MINE);
    EXPECT(one, &c[2], CLAIM_BUSY);
    settle(one, &c[0], "the answer");
    EXPECT(one, &c[2], CLAIM_MINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(without_redis_a_process_decides_alone),
        BENCH_TEST(parallel_repeats_at_one_process_are_one_also_without_redis),
        BENCH_TEST(a_local_answer_ends_with_its_window),
        BENCH_TEST(a_whole_code_is_free_also_without_redis),
        BENCH_TEST(an_exchange_is_handed_on_also_without_redis),
        BENCH_TEST(of_two_who_ask_for_an_exchange_at_once_one_has_it),
        BENCH_TEST(what_redis_forgot_its_process_still_knows),
        BENCH_TEST(a_redis_that_forgot_is_told_of_used_codes_only),
        BENCH_TEST(an_answer_that_came_while_redis_was_away_stays_with_its_process),
        BENCH_TEST(redis_may_die_between_claim_and_settlement),
        BENCH_TEST(a_settlement_to_an_empty_redis_tells_all),
        BENCH_TEST(a_frozen_redis_is_waited_for_no_longer_than_its_timeout),
        BENCH_TEST(parallel_repeats_wait_out_a_frozen_redis_together),
        BENCH_TEST(without_redis_each_process_counts_users_and_addresses_for_itself),
        BENCH_TEST(a_user_who_is_known_only_after_the_exchange_is_counted_then),
        BENCH_TEST(without_redis_each_process_counts_what_is_under_way_for_itself),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
