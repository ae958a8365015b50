#include "crypto/keyring.h"

#include <stdlib.h>

#include "base/secret.h"
#include "crypto/base64.h"
#include "crypto/hmac.h"

struct keyring {
    struct secret keys[KEYRING_MAX];
    uint32_t ids[KEYRING_MAX];
    size_t count;
};

static uint32_t id_of(struct slice key)
{
    uint8_t id[4];
    hkdf_sha256(key, SLICE_LIT(""), SLICE_LIT("key id"), id, sizeof id);
    return (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
}

/* Adds a key of KEYRING_KEY_SIZE bytes; false when one of the same id is there already. */
static bool add_key(struct keyring *r, struct slice key)
{
    ASSERT(r->count < KEYRING_MAX && key.n == KEYRING_KEY_SIZE);
    uint32_t id = id_of(key);
    for (size_t i = 0; i < r->count; i++) {
        if (r->ids[i] == id)
            return false;
    }
    secret_set(&r->keys[r->count], key);
    r->ids[r->count++] = id;
    return true;
}

static bool parse_key(struct keyring *r, struct slice text, struct err *e)
{
    size_t nth = r->count + 1;
    if (r->count == KEYRING_MAX)
        return err_set(e, "more than %d keys", KEYRING_MAX);
    char key[KEYRING_KEY_SIZE];
    size_t n = 0;
    bool decoded = base64_decode(BASE64_STANDARD, slice_trim(text), key, sizeof key, &n);
    bool right = decoded && n == sizeof key;
    bool added = right && add_key(r, (struct slice){key, sizeof key});
    bytes_wipe(key, sizeof key);
    if (!right)
        return err_set(e, "key %zu is not %d bytes in base64 (make one: openssl rand -base64 %d)",
                       nth, KEYRING_KEY_SIZE, KEYRING_KEY_SIZE);
    return added || err_set(e, "key %zu is there twice", nth);
}

struct keyring *keyring_parse(struct slice text, struct err *e)
{
    struct keyring *r = xcalloc(1, sizeof *r);
    struct slice rest = text;
    do {
        if (!parse_key(r, slice_cut(&rest, ','), e)) {
            keyring_free(r);
            return NULL;
        }
    } while (rest.p);
    return r;
}

struct keyring *keyring_derive(const struct keyring *master, const char *label)
{
    struct keyring *r = xcalloc(1, sizeof *r);
    struct secret key = {NULL, 0};
    for (size_t i = 0; i < master->count; i++) {
        subkey_derive(keyring_key(master, i), label, &key);
        ASSERT(add_key(r, secret_reveal(&key)));
    }
    secret_wipe(&key);
    return r;
}

void keyring_free(struct keyring *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        secret_wipe(&r->keys[i]);
    free(r);
}

size_t keyring_count(const struct keyring *r)
{
    return r->count;
}

struct slice keyring_key(const struct keyring *r, size_t i)
{
    ASSERT(i < r->count);
    return secret_reveal(&r->keys[i]);
}

uint32_t keyring_key_id(const struct keyring *r, size_t i)
{
    ASSERT(i < r->count);
    return r->ids[i];
}
