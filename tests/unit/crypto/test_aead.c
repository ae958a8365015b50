/* aead: what was sealed opens again, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/aead.h"

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="

#define PHONE SLICE_LIT("13800138000")
#define PLACE SLICE_LIT("wx0123456789abcdef|42")

struct sealed {
    uint8_t bytes[128];
    size_t n;
};

static struct keyring *ring_of(const char *text)
{
    struct err e;
    struct keyring *r = keyring_parse(slice_of(text), &e);
    assert_non_null(r);
    return r;
}

static struct sealed seal(const struct keyring *r, struct slice plain)
{
    struct sealed s = {{0}, 0};
    s.n = aead_seal(r, PLACE, plain, s.bytes, sizeof s.bytes);
    assert_int_equal(s.n, plain.n + AEAD_OVERHEAD);
    return s;
}

static enum aead_result try_open(const struct keyring *r, struct slice place,
                                 const struct sealed *s, uint8_t out[64], size_t *n)
{
    return aead_open(r, place, (struct slice){(const char *)s->bytes, s->n}, out, 64, n);
}

static void assert_opens(const struct keyring *r, const struct sealed *s, struct slice plain)
{
    uint8_t out[64];
    size_t n = 0;
    assert_int_equal(try_open(r, PLACE, s, out, &n), AEAD_OK);
    assert_true(slice_eq((struct slice){(char *)out, n}, plain));
}

static void assert_refused(const struct keyring *r, struct slice place, const struct sealed *s,
                           enum aead_result why)
{
    uint8_t out[64] = {0}, zeros[64] = {0};
    size_t n = 99;
    assert_int_equal(try_open(r, place, s, out, &n), why);
    assert_int_equal(n, 99);
    assert_memory_equal(out, zeros, sizeof out);
}

static void a_sealed_value_opens_in_its_own_place(void **state)
{
    (void)state;
    struct keyring *r = ring_of(KEY_A);
    struct sealed phone = seal(r, PHONE), empty = seal(r, SLICE_LIT(""));
    assert_opens(r, &phone, PHONE);
    assert_opens(r, &empty, SLICE_LIT(""));
    assert_refused(r, SLICE_LIT("wx0123456789abcdef|43"), &phone, AEAD_FORGED);
    assert_refused(r, SLICE_LIT(""), &phone, AEAD_FORGED);
    keyring_free(r);
}

static void a_flip_of_any_bit_is_found(void **state)
{
    (void)state;
    struct keyring *r = ring_of(KEY_A);
    struct sealed s = seal(r, PHONE);
    for (size_t bit = 0; bit < s.n * 8; bit++) {
        struct sealed t = s;
        t.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum aead_result why = bit < 8    ? AEAD_MALFORMED   /* the version */
                               : bit < 40 ? AEAD_UNKNOWN_KEY /* the key id */
                                          : AEAD_FORGED;
        assert_refused(r, PLACE, &t, why);
    }
    keyring_free(r);
}

static void a_value_cut_at_any_length_or_made_longer_is_refused(void **state)
{
    (void)state;
    struct keyring *r = ring_of(KEY_A);
    struct sealed s = seal(r, PHONE);
    for (size_t n = 0; n < s.n; n++) {
        struct sealed t = s;
        t.n = n;
        assert_refused(r, PLACE, &t, n < AEAD_OVERHEAD ? AEAD_MALFORMED : AEAD_FORGED);
    }
    s.n++;
    assert_refused(r, PLACE, &s, AEAD_FORGED);
    keyring_free(r);
}

static void an_older_key_still_opens_and_an_unknown_one_does_not(void **state)
{
    (void)state;
    struct keyring *a = ring_of(KEY_A), *b = ring_of(KEY_B), *ba = ring_of(KEY_B "," KEY_A);
    struct sealed old = seal(a, PHONE), now = seal(ba, PHONE);
    assert_opens(ba, &old, PHONE);
    assert_opens(b, &now, PHONE);
    assert_refused(b, PLACE, &old, AEAD_UNKNOWN_KEY);
    assert_false(aead_is_current(ba, (struct slice){(char *)old.bytes, old.n}));
    assert_true(aead_is_current(ba, (struct slice){(char *)now.bytes, now.n}));
    assert_false(aead_is_current(ba, (struct slice){NULL, 0}));
    keyring_free(ba);
    keyring_free(b);
    keyring_free(a);
}

static void the_key_id_of_another_key_of_the_ring_does_not_open(void **state)
{
    (void)state;
    struct keyring *ab = ring_of(KEY_A "," KEY_B), *ba = ring_of(KEY_B "," KEY_A);
    struct sealed s = seal(ab, PHONE), other = seal(ba, PHONE);
    memcpy(s.bytes + 1, other.bytes + 1, 4);
    assert_refused(ab, PLACE, &s, AEAD_FORGED);
    keyring_free(ba);
    keyring_free(ab);
}

static void a_value_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct keyring *r = ring_of(KEY_A);
    struct sealed s = seal(r, PHONE);
    uint8_t out[10];
    size_t n = 0;
    assert_int_equal(aead_open(r, PLACE, (struct slice){(char *)s.bytes, s.n}, out, sizeof out, &n),
                     AEAD_MALFORMED);
    keyring_free(r);
}

static void no_two_seals_of_one_value_are_alike(void **state)
{
    (void)state;
    enum { SEALS = 64 };
    struct keyring *r = ring_of(KEY_A);
    struct sealed all[SEALS];
    for (int i = 0; i < SEALS; i++) {
        all[i] = seal(r, PHONE);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(all[i].bytes + 5, all[j].bytes + 5, 12); /* the nonce */
    }
    keyring_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_value_opens_in_its_own_place),
        cmocka_unit_test(a_flip_of_any_bit_is_found),
        cmocka_unit_test(a_value_cut_at_any_length_or_made_longer_is_refused),
        cmocka_unit_test(an_older_key_still_opens_and_an_unknown_one_does_not),
        cmocka_unit_test(the_key_id_of_another_key_of_the_ring_does_not_open),
        cmocka_unit_test(a_value_that_does_not_fit_is_refused),
        cmocka_unit_test(no_two_seals_of_one_value_are_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
