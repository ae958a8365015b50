/* Ids of stream entries, as text and in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "token/stream_id.h"

static void an_id_is_read_and_written_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"0-0", "1700000000000-0", "999999999999999999-42"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct stream_id id;
        char text[STREAM_ID_SIZE];
        assert_true(stream_id_parse(slice_of(texts[i]), &id));
        stream_id_format(id, text);
        assert_string_equal(text, texts[i]);
    }
}

static void what_is_no_id_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",      "-",   "1",   "1-",   "-1",
                                        "1-2-3", "a-1", "1-b", "1 -2", "9223372036854775808-0"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct stream_id id = {7, 7};
        assert_false(stream_id_parse(slice_of(texts[i]), &id));
        assert_int_equal(id.ms, 7);
    }
}

static void ids_are_ordered_by_time_and_then_by_number(void **state)
{
    (void)state;
    struct stream_id a = {1, 9}, b = {2, 0}, c = {2, 1};
    assert_true(stream_id_compare(a, b) < 0);
    assert_true(stream_id_compare(c, b) > 0);
    assert_int_equal(stream_id_compare(b, b), 0);
    assert_true(stream_id_compare(STREAM_ID_NONE, a) < 0);
}

static void nothing_comes_between_an_id_and_the_next(void **state)
{
    (void)state;
    static const struct stream_id pairs[][2] = {
        {{0, 0}, {0, 1}},
        {{1700000000000, 41}, {1700000000000, 42}},
        {{7, INT64_MAX}, {8, 0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        assert_int_equal(stream_id_compare(stream_id_next(pairs[i][0]), pairs[i][1]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_read_and_written_back),
        cmocka_unit_test(what_is_no_id_is_refused),
        cmocka_unit_test(ids_are_ordered_by_time_and_then_by_number),
        cmocka_unit_test(nothing_comes_between_an_id_and_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
