#include "loginsvc/users/phone_vault.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/hmac.h"

enum { PLACE_SIZE = 16 + USER_APPID_SIZE + 24 };

static const char mark_text[] = "loginsvc users";

struct phone_vault {
    struct keyring *seal;
    struct keyring *index;
};

struct phone_vault *phone_vault_new(const struct keyring *master)
{
    struct phone_vault *v = xcalloc(1, sizeof *v);
    v->seal = keyring_derive(master, "loginsvc phone");
    v->index = keyring_derive(master, "loginsvc phone index");
    return v;
}

void phone_vault_free(struct phone_vault *v)
{
    if (!v)
        return;
    keyring_free(v->seal);
    keyring_free(v->index);
    free(v);
}

/* Where a phone belongs: a sealed one that is moved to another row does not open there. */
static struct slice place_of(const char *appid, int64_t user_id, char out[PLACE_SIZE])
{
    struct text t = text_init(out, PLACE_SIZE);
    text_fmt(&t, "user phone|%s|%" PRId64, appid, user_id);
    ASSERT(!t.cut);
    return (struct slice){t.p, t.n};
}

size_t phone_vault_seal(const struct phone_vault *v, const char *appid, int64_t user_id,
                        const char *phone, uint8_t out[PHONE_SEALED_MAX])
{
    char place[PLACE_SIZE];
    return aead_seal(v->seal, place_of(appid, user_id, place), slice_of(phone), out,
                     PHONE_SEALED_MAX);
}

enum aead_result phone_vault_open(const struct phone_vault *v, const char *appid, int64_t user_id,
                                  struct slice sealed, char out[USER_PHONE_SIZE])
{
    char place[PLACE_SIZE];
    size_t n = 0;
    enum aead_result r = aead_open(v->seal, place_of(appid, user_id, place), sealed, (uint8_t *)out,
                                   USER_PHONE_SIZE - 1, &n);
    out[n] = '\0';
    return r;
}

bool phone_vault_is_current(const struct phone_vault *v, struct slice sealed)
{
    return aead_is_current(v->seal, sealed);
}

void phone_vault_index(const struct phone_vault *v, size_t i, const char *appid,
                       const char *country_code, const char *phone, uint8_t out[PHONE_INDEX_SIZE])
{
    char what[USER_APPID_SIZE + USER_COUNTRY_CODE_SIZE + USER_PHONE_SIZE];
    uint8_t tag[HMAC_SHA256_SIZE];
    struct text t = text_init(what, sizeof what);
    text_fmt(&t, "%s|%s|%s", appid, country_code, phone);
    ASSERT(!t.cut);
    hmac_sha256(keyring_key(v->index, i), (struct slice){t.p, t.n}, tag);
    memcpy(out, tag, PHONE_INDEX_SIZE);
    bytes_wipe(what, sizeof what);
}

bool phone_vault_is_current_pair(const struct phone_vault *v, const char *appid,
                                 const char *country_code, const char *phone, struct slice sealed,
                                 struct slice index)
{
    uint8_t current[PHONE_INDEX_SIZE];
    phone_vault_index(v, 0, appid, country_code, phone, current);
    return phone_vault_is_current(v, sealed) &&
           slice_eq(index, (struct slice){(char *)current, sizeof current});
}

size_t phone_vault_keys(const struct phone_vault *v)
{
    return keyring_count(v->index);
}

size_t phone_vault_mark(const struct phone_vault *v, uint8_t out[PHONE_MARK_MAX])
{
    return aead_seal(v->seal, SLICE_LIT("key check"), slice_of(mark_text), out, PHONE_MARK_MAX);
}

bool phone_vault_knows_mark(const struct phone_vault *v, struct slice mark)
{
    uint8_t text[PHONE_MARK_MAX];
    size_t n = 0;
    return aead_open(v->seal, SLICE_LIT("key check"), mark, text, sizeof text, &n) == AEAD_OK &&
           slice_is((struct slice){(char *)text, n}, mark_text);
}
