/* windows: at any moment no name had more than so many events in so long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/prng.h"
#include "loginsvc/limits/window.h"

static const struct window_rule five_a_minute = {5, 60000};

static mono_ms_t at(int64_t ms)
{
    return (mono_ms_t){ms};
}

static int64_t wait_ms(const struct windows *w, const char *name, struct window_rule rule,
                       int64_t now)
{
    return windows_wait_ms(w, slice_of(name), rule, at(now));
}

static void count(struct windows *w, const char *name, struct window_rule rule, int64_t now)
{
    windows_count(w, slice_of(name), rule, at(now));
}

static void the_nth_last_event_decides(void **state)
{
    (void)state;
    struct windows *w = windows_new(10);
    const int64_t times[] = {1000, 5000, 20000, 40000, 50000};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        assert_int_equal(wait_ms(w, "user", five_a_minute, times[i]), 0);
        count(w, "user", five_a_minute, times[i]);
    }
    assert_int_equal(wait_ms(w, "user", five_a_minute, 50000), 11000);
    assert_int_equal(wait_ms(w, "user", five_a_minute, 60999), 1);
    assert_int_equal(wait_ms(w, "user", five_a_minute, 61000), 0);
    count(w, "user", five_a_minute, 61000); /* the one of 1000 is over: now that of 5000 decides */
    assert_int_equal(wait_ms(w, "user", five_a_minute, 61000), 4000);
    assert_int_equal(wait_ms(w, "user", five_a_minute, 65000), 0);
    windows_free(w);
}

static void a_look_counts_nothing(void **state)
{
    (void)state;
    struct windows *w = windows_new(10);
    for (int i = 0; i < 20; i++)
        assert_int_equal(wait_ms(w, "user", five_a_minute, i), 0);
    windows_free(w);
}

static void names_do_not_count_for_each_other(void **state)
{
    (void)state;
    struct windows *w = windows_new(10);
    for (int i = 0; i < 5; i++)
        count(w, "one", five_a_minute, 0);
    assert_int_equal(wait_ms(w, "one", five_a_minute, 0), 60000);
    assert_int_equal(wait_ms(w, "two", five_a_minute, 0), 0);
    windows_free(w);
}

static void no_limit_keeps_nothing(void **state)
{
    (void)state;
    const struct window_rule off = {0, 0};
    struct windows *w = windows_new(10);
    for (int i = 0; i < 100; i++)
        count(w, "user", off, 0);
    assert_int_equal(wait_ms(w, "user", off, 0), 0);
    assert_int_equal(wait_ms(w, "user", (struct window_rule){1, 60000}, 0), 0);
    windows_free(w);
}

/* ---- the rule is changed ---- */

static void a_stricter_rule_holds_at_once_and_goes_on_to_hold(void **state)
{
    (void)state;
    const struct window_rule two_a_minute = {2, 60000};
    struct windows *w = windows_new(10);
    count(w, "user", five_a_minute, 1000);
    count(w, "user", five_a_minute, 2000);
    count(w, "user", five_a_minute, 3000);
    assert_int_equal(wait_ms(w, "user", two_a_minute, 3000), 59000);
    count(w, "user", two_a_minute, 62000); /* that of 3000 is in the minute still */
    assert_int_equal(wait_ms(w, "user", two_a_minute, 62000), 1000);
    windows_free(w);
}

static void a_looser_rule_forgets_nothing(void **state)
{
    (void)state;
    const struct window_rule two_a_minute = {2, 60000}, three_a_minute = {3, 60000};
    struct windows *w = windows_new(10);
    count(w, "user", two_a_minute, 1000);
    count(w, "user", two_a_minute, 2000);
    assert_int_equal(wait_ms(w, "user", three_a_minute, 2000), 0);
    count(w, "user", three_a_minute, 3000);
    assert_int_equal(wait_ms(w, "user", three_a_minute, 3000), 58000);
    windows_free(w);
}

static void a_longer_window_looks_further_back(void **state)
{
    (void)state;
    const struct window_rule two_an_hour = {2, 3600000}, two_a_second = {2, 1000};
    struct windows *w = windows_new(10);
    count(w, "user", two_a_second, 0);
    count(w, "user", two_a_second, 1000);
    assert_int_equal(wait_ms(w, "user", two_a_second, 5000), 0);
    assert_int_equal(wait_ms(w, "user", two_an_hour, 5000), 3595000);
    windows_free(w);
}

/* ---- bounds ---- */

static void the_name_that_was_quiet_for_longest_is_forgotten(void **state)
{
    (void)state;
    const struct window_rule once = {1, 60000};
    struct windows *w = windows_new(3);
    count(w, "a", once, 0);
    count(w, "b", once, 1);
    count(w, "c", once, 2);
    count(w, "a", once, 3); /* not quiet at all, though it is known for longest */
    count(w, "d", once, 4);
    assert_int_equal(wait_ms(w, "b", once, 4), 0);
    assert_true(wait_ms(w, "a", once, 4) > 0);
    assert_true(wait_ms(w, "c", once, 4) > 0);
    assert_true(wait_ms(w, "d", once, 4) > 0);
    windows_free(w);
}

static void one_name_does_not_forget_itself(void **state)
{
    (void)state;
    const struct window_rule rules[] = {{1, 60000}, {40, 60000}, {3, 60000}};
    struct windows *w = windows_new(1);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        count(w, "a", rules[i], 0);
    assert_int_equal(wait_ms(w, "a", rules[2], 0), 60000);
    windows_free(w);
}

/* ---- against the plain definition ---- */

enum { NAMES = 3, EVENTS = 4000 };

struct history {
    int64_t times[EVENTS];
    int n;
};

static int64_t expected_wait(const struct history *h, struct window_rule rule, int64_t now)
{
    if (rule.count > h->n)
        return 0;
    int64_t wait = h->times[h->n - rule.count] + rule.per_ms - now;
    return wait > 0 ? wait : 0;
}

/* Rules only get looser: a stricter one lets the oldest be forgotten, as it may. */
static void random_events_are_judged_as_by_a_full_history(void **state)
{
    (void)state;
    static struct history histories[NAMES];
    static const char *const names[NAMES] = {"x", "y", "z"};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct prng r;
        struct windows *w = windows_new(NAMES);
        struct window_rule rule = {1, 500};
        int64_t now = 0;
        prng_seed(&r, seed);
        for (int i = 0; i < NAMES; i++)
            histories[i].n = 0;
        for (int i = 0; i < EVENTS; i++) {
            int who = (int)prng_between(&r, 0, NAMES - 1);
            struct history *h = &histories[who];
            now += prng_between(&r, 0, 20);
            int64_t wait = expected_wait(h, rule, now);
            if (wait_ms(w, names[who], rule, now) != wait)
                fail_msg("seed %d, event %d", (int)seed, i);
            if (wait == 0) {
                count(w, names[who], rule, now);
                h->times[h->n++] = now;
            }
            if (wait == 0 && prng_chance(&r, 0.005))
                rule.count += prng_between(&r, 1, 10);
        }
        windows_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_last_event_decides),
        cmocka_unit_test(a_look_counts_nothing),
        cmocka_unit_test(names_do_not_count_for_each_other),
        cmocka_unit_test(no_limit_keeps_nothing),
        cmocka_unit_test(a_stricter_rule_holds_at_once_and_goes_on_to_hold),
        cmocka_unit_test(a_looser_rule_forgets_nothing),
        cmocka_unit_test(a_longer_window_looks_further_back),
        cmocka_unit_test(the_name_that_was_quiet_for_longest_is_forgotten),
        cmocka_unit_test(one_name_does_not_forget_itself),
        cmocka_unit_test(random_events_are_judged_as_by_a_full_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
