/* book: what one process knows of its own claims. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "loginsvc/limits/book.h"

enum { LOGIN_MS = 8000, KEPT_MS = 60000 };

static const struct slice NOTHING = {NULL, 0};

static mono_ms_t at(int64_t ms)
{
    return (mono_ms_t){ms};
}

/* Of this client, for these codes. */
static struct claim claim(const char *who, const char *one, const char *two)
{
    struct claim c = {.n_codes = two ? 2 : 1};
    (void)snprintf(c.fingerprint, sizeof c.fingerprint, "%s", who);
    (void)snprintf(c.codes[0], sizeof c.codes[0], "%s", one);
    (void)snprintf(c.codes[1], sizeof c.codes[1], "%s", two ? two : "");
    return c;
}

static void hold(struct book *b, const struct claim *c, int64_t now)
{
    book_hold(b, c, at(now), at(now + LOGIN_MS));
}

static void settle(struct book *b, const struct claim *c, int64_t now, const char *kept)
{
    book_settle(b, c, at(now), slice_of(kept), false, at(now + KEPT_MS));
}

static void expect(struct book *b, const struct claim *c, int64_t now, enum claim_verdict verdict)
{
    struct book_finding f = book_find(b, c, at(now));
    assert_int_equal(f.verdict, verdict);
}

static void expect_kept(struct book *b, const struct claim *c, int64_t now, const char *kept)
{
    struct book_finding f = book_find(b, c, at(now));
    assert_int_equal(f.verdict, CLAIM_KEPT);
    assert_true(slice_is(f.kept, kept));
}

static void what_is_new_here_may_be_known_elsewhere(void **state)
{
    (void)state;
    struct book *b = book_new(10);
    struct claim c = claim("me", "a", "b");
    expect(b, &c, 0, CLAIM_MINE);
    expect(b, &c, 0, CLAIM_MINE); /* looking takes nothing */
    book_free(b);
    book_free(NULL);
}

static void the_same_request_waits_and_all_others_are_refused(void **state)
{
    (void)state;
    struct book *b = book_new(10);
    struct claim mine = claim("me", "a", "b"), other = claim("other", "a", NULL),
                 overlapping = claim("other", "c", "b");
    hold(b, &mine, 0);
    expect(b, &mine, LOGIN_MS - 1, CLAIM_HELD);
    expect(b, &other, LOGIN_MS - 1, CLAIM_USED);
    expect(b, &overlapping, LOGIN_MS - 1, CLAIM_USED);
    expect(b, &mine, LOGIN_MS, CLAIM_USED); /* it never came back */
    expect(b, &other, LOGIN_MS, CLAIM_USED);
    book_free(b);
}

static void an_answer_is_kept_for_its_time_and_for_its_request(void **state)
{
    (void)state;
    struct book *b = book_new(10);
    struct claim mine = claim("me", "a", "b"), other = claim("other", "a", "b");
    hold(b, &mine, 0);
    settle(b, &mine, 100, "the answer");
    expect_kept(b, &mine, 100, "the answer");
    expect_kept(b, &mine, 100 + KEPT_MS - 1, "the answer");
    expect(b, &other, 200, CLAIM_USED);
    expect(b, &mine, 100 + KEPT_MS, CLAIM_USED);
    book_free(b);
}

static void a_code_is_remembered_for_twice_its_life(void **state)
{
    (void)state;
    struct book *b = book_new(10);
    struct claim mine = claim("me", "a", NULL);
    hold(b, &mine, 0);
    settle(b, &mine, 100, NULL);
    expect(b, &mine, 100, CLAIM_USED);
    expect(b, &mine, BOOK_CODE_LIFE_MS - 1, CLAIM_USED);
    expect(b, &mine, BOOK_CODE_LIFE_MS, CLAIM_MINE);
    book_free(b);
}

static void an_exchange_is_told_from_an_answer(void **state)
{
    (void)state;
    struct book *b = book_new(10);
    struct claim mine = claim("me", "a", NULL);
    hold(b, &mine, 0);
    book_settle(b, &mine, at(100), SLICE_LIT("gave"), true, at(100 + KEPT_MS));
    struct book_finding f = book_find(b, &mine, at(200));
    assert_int_equal(f.verdict, CLAIM_EXCHANGED);
    assert_true(slice_is(f.kept, "gave"));
    hold(b, &mine, 200); /* somebody goes on from there: all others wait for that */
    expect(b, &mine, 300, CLAIM_HELD);
    settle(b, &mine, 400, "the answer");
    expect_kept(b, &mine, 500, "the answer");
    book_free(b);
}

static void a_dropped_code_is_free_and_its_fellow_is_not(void **state)
{
    (void)state;
    struct book *b = book_new(10);
    struct claim mine = claim("me", "a", "b"), first = claim("other", "a", NULL),
                 second = claim("other", "b", NULL);
    hold(b, &mine, 0);
    book_drop(b, &mine, 1u << 1);
    expect(b, &first, 0, CLAIM_USED);
    expect(b, &second, 0, CLAIM_MINE);
    expect(b, &mine, 0, CLAIM_HELD);
    book_drop(b, &mine, ~0u);
    expect(b, &first, 0, CLAIM_MINE);
    expect(b, &mine, 0, CLAIM_MINE);
    book_drop(b, &mine, ~0u); /* nothing is left to be dropped */
    book_free(b);
}

static void nobody_drops_or_settles_the_codes_of_another(void **state)
{
    (void)state;
    struct book *b = book_new(10);
    struct claim mine = claim("me", "a", NULL), other = claim("other", "a", NULL);
    hold(b, &mine, 0);
    book_drop(b, &other, ~0u);
    settle(b, &other, 100, NULL);
    expect(b, &mine, 100, CLAIM_HELD);
    book_free(b);
}

/* A refusal is kept, and its codes are whole: another request may try them. */
static void an_answer_outlives_its_codes(void **state)
{
    (void)state;
    struct book *b = book_new(10);
    struct claim mine = claim("me", "a", NULL), other = claim("other", "a", NULL);
    hold(b, &mine, 0);
    settle(b, &mine, 100, "refused");
    book_drop(b, &mine, ~0u);
    expect_kept(b, &mine, 200, "refused");
    hold(b, &other, 300);
    expect_kept(b, &mine, 400, "refused");
    book_free(b);
}

static void a_released_answer_leaves_the_codes_used(void **state)
{
    (void)state;
    struct book *b = book_new(10);
    struct claim mine = claim("me", "a", NULL);
    hold(b, &mine, 0);
    settle(b, &mine, 100, "the answer");
    book_release_answer(b, &mine);
    expect(b, &mine, 200, CLAIM_USED);
    book_release_answer(b, &mine);
    settle(b, &mine, 300, "one");
    settle(b, &mine, 300, "two"); /* the later takes the place of the earlier */
    expect_kept(b, &mine, 400, "two");
    book_free(b);
}

static void the_oldest_is_forgotten_first(void **state)
{
    (void)state;
    char names[6][16];
    struct claim claims[6];
    struct book *b = book_new(4);
    for (int i = 0; i < 6; i++) {
        (void)snprintf(names[i], sizeof names[i], "code%d", i);
        claims[i] = claim(names[i], names[i], NULL);
        if (i == 4)
            hold(b, &claims[0], i); /* the first is renewed: then it is not the oldest */
        hold(b, &claims[i], i);
        settle(b, &claims[i], i, names[i]);
    }
    expect_kept(b, &claims[5], 10, "code5");
    expect(b, &claims[0], 10, CLAIM_HELD);
    expect(b, &claims[1], 10, CLAIM_MINE);
    expect_kept(b, &claims[2], 10, "code2"); /* answers are forgotten in an order of their own */
    expect_kept(b, &claims[3], 10, "code3");
    expect_kept(b, &claims[4], 10, "code4");
    book_free(b);
}

static void what_is_over_takes_no_room(void **state)
{
    (void)state;
    struct book *b = book_new(2);
    struct claim old = claim("old", "a", "b"), young = claim("young", "c", NULL);
    hold(b, &old, 0);
    settle(b, &old, 0, "old");
    expect(b, &old, BOOK_CODE_LIFE_MS + KEPT_MS, CLAIM_MINE);
    hold(b, &young, BOOK_CODE_LIFE_MS + KEPT_MS);
    settle(b, &young, BOOK_CODE_LIFE_MS + KEPT_MS, "young");
    expect_kept(b, &young, BOOK_CODE_LIFE_MS + KEPT_MS, "young");
    book_free(b);
}

/* A shorter window after a reload: its end comes before that of older answers. */
static void an_answer_ends_in_time_behind_one_that_lives_longer(void **state)
{
    (void)state;
    struct book *b = book_new(4);
    struct claim one = claim("one", "a", NULL), two = claim("two", "b", NULL);
    hold(b, &one, 0);
    hold(b, &two, 0);
    book_settle(b, &one, at(0), SLICE_LIT("one"), false, at(5000));
    book_settle(b, &two, at(0), SLICE_LIT("two"), false, at(1000));
    expect(b, &two, 1000, CLAIM_USED);
    expect_kept(b, &one, 1000, "one");
    settle(b, &two, 1500, NULL);
    book_settle(b, &two, at(1500), NOTHING, false, at(9000));
    expect(b, &two, 1500, CLAIM_USED);
    book_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_here_may_be_known_elsewhere),
        cmocka_unit_test(the_same_request_waits_and_all_others_are_refused),
        cmocka_unit_test(an_answer_is_kept_for_its_time_and_for_its_request),
        cmocka_unit_test(a_code_is_remembered_for_twice_its_life),
        cmocka_unit_test(an_exchange_is_told_from_an_answer),
        cmocka_unit_test(a_dropped_code_is_free_and_its_fellow_is_not),
        cmocka_unit_test(nobody_drops_or_settles_the_codes_of_another),
        cmocka_unit_test(an_answer_outlives_its_codes),
        cmocka_unit_test(a_released_answer_leaves_the_codes_used),
        cmocka_unit_test(the_oldest_is_forgotten_first),
        cmocka_unit_test(what_is_over_takes_no_room),
        cmocka_unit_test(an_answer_ends_in_time_behind_one_that_lives_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
