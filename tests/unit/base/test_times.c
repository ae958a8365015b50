#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/times.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static void test_never_stays_never_and_is_after_everything(void **state)
{
    mono_ms_t now = {1000};
    (void)state;
    assert_true(mono_after(MONO_NEVER, 5).ms == MONO_NEVER.ms);
    assert_true(mono_between(now, MONO_NEVER) == INT64_MAX);
    assert_false(mono_reached(now, MONO_NEVER));
    assert_true(mono_reached(now, MONO_PAST));
    assert_true(mono_min(now, MONO_NEVER).ms == now.ms);
    assert_true(mono_min(MONO_PAST, now).ms == MONO_PAST.ms);
}

static void test_the_past_is_a_long_way_off_without_overflow(void **state)
{
    mono_ms_t now = {INT64_MAX / 2};
    (void)state;
    assert_true(mono_between(MONO_PAST, now) > 0);
    assert_true(mono_between(now, MONO_PAST) < 0);
}

static void test_a_deadline_is_reached_at_its_very_moment(void **state)
{
    mono_ms_t deadline = mono_after((mono_ms_t){100}, 50);
    (void)state;
    assert_false(mono_reached((mono_ms_t){149}, deadline));
    assert_true(mono_reached((mono_ms_t){150}, deadline));
    assert_int_equal(mono_between((mono_ms_t){100}, deadline), 50);
    assert_int_equal(mono_between(deadline, (mono_ms_t){100}), -50);
}

static void test_wall_times_add_and_subtract(void **state)
{
    wall_ms_t t = {1700000000000};
    (void)state;
    assert_int_equal(wall_between(t, wall_after(t, 250)), 250);
    assert_int_equal(wall_between(wall_after(t, 250), t), -250);
}

/* 2024-02-29 00:00 in Asia/Shanghai is 2024-02-28 16:00 UTC. */
static void test_the_quota_day_turns_at_midnight_in_shanghai(void **state)
{
    wall_ms_t midnight = {1709136000000};
    int64_t day = wall_quota_day(midnight);
    (void)state;
    assert_int_equal(wall_quota_day(wall_after(midnight, -1)), day - 1);
    assert_int_equal(wall_quota_day(wall_after(midnight, DAY_MS - 1)), day);
    assert_int_equal(wall_quota_day(wall_after(midnight, DAY_MS)), day + 1);
}

static void test_a_moment_is_written_in_utc_to_the_millisecond(void **state)
{
    char out[WALL_TEXT_SIZE];
    (void)state;
    assert_string_equal(wall_format((wall_ms_t){0}, out), "1970-01-01T00:00:00.000Z");
    assert_string_equal(wall_format((wall_ms_t){1709164800007}, out), "2024-02-29T00:00:00.007Z");
    assert_string_equal(wall_format((wall_ms_t){253402300799999}, out), "9999-12-31T23:59:59.999Z");
}

static void test_what_is_no_moment_is_written_as_such(void **state)
{
    char out[WALL_TEXT_SIZE];
    (void)state;
    assert_string_equal(wall_format((wall_ms_t){-1}, out), "?");
    assert_string_equal(wall_format((wall_ms_t){253402300800000}, out), "?");
    assert_string_equal(wall_format((wall_ms_t){INT64_MAX}, out), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_stays_never_and_is_after_everything),
        cmocka_unit_test(test_the_past_is_a_long_way_off_without_overflow),
        cmocka_unit_test(test_a_deadline_is_reached_at_its_very_moment),
        cmocka_unit_test(test_wall_times_add_and_subtract),
        cmocka_unit_test(test_the_quota_day_turns_at_midnight_in_shanghai),
        cmocka_unit_test(test_a_moment_is_written_in_utc_to_the_millisecond),
        cmocka_unit_test(test_what_is_no_moment_is_written_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
