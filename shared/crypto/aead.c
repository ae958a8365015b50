#include "crypto/aead.h"

#include <openssl/evp.h>

#include "base/secret.h"
#include "sys/entropy.h"

enum {
    VERSION = 1,
    KEY_ID_SIZE = 4,
    NONCE_SIZE = 12,
    TAG_SIZE = 16,
    HEADER_SIZE = 1 + KEY_ID_SIZE, /* authenticated, not encrypted */
    BODY_AT = HEADER_SIZE + NONCE_SIZE,
};

static void put_header(uint8_t *out, uint32_t key_id)
{
    out[0] = VERSION;
    for (int i = 0; i < KEY_ID_SIZE; i++)
        out[1 + i] = (uint8_t)(key_id >> (24 - 8 * i));
}

static uint32_t get_key_id(const uint8_t *sealed)
{
    uint32_t id = 0;
    for (int i = 0; i < KEY_ID_SIZE; i++)
        id = id << 8 | sealed[1 + i];
    return id;
}

/* Starts an operation over a sealed value: key, nonce, then header and context as associated data.
 * The fixed size of the header keeps the two apart. */
static EVP_CIPHER_CTX *start(bool seal, struct slice key, const uint8_t *sealed,
                             struct slice context)
{
    ASSERT(key.n == KEYRING_KEY_SIZE && context.n <= AEAD_PLAIN_MAX);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    ASSERT(ctx != NULL);
    const unsigned char *key_bytes = (const unsigned char *)key.p;
    int n = 0;
    ASSERT(EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key_bytes, sealed + HEADER_SIZE, seal) ==
           1);
    ASSERT(EVP_CipherUpdate(ctx, NULL, &n, sealed, HEADER_SIZE) == 1);
    if (context.n)
        ASSERT(EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)context.p, (int)context.n) ==
               1);
    return ctx;
}

static void crypt(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, size_t len)
{
    int n = 0;
    if (len)
        ASSERT(EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 && (size_t)n == len);
}

size_t aead_seal(const struct keyring *ring, struct slice context, struct slice plain, uint8_t *out,
                 size_t size)
{
    ASSERT(plain.n <= AEAD_PLAIN_MAX && size >= plain.n + AEAD_OVERHEAD);
    put_header(out, keyring_key_id(ring, 0));
    entropy_fill(out + HEADER_SIZE, NONCE_SIZE);
    EVP_CIPHER_CTX *ctx = start(true, keyring_key(ring, 0), out, context);
    uint8_t *tag = out + BODY_AT + plain.n;
    int n = 0;
    crypt(ctx, out + BODY_AT, (const uint8_t *)plain.p, plain.n);
    ASSERT(EVP_CipherFinal_ex(ctx, tag, &n) == 1 && n == 0);
    ASSERT(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1);
    EVP_CIPHER_CTX_free(ctx);
    return plain.n + AEAD_OVERHEAD;
}

/* The ring's key with this id; empty when there is none. */
static struct slice find_key(const struct keyring *ring, uint32_t id)
{
    for (size_t i = 0; i < keyring_count(ring); i++) {
        if (keyring_key_id(ring, i) == id)
            return keyring_key(ring, i);
    }
    return (struct slice){NULL, 0};
}

static bool well_formed(struct slice sealed)
{
    return sealed.n >= AEAD_OVERHEAD && sealed.n <= AEAD_OVERHEAD + AEAD_PLAIN_MAX &&
           sealed.p[0] == VERSION;
}

enum aead_result aead_open(const struct keyring *ring, struct slice context, struct slice sealed,
                           uint8_t *out, size_t size, size_t *n)
{
    if (!well_formed(sealed) || sealed.n - AEAD_OVERHEAD > size)
        return AEAD_MALFORMED;
    const uint8_t *in = (const uint8_t *)sealed.p;
    struct slice key = find_key(ring, get_key_id(in));
    if (!key.n)
        return AEAD_UNKNOWN_KEY;
    size_t len = sealed.n - AEAD_OVERHEAD;
    uint8_t tag[TAG_SIZE], none[1];
    int rest = 0;
    for (size_t i = 0; i < TAG_SIZE; i++)
        tag[i] = in[BODY_AT + len + i];
    EVP_CIPHER_CTX *ctx = start(false, key, in, context);
    crypt(ctx, out, in + BODY_AT, len);
    ASSERT(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1);
    bool genuine = EVP_CipherFinal_ex(ctx, none, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!genuine) {
        bytes_wipe(out, len);
        return AEAD_FORGED;
    }
    *n = len;
    return AEAD_OK;
}

bool aead_is_current(const struct keyring *ring, struct slice sealed)
{
    return well_formed(sealed) && get_key_id((const uint8_t *)sealed.p) == keyring_key_id(ring, 0);
}

const char *aead_result_name(enum aead_result r)
{
    switch (r) {
    case AEAD_OK:
        return "ok";
    case AEAD_MALFORMED:
        return "malformed";
    case AEAD_UNKNOWN_KEY:
        return "unknown_key";
    case AEAD_FORGED:
        return "forged";
    }
    return "?";
}
