#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/check.h"
#include "wechat/errcode.h"

static const int numbers[] = {
#define X(number, name, by_secret, by_token, text, user_text) (number),
    WECHAT_ERRCODES(X)
#undef X
};

static void test_the_table_is_sorted_by_number(void **state)
{
    (void)state;
    for (size_t i = 1; i < ARRAY_LEN(numbers); i++)
        assert_true(numbers[i - 1] < numbers[i]);
}

static void test_every_number_is_found_and_has_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        assert_string_not_equal(wechat_errcode_text(numbers[i]), "unknown errcode");
        assert_true(strlen(wechat_user_text(numbers[i])) > 0);
    }
}

static void test_no_error_text_leaks_a_number_to_users(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        assert_null(strpbrk(wechat_user_text(numbers[i]), "0123456789"));
}

static void test_zero_is_no_error(void **state)
{
    (void)state;
    assert_int_equal(wechat_class_by_secret(0), ERR_NONE);
    assert_int_equal(wechat_class_by_token(0), ERR_NONE);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (numbers[i] != 0) {
            assert_int_not_equal(wechat_class_by_secret(numbers[i]), ERR_NONE);
            assert_int_not_equal(wechat_class_by_token(numbers[i]), ERR_NONE);
        }
    }
}

static void test_token_errors_depend_on_what_the_call_carried(void **state)
{
    static const int token_errors[] = {40001, 40014, 41001, 42001};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(token_errors); i++)
        assert_int_equal(wechat_class_by_token(token_errors[i]), ERR_TOKEN);
    assert_int_equal(wechat_class_by_secret(40001), ERR_OPERATOR);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        assert_int_not_equal(wechat_class_by_secret(numbers[i]), ERR_TOKEN);
}

static void test_what_only_a_person_can_repair_is_for_the_operator(void **state)
{
    static const int parked[] = {40013, 40125, 40164, 40243, 48001, 50002, 50004,
                                 50007, 61024, 89501, 89503, 89506, 89507};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parked); i++) {
        assert_int_equal(wechat_class_by_secret(parked[i]), ERR_OPERATOR);
        assert_int_equal(wechat_class_by_token(parked[i]), ERR_OPERATOR);
    }
}

static void test_what_the_user_can_repair_has_words_of_its_own(void **state)
{
    static const int own[] = {40029, 40163, 40226, 45011, 1400001};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(wechat_user_text(own[i]), wechat_user_text(own[j]));
    }
    assert_int_equal(wechat_class_by_secret(40029), ERR_USER);
    assert_int_equal(wechat_class_by_token(40163), ERR_USER);
    assert_int_equal(wechat_class_by_secret(40226), ERR_USER);
}

static void test_limits_wait_for_the_minute_or_the_day(void **state)
{
    (void)state;
    assert_int_equal(wechat_class_by_secret(45009), ERR_QUOTA);
    assert_int_equal(wechat_class_by_token(45011), ERR_BACKOFF);
    assert_int_equal(wechat_class_by_secret(-1), ERR_BACKOFF);
}

static void test_unknown_numbers_back_off(void **state)
{
    static const int unknown[] = {-2, 1, 39999, 40028, 99999, INT32_MAX, INT32_MIN};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        assert_int_equal(wechat_class_by_secret(unknown[i]), ERR_BACKOFF);
        assert_int_equal(wechat_class_by_token(unknown[i]), ERR_BACKOFF);
        assert_string_equal(wechat_errcode_text(unknown[i]), "unknown errcode");
        assert_string_equal(wechat_user_text(unknown[i]), wechat_user_text_of_class(ERR_BACKOFF));
    }
}

static void test_every_class_has_words_for_users(void **state)
{
    (void)state;
    for (int c = ERR_NONE; c <= ERR_BUG; c++)
        assert_true(strlen(wechat_user_text_of_class((enum err_class)c)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_sorted_by_number),
        cmocka_unit_test(test_every_number_is_found_and_has_texts),
        cmocka_unit_test(test_no_error_text_leaks_a_number_to_users),
        cmocka_unit_test(test_zero_is_no_error),
        cmocka_unit_test(test_token_errors_depend_on_what_the_call_carried),
        cmocka_unit_test(test_what_only_a_person_can_repair_is_for_the_operator),
        cmocka_unit_test(test_what_the_user_can_repair_has_words_of_its_own),
        cmocka_unit_test(test_limits_wait_for_the_minute_or_the_day),
        cmocka_unit_test(test_unknown_numbers_back_off),
        cmocka_unit_test(test_every_class_has_words_for_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
