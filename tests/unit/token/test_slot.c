#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "token/slot.h"

static mono_ms_t at(int64_t ms)
{
    return (mono_ms_t){ms};
}

static void an_empty_slot_has_nothing_left(void **state)
{
    (void)state;
    struct token_slot s = {{NULL, 0}, 0, {0}};
    assert_int_equal(token_slot_remaining_ms(&s, at(-5)), 0);
    assert_int_equal(token_slot_remaining_ms(&s, at(5)), 0);
    token_slot_wipe(&s);
}

static void a_token_is_held_until_its_end_and_not_a_millisecond_longer(void **state)
{
    (void)state;
    struct token_slot s = {{NULL, 0}, 0, {0}};
    assert_int_equal(token_slot_offer(&s, SLICE_LIT("a"), 1, at(100), at(10)), TOKEN_OFFER_NEW);
    assert_int_equal(token_slot_remaining_ms(&s, at(10)), 90);
    assert_int_equal(token_slot_remaining_ms(&s, at(99)), 1);
    assert_int_equal(token_slot_remaining_ms(&s, at(100)), 0);
    assert_int_equal(token_slot_remaining_ms(&s, at(1000)), 0);
    token_slot_wipe(&s);
    assert_int_equal(token_slot_remaining_ms(&s, at(10)), 0);
}

static void a_newer_version_replaces_and_an_older_one_does_not(void **state)
{
    (void)state;
    struct token_slot s = {{NULL, 0}, 0, {0}};
    token_slot_offer(&s, SLICE_LIT("five"), 5, at(100), at(0));
    assert_int_equal(token_slot_offer(&s, SLICE_LIT("four"), 4, at(500), at(99)),
                     TOKEN_OFFER_OLDER);
    assert_true(slice_is(secret_reveal(&s.access_token), "five"));
    assert_int_equal(s.version, 5);
    assert_int_equal(token_slot_remaining_ms(&s, at(99)), 1);
    assert_int_equal(token_slot_offer(&s, SLICE_LIT("six"), 6, at(200), at(99)), TOKEN_OFFER_NEW);
    assert_true(slice_is(secret_reveal(&s.access_token), "six"));
    token_slot_wipe(&s);
}

static void an_older_version_is_taken_once_the_held_one_is_over(void **state)
{
    (void)state;
    struct token_slot s = {{NULL, 0}, 0, {0}};
    token_slot_offer(&s, SLICE_LIT("five"), 5, at(100), at(0));
    assert_int_equal(token_slot_offer(&s, SLICE_LIT("four"), 4, at(500), at(100)), TOKEN_OFFER_NEW);
    assert_true(slice_is(secret_reveal(&s.access_token), "four"));
    assert_int_equal(s.version, 4);
    token_slot_wipe(&s);
}

static void the_same_version_moves_its_end_both_ways(void **state)
{
    (void)state;
    struct token_slot s = {{NULL, 0}, 0, {0}};
    token_slot_offer(&s, SLICE_LIT("a"), 1, at(100), at(0));
    assert_int_equal(token_slot_offer(&s, SLICE_LIT("a"), 1, at(150), at(0)), TOKEN_OFFER_SAME);
    assert_int_equal(token_slot_remaining_ms(&s, at(0)), 150);
    assert_int_equal(token_slot_offer(&s, SLICE_LIT("a"), 1, at(50), at(0)), TOKEN_OFFER_SAME);
    assert_int_equal(token_slot_remaining_ms(&s, at(0)), 50);
    token_slot_wipe(&s);
}

static void what_is_over_or_empty_is_not_taken(void **state)
{
    (void)state;
    struct token_slot s = {{NULL, 0}, 0, {0}};
    assert_int_equal(token_slot_offer(&s, SLICE_LIT("a"), 1, at(100), at(100)), TOKEN_OFFER_DEAD);
    assert_int_equal(token_slot_offer(&s, SLICE_LIT(""), 1, at(100), at(0)), TOKEN_OFFER_DEAD);
    token_slot_offer(&s, SLICE_LIT("a"), 1, at(100), at(0));
    assert_int_equal(token_slot_offer(&s, SLICE_LIT("b"), 2, at(50), at(60)), TOKEN_OFFER_DEAD);
    assert_true(slice_is(secret_reveal(&s.access_token), "a"));
    assert_int_equal(token_slot_remaining_ms(&s, at(60)), 40);
    token_slot_wipe(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_slot_has_nothing_left),
        cmocka_unit_test(a_token_is_held_until_its_end_and_not_a_millisecond_longer),
        cmocka_unit_test(a_newer_version_replaces_and_an_older_one_does_not),
        cmocka_unit_test(an_older_version_is_taken_once_the_held_one_is_over),
        cmocka_unit_test(the_same_version_moves_its_end_both_ways),
        cmocka_unit_test(what_is_over_or_empty_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
