#include "loginsvc/sessions/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

enum {
    NUMBER_BYTES_MAX = 8192 / 8, /* what pem.c lets pass */
    P256_BYTES = 32,
    TEXT_SIZE = 2 * BASE64_TEXT_SIZE(NUMBER_BYTES_MAX) + 256,
};

/* One number of the public key in base64url: `bytes` long, or as long as it is when 0. */
static void write_number(const struct pem_key *k, const char *param, int bytes,
                         char out[BASE64_TEXT_SIZE(NUMBER_BYTES_MAX)])
{
    uint8_t number[NUMBER_BYTES_MAX];
    BIGNUM *bn = NULL;
    ASSERT(EVP_PKEY_get_bn_param(k->key, param, &bn) == 1);
    int n = bytes ? bytes : BN_num_bytes(bn);
    ASSERT(n <= NUMBER_BYTES_MAX && BN_bn2binpad(bn, number, n) == n);
    BN_free(bn);
    base64_encode(BASE64_URL, number, (size_t)n, out, BASE64_TEXT_SIZE(NUMBER_BYTES_MAX));
}

/* The thumbprint is over the required members alone, by name, without blanks (RFC 7638, 3). */
static void write_thumbprint(const struct text *members, char kid[JWK_KID_SIZE])
{
    uint8_t hash[SHA256_SIZE];
    ASSERT(!members->cut);
    digest_sha256((struct slice){members->p, members->n}, hash);
    base64_encode(BASE64_URL, hash, sizeof hash, kid, JWK_KID_SIZE);
}

char *jwk_of(const struct pem_key *k, char kid[JWK_KID_SIZE])
{
    char first[BASE64_TEXT_SIZE(NUMBER_BYTES_MAX)], second[BASE64_TEXT_SIZE(NUMBER_BYTES_MAX)];
    char members[TEXT_SIZE], *jwk = xcalloc(1, TEXT_SIZE);
    struct text m = text_init(members, sizeof members), t = text_init(jwk, TEXT_SIZE);
    if (k->kind == PEM_RSA) {
        write_number(k, OSSL_PKEY_PARAM_RSA_N, 0, first);
        write_number(k, OSSL_PKEY_PARAM_RSA_E, 0, second);
        text_fmt(&m, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", second, first);
    } else {
        write_number(k, OSSL_PKEY_PARAM_EC_PUB_X, P256_BYTES, first);
        write_number(k, OSSL_PKEY_PARAM_EC_PUB_Y, P256_BYTES, second);
        text_fmt(&m, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", first, second);
    }
    write_thumbprint(&m, kid);
    text_fmt(&t, "%.*s,\"use\":\"sig\",\"alg\":\"%s\",\"kid\":\"%s\"}", (int)m.n - 1, m.p,
             k->kind == PEM_RSA ? "RS256" : "ES256", kid);
    ASSERT(!t.cut);
    return jwk;
}
