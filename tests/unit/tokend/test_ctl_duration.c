#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tokend/ctl/duration.h"

static void assert_written(int64_t seconds, const char *want)
{
    char out[64];
    struct text t = text_init(out, sizeof out);
    duration_write(&t, seconds);
    assert_string_equal(out, want);
}

static void one_unit_where_the_next_is_nothing(void **state)
{
    (void)state;
    assert_written(0, "0s");
    assert_written(59, "59s");
    assert_written(60, "1m");
    assert_written(3600, "1h");
    assert_written(86400, "1d");
    assert_written(86400 + 59, "1d");
}

static void two_units_that_are_neighbours(void **state)
{
    (void)state;
    assert_written(61, "1m1s");
    assert_written(7199, "1h59m");
    assert_written(3600 + 59, "1h");
    assert_written(30 * 86400 + 5 * 3600 + 59 * 60, "30d5h");
}

static void no_time_is_left_of_less_than_none(void **state)
{
    (void)state;
    assert_written(-1, "0s");
    assert_written(INT64_MIN, "0s");
}

static void any_number_of_seconds_has_its_text(void **state)
{
    (void)state;
    assert_written(INT64_MAX, "106751991167300d15h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_unit_where_the_next_is_nothing),
        cmocka_unit_test(two_units_that_are_neighbours),
        cmocka_unit_test(no_time_is_left_of_less_than_none),
        cmocka_unit_test(any_number_of_seconds_has_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
