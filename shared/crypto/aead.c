#include "crypto/aead.h"

#include <string.h>

#include "crypto/gcm.h"
#include "sys/entropy.h"

enum {
    VERSION = 1,
    KEY_ID_SIZE = 4,
    HEADER_SIZE = 1 + KEY_ID_SIZE,
    BODY_AT = HEADER_SIZE + GCM_NONCE_SIZE,
};

_Static_assert(AEAD_OVERHEAD == BODY_AT + GCM_TAG_SIZE, "the format of aead.h");
_Static_assert((int)KEYRING_KEY_SIZE == (int)GCM_KEY_SIZE, "a ring's keys are AES-256 keys");

static void put_header(uint8_t *out, uint32_t key_id)
{
    out[0] = VERSION;
    for (int i = 0; i < KEY_ID_SIZE; i++)
        out[1 + i] = (uint8_t)(key_id >> (24 - 8 * i));
}

static uint32_t get_key_id(struct slice sealed)
{
    uint32_t id = 0;
    for (int i = 0; i < KEY_ID_SIZE; i++)
        id = id << 8 | (uint8_t)sealed.p[1 + i];
    return id;
}

/* The associated data: header, then context. The header's fixed size keeps the two apart. */
static struct slice bind(const uint8_t *header, struct slice context,
                         char aad[HEADER_SIZE + AEAD_CONTEXT_MAX])
{
    ASSERT(context.n <= AEAD_CONTEXT_MAX);
    memcpy(aad, header, HEADER_SIZE);
    if (context.n)
        memcpy(aad + HEADER_SIZE, context.p, context.n);
    return (struct slice){aad, HEADER_SIZE + context.n};
}

size_t aead_seal(const struct keyring *ring, struct slice context, struct slice plain, uint8_t *out,
                 size_t size)
{
    ASSERT(plain.n <= AEAD_PLAIN_MAX && size >= plain.n + AEAD_OVERHEAD);
    char aad[HEADER_SIZE + AEAD_CONTEXT_MAX];
    put_header(out, keyring_key_id(ring, 0));
    entropy_fill(out + HEADER_SIZE, GCM_NONCE_SIZE);
    struct gcm_input in = {keyring_key(ring, 0), out + HEADER_SIZE, bind(out, context, aad)};
    gcm_encrypt(&in, plain, out + BODY_AT, out + BODY_AT + plain.n);
    return plain.n + AEAD_OVERHEAD;
}

static bool well_formed(struct slice sealed)
{
    return sealed.n >= AEAD_OVERHEAD && sealed.n <= AEAD_OVERHEAD + AEAD_PLAIN_MAX &&
           sealed.p[0] == VERSION;
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

enum aead_result aead_open(const struct keyring *ring, struct slice context, struct slice sealed,
                           uint8_t *out, size_t size, size_t *n)
{
    if (!well_formed(sealed) || sealed.n - AEAD_OVERHEAD > size)
        return AEAD_MALFORMED;
    struct slice key = find_key(ring, get_key_id(sealed));
    if (!key.n)
        return AEAD_UNKNOWN_KEY;
    const uint8_t *bytes = (const uint8_t *)sealed.p;
    struct slice body = {sealed.p + BODY_AT, sealed.n - AEAD_OVERHEAD};
    char aad[HEADER_SIZE + AEAD_CONTEXT_MAX];
    struct gcm_input in = {key, bytes + HEADER_SIZE, bind(bytes, context, aad)};
    if (!gcm_decrypt(&in, body, bytes + BODY_AT + body.n, out))
        return AEAD_FORGED;
    *n = body.n;
    return AEAD_OK;
}

bool aead_is_current(const struct keyring *ring, struct slice sealed)
{
    return well_formed(sealed) && get_key_id(sealed) == keyring_key_id(ring, 0);
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
