/* Why Redis answered with an error: known by its first word, told in words for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "redis/refusal.h"

static void the_first_word_tells_what_it_is(void **state)
{
    (void)state;
    assert_int_equal(redis_refusal_of(SLICE_LIT("OOM command not allowed")), REDIS_REFUSAL_OOM);
    assert_int_equal(redis_refusal_of(SLICE_LIT("BUSY")), REDIS_REFUSAL_BUSY);
    assert_int_equal(redis_refusal_of(SLICE_LIT("OOMPH")), REDIS_REFUSAL_OTHER);
    assert_int_equal(redis_refusal_of(SLICE_LIT("")), REDIS_REFUSAL_OTHER);
    assert_string_equal(redis_refusal_name(REDIS_REFUSAL_OOM), "OOM");
    assert_string_equal(redis_refusal_name(REDIS_REFUSAL_OTHER), "OTHER");
}

static void an_error_inside_a_script_of_an_old_redis_is_unwrapped(void **state)
{
    (void)state;
    assert_int_equal(redis_refusal_of(SLICE_LIT("ERR Error running script (call to f_1): "
                                                "@user_script:1: -READONLY You can't write")),
                     REDIS_REFUSAL_READONLY);
    assert_int_equal(redis_refusal_of(SLICE_LIT("ERR Error running script: -nothing known")),
                     REDIS_REFUSAL_OTHER);
}

static void a_right_that_is_missing_inside_a_script_is_known_by_its_words(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "NOPERM this user has no permissions to run the 'evalsha' command",
        "ERR The user executing the script can't run this command or subcommand script: a9",
        "ERR ACL failure in script: User x has no permissions to run the 'set' command",
        "ERR Error running script (call to f): @x:1: The user executing the script can't access",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(redis_refusal_of(slice_of(texts[i])), REDIS_REFUSAL_NOPERM);
}

static void people_are_told_what_it_means(void **state)
{
    (void)state;
    struct err e;
    assert_string_equal(redis_refusal_explain(SLICE_LIT("OOM not allowed"), &e),
                        "OOM not allowed (it is full: raise its maxmemory or make room)");
    assert_string_equal(redis_refusal_explain(SLICE_LIT("ERR what?"), &e), "ERR what?");
}

static void what_it_means_is_told_behind_a_text_of_any_length(void **state)
{
    (void)state;
    char text[2000] = "READONLY ";
    for (size_t i = 9; i < sizeof text - 1; i++)
        text[i] = 'x';
    struct err e;
    struct slice told = slice_of(redis_refusal_explain(slice_of(text), &e));
    assert_true(slice_starts(told, "READONLY xxx"));
    assert_int_equal(told.p[told.n - 1], ')');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_word_tells_what_it_is),
        cmocka_unit_test(an_error_inside_a_script_of_an_old_redis_is_unwrapped),
        cmocka_unit_test(a_right_that_is_missing_inside_a_script_is_known_by_its_words),
        cmocka_unit_test(people_are_told_what_it_means),
        cmocka_unit_test(what_it_means_is_told_behind_a_text_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
