/* hmac: the vectors of RFC 4231 (cases 1, 2, 3, 6) and RFC 5869 (A.1, A.2, A.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/hmac.h"
#include "vector.h"

/* n times the same byte, or counting up from it. */
static struct vector row(uint8_t first, size_t n, uint8_t step)
{
    struct vector v = {{0}, n};
    for (size_t i = 0; i < n; i++)
        v.bytes[i] = (uint8_t)(first + i * step);
    return v;
}

static void assert_hmac(struct slice key, struct slice data, const char *hex)
{
    uint8_t tag[HMAC_SHA256_SIZE];
    struct vector expected = vector_hex(hex);
    hmac_sha256(key, data, tag);
    assert_memory_equal(tag, expected.bytes, sizeof tag);
}

static void rfc4231_vectors_hold(void **state)
{
    (void)state;
    struct vector k1 = row(0x0b, 20, 0), k3 = row(0xaa, 20, 0), d3 = row(0xdd, 50, 0),
                  k6 = row(0xaa, 131, 0);
    assert_hmac(vector_slice(&k1), SLICE_LIT("Hi There"),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_hmac(SLICE_LIT("Jefe"), SLICE_LIT("what do ya want for nothing?"),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_hmac(vector_slice(&k3), vector_slice(&d3),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    assert_hmac(vector_slice(&k6),
                SLICE_LIT("Test Using Larger Than Block-Size Key - Hash Key First"),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void an_empty_key_is_not_the_key_of_the_call_before(void **state)
{
    (void)state;
    uint8_t before[HMAC_SHA256_SIZE];
    hmac_sha256(SLICE_LIT("some key"), SLICE_LIT(""), before);
    assert_hmac((struct slice){NULL, 0}, (struct slice){NULL, 0},
                "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void assert_hkdf(struct vector ikm, struct vector salt, struct vector info, const char *hex)
{
    uint8_t out[VECTOR_MAX];
    struct vector expected = vector_hex(hex);
    hkdf_sha256(vector_slice(&ikm), vector_slice(&salt), vector_slice(&info), out, expected.n);
    assert_memory_equal(out, expected.bytes, expected.n);
}

static void rfc5869_vectors_hold(void **state)
{
    (void)state;
    assert_hkdf(row(0x0b, 22, 0), row(0x00, 13, 1), row(0xf0, 10, 1),
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                "34007208d5b887185865");
    assert_hkdf(row(0x00, 80, 1), row(0x60, 80, 1), row(0xb0, 80, 1),
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                "cc30c58179ec3e87c14c01d5c1f3434f1d87");
    assert_hkdf(row(0x0b, 22, 0), row(0, 0, 0), row(0, 0, 0),
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                "9d201395faa4b61a96c8");
}

static void subkeys_differ_by_label_and_by_master_and_are_stable(void **state)
{
    (void)state;
    struct vector m1 = row(1, 32, 1), m2 = row(2, 32, 1);
    struct secret a = {NULL, 0}, b = {NULL, 0}, c = {NULL, 0}, again = {NULL, 0};
    subkey_derive(vector_slice(&m1), "phone", &a);
    subkey_derive(vector_slice(&m1), "phone index", &b);
    subkey_derive(vector_slice(&m2), "phone", &c);
    subkey_derive(vector_slice(&m1), "phone", &again);
    assert_int_equal(secret_reveal(&a).n, SUBKEY_SIZE);
    assert_true(secret_eq(&a, &again));
    assert_false(secret_eq(&a, &b));
    assert_false(secret_eq(&a, &c));
    secret_wipe(&a);
    secret_wipe(&b);
    secret_wipe(&c);
    secret_wipe(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc4231_vectors_hold),
        cmocka_unit_test(an_empty_key_is_not_the_key_of_the_call_before),
        cmocka_unit_test(rfc5869_vectors_hold),
        cmocka_unit_test(subkeys_differ_by_label_and_by_master_and_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
