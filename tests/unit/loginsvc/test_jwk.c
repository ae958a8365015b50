/* sessions: the JWKS has what a stranger needs to verify our tokens, and no more. */
#include "jwt_fixture.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>

#include "crypto/base64.h"
#include "loginsvc/sessions/jwk.h"

/* ---- a stranger, who knows the JWKS alone ---- */

static const char *member(const json_t *jwk, const char *name)
{
    const char *value = json_string_value(json_object_get(jwk, name));
    assert_non_null(value);
    return value;
}

static size_t bytes_of(const json_t *jwk, const char *name, uint8_t out[1024])
{
    size_t n = 0;
    assert_true(base64_decode(BASE64_URL, slice_of(member(jwk, name)), out, 1024, &n));
    return n;
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_of(const json_t *jwk)
{
    uint8_t n_bytes[1024], e_bytes[1024];
    BIGNUM *n = BN_bin2bn(n_bytes, (int)bytes_of(jwk, "n", n_bytes), NULL);
    BIGNUM *e = BN_bin2bn(e_bytes, (int)bytes_of(jwk, "e", e_bytes), NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
    EVP_PKEY *key = key_from("RSA", builder);
    BN_free(n);
    BN_free(e);
    return key;
}

static EVP_PKEY *ec_of(const json_t *jwk)
{
    uint8_t point[1 + 64] = {4}, number[1024];
    assert_string_equal(member(jwk, "crv"), "P-256");
    assert_int_equal(bytes_of(jwk, "x", number), 32);
    memcpy(point + 1, number, 32);
    assert_int_equal(bytes_of(jwk, "y", number), 32);
    memcpy(point + 33, number, 32);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point);
    return key_from("EC", builder);
}

/* r and s, as a JWT has them, in the form that OpenSSL knows. */
static size_t to_der(const uint8_t *signature, uint8_t out[128])
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    assert_int_equal(
        ECDSA_SIG_set0(sig, BN_bin2bn(signature, 32, NULL), BN_bin2bn(signature + 32, 32, NULL)),
        1);
    int n = i2d_ECDSA_SIG(sig, &out);
    ECDSA_SIG_free(sig);
    assert_true(n > 0);
    return (size_t)n;
}

static bool stranger_accepts(const json_t *jwk, const char *token)
{
    bool ec = strcmp(member(jwk, "kty"), "EC") == 0;
    const char *dot = strrchr(token, '.');
    uint8_t raw[1024], der[128];
    const uint8_t *signature = raw;
    size_t n = 0;
    assert_true(base64_decode(BASE64_URL, slice_of(dot + 1), raw, sizeof raw, &n));
    if (ec) {
        assert_int_equal(n, 64);
        n = to_der(raw, der);
        signature = der;
    }
    EVP_PKEY *key = ec ? ec_of(jwk) : rsa_of(jwk);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    bool good =
        EVP_DigestVerify(ctx, signature, n, (const uint8_t *)token, (size_t)(dot - token)) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return good;
}

static json_t *keys_of(const struct jwt_signer *j)
{
    char *text = jwt_signer_jwks(j);
    json_t *jwks = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(jwks);
    assert_int_equal(json_object_size(jwks), 1);
    json_t *keys = json_incref(json_object_get(jwks, "keys"));
    assert_true(json_is_array(keys));
    json_decref(jwks);
    free(text);
    return keys;
}

static void a_stranger_verifies_our_tokens_with_the_key_that_the_kid_names(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = {rsa_key(), ec_key()};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct jwt_signer *j = signer_of(keys[i]);
        add_previous(j, public_pem(keys[1 - i]));
        json_t *set = keys_of(j);
        const json_t *jwk = json_array_get(set, 0);
        assert_int_equal(json_array_size(set), 2);
        assert_string_equal(member(jwk, "kid"), jwt_signer_kid(j));
        assert_string_equal(member(jwk, "alg"), jwt_signer_algorithm(j));
        assert_true(stranger_accepts(jwk, token_of(j)));
        json_decref(set);
        jwt_signer_free(j);
    }
}

/* ---- what is in it ---- */

static void the_key_that_signs_stands_first_and_all_previous_ones_follow(void **state)
{
    (void)state;
    struct jwt_signer *j = signer_of(other_ec_key());
    EVP_PKEY *previous[] = {rsa_key(), ec_key(), other_rsa_key()};
    for (size_t i = 0; i < ARRAY_LEN(previous); i++)
        add_previous(j, private_pem(previous[i]));
    json_t *set = keys_of(j);
    assert_int_equal(json_array_size(set), 4);
    assert_string_equal(member(json_array_get(set, 0), "kid"), jwt_signer_kid(j));
    for (size_t i = 0; i < ARRAY_LEN(previous); i++) {
        struct jwt_signer *old = signer_of(previous[i]);
        assert_string_equal(member(json_array_get(set, i + 1), "kid"), jwt_signer_kid(old));
        jwt_signer_free(old);
    }
    json_decref(set);
    jwt_signer_free(j);
}

static void only_the_public_members_are_in_it(void **state)
{
    (void)state;
    static const char *const rsa_members[] = {"kty", "use", "alg", "kid", "n", "e"};
    static const char *const ec_members[] = {"kty", "use", "alg", "kid", "crv", "x", "y"};
    struct jwt_signer *j = signer_of(rsa_key());
    add_previous(j, private_pem(ec_key()));
    json_t *set = keys_of(j);
    const json_t *rsa = json_array_get(set, 0), *ec = json_array_get(set, 1);
    assert_int_equal(json_object_size(rsa), ARRAY_LEN(rsa_members));
    for (size_t i = 0; i < ARRAY_LEN(rsa_members); i++)
        (void)member(rsa, rsa_members[i]);
    assert_int_equal(json_object_size(ec), ARRAY_LEN(ec_members));
    for (size_t i = 0; i < ARRAY_LEN(ec_members); i++)
        (void)member(ec, ec_members[i]);
    assert_string_equal(member(rsa, "use"), "sig");
    assert_string_equal(member(rsa, "e"), "AQAB");
    json_decref(set);
    jwt_signer_free(j);
}

static void a_secret_is_never_in_it(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    char *text = jwt_signer_jwks(j);
    assert_string_equal(text, "{\"keys\":[]}");
    free(text);
    add_previous(j, public_pem(ec_key()));
    json_t *set = keys_of(j);
    assert_int_equal(json_array_size(set), 1);
    assert_string_equal(member(json_array_get(set, 0), "kty"), "EC");
    json_decref(set);
    jwt_signer_free(j);
}

/* ---- thumbprints ---- */

static void assert_thumbprint(json_t *jwk, enum pem_kind kind, const char *expected)
{
    char kid[JWK_KID_SIZE];
    struct pem_key k = {kind, false, kind == PEM_RSA ? rsa_of(jwk) : ec_of(jwk)};
    char *text = jwk_of(&k, kid);
    assert_string_equal(kid, expected);
    free(text);
    EVP_PKEY_free(k.key);
    json_decref(jwk);
}

static void the_kid_of_an_rsa_key_is_that_of_the_example_of_rfc_7638(void **state)
{
    (void)state;
    json_t *jwk =
        json_pack("{s:s,s:s}", "e", "AQAB", "n",
                  "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1"
                  "L6tSoc_BJEC"
                  "PebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-"
                  "65YGjQR0_FDW2Qvz"
                  "qY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
                  "bFTWhAI4vMQFh6WeZ"
                  "u0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw");
    assert_thumbprint(jwk, PEM_RSA, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

/* The key of RFC 7515, A.3; its thumbprint worked out with another implementation. */
static void the_kid_of_an_ec_key_is_its_thumbprint(void **state)
{
    (void)state;
    json_t *jwk = json_pack("{s:s,s:s,s:s}", "crv", "P-256", "x",
                            "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y",
                            "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    assert_thumbprint(jwk, PEM_P256, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

/* One in 256 keys has a coordinate that begins with a zero byte, which stays. */
static void a_coordinate_has_32_bytes_whatever_they_are(void **state)
{
    (void)state;
    bool seen = false;
    for (int i = 0; i < 5000 && !seen; i++) {
        char kid[JWK_KID_SIZE];
        uint8_t number[1024];
        struct pem_key k = {PEM_P256, true, EVP_EC_gen("P-256")};
        char *text = jwk_of(&k, kid);
        json_t *jwk = json_loads(text, 0, NULL);
        assert_int_equal(bytes_of(jwk, "x", number), 32);
        seen = number[0] == 0;
        json_decref(jwk);
        free(text);
        EVP_PKEY_free(k.key);
    }
    assert_true(seen);
}

static void the_largest_key_fits(void **state)
{
    (void)state;
    uint8_t number[1024];
    memset(number, 0xff, sizeof number);
    BIGNUM *n = BN_bin2bn(number, sizeof number, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, n);
    char kid[JWK_KID_SIZE];
    struct pem_key k = {PEM_RSA, false, key_from("RSA", builder)};
    char *text = jwk_of(&k, kid);
    json_t *jwk = json_loads(text, 0, NULL);
    assert_int_equal(bytes_of(jwk, "n", number), 1024);
    json_decref(jwk);
    free(text);
    EVP_PKEY_free(k.key);
    BN_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stranger_verifies_our_tokens_with_the_key_that_the_kid_names),
        cmocka_unit_test(the_key_that_signs_stands_first_and_all_previous_ones_follow),
        cmocka_unit_test(only_the_public_members_are_in_it),
        cmocka_unit_test(a_secret_is_never_in_it),
        cmocka_unit_test(the_kid_of_an_rsa_key_is_that_of_the_example_of_rfc_7638),
        cmocka_unit_test(the_kid_of_an_ec_key_is_its_thumbprint),
        cmocka_unit_test(a_coordinate_has_32_bytes_whatever_they_are),
        cmocka_unit_test(the_largest_key_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
