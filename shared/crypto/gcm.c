#include "crypto/gcm.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/secret.h"

/* A NULL output means associated data to OpenSSL. */
static void update(EVP_CIPHER_CTX *ctx, uint8_t *out, struct slice in)
{
    ASSERT(in.n <= GCM_INPUT_MAX);
    int n = 0;
    if (in.n)
        ASSERT(EVP_CipherUpdate(ctx, out, &n, (const uint8_t *)in.p, (int)in.n) == 1 &&
               (size_t)n == in.n);
}

static EVP_CIPHER_CTX *run(bool encrypt, const struct gcm_input *in, struct slice text,
                           uint8_t *out)
{
    ASSERT(in->key.n == GCM_KEY_SIZE);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    ASSERT(ctx != NULL);
    const uint8_t *key = (const uint8_t *)in->key.p;
    ASSERT(EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, in->nonce, encrypt) == 1);
    update(ctx, NULL, in->aad);
    update(ctx, out, text);
    return ctx;
}

void gcm_encrypt(const struct gcm_input *in, struct slice text, uint8_t *out,
                 uint8_t tag[GCM_TAG_SIZE])
{
    EVP_CIPHER_CTX *ctx = run(true, in, text, out);
    int n = 0;
    ASSERT(EVP_CipherFinal_ex(ctx, tag, &n) == 1 && n == 0);
    ASSERT(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_SIZE, tag) == 1);
    EVP_CIPHER_CTX_free(ctx);
}

bool gcm_decrypt(const struct gcm_input *in, struct slice text, const uint8_t tag[GCM_TAG_SIZE],
                 uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = run(false, in, text, out);
    uint8_t expected[GCM_TAG_SIZE], rest[1];
    int n = 0;
    memcpy(expected, tag, sizeof expected); /* OpenSSL's argument is not const */
    ASSERT(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_SIZE, expected) == 1);
    bool genuine = EVP_CipherFinal_ex(ctx, rest, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!genuine)
        bytes_wipe(out, text.n);
    return genuine;
}
