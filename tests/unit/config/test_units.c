#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "config/units.h"

static void durations_are_a_number_and_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"0", 0},        {"0s", 0},
        {"1ms", 1},      {"500ms", 500},
        {"2s", 2000},    {"5m", 300000},
        {"2h", 7200000}, {"30d", 2592000000},
        {"007s", 7000},  {"999999999999999ms", 999999999999999},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        assert_true(units_parse_duration(slice_of(cases[i].text), &ms));
        assert_int_equal(ms, cases[i].ms);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "s",
        "5",
        "5 s",
        " 5s",
        "5s ",
        "-5s",
        "+5s",
        "5S",
        "5mm",
        "1h2m",
        "1.5s",
        "5w",
        "5us",
        "0x5s",
        "1e3ms",
        "99999999999999999999s",
        "100000000000d",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = 77;
        assert_false(units_parse_duration(slice_of(cases[i]), &ms));
        assert_int_equal(ms, 77);
    }
}

static void sizes_are_a_number_and_a_power_of_1024(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"0", 0},        {"512", 512},    {"64k", 65536},     {"64K", 65536},
        {"1m", 1048576}, {"1M", 1048576}, {"2g", 2147483648},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t bytes = -1;
        assert_true(units_parse_size(slice_of(cases[i].text), &bytes));
        assert_int_equal(bytes, cases[i].bytes);
    }
    static const char *const bad[] = {
        "", "k", "1kb", "1 k", "-1", "1.5m", "1t", "1\x0b", "999999999999999g"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t bytes = 77;
        assert_false(units_parse_size(slice_of(bad[i]), &bytes));
        assert_int_equal(bytes, 77);
    }
}

static void print_both(int64_t value, const char *as_duration, const char *as_size)
{
    char d[32], s[32];
    struct text td = text_init(d, sizeof d), ts = text_init(s, sizeof s);
    units_print_duration(&td, value);
    units_print_size(&ts, value);
    assert_string_equal(d, as_duration);
    assert_string_equal(s, as_size);
}

static void values_are_printed_in_the_largest_unit_that_is_exact(void **state)
{
    (void)state;
    print_both(0, "0", "0");
    print_both(1500, "1500ms", "1500");
    print_both(1024, "1024ms", "1k");
    print_both(60000, "1m", "60000");
    print_both(90000, "90s", "90000");
    print_both(86400000, "1d", "84375k");
    print_both(1048576, "1048576ms", "1m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_a_number_and_a_unit),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(sizes_are_a_number_and_a_power_of_1024),
        cmocka_unit_test(values_are_printed_in_the_largest_unit_that_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
