/* Whose turn it is, on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/prng.h"
#include "tokend/refresh/pace.h"

enum { MANY = 64 };

static const struct pace_limits no_limit = {.at_once = MANY};

static mono_ms_t at(int64_t ms)
{
    return (mono_ms_t){1000000 + ms};
}

static void ask(struct pace *p, struct pace_turn *t, enum pace_class class)
{
    *t = (struct pace_turn){.state = PACE_AWAY};
    pace_ask(p, t, class, at(0));
}

/* ---- the order ---- */

static void who_came_first_goes_first_within_a_class(void **state)
{
    (void)state;
    struct pace p;
    struct pace_turn t[5];
    pace_init(&p, &no_limit);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        ask(&p, &t[i], PACE_ROUTINE);
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        assert_ptr_equal(pace_next(&p, at(1)), &t[i]);
        assert_int_equal(t[i].state, PACE_TAKEN);
    }
    assert_null(pace_next(&p, at(1)));
    assert_int_equal(p.taken, ARRAY_LEN(t));
}

static void the_more_urgent_class_goes_first(void **state)
{
    (void)state;
    struct pace p;
    struct pace_turn routine, wanting, urgent;
    pace_init(&p, &no_limit);
    ask(&p, &routine, PACE_ROUTINE);
    ask(&p, &wanting, PACE_WANTING);
    ask(&p, &urgent, PACE_URGENT);
    assert_ptr_equal(pace_next(&p, at(0)), &urgent);
    assert_ptr_equal(pace_next(&p, at(0)), &wanting);
    assert_ptr_equal(pace_next(&p, at(0)), &routine);
}

static void every_fourth_turn_goes_to_whoever_waits_longest(void **state)
{
    (void)state;
    struct pace p;
    struct pace_turn old, urgent[5];
    pace_init(&p, &no_limit);
    ask(&p, &old, PACE_ROUTINE);
    for (size_t i = 0; i < ARRAY_LEN(urgent); i++) {
        urgent[i] = (struct pace_turn){.state = PACE_AWAY};
        pace_ask(&p, &urgent[i], PACE_URGENT, at(5));
    }
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(pace_next(&p, at(6)), &urgent[i]);
    assert_ptr_equal(pace_next(&p, at(6)), &old);
    assert_ptr_equal(pace_next(&p, at(6)), &urgent[3]);
}

static void who_is_hurried_goes_before_the_class_it_came_from(void **state)
{
    (void)state;
    struct pace p;
    struct pace_turn first, second, urgent;
    pace_init(&p, &no_limit);
    ask(&p, &first, PACE_ROUTINE);
    ask(&p, &second, PACE_ROUTINE);
    ask(&p, &urgent, PACE_URGENT);
    pace_hurry(&p, &second, PACE_URGENT);
    pace_hurry(&p, &second, PACE_ROUTINE); /* nobody is put back */
    assert_ptr_equal(pace_next(&p, at(0)), &urgent);
    assert_ptr_equal(pace_next(&p, at(0)), &second);
    assert_ptr_equal(pace_next(&p, at(0)), &first);
    pace_hurry(&p, &first, PACE_URGENT); /* has its turn already */
    assert_null(pace_next(&p, at(0)));
}

/* ---- how many at once ---- */

static void no_more_are_under_way_than_allowed(void **state)
{
    (void)state;
    struct pace p;
    struct pace_turn t[3];
    pace_init(&p, &(struct pace_limits){.at_once = 2});
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        ask(&p, &t[i], PACE_ROUTINE);
    assert_non_null(pace_next(&p, at(0)));
    assert_non_null(pace_next(&p, at(0)));
    assert_null(pace_next(&p, at(9999)));
    assert_int_equal(pace_deadline(&p).ms, MONO_NEVER.ms);
    pace_leave(&p, &t[0]);
    assert_true(mono_reached(at(0), pace_deadline(&p)));
    assert_ptr_equal(pace_next(&p, at(0)), &t[2]);
}

static void who_leaves_the_line_takes_no_turn_and_may_ask_again(void **state)
{
    (void)state;
    struct pace p;
    struct pace_turn gone, next;
    pace_init(&p, &no_limit);
    ask(&p, &gone, PACE_URGENT);
    ask(&p, &next, PACE_ROUTINE);
    pace_leave(&p, &gone);
    pace_leave(&p, &gone); /* once more does nothing */
    assert_int_equal(p.waiting, 1);
    assert_ptr_equal(pace_next(&p, at(0)), &next);
    assert_null(pace_next(&p, at(0)));
    assert_int_equal(p.taken, 1);
    pace_ask(&p, &gone, PACE_ROUTINE, at(1));
    assert_ptr_equal(pace_next(&p, at(1)), &gone);
}

/* ---- how fast ---- */

static void the_deadline_is_when_the_next_turn_comes(void **state)
{
    (void)state;
    struct pace p;
    struct pace_turn t[2];
    pace_init(&p, &(struct pace_limits){.at_once = MANY, .per_second = 4});
    assert_int_equal(pace_deadline(&p).ms, MONO_NEVER.ms);
    ask(&p, &t[0], PACE_ROUTINE);
    ask(&p, &t[1], PACE_ROUTINE);
    assert_ptr_equal(pace_next(&p, at(0)), &t[0]);
    int64_t wait = mono_between(at(0), pace_deadline(&p));
    assert_in_range(wait, 230, 260);
    assert_null(pace_next(&p, at(wait - 1)));
    assert_ptr_equal(pace_next(&p, at(wait)), &t[1]);
}

static void a_new_limit_holds_from_the_next_turn_on(void **state)
{
    (void)state;
    struct pace p;
    struct pace_turn t[4];
    pace_init(&p, &(struct pace_limits){.at_once = 1, .per_second = 1});
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        ask(&p, &t[i], PACE_ROUTINE);
    assert_non_null(pace_next(&p, at(0)));
    pace_limit(&p, &(struct pace_limits){.at_once = 3, .per_second = 0});
    assert_non_null(pace_next(&p, at(0)));
    assert_non_null(pace_next(&p, at(0)));
    assert_null(pace_next(&p, at(0)));
}

/* The loop comes when it likes; the places are taken for random times. */
struct crowd {
    struct pace pace;
    struct pace_turn turns[MANY];
    struct prng prng;
    int64_t taken_at[20000];
    size_t n;
};

static void take_turns(struct crowd *c, int64_t now_ms)
{
    struct pace_turn *t;
    while ((t = pace_next(&c->pace, at(now_ms))) != NULL) {
        assert_true(c->n < ARRAY_LEN(c->taken_at));
        c->taken_at[c->n++] = now_ms;
    }
}

static void stir(struct crowd *c, int64_t now_ms)
{
    for (size_t i = 0; i < MANY; i++) {
        struct pace_turn *t = &c->turns[i];
        enum pace_class class = (enum pace_class)prng_between(&c->prng, 0, PACE_CLASSES - 1);
        if (t->state == PACE_AWAY && prng_between(&c->prng, 0, 3) == 0)
            pace_ask(&c->pace, t, class, at(now_ms));
        else if (t->state == PACE_TAKEN && prng_between(&c->prng, 0, 2) == 0)
            pace_leave(&c->pace, t);
        else if (prng_between(&c->prng, 0, 50) == 0)
            pace_hurry(&c->pace, t, class);
    }
}

static void no_second_sees_more_turns_than_its_share(void **state)
{
    (void)state;
    static struct crowd c;
    static const int64_t rates[] = {1, 3, 7, 100, 999};
    for (size_t r = 0; r < ARRAY_LEN(rates); r++) {
        const struct pace_limits limits = {.at_once = 40, .per_second = rates[r]};
        memset(&c, 0, sizeof c);
        prng_seed(&c.prng, 17 + r);
        pace_init(&c.pace, &limits);
        for (int64_t ms = 0; ms < 15000; ms += prng_between(&c.prng, 1, 12)) {
            stir(&c, ms);
            take_turns(&c, ms);
            assert_true(c.pace.taken <= limits.at_once);
        }
        for (size_t i = 0; i + (size_t)rates[r] < c.n; i++)
            assert_true(c.taken_at[i + (size_t)rates[r]] - c.taken_at[i] >= 1000);
        assert_true((int64_t)c.n > 2 * rates[r]);
    }
}

static void a_crowd_goes_as_fast_as_the_rate_allows_and_nobody_is_left(void **state)
{
    (void)state;
    struct pace p;
    struct pace_turn t[MANY];
    pace_init(&p, &(struct pace_limits){.at_once = 1, .per_second = 100});
    for (size_t i = 0; i < MANY; i++)
        ask(&p, &t[i], (enum pace_class)(i % PACE_CLASSES));
    int64_t ms = 0;
    for (size_t n = 0; n < MANY; n++) {
        struct pace_turn *next = pace_next(&p, at(ms));
        while (!next) {
            ms = mono_between(at(0), pace_deadline(&p));
            next = pace_next(&p, at(ms));
        }
        pace_leave(&p, next);
    }
    assert_int_equal(p.waiting + p.taken, 0);
    assert_in_range(ms, MANY * 9, MANY * 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_came_first_goes_first_within_a_class),
        cmocka_unit_test(the_more_urgent_class_goes_first),
        cmocka_unit_test(every_fourth_turn_goes_to_whoever_waits_longest),
        cmocka_unit_test(who_is_hurried_goes_before_the_class_it_came_from),
        cmocka_unit_test(no_more_are_under_way_than_allowed),
        cmocka_unit_test(who_leaves_the_line_takes_no_turn_and_may_ask_again),
        cmocka_unit_test(the_deadline_is_when_the_next_turn_comes),
        cmocka_unit_test(a_new_limit_holds_from_the_next_turn_on),
        cmocka_unit_test(no_second_sees_more_turns_than_its_share),
        cmocka_unit_test(a_crowd_goes_as_fast_as_the_rate_allows_and_nobody_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
