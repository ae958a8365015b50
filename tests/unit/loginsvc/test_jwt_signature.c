/* sessions: a signature is that of RFC 7518 to the byte, and nothing near it passes for one. */
#include "jwt_fixture.h"

#include <pthread.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "crypto/base64.h"
#include "crypto/hmac.h"
#include "loginsvc/sessions/jwt_signature.h"

enum { P256_BYTES = 32, RSA_BYTES = 256, ROUNDS = 5000 };

static const struct slice text = {"header.body", 11};

struct signature {
    uint8_t bytes[2 * JWT_SIGNATURE_MAX];
    size_t n;
};

/* A refusal leaves nothing that TLS on this thread would take for its own failure. */
static bool fits(const struct jwt_key *key, struct slice of, const uint8_t *bytes, size_t n)
{
    bool good = jwt_signature_fits(key, of, (struct slice){(const char *)bytes, n});
    assert_int_equal(ERR_peek_error(), 0);
    return good;
}

static struct signature signed_by(const struct jwt_key *key, struct slice what)
{
    struct signature s = {{0}, 0};
    s.n = jwt_signature_write(key, what, s.bytes);
    assert_true(s.n > 0);
    assert_true(fits(key, what, s.bytes, s.n));
    return s;
}

static struct jwt_key key_in(struct secret pem)
{
    struct err e = {""};
    struct jwt_key key;
    if (!jwt_key_from_private(&pem, &key, &e))
        fail_msg("%s", e.text);
    secret_wipe(&pem);
    return key;
}

/* ---- the examples of RFC 7515 ---- */

static const char rfc_body[] = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGx"
                               "lLmNvbS9pc19yb290Ijp0cnVlfQ";

/* The private keys of A.2 and A.3, which the RFC published as JWKs. */
static const char rfc_rsa_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXO\n"
    "jS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxL\n"
    "aYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn\n"
    "juygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5\n"
    "ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkf\n"
    "toaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg\n"
    "VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyW\n"
    "PEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/G\n"
    "O+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj\n"
    "kn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6\n"
    "XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB\n"
    "4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K\n"
    "pLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr\n"
    "0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqE\n"
    "lMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6\n"
    "kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAP\n"
    "rq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNw\n"
    "kgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp\n"
    "5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75gJLVds2\n"
    "9+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/\n"
    "evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG\n"
    "yoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZj\n"
    "OYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2\n"
    "tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3\n"
    "ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56\n"
    "03k2+ZQwVK0JKSHuLFkuQ3U=\n"
    "-----END PRIVATE KEY-----\n";

static const char rfc_ec_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
    "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
    "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
    "-----END PRIVATE KEY-----\n";

static struct slice rfc_text(const char *header, char out[256])
{
    struct text t = text_init(out, 256);
    text_fmt(&t, "%s.%s", header, rfc_body);
    assert_false(t.cut);
    return (struct slice){t.p, t.n};
}

static void assert_signs_as(const struct jwt_key *key, const char *header, const char *expected)
{
    char joined[256], encoded[BASE64_TEXT_SIZE(JWT_SIGNATURE_MAX)];
    struct signature s = signed_by(key, rfc_text(header, joined));
    base64_encode(BASE64_URL, s.bytes, s.n, encoded, sizeof encoded);
    assert_string_equal(encoded, expected);
}

static void hs256_signs_as_the_example_does(void **state)
{
    (void)state;
    char bytes[64];
    size_t n = 0;
    assert_true(
        base64_decode(BASE64_URL,
                      SLICE_LIT("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i"
                                "PS4hcgUuTwjAzZr1Z9CAow"),
                      bytes, sizeof bytes, &n));
    struct secret secret = {NULL, 0};
    struct jwt_key key;
    secret_set(&secret, (struct slice){bytes, n});
    assert_true(jwt_key_from_secret(&secret, &key, NULL));
    assert_signs_as(&key, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
                    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    jwt_key_wipe(&key);
    secret_wipe(&secret);
}

static void rs256_signs_as_the_example_does(void **state)
{
    (void)state;
    struct jwt_key key = key_in(secret_of(rfc_rsa_key));
    assert_signs_as(
        &key, "eyJhbGciOiJSUzI1NiJ9",
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF"
        "5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK"
        "5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqt"
        "FZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
        "p0igcN_IoypGlUPQGe77Rw");
    jwt_key_wipe(&key);
}

/* ES256 never signs twice alike. */
static void the_es256_example_fits(void **state)
{
    (void)state;
    char joined[256];
    uint8_t bytes[64];
    size_t n = 0;
    struct jwt_key key = key_in(secret_of(rfc_ec_key));
    struct slice example = rfc_text("eyJhbGciOiJFUzI1NiJ9", joined);
    assert_true(
        base64_decode(BASE64_URL,
                      SLICE_LIT("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
                                "pmWQxfKTUJqPP3-Kg6NU1Q"),
                      bytes, sizeof bytes, &n));
    assert_true(fits(&key, example, bytes, n));
    assert_false(fits(&key, text, bytes, n));
    bytes[63] ^= 1;
    assert_false(fits(&key, example, bytes, n));
    jwt_key_wipe(&key);
}

/* ---- HS256 ---- */

static void an_hmac_is_whole_or_refused(void **state)
{
    (void)state;
    struct secret secret = secret_of(SECRET);
    struct jwt_key key;
    assert_true(jwt_key_from_secret(&secret, &key, NULL));
    struct signature s = signed_by(&key, text);
    assert_int_equal(s.n, HMAC_SHA256_SIZE);
    for (size_t n = 0; n <= s.n + 1; n++)
        assert_int_equal(fits(&key, text, s.bytes, n), n == s.n);
    jwt_key_wipe(&key);
    secret_wipe(&secret);
}

/* ---- ES256 ---- */

static void es256_is_of_64_bytes_or_refused(void **state)
{
    (void)state;
    struct jwt_key key = key_in(private_pem(ec_key()));
    struct signature s = signed_by(&key, text);
    assert_int_equal(s.n, 64);
    for (size_t n = 0; n <= 80; n++)
        assert_int_equal(fits(&key, text, s.bytes, n), n == 64);
    jwt_key_wipe(&key);
}

/* One in 256 numbers begins with a zero byte: it is there, and its place is not given up. */
static void assert_zeros_stay(const struct jwt_key *key, size_t number_at)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct signature s = signed_by(key, text);
        assert_int_equal(s.n, 64);
        if (s.bytes[number_at] != 0)
            continue;
        memmove(s.bytes + number_at, s.bytes + number_at + 1, 63 - number_at);
        assert_false(fits(key, text, s.bytes, 63));
        s.bytes[63] = 0;
        assert_false(fits(key, text, s.bytes, 64));
        return;
    }
    fail_msg("no number begins with zero");
}

static void numbers_that_begin_with_zeros_keep_their_32_bytes(void **state)
{
    (void)state;
    struct jwt_key key = key_in(private_pem(ec_key()));
    assert_zeros_stay(&key, 0);
    assert_zeros_stay(&key, P256_BYTES);
    jwt_key_wipe(&key);
}

/* 0, the order of the curve, one beyond it, and the largest number there is room for. */
static void numbers_outside_the_order_are_refused(void **state)
{
    (void)state;
    static const char *const outside[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
        "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632552",
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"};
    struct jwt_key key = key_in(private_pem(ec_key()));
    for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
        BIGNUM *number = NULL;
        struct signature r = signed_by(&key, text), s = r, both = r;
        assert_int_equal(BN_hex2bn(&number, outside[i]), 64);
        BN_bn2binpad(number, r.bytes, P256_BYTES);
        BN_bn2binpad(number, s.bytes + P256_BYTES, P256_BYTES);
        BN_bn2binpad(number, both.bytes, P256_BYTES);
        BN_bn2binpad(number, both.bytes + P256_BYTES, P256_BYTES);
        assert_false(fits(&key, text, r.bytes, 64));
        assert_false(fits(&key, text, s.bytes, 64));
        assert_false(fits(&key, text, both.bytes, 64));
        BN_free(number);
    }
    jwt_key_wipe(&key);
}

static void es256_in_der_is_refused(void **state)
{
    (void)state;
    struct jwt_key key = key_in(private_pem(ec_key()));
    struct signature s = signed_by(&key, text);
    uint8_t der[80];
    unsigned char *at = der;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(s.bytes, P256_BYTES, NULL),
                   BN_bin2bn(s.bytes + P256_BYTES, P256_BYTES, NULL));
    int n = i2d_ECDSA_SIG(sig, &at);
    assert_true(n > 0);
    assert_false(fits(&key, text, der, (size_t)n));
    ECDSA_SIG_free(sig);
    jwt_key_wipe(&key);
}

/* ---- RS256 ---- */

static void rs256_is_as_long_as_its_key_or_refused(void **state)
{
    (void)state;
    struct jwt_key key = key_in(private_pem(rsa_key()));
    struct signature s = signed_by(&key, text);
    assert_int_equal(s.n, RSA_BYTES);
    for (size_t n = 0; n <= RSA_BYTES + 8; n++)
        assert_int_equal(fits(&key, text, s.bytes, n), n == RSA_BYTES);
    memmove(s.bytes + 1, s.bytes, RSA_BYTES);
    s.bytes[0] = 0;
    assert_false(fits(&key, text, s.bytes, RSA_BYTES + 1)); /* the same number */
    jwt_key_wipe(&key);
}

/* Another text in each round: RS256 signs one always alike. */
static struct slice numbered(int i, char out[32])
{
    struct text t = text_init(out, 32);
    text_fmt(&t, "text %d", i);
    return (struct slice){t.p, t.n};
}

static void a_number_that_begins_with_a_zero_keeps_it(void **state)
{
    (void)state;
    struct jwt_key key = key_in(private_pem(rsa_key()));
    struct signature s = {{1}, 0};
    struct slice what = text;
    char out[32];
    for (int i = 0; i < ROUNDS && s.bytes[0] != 0; i++) {
        what = numbered(i, out);
        s = signed_by(&key, what);
        assert_int_equal(s.n, RSA_BYTES);
    }
    assert_int_equal(s.bytes[0], 0);
    assert_false(fits(&key, what, s.bytes + 1, RSA_BYTES - 1));
    jwt_key_wipe(&key);
}

/* The same number to the arithmetic, but not below the modulus. */
static void a_number_beyond_the_modulus_is_refused(void **state)
{
    (void)state;
    struct jwt_key key = key_in(private_pem(rsa_key()));
    BIGNUM *modulus = NULL, *sum = BN_new();
    bool tried = false;
    char out[32];
    assert_int_equal(EVP_PKEY_get_bn_param(key.pair, OSSL_PKEY_PARAM_RSA_N, &modulus), 1);
    for (int i = 0; i < ROUNDS && !tried; i++) {
        struct slice what = numbered(i, out);
        struct signature s = signed_by(&key, what);
        BN_bin2bn(s.bytes, RSA_BYTES, sum);
        BN_add(sum, sum, modulus);
        tried = BN_bn2binpad(sum, s.bytes, RSA_BYTES) == RSA_BYTES;
        ERR_clear_error(); /* of a sum that has no room */
        assert_false(tried && fits(&key, what, s.bytes, RSA_BYTES));
    }
    assert_true(tried);
    BN_free(sum);
    BN_free(modulus);
    jwt_key_wipe(&key);
}

/* A signature by the same key with another hash or padding. */
static struct signature signed_otherwise(EVP_PKEY *pair, const EVP_MD *md, int padding)
{
    struct signature s = {{0}, JWT_SIGNATURE_MAX};
    EVP_PKEY_CTX *options = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, &options, md, NULL, pair), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, padding), 1);
    assert_int_equal(EVP_DigestSign(ctx, s.bytes, &s.n, (const unsigned char *)text.p, text.n), 1);
    EVP_MD_CTX_free(ctx);
    return s;
}

static void rsa_with_another_hash_or_padding_is_not_rs256(void **state)
{
    (void)state;
    struct jwt_key key = key_in(private_pem(rsa_key()));
    struct signature same = signed_otherwise(key.pair, EVP_sha256(), RSA_PKCS1_PADDING);
    struct signature others[] = {
        signed_otherwise(key.pair, EVP_sha256(), RSA_PKCS1_PSS_PADDING), /* PS256 */
        signed_otherwise(key.pair, EVP_sha512(), RSA_PKCS1_PADDING),     /* RS512 */
        signed_otherwise(key.pair, EVP_sha1(), RSA_PKCS1_PADDING),
        signed_otherwise(key.pair, EVP_sha3_256(), RSA_PKCS1_PADDING),
    };
    assert_true(fits(&key, text, same.bytes, same.n));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(fits(&key, text, others[i].bytes, others[i].n));
    jwt_key_wipe(&key);
}

/* ---- keys ---- */

/* Of a private key too, only the public half is kept. */
static void a_previous_key_verifies_and_cannot_sign(void **state)
{
    (void)state;
    EVP_PKEY *pairs[] = {ec_key(), rsa_key()};
    static const char *const halves[] = {OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PKEY_PARAM_RSA_D};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct secret pem = private_pem(pairs[i]);
        struct jwt_key signs = key_in(private_pem(pairs[i])), previous;
        struct signature s = signed_by(&signs, text);
        BIGNUM *half = NULL;
        uint8_t out[JWT_SIGNATURE_MAX];
        size_t n = 0;
        assert_true(jwt_keys_from_previous(&pem, &previous, 1, &n, NULL));
        assert_int_equal(n, 1);
        assert_true(fits(&previous, text, s.bytes, s.n));
        assert_int_not_equal(EVP_PKEY_get_bn_param(previous.pair, halves[i], &half), 1);
        assert_int_equal(jwt_signature_write(&previous, text, out), 0);
        assert_int_equal(ERR_peek_error(), 0);
        jwt_key_wipe(&previous);
        jwt_key_wipe(&signs);
        secret_wipe(&pem);
    }
}

/* ---- threads ---- */

static void *sign_and_verify(void *key)
{
    uint8_t bytes[JWT_SIGNATURE_MAX];
    for (int i = 0; i < 50; i++) {
        size_t n = jwt_signature_write(key, text, bytes);
        ASSERT(jwt_signature_fits(key, text, (struct slice){(char *)bytes, n}));
    }
    return NULL;
}

static void several_threads_use_one_key_at_once(void **state)
{
    (void)state;
    EVP_PKEY *pairs[] = {ec_key(), rsa_key()};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct jwt_key key = key_in(private_pem(pairs[i]));
        pthread_t threads[4];
        for (size_t t = 0; t < ARRAY_LEN(threads); t++)
            assert_int_equal(pthread_create(&threads[t], NULL, sign_and_verify, &key), 0);
        for (size_t t = 0; t < ARRAY_LEN(threads); t++)
            assert_int_equal(pthread_join(threads[t], NULL), 0);
        jwt_key_wipe(&key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hs256_signs_as_the_example_does),
        cmocka_unit_test(rs256_signs_as_the_example_does),
        cmocka_unit_test(the_es256_example_fits),
        cmocka_unit_test(an_hmac_is_whole_or_refused),
        cmocka_unit_test(es256_is_of_64_bytes_or_refused),
        cmocka_unit_test(numbers_that_begin_with_zeros_keep_their_32_bytes),
        cmocka_unit_test(numbers_outside_the_order_are_refused),
        cmocka_unit_test(es256_in_der_is_refused),
        cmocka_unit_test(rs256_is_as_long_as_its_key_or_refused),
        cmocka_unit_test(a_number_that_begins_with_a_zero_keeps_it),
        cmocka_unit_test(a_number_beyond_the_modulus_is_refused),
        cmocka_unit_test(rsa_with_another_hash_or_padding_is_not_rs256),
        cmocka_unit_test(a_previous_key_verifies_and_cannot_sign),
        cmocka_unit_test(several_threads_use_one_key_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
