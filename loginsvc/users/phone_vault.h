/* phone_vault.h - phones at rest: sealed for reading, hashed with a key for finding.
 *
 * Two rings drawn from DATA_KEY, one to seal and one for the blind index, so that neither shares a
 * key with anything else. Immutable once made: any thread. */
#ifndef USERS_PHONE_VAULT_H
#define USERS_PHONE_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/aead.h"
#include "crypto/keyring.h"
#include "loginsvc/users/user.h"

struct phone_vault; /* opaque */

enum {
    PHONE_SEALED_MAX = USER_PHONE_SIZE - 1 + AEAD_OVERHEAD,
    PHONE_INDEX_SIZE = 16, /* HMAC-SHA256 cut to 128 bits */
    PHONE_MARK_MAX = 64,
};

struct phone_vault *phone_vault_new(const struct keyring *master) MUST_CHECK;
void phone_vault_free(struct phone_vault *v); /* NULL is allowed */

/* Seals the phone of one user: it opens for that user alone. Returns the bytes written. */
size_t phone_vault_seal(const struct phone_vault *v, const char *appid, int64_t user_id,
                        const char *phone, uint8_t out[PHONE_SEALED_MAX]);

/* Writes the number with a NUL; the empty text unless AEAD_OK. */
enum aead_result phone_vault_open(const struct phone_vault *v, const char *appid, int64_t user_id,
                                  struct slice sealed, char out[USER_PHONE_SIZE]) MUST_CHECK;

/* Was it sealed with the newest key? */
bool phone_vault_is_current(const struct phone_vault *v, struct slice sealed);

/* The value by which (appid, country_code, phone) is found, under the i-th key: 0 is the one that
 * is stored today, the others find what was stored before a rotation. */
void phone_vault_index(const struct phone_vault *v, size_t i, const char *appid,
                       const char *country_code, const char *phone, uint8_t out[PHONE_INDEX_SIZE]);

/* Are the sealed phone and its index both as the newest keys make them? `phone` is what it opens
 * to.
 */
bool phone_vault_is_current_pair(const struct phone_vault *v, const char *appid,
                                 const char *country_code, const char *phone, struct slice sealed,
                                 struct slice index);

size_t phone_vault_keys(const struct phone_vault *v); /* 1 to KEYRING_MAX */

/* A mark that only a vault with the same key opens, to be kept in the database. Returns its size.
 */
size_t phone_vault_mark(const struct phone_vault *v, uint8_t out[PHONE_MARK_MAX]);
bool phone_vault_knows_mark(const struct phone_vault *v, struct slice mark) MUST_CHECK;

#endif
