#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void assert_slice(struct slice a, const char *expected)
{
    assert_int_equal(a.n, strlen(expected));
    if (a.n)
        assert_memory_equal(a.p, expected, a.n);
}

static void test_slices_compare_by_their_bytes(void **state)
{
    (void)state;
    assert_true(slice_eq(SLICE_LIT("ab"), slice_of("ab")));
    assert_false(slice_eq(SLICE_LIT("ab"), SLICE_LIT("abc")));
    assert_false(slice_eq(SLICE_LIT("ab"), SLICE_LIT("aB")));
    assert_true(slice_eq(slice_of(NULL), SLICE_LIT("")));
    assert_false(slice_eq(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
    assert_true(slice_is(SLICE_LIT("ab"), "ab"));
    assert_true(slice_starts(SLICE_LIT("abc"), "ab"));
    assert_true(slice_starts(slice_of(NULL), ""));
    assert_false(slice_starts(SLICE_LIT("a"), "ab"));
}

static void test_trim_takes_blanks_from_both_ends_only(void **state)
{
    (void)state;
    assert_slice(slice_trim(SLICE_LIT(" \t a b\r\n")), "a b");
    assert_slice(slice_trim(SLICE_LIT("  \n")), "");
    assert_slice(slice_trim(slice_of(NULL)), "");
    assert_slice(slice_without_bom(SLICE_LIT("\xef\xbb\xbf"
                                             "a")),
                 "a");
    assert_slice(slice_without_bom(SLICE_LIT("\xef\xbb")), "\xef\xbb");
    assert_slice(slice_without_bom(slice_of(NULL)), "");
}

static void test_cut_walks_a_list_with_its_empty_items(void **state)
{
    static const char *const expected[] = {"a", "", "bc", ""};
    struct slice rest = SLICE_LIT("a,,bc,");
    size_t i = 0;
    (void)state;
    while (rest.p) {
        assert_true(i < ARRAY_LEN(expected));
        assert_slice(slice_cut(&rest, ','), expected[i++]);
    }
    assert_int_equal(i, ARRAY_LEN(expected));
}

static void test_cut_without_a_separator_gives_all(void **state)
{
    struct slice rest = SLICE_LIT("abc");
    (void)state;
    assert_slice(slice_cut(&rest, ','), "abc");
    assert_null(rest.p);
    assert_int_equal(rest.n, 0);
}

static void test_numbers_are_whole_decimal_and_within_bounds(void **state)
{
    static const char *const refused[] = {"",  "-",    "+1",  " 1",  "1 ", "1.0",
                                          "a", "0x10", "--1", "101", "-6", "9999999999999999999"};
    int64_t v = 42;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_false(slice_to_int(slice_of(refused[i]), -5, 100, &v));
    assert_int_equal(v, 42);
    assert_true(slice_to_int(SLICE_LIT("-5"), -5, 100, &v));
    assert_int_equal(v, -5);
    assert_true(slice_to_int(SLICE_LIT("007"), -5, 100, &v));
    assert_int_equal(v, 7);
    assert_true(slice_to_int(SLICE_LIT("999999999999999999"), 0, INT64_MAX, &v));
    assert_true(v == 999999999999999999);
}

static void test_a_copy_fits_whole_or_not_at_all(void **state)
{
    char out[4] = "xyz";
    (void)state;
    assert_true(slice_copy(SLICE_LIT("abc"), out, sizeof out));
    assert_string_equal(out, "abc");
    assert_false(slice_copy(SLICE_LIT("abcd"), out, sizeof out));
    assert_string_equal(out, "");
    assert_true(slice_copy(slice_of(NULL), out, 1));
    char *dup = slice_dup(SLICE_LIT("a\0b"));
    assert_memory_equal(dup, "a\0b\0", 4);
    free(dup);
}

static void test_a_builder_keeps_a_whole_prefix_when_full(void **state)
{
    char out[8];
    struct text t = text_init(out, sizeof out);
    (void)state;
    text_str(&t, "ab");
    text_char(&t, 'c');
    text_fmt(&t, "%d", 42);
    assert_false(t.cut);
    assert_string_equal(out, "abc42");
    text_str(&t, "xyz");
    assert_true(t.cut);
    assert_string_equal(out, "abc42xy");
    text_str(&t, "more");
    text_fmt(&t, "%d", 1);
    assert_string_equal(out, "abc42xy");
    assert_int_equal(t.n, 7);
}

static void test_a_builder_filled_to_the_last_byte_is_not_cut(void **state)
{
    char out[4];
    struct text t = text_init(out, sizeof out);
    (void)state;
    text_str(&t, "abc");
    assert_false(t.cut);
    text_str(&t, "");
    assert_false(t.cut);
    text_char(&t, 'd');
    assert_true(t.cut);
    t = text_init(out, sizeof out);
    text_fmt(&t, "%s", "abc");
    assert_false(t.cut);
    t = text_init(out, sizeof out);
    text_fmt(&t, "%s", "abcd");
    assert_true(t.cut);
    assert_string_equal(out, "abc");
}

static void test_urlencode_leaves_only_the_unreserved(void **state)
{
    char out[1024];
    struct text t = text_init(out, sizeof out);
    (void)state;
    text_urlencode(&t, SLICE_LIT("aZ09-._~"));
    assert_string_equal(out, "aZ09-._~");
    t = text_init(out, sizeof out);
    text_urlencode(&t, SLICE_LIT(" &=%/?#+\0\xe4\xbd\xa0"));
    assert_string_equal(out, "%20%26%3D%25%2F%3F%23%2B%00%E4%BD%A0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices_compare_by_their_bytes),
        cmocka_unit_test(test_trim_takes_blanks_from_both_ends_only),
        cmocka_unit_test(test_cut_walks_a_list_with_its_empty_items),
        cmocka_unit_test(test_cut_without_a_separator_gives_all),
        cmocka_unit_test(test_numbers_are_whole_decimal_and_within_bounds),
        cmocka_unit_test(test_a_copy_fits_whole_or_not_at_all),
        cmocka_unit_test(test_a_builder_keeps_a_whole_prefix_when_full),
        cmocka_unit_test(test_a_builder_filled_to_the_last_byte_is_not_cut),
        cmocka_unit_test(test_urlencode_leaves_only_the_unreserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
