#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/secret.h"

static void test_a_secret_owns_a_copy_of_its_bytes(void **state)
{
    char bytes[] = "hunter2";
    struct secret s = {NULL, 0};
    (void)state;
    assert_false(secret_is_set(&s));
    assert_int_equal(secret_reveal(&s).n, 0);
    secret_set(&s, slice_of(bytes));
    bytes[0] = 'X';
    assert_true(slice_is(secret_reveal(&s), "hunter2"));
    assert_true(secret_is_set(&s));
    secret_wipe(&s);
    assert_false(secret_is_set(&s));
    secret_wipe(&s);
}

static void test_setting_again_replaces_also_by_a_part_of_itself(void **state)
{
    struct secret s = {NULL, 0};
    (void)state;
    secret_set(&s, SLICE_LIT("one-two"));
    struct slice tail = secret_reveal(&s);
    secret_set(&s, (struct slice){tail.p + 4, 3});
    assert_true(slice_is(secret_reveal(&s), "two"));
    secret_set(&s, SLICE_LIT(""));
    assert_false(secret_is_set(&s));
    secret_wipe(&s);
}

static void test_equality_looks_at_every_byte_and_the_length(void **state)
{
    struct secret a = {NULL, 0}, b = {NULL, 0};
    (void)state;
    assert_true(secret_eq(&a, &b));
    secret_set(&a, SLICE_LIT("abcd"));
    assert_false(secret_eq(&a, &b));
    secret_set(&b, SLICE_LIT("abcd"));
    assert_true(secret_eq(&a, &b));
    secret_set(&b, SLICE_LIT("abcx"));
    assert_false(secret_eq(&a, &b));
    secret_set(&b, SLICE_LIT("xbcd"));
    assert_false(secret_eq(&a, &b));
    secret_set(&b, SLICE_LIT("abc"));
    assert_false(secret_eq(&a, &b));
    assert_false(bytes_eq_constant_time("\x01", "\x81", 1));
    secret_wipe(&a);
    secret_wipe(&b);
}

static void test_wiping_zeroes_every_byte(void **state)
{
    char bytes[] = "hunter2";
    (void)state;
    bytes_wipe(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], 0);
    bytes_wipe(NULL, 0);
}

static void test_a_mask_shows_the_ends_of_long_values_only(void **state)
{
    char out[SECRET_MASK_SIZE];
    (void)state;
    assert_string_equal(secret_mask(SLICE_LIT("0123456789abcdef"), out), "012…def (16)");
    assert_string_equal(secret_mask(SLICE_LIT("0123456789abcde"), out), "…");
    assert_string_equal(secret_mask(slice_of(NULL), out), "…");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_secret_owns_a_copy_of_its_bytes),
        cmocka_unit_test(test_setting_again_replaces_also_by_a_part_of_itself),
        cmocka_unit_test(test_equality_looks_at_every_byte_and_the_length),
        cmocka_unit_test(test_wiping_zeroes_every_byte),
        cmocka_unit_test(test_a_mask_shows_the_ends_of_long_values_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
