/* paid: the calls that cost money, by app and by WeChat's day; none is lost, none counted twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "log/log.h"
#include "loginsvc/limits/paid.h"

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

static const struct slice app = {"wxaaaa", 6}, other = {"wxbbbb", 6};

/* 2026-01-31T16:00:00Z: midnight in Asia/Shanghai, the beginning of 2026-02-01 there. */
static const wall_ms_t midnight = {1769875200000};

/* ---- the log, led here by the linker ---- */

static int nearly, spent;

void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields);
void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    (void)fields;
    if (strcmp(event, "phone.budget_nearly_spent") == 0 && level == LOG_WARN)
        nearly++;
    else if (strcmp(event, "phone.budget_spent") == 0 && level == LOG_ERROR)
        spent++;
    else
        fail_msg("%s", event);
}

static int forget_lines(void **state)
{
    (void)state;
    nearly = spent = 0;
    return 0;
}

static void add(struct paid *p, int n, wall_ms_t now, int64_t budget)
{
    for (int i = 0; i < n; i++)
        paid_add(p, app, now, budget);
}

/* ---- days ---- */

static void the_day_begins_at_midnight_in_shanghai(void **state)
{
    (void)state;
    char name[PAID_DAY_SIZE];
    int64_t day = wall_quota_day(midnight);
    paid_day_name(day, name);
    assert_string_equal(name, "20260201");
    paid_day_name(day - 1, name);
    assert_string_equal(name, "20260131");
    assert_int_equal(wall_quota_day(wall_after(midnight, -1)), day - 1);
    assert_int_equal(wall_quota_day(wall_after(midnight, DAY_MS - 1)), day);
    assert_int_equal(paid_day_left_ms(midnight), DAY_MS);
    assert_int_equal(paid_day_left_ms(wall_after(midnight, -1)), 1);
    assert_int_equal(paid_day_left_ms(wall_after(midnight, HOUR_MS)), 23 * HOUR_MS);
}

static void each_day_and_app_has_a_count_of_its_own(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    wall_ms_t before = wall_after(midnight, -1);
    assert_int_equal(paid_today(p, app, before), 0);
    add(p, 3, before, 0);
    assert_int_equal(paid_today(p, app, before), 3);
    assert_int_equal(paid_today(p, other, before), 0);
    assert_int_equal(paid_today(p, app, midnight), 0);
    add(p, 1, midnight, 0);
    assert_int_equal(paid_today(p, app, midnight), 1);
    paid_forget(p, app);
    paid_forget(p, other);
    assert_int_equal(paid_today(p, app, midnight), 0);
    paid_free(p);
}

/* ---- telling Redis ---- */

static void what_was_taken_is_not_told_twice(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    add(p, 3, midnight, 0);
    struct paid_untold u = paid_take_untold(p, app, midnight);
    assert_int_equal(u.n, 3);
    assert_int_equal(u.day, wall_quota_day(midnight));
    assert_int_equal(u.at_least, 3);
    assert_int_equal(paid_take_untold(p, app, midnight).n, 0);
    add(p, 1, midnight, 0);
    assert_int_equal(paid_take_untold(p, app, midnight).n, 1);
    assert_int_equal(paid_today(p, app, midnight), 4);
    assert_int_equal(paid_take_untold(p, other, midnight).n, 0);
    paid_free(p);
}

static void what_was_put_back_is_told_with_the_next(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    add(p, 3, midnight, 0);
    struct paid_untold u = paid_take_untold(p, app, midnight);
    add(p, 1, midnight, 0);
    paid_put_back(p, app, u);
    assert_int_equal(paid_today(p, app, midnight), 4);
    u = paid_take_untold(p, app, midnight);
    assert_int_equal(u.n, 4);
    assert_int_equal(u.at_least, 4);
    paid_free(p);
}

static void the_count_of_all_processes_is_learnt(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    int64_t day = wall_quota_day(midnight);
    add(p, 2, midnight, 0);
    assert_int_equal(paid_take_untold(p, app, midnight).n, 2);
    paid_learn(p, app, day, 10, 0); /* ours among them */
    assert_int_equal(paid_today(p, app, midnight), 10);
    add(p, 1, midnight, 0);
    paid_learn(p, app, day, 12, 0); /* ours is not among them: it was not told */
    assert_int_equal(paid_today(p, app, midnight), 13);
    paid_learn(p, app, day, 1, 0); /* a Redis that lost its data */
    assert_int_equal(paid_today(p, app, midnight), 13);
    assert_int_equal(paid_take_untold(p, app, midnight).at_least, 13);
    paid_learn(p, other, day, 5, 0); /* an app that was removed meanwhile */
    assert_int_equal(paid_today(p, other, midnight), 0);
    paid_free(p);
}

/* ---- over midnight ---- */

static void what_was_not_told_before_midnight_is_told_after_it(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    int64_t day = wall_quota_day(midnight);
    add(p, 3, wall_after(midnight, -1), 0);
    add(p, 2, midnight, 0);
    struct paid_untold u = paid_take_untold(p, app, midnight);
    assert_int_equal(u.day, day - 1);
    assert_int_equal(u.n, 3);
    paid_put_back(p, app, u); /* Redis is still away */
    u = paid_take_untold(p, app, midnight);
    assert_int_equal(u.day, day - 1);
    assert_int_equal(u.n, 3);
    u = paid_take_untold(p, app, midnight);
    assert_int_equal(u.day, day);
    assert_int_equal(u.n, 2);
    assert_int_equal(paid_today(p, app, midnight), 2);
    paid_free(p);
}

static void what_comes_back_after_midnight_goes_to_its_own_day(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    wall_ms_t before = wall_after(midnight, -1);
    add(p, 3, before, 0);
    struct paid_untold u = paid_take_untold(p, app, before);
    add(p, 1, midnight, 0);
    paid_put_back(p, app, u);
    assert_int_equal(paid_today(p, app, midnight), 1);
    assert_int_equal(paid_take_untold(p, app, midnight).day, wall_quota_day(before));
    assert_int_equal(paid_take_untold(p, app, midnight).n, 1);
    paid_free(p);
}

static void an_answer_after_midnight_tells_nothing_about_the_new_day(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    wall_ms_t before = wall_after(midnight, -1);
    add(p, 1, before, 1000);
    assert_int_equal(paid_take_untold(p, app, before).n, 1);
    assert_int_equal(paid_take_untold(p, app, midnight).n, 0); /* by a claim of the new day */
    paid_learn(p, app, wall_quota_day(before), 999, 1000);
    assert_int_equal(paid_today(p, app, midnight), 0);
    paid_free(p);
}

static void two_days_back_is_given_up(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    add(p, 3, wall_after(midnight, -DAY_MS), 0);
    add(p, 2, midnight, 0);
    add(p, 1, wall_after(midnight, DAY_MS), 0);
    struct paid_untold u = paid_take_untold(p, app, wall_after(midnight, DAY_MS));
    assert_int_equal(u.day, wall_quota_day(midnight));
    assert_int_equal(u.n, 2);
    assert_int_equal(paid_take_untold(p, app, wall_after(midnight, DAY_MS)).n, 1);
    assert_int_equal(paid_take_untold(p, app, wall_after(midnight, DAY_MS)).n, 0);
    paid_free(p);
}

/* ---- warnings ---- */

static void the_budget_warns_at_80_and_at_100_per_cent_once_a_day(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    add(p, 7, midnight, 10);
    assert_int_equal(nearly + spent, 0);
    add(p, 1, midnight, 10);
    assert_int_equal(nearly, 1);
    add(p, 1, midnight, 10);
    assert_int_equal(spent, 0);
    add(p, 20, midnight, 10);
    assert_int_equal(nearly, 1);
    assert_int_equal(spent, 1);
    add(p, 8, wall_after(midnight, DAY_MS), 10);
    assert_int_equal(nearly, 2);
    assert_int_equal(spent, 1);
    paid_free(p);
}

static void what_others_counted_warns_too(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    int64_t day = wall_quota_day(midnight);
    add(p, 1, midnight, 100);
    assert_int_equal(paid_take_untold(p, app, midnight).n, 1);
    paid_learn(p, app, day, 79, 100);
    assert_int_equal(nearly, 0);
    paid_learn(p, app, day, 80, 100);
    paid_learn(p, app, day, 81, 100);
    assert_int_equal(nearly, 1);
    paid_learn(p, app, day, 150, 100);
    paid_learn(p, app, day, 151, 100);
    assert_int_equal(spent, 1);
    paid_free(p);
}

static void a_leap_over_both_marks_says_the_worse(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    add(p, 1, midnight, 1);
    assert_int_equal(spent, 1);
    assert_int_equal(nearly, 0);
    paid_free(p);
}

static void no_budget_never_warns(void **state)
{
    (void)state;
    struct paid *p = paid_new();
    add(p, 1000, midnight, 0);
    assert_int_equal(nearly + spent, 0);
    paid_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_day_begins_at_midnight_in_shanghai, forget_lines),
        cmocka_unit_test_setup(each_day_and_app_has_a_count_of_its_own, forget_lines),
        cmocka_unit_test_setup(what_was_taken_is_not_told_twice, forget_lines),
        cmocka_unit_test_setup(what_was_put_back_is_told_with_the_next, forget_lines),
        cmocka_unit_test_setup(the_count_of_all_processes_is_learnt, forget_lines),
        cmocka_unit_test_setup(what_was_not_told_before_midnight_is_told_after_it, forget_lines),
        cmocka_unit_test_setup(what_comes_back_after_midnight_goes_to_its_own_day, forget_lines),
        cmocka_unit_test_setup(an_answer_after_midnight_tells_nothing_about_the_new_day,
                               forget_lines),
        cmocka_unit_test_setup(two_days_back_is_given_up, forget_lines),
        cmocka_unit_test_setup(the_budget_warns_at_80_and_at_100_per_cent_once_a_day, forget_lines),
        cmocka_unit_test_setup(what_others_counted_warns_too, forget_lines),
        cmocka_unit_test_setup(a_leap_over_both_marks_says_the_worse, forget_lines),
        cmocka_unit_test_setup(no_budget_never_warns, forget_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
