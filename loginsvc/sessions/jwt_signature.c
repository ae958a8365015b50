#include "loginsvc/sessions/jwt_signature.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/hmac.h"

enum {
    NUMBER_BYTES = 32,                   /* r or s on P-256 */
    ES256_BYTES = 2 * NUMBER_BYTES,      /* r, then s, whatever zeros they begin with */
    DER_MAX = 2 + 2 * (3 + NUMBER_BYTES) /* SEQUENCE { INTEGER r, INTEGER s }, as OpenSSL has it */
};

static const unsigned char *bytes_of(struct slice s)
{
    return (const unsigned char *)s.p;
}

/* ---- OpenSSL ---- */

/* The error queue belongs to the thread: what is left there, TLS on it takes for its own failure.
 */
static bool leave_no_errors(bool result)
{
    if (!result)
        ERR_clear_error();
    return result;
}

/* The padding of RSA is that of RS256 (PKCS #1 v1.5) unless told otherwise. */
static size_t sign(EVP_PKEY *pair, struct slice text, uint8_t *out, size_t size)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pair) == 1 &&
                EVP_DigestSign(ctx, out, &size, bytes_of(text), text.n) == 1;
    EVP_MD_CTX_free(ctx);
    return leave_no_errors(good) ? size : 0;
}

static bool verify(EVP_PKEY *pair, struct slice text, const uint8_t *signature, size_t n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pair) == 1 &&
                EVP_DigestVerify(ctx, signature, n, bytes_of(text), text.n) == 1;
    EVP_MD_CTX_free(ctx);
    return leave_no_errors(good);
}

/* ---- ES256 ---- */

static size_t es256_sign(EVP_PKEY *pair, struct slice text, uint8_t out[ES256_BYTES])
{
    uint8_t der[DER_MAX];
    const unsigned char *at = der;
    size_t n = sign(pair, text, der, sizeof der);
    ECDSA_SIG *sig = n ? d2i_ECDSA_SIG(NULL, &at, (long)n) : NULL;
    if (!sig)
        return 0;
    ASSERT(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, NUMBER_BYTES) == NUMBER_BYTES);
    ASSERT(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + NUMBER_BYTES, NUMBER_BYTES) == NUMBER_BYTES);
    ECDSA_SIG_free(sig);
    return ES256_BYTES;
}

/* That both numbers lie between 0 and the order of the curve is looked at by OpenSSL. */
static bool es256_verify(EVP_PKEY *pair, struct slice text, struct slice signature)
{
    uint8_t der[DER_MAX];
    unsigned char *at = der;
    if (signature.n != ES256_BYTES)
        return false;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes_of(signature), NUMBER_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(bytes_of(signature) + NUMBER_BYTES, NUMBER_BYTES, NULL);
    ASSERT(sig && ECDSA_SIG_set0(sig, r, s) == 1); /* the numbers are sig's now; refuses NULL */
    int n = i2d_ECDSA_SIG(sig, &at);
    ECDSA_SIG_free(sig);
    ASSERT(n > 0);
    return verify(pair, text, der, (size_t)n);
}

/* ---- HS256 ---- */

static bool hs256_verify(const struct secret *secret, struct slice text, struct slice signature)
{
    uint8_t tag[HMAC_SHA256_SIZE];
    hmac_sha256(secret_reveal(secret), text, tag);
    return signature.n == sizeof tag && bytes_eq_constant_time(tag, signature.p, sizeof tag);
}

/* ---- any ---- */

size_t jwt_signature_write(const struct jwt_key *key, struct slice text,
                           uint8_t out[JWT_SIGNATURE_MAX])
{
    switch (key->algorithm) {
    case JWT_HS256:
        hmac_sha256(secret_reveal(&key->secret), text, out);
        return HMAC_SHA256_SIZE;
    case JWT_ES256:
        return es256_sign(key->pair, text, out);
    case JWT_RS256:
        return sign(key->pair, text, out, JWT_SIGNATURE_MAX);
    }
    return 0;
}

bool jwt_signature_fits(const struct jwt_key *key, struct slice text, struct slice signature)
{
    switch (key->algorithm) {
    case JWT_HS256:
        return hs256_verify(&key->secret, text, signature);
    case JWT_ES256:
        return es256_verify(key->pair, text, signature);
    case JWT_RS256:
        return verify(key->pair, text, bytes_of(signature), signature.n);
    }
    return false;
}
