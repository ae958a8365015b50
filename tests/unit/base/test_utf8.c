#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"

static void the_first_character_has_its_length_and_code_point(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        uint32_t code;
    } cases[] = {
        {"a", 1, 'a'},
        {"\x7f", 1, 0x7f},
        {"\xc2\x80", 2, 0x80},
        {"é", 2, 0xe9},
        {"\xe0\xa0\x80", 3, 0x800},
        {"信", 3, 0x4fe1},
        {"\xef\xbf\xbf", 3, 0xffff},
        {"🙂", 4, 0x1f642},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t code = 0;
        assert_int_equal(utf8_first(slice_of(cases[i].text), &code), cases[i].n);
        assert_int_equal(code, cases[i].code);
        assert_int_equal(utf8_first(slice_of(cases[i].text), NULL), cases[i].n);
    }
}

static void what_is_not_well_formed_has_no_length(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "\x80",     /* continuation without a lead */
        "\xc0\x80", /* overlong, two bytes */
        "\xc1\xbf",
        "\xe0\x9f\xbf",     /* overlong, three bytes */
        "\xf0\x8f\xbf\xbf", /* overlong, four bytes */
        "\xed\xa0\x80",     /* surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xe4\xbf",  /* cut */
        "\xe4\xbf-", /* cut and followed by another character */
        "\xff",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(utf8_first(slice_of(cases[i]), NULL), 0);
}

static void a_prefix_never_cuts_a_character(void **state)
{
    (void)state;
    struct slice s = slice_of("a信🙂b");
    static const size_t whole_at[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 9};
    for (size_t max = 0; max < ARRAY_LEN(whole_at); max++)
        assert_int_equal(utf8_prefix(s, max).n, whole_at[max]);
    assert_int_equal(utf8_prefix(s, 100).n, s.n);
    assert_int_equal(utf8_prefix(slice_of("\xff\xff\xff"), 2).n, 2);
}

static void control_characters_are_those_a_terminal_obeys(void **state)
{
    (void)state;
    static const uint32_t controls[] = {0,    '\n', 0x1b, 0x1f,   0x7f,
                                        0x80, 0x9b, 0x9f, 0x2028, 0x2029};
    static const uint32_t shown[] = {' ', '~', 0xa0, 0x4fe1, 0x2027, 0x202f, 0x10ffff};
    for (size_t i = 0; i < ARRAY_LEN(controls); i++)
        assert_true(utf8_is_control(controls[i]));
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        assert_false(utf8_is_control(shown[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_character_has_its_length_and_code_point),
        cmocka_unit_test(what_is_not_well_formed_has_no_length),
        cmocka_unit_test(a_prefix_never_cuts_a_character),
        cmocka_unit_test(control_characters_are_those_a_terminal_obeys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
