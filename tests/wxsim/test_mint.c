/* A minted text is recognised, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wxsim/mint.h"

static void a_minted_text_gives_its_number_back_and_no_other_text_does(void **state)
{
    (void)state;
    const struct mint m = {42}, stranger = {43};
    const enum mint_kind kinds[] = {MINT_TOKEN, MINT_LOGIN_CODE, MINT_OPENID};
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        for (uint64_t number = 0; number < 3000; number += 7) {
            char text[65];
            uint64_t back;
            mint_write(&m, kinds[k], number << (k * 20), text, 64);
            assert_true(mint_read(&m, kinds[k], slice_of(text), &back));
            assert_int_equal(back, number << (k * 20));
            assert_false(mint_read(&stranger, kinds[k], slice_of(text), &back));
            assert_false(mint_read(&m, MINT_PHONE_CODE, slice_of(text), &back));
            text[number % 64] = text[number % 64] == '0' ? '1' : '0';
            assert_false(mint_read(&m, kinds[k], slice_of(text), &back));
        }
    }
}

static void garbage_has_no_number(void **state)
{
    (void)state;
    const struct mint m = {42};
    uint64_t number;
    assert_false(mint_read(&m, MINT_TOKEN, SLICE_LIT(""), &number));
    assert_false(mint_read(&m, MINT_TOKEN, SLICE_LIT("short"), &number));
    assert_false(mint_read(&m, MINT_TOKEN, SLICE_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), &number));
    assert_false(mint_read(&m, MINT_LOGIN_CODE, SLICE_LIT("0123456789abcdeF"), &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minted_text_gives_its_number_back_and_no_other_text_does),
        cmocka_unit_test(garbage_has_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
