#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "http/form.h"

static void expect_pair(const char *in, const char *name, const char *value)
{
    struct form f;
    struct err e;
    assert_true(form_decode(slice_of(in), &f, &e));
    struct slice got = form_get(&f, name);
    if (value) {
        assert_non_null(got.p);
        assert_true(slice_is(got, value));
    } else {
        assert_null(got.p);
    }
    form_deinit(&f);
}

static void expect_refused(struct slice in, const char *error)
{
    struct form f;
    struct err e = {""};
    assert_false(form_decode(in, &f, &e));
    assert_non_null(strstr(e.text, error));
}

static void pairs_are_decoded(void **state)
{
    (void)state;
    expect_pair("code=abc&phoneCode=d%2Be", "code", "abc");
    expect_pair("code=abc&phoneCode=d%2Be", "phoneCode", "d+e");
    expect_pair("a=x+y%20z", "a", "x y z");
    expect_pair("%61=%E5%A5%BD", "a", "\xe5\xa5\xbd");
    expect_pair("a=b=c", "a", "b=c");
}

static void absent_and_empty_are_told_apart(void **state)
{
    (void)state;
    expect_pair("", "a", NULL);
    expect_pair("b=1", "a", NULL);
    expect_pair("a", "a", "");
    expect_pair("a=", "a", "");
    expect_pair("=1", "", "1");
}

static void empty_pieces_are_skipped_and_the_first_of_a_name_counts(void **state)
{
    (void)state;
    expect_pair("&&a=1&&a=2&", "a", "1");
    expect_pair("&", "a", NULL);
}

static void bad_escapes_and_nul_are_refused_whole(void **state)
{
    (void)state;
    expect_refused(SLICE_LIT("ok=1&a=%00"), "bad %-escape");
    expect_refused(SLICE_LIT("a=%"), "bad %-escape");
    expect_refused(SLICE_LIT("a=%4"), "bad %-escape");
    expect_refused(SLICE_LIT("a=%4x"), "bad %-escape");
    expect_refused(SLICE_LIT("a=%x4"), "bad %-escape");
    expect_refused(SLICE_LIT("%zz=1"), "bad %-escape");
    expect_refused(SLICE_LIT("a=%%41"), "bad %-escape");
}

static void the_escape_at_the_end_of_the_slice_is_not_read_beyond_it(void **state)
{
    char in[4] = {'a', '=', '%', '4'};
    (void)state;
    expect_refused((struct slice){in, sizeof in}, "bad %-escape");
}

static void pairs_are_bounded(void **state)
{
    char in[2 * (FORM_PAIRS_MAX + 1) + 1];
    struct form f;
    (void)state;
    for (size_t i = 0; i <= FORM_PAIRS_MAX; i++)
        memcpy(in + 2 * i, "a&", 2);
    assert_true(form_decode((struct slice){in, 2 * FORM_PAIRS_MAX}, &f, NULL));
    assert_int_equal(f.n, FORM_PAIRS_MAX);
    form_deinit(&f);
    expect_refused((struct slice){in, sizeof in - 1}, "more than 64");
}

static void a_form_can_be_ended_twice(void **state)
{
    struct form f = {0};
    (void)state;
    form_deinit(&f);
    assert_true(form_decode(SLICE_LIT("a=1"), &f, NULL));
    form_deinit(&f);
    form_deinit(&f);
    assert_null(form_get(&f, "a").p);
}

static void a_name_that_repeats_has_a_value_for_each_time(void **state)
{
    struct form f;
    (void)state;
    assert_true(form_decode(SLICE_LIT("a=1&b=2&a=&a=3"), &f, NULL));
    assert_true(slice_is(form_get_at(&f, "a", 0), "1"));
    assert_true(slice_is(form_get_at(&f, "a", 1), ""));
    assert_true(slice_is(form_get_at(&f, "a", 2), "3"));
    assert_null(form_get_at(&f, "a", 3).p);
    assert_null(form_get_at(&f, "b", 1).p);
    assert_null(form_get_at(&f, "c", 0).p);
    form_deinit(&f);
}

static void every_byte_survives_encoding_and_decoding(void **state)
{
    char raw[255], encoded[255 * 3 + 1], decoded[sizeof encoded];
    size_t n;
    (void)state;
    for (int i = 0; i < 255; i++)
        raw[i] = (char)(i + 1);
    struct text t = text_init(encoded, sizeof encoded);
    text_urlencode(&t, (struct slice){raw, sizeof raw});
    assert_false(t.cut);
    assert_true(percent_decode((struct slice){t.p, t.n}, true, decoded, &n));
    assert_int_equal(n, sizeof raw);
    assert_memory_equal(decoded, raw, n);
}

static void plus_is_a_blank_only_where_asked(void **state)
{
    char out[8];
    size_t n;
    (void)state;
    assert_true(percent_decode(SLICE_LIT("a+b"), false, out, &n));
    assert_true(slice_is((struct slice){out, n}, "a+b"));
    assert_true(percent_decode(SLICE_LIT("a+b"), true, out, &n));
    assert_true(slice_is((struct slice){out, n}, "a b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_decoded),
        cmocka_unit_test(absent_and_empty_are_told_apart),
        cmocka_unit_test(empty_pieces_are_skipped_and_the_first_of_a_name_counts),
        cmocka_unit_test(bad_escapes_and_nul_are_refused_whole),
        cmocka_unit_test(the_escape_at_the_end_of_the_slice_is_not_read_beyond_it),
        cmocka_unit_test(pairs_are_bounded),
        cmocka_unit_test(a_form_can_be_ended_twice),
        cmocka_unit_test(a_name_that_repeats_has_a_value_for_each_time),
        cmocka_unit_test(every_byte_survives_encoding_and_decoding),
        cmocka_unit_test(plus_is_a_blank_only_where_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
