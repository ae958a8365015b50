/* claims: over all processes a one-time code has one holder, and its answer goes to the same
 * request only. With a real Redis. */
#include "claims_fixture.h"

#include <stdio.h>
#include <string.h>

/* ---- one request ---- */

static void whoever_comes_first_has_the_code_and_all_others_are_refused(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    EXPECT(one, &c, CLAIM_MINE);
    EXPECT(one, &c, CLAIM_HELD);
    EXPECT(two, &c, CLAIM_HELD);
    EXPECT(one, &other, CLAIM_USED);
    EXPECT(two, &other, CLAIM_USED);
}

static void a_repeat_has_the_same_answer_at_every_process(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    struct claim c = claim_of(b, "login", "phone", ADDRESS);
    EXPECT(one, &c, CLAIM_MINE);
    settle(one, &c, "the answer");
    expect_kept(one, &c, CLAIM_KEPT, "the answer"); /* also before Redis has it */
    flush(one);
    for (int i = 0; i < 3; i++) {
        expect_kept(one, &c, CLAIM_KEPT, "the answer");
        expect_kept(two, &c, CLAIM_KEPT, "the answer");
    }
    assert_int_equal(claims_stats(one->claims).asked, 5);
    assert_int_equal(claims_stats(one->claims).by_verdict[CLAIM_MINE], 1);
    assert_int_equal(claims_stats(one->claims).by_verdict[CLAIM_KEPT], 4);
    assert_int_equal(claims_stats(one->claims).alone, 0);
    assert_int_equal(claims_stats(one->claims).unsettled, 0);
}

static void from_another_address_a_repeat_is_refused(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    login(one, &c, "the answer");
    EXPECT(one, &other, CLAIM_USED);
    EXPECT(two, &other, CLAIM_USED);
    expect_kept(two, &c, CLAIM_KEPT, "the answer");
}

static void after_the_window_a_repeat_is_refused(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.kept_ms = 150;
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    struct claim c = simple_claim(b, "code");
    mono_ms_t start = clock_mono();
    login(one, &c, "the answer");
    RUN_UNTIL(b->loop, SOON_MS, ask_now(two, &c).verdict != CLAIM_KEPT);
    assert_true(mono_between(start, clock_mono()) >= 150 - CLOCKS_DIFFER_MS);
    EXPECT(one, &c, CLAIM_USED);
    EXPECT(two, &c, CLAIM_USED);
}

static void without_a_window_nothing_is_kept(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.kept_ms = 0;
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    struct claim c = simple_claim(b, "code");
    login(one, &c, "the answer");
    EXPECT(one, &c, CLAIM_USED);
    EXPECT(two, &c, CLAIM_USED);
    assert_int_equal(claims_stats(one->claims).unsettled, 0);
}

/* ---- parallel repeats ---- */

enum { PROCESSES = 4, REPEATS = 8 };

/* Each repeat asks until it has an answer; whoever has the codes "logs in" and settles. */
struct repeat {
    struct process *process;
    struct heard heard;
    char answer[KEPT_TEXT_SIZE];
    mono_ms_t again_at; /* MONO_NEVER: it waits for its verdict, or has its answer */
};

struct race {
    struct bench *bench;
    struct process *processes[PROCESSES];
    struct claim claim;
    struct repeat repeats[REPEATS];
    int exchanges;
};

static void ask_again(struct race *r, struct repeat *one)
{
    one->again_at = MONO_NEVER;
    ask(one->process, &r->claim, &one->heard);
}

static void take_verdict(struct race *r, struct repeat *one)
{
    enum claim_verdict v = one->heard.verdict;
    one->heard.calls = 0;
    if (v == CLAIM_HELD) {
        one->again_at = mono_after(loop_now(r->bench->loop), 5);
    } else if (v == CLAIM_KEPT) {
        memcpy(one->answer, one->heard.kept, sizeof one->answer);
    } else {
        assert_int_equal(v, CLAIM_MINE);
        (void)snprintf(one->answer, sizeof one->answer, "answer %d", ++r->exchanges);
        rig_run_for(r->bench->loop, 30); /* WeChat takes its time */
        settle(one->process, &r->claim, one->answer);
    }
}

static bool run_race(struct race *r)
{
    bool all = true;
    for (int i = 0; i < REPEATS; i++) {
        struct repeat *one = &r->repeats[i];
        if (one->heard.calls > 0)
            take_verdict(r, one);
        else if (mono_reached(loop_now(r->bench->loop), one->again_at))
            ask_again(r, one);
        all &= one->answer[0] != '\0';
    }
    return all;
}

static void eight_parallel_repeats_give_one_exchange_and_the_same_answer(void **state)
{
    struct race r = {.bench = *state};
    for (int i = 0; i < PROCESSES; i++)
        r.processes[i] = process_start(r.bench, &generous);
    for (int round = 0; round < 10; round++) {
        char code[32];
        (void)snprintf(code, sizeof code, "code %d", round);
        r.claim = claim_of(r.bench, code, code, ADDRESS);
        for (int i = 0; i < REPEATS; i++) {
            r.repeats[i] = (struct repeat){.process = r.processes[i % PROCESSES]};
            ask_again(&r, &r.repeats[i]);
        }
        r.exchanges = 0;
        RUN_UNTIL(r.bench->loop, SOON_MS, run_race(&r));
        assert_int_equal(r.exchanges, 1);
        for (int i = 0; i < REPEATS; i++)
            assert_string_equal(r.repeats[i].answer, "answer 1");
    }
}

/* ---- codes that are whole ---- */

static void a_whole_code_is_free_for_everybody(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    EXPECT(one, &c, CLAIM_MINE);
    settle_whole(one, &c, ~0u);
    flush(one);
    EXPECT(one, &c, CLAIM_MINE);
    settle_whole(one, &c, ~0u);
    flush(one);
    EXPECT(two, &other, CLAIM_MINE);
    settle_whole(two, &other, ~0u);
    flush(two);
    EXPECT(one, &c, CLAIM_MINE);
}

static void each_code_is_settled_by_itself(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    struct claim both = claim_of(b, "login", "phone", ADDRESS);
    struct claim login = claim_of(b, "login", "", OTHER), phone = claim_of(b, "", "phone", OTHER);
    EXPECT(one, &both, CLAIM_MINE);
    settle_whole(one, &both, 1u << 1); /* the phone code */
    flush(one);
    EXPECT(two, &login, CLAIM_USED);
    EXPECT(one, &login, CLAIM_USED);
    EXPECT(two, &phone, CLAIM_MINE);
    EXPECT(one, &both, CLAIM_USED);
}

static void a_refusal_is_kept_though_its_code_is_whole(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    const struct claims_settlement refused = {.whole = ~0u, .kept = SLICE_LIT("refused")};
    EXPECT(one, &c, CLAIM_MINE);
    claims_settle(one->claims, &c, &refused);
    flush(one);
    expect_kept(one, &c, CLAIM_KEPT, "refused");
    expect_kept(two, &c, CLAIM_KEPT, "refused");
    EXPECT(one, &other, CLAIM_MINE);
    expect_kept(one, &c, CLAIM_KEPT, "refused");
    expect_kept(two, &c, CLAIM_KEPT, "refused");
}

static void part_of_a_request_is_another_request(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    struct claim both = claim_of(b, "login", "phone", ADDRESS);
    struct claim half = claim_of(b, "login", "", ADDRESS);
    struct claim mixed = claim_of(b, "login 2", "phone", ADDRESS);
    EXPECT(one, &both, CLAIM_MINE);
    EXPECT(one, &half, CLAIM_USED);
    EXPECT(one, &mixed, CLAIM_USED);
    struct claim free = claim_of(b, "login 2", "", ADDRESS);
    EXPECT(one, &free, CLAIM_MINE); /* the refused one left nothing behind */
}

/* ---- exchanged, but not stored ---- */

static void an_exchange_is_handed_on_to_one_repeat_at_a_time(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.redis_timeout_ms = 500;
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    struct claim c = simple_claim(b, "code");
    EXPECT(one, &c, CLAIM_MINE);
    settle_exchanged(one, &c, "what WeChat gave");
    EXPECT(one, &c, CLAIM_HELD); /* until it is known who has it: Redis */
    flush(one);
    expect_kept(two, &c, CLAIM_EXCHANGED, "what WeChat gave");
    EXPECT(two, &c, CLAIM_HELD);
    RUN_UNTIL(b->loop, SOON_MS,
              claims_stats(one->claims).asked > 0 && ask_now(one, &c).verdict == CLAIM_HELD);
    settle_exchanged(two, &c, "what WeChat gave"); /* once more in vain */
    flush(two);
    rig_run_for(b->loop, 510);
    expect_kept(one, &c, CLAIM_EXCHANGED, "what WeChat gave");
    settle(one, &c, "the answer");
    flush(one);
    expect_kept(two, &c, CLAIM_KEPT, "the answer");
    expect_kept(one, &c, CLAIM_KEPT, "the answer");
}

static void an_exchange_is_not_handed_to_another_address(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous), *two = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    EXPECT(one, &c, CLAIM_MINE);
    settle_exchanged(one, &c, "what WeChat gave");
    flush(one);
    EXPECT(two, &other, CLAIM_USED);
    EXPECT(one, &other, CLAIM_USED);
}

/* ---- processes that go away ---- */

static void the_codes_of_a_crashed_process_are_not_given_to_anybody(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.login_ms = 150;
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    EXPECT(one, &c, CLAIM_MINE);
    process_stop(one);
    EXPECT(two, &other, CLAIM_USED);
    RUN_UNTIL(b->loop, SOON_MS, ask_now(two, &c).verdict != CLAIM_HELD);
    EXPECT(two, &c, CLAIM_USED); /* it may be spent, and nobody has its answer */
}

static void a_process_that_slept_through_its_time_settles_in_vain(void **state)
{
    struct claims_limits l = generous;
    struct bench *b = *state;
    l.login_ms = 50;
    struct process *one = process_start(b, &l), *two = process_start(b, &l);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    EXPECT(one, &c, CLAIM_MINE);
    assert_string_equal(server_do(b->server, "FLUSHALL"), "OK");
    EXPECT(two, &other, CLAIM_MINE);
    settle_whole(one, &c, ~0u); /* of codes that are another's by now */
    flush(one);
    struct process *three = process_start(b, &l);
    struct claim third = claim_of(b, "code", "", "203.0.113.5");
    EXPECT(three, &third, CLAIM_USED);
}

static void what_is_asked_at_the_end_of_a_process_is_never_answered(void **state)
{
    struct heard h[3];
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), held = simple_claim(b, "held");
    EXPECT(one, &held, CLAIM_MINE);
    ask(one, &c, &h[0]);
    ask(one, &c, &h[1]);
    ask(one, &held, &h[2]);
    settle(one, &held, "lost");
    process_stop(one);
    rig_run_for(b->loop, 20);
    for (size_t i = 0; i < ARRAY_LEN(h); i++)
        assert_int_equal(h[i].calls, 0);
}

/* ---- a Redis that says something else ---- */

static void what_is_no_answer_of_the_script_is_decided_alone(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    struct claim c = simple_claim(b, "code"), other = claim_of(b, "code", "", OTHER);
    char command[128];
    (void)snprintf(command, sizeof command, "LPUSH t:{" APP "}:login:kept:%s x", c.fingerprint);
    server_do(b->server, command); /* WRONGTYPE */
    EXPECT(one, &c, CLAIM_MINE);
    assert_int_equal(claims_stats(one->claims).alone, 1);
    EXPECT(one, &other, CLAIM_USED);
}

static void an_empty_answer_is_none(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    struct claim c = simple_claim(b, "code");
    char command[128];
    (void)snprintf(command, sizeof command, "SET t:{" APP "}:login:kept:%s a", c.fingerprint);
    server_do(b->server, command);
    EXPECT(one, &c, CLAIM_USED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(whoever_comes_first_has_the_code_and_all_others_are_refused),
        BENCH_TEST(a_repeat_has_the_same_answer_at_every_process),
        BENCH_TEST(from_another_address_a_repeat_is_refused),
        BENCH_TEST(after_the_window_a_repeat_is_refused),
        BENCH_TEST(without_a_window_nothing_is_kept),
        BENCH_TEST(eight_parallel_repeats_give_one_exchange_and_the_same_answer),
        BENCH_TEST(a_whole_code_is_free_for_everybody),
        BENCH_TEST(each_code_is_settled_by_itself),
        BENCH_TEST(a_refusal_is_kept_though_its_code_is_whole),
        BENCH_TEST(part_of_a_request_is_another_request),
        BENCH_TEST(an_exchange_is_handed_on_to_one_repeat_at_a_time),
        BENCH_TEST(an_exchange_is_not_handed_to_another_address),
        BENCH_TEST(the_codes_of_a_crashed_process_are_not_given_to_anybody),
        BENCH_TEST(a_process_that_slept_through_its_time_settles_in_vain),
        BENCH_TEST(what_is_asked_at_the_end_of_a_process_is_never_answered),
        BENCH_TEST(what_is_no_answer_of_the_script_is_decided_alone),
        BENCH_TEST(an_empty_answer_is_none),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
