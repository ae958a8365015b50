#include "crypto/hmac.h"

#include <limits.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>

enum { MASTER_MIN = 32, HKDF_MAX = 255 * HMAC_SHA256_SIZE };

void hmac_sha256(struct slice key, struct slice data, uint8_t out[HMAC_SHA256_SIZE])
{
    ASSERT(key.n <= INT_MAX);
    /* To OpenSSL a NULL key would mean "the key of the call before", hence the empty text. */
    const unsigned char *bytes = (const unsigned char *)(data.n ? data.p : "");
    ASSERT(HMAC(EVP_sha256(), key.n ? key.p : "", (int)key.n, bytes, data.n, out, NULL) != NULL);
}

/* OpenSSL's parameters are not const, but it only reads these. */
static OSSL_PARAM octets(const char *name, struct slice s)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(s.n ? s.p : ""), s.n);
}

void hkdf_sha256(struct slice material, struct slice salt, struct slice info, uint8_t *out,
                 size_t n)
{
    ASSERT(n > 0 && n <= HKDF_MAX);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_KEY, material),
        octets(OSSL_KDF_PARAM_SALT, salt),
        octets(OSSL_KDF_PARAM_INFO, info),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    ASSERT(kdf != NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    ASSERT(ctx != NULL && EVP_KDF_derive(ctx, out, n, params) == 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

void subkey_derive(struct slice master, const char *label, struct secret *out)
{
    ASSERT(master.n >= MASTER_MIN && label[0] != '\0');
    uint8_t key[SUBKEY_SIZE];
    hkdf_sha256(master, (struct slice){NULL, 0}, slice_of(label), key, sizeof key);
    secret_set(out, (struct slice){(char *)key, sizeof key});
    bytes_wipe(key, sizeof key);
}
