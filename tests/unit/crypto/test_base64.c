/* base64: RFC 4648, section 10, and everything that strict decoding refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/base64.h"

static void assert_both_ways(enum base64_kind kind, const char *bytes, const char *text)
{
    char out[64], back[64];
    size_t n = 99;
    assert_int_equal(base64_encode(kind, bytes, strlen(bytes), out, sizeof out), strlen(text));
    assert_string_equal(out, text);
    assert_true(base64_decode(kind, slice_of(text), back, sizeof back, &n));
    assert_int_equal(n, strlen(bytes));
    assert_memory_equal(back, bytes, n);
}

static void rfc4648_vectors_hold(void **state)
{
    (void)state;
    static const char *const vectors[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xef\xff", "++//", "--__"},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        assert_both_ways(BASE64_STANDARD, vectors[i][0], vectors[i][1]);
        assert_both_ways(BASE64_URL, vectors[i][0], vectors[i][2]);
    }
}

static void assert_refused(enum base64_kind kind, const char *text)
{
    char out[64];
    size_t n = 99;
    assert_false(base64_decode(kind, slice_of(text), out, sizeof out, &n));
    assert_int_equal(n, 99);
}

static void standard_text_must_be_padded_exactly(void **state)
{
    (void)state;
    assert_refused(BASE64_STANDARD, "Zg");
    assert_refused(BASE64_STANDARD, "Zg=");
    assert_refused(BASE64_STANDARD, "Zg===");
    assert_refused(BASE64_STANDARD, "Z===");
    assert_refused(BASE64_STANDARD, "====");
    assert_refused(BASE64_STANDARD, "=");
    assert_refused(BASE64_STANDARD, "Zg==Zg==");
    assert_refused(BASE64_STANDARD, "Zm9v=");
}

static void url_text_must_not_be_padded(void **state)
{
    (void)state;
    assert_refused(BASE64_URL, "Zg==");
    assert_refused(BASE64_URL, "Zm8=");
    assert_refused(BASE64_URL, "Z");
    assert_refused(BASE64_URL, "Zm9vY");
}

static void characters_of_the_other_alphabet_and_blanks_are_refused(void **state)
{
    (void)state;
    assert_refused(BASE64_STANDARD, "--__");
    assert_refused(BASE64_URL, "++//");
    assert_refused(BASE64_STANDARD, "Zm9v\n");
    assert_refused(BASE64_STANDARD, "Zm 9");
    assert_refused(BASE64_URL, "Zm9\x80");
    char out[8];
    size_t n = 0;
    assert_false(base64_decode(BASE64_URL, (struct slice){"Zm\0v", 4}, out, sizeof out, &n));
}

static void stray_bits_in_the_last_character_are_refused(void **state)
{
    (void)state;
    assert_refused(BASE64_STANDARD, "Zh==");
    assert_refused(BASE64_STANDARD, "Zm9=");
    assert_refused(BASE64_URL, "Zh");
    assert_refused(BASE64_URL, "Zm9");
}

static void a_text_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    char out[5];
    size_t n = 0;
    assert_true(base64_decode(BASE64_STANDARD, SLICE_LIT("Zm9vYmE="), out, 5, &n));
    assert_int_equal(n, 5);
    assert_false(base64_decode(BASE64_STANDARD, SLICE_LIT("Zm9vYmE="), out, 4, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc4648_vectors_hold),
        cmocka_unit_test(standard_text_must_be_padded_exactly),
        cmocka_unit_test(url_text_must_not_be_padded),
        cmocka_unit_test(characters_of_the_other_alphabet_and_blanks_are_refused),
        cmocka_unit_test(stray_bits_in_the_last_character_are_refused),
        cmocka_unit_test(a_text_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
