/* hmac.h - keyed hashes: HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869). Any thread. */
#ifndef CRYPTO_HMAC_H
#define CRYPTO_HMAC_H

#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "base/text.h"

enum {
    HMAC_SHA256_SIZE = 32, /* bytes of a tag */
    SUBKEY_SIZE = 32,      /* bytes of a derived key */
};

void hmac_sha256(struct slice key, struct slice data, uint8_t out[HMAC_SHA256_SIZE]);

/* Fills `out` with n bytes (1 to 255 * 32) drawn from the key material. salt and info may be empty.
 */
void hkdf_sha256(struct slice material, struct slice salt, struct slice info, uint8_t *out,
                 size_t n);

/* Replaces *out by the key of SUBKEY_SIZE bytes that `master` gives for `label`. Different labels
 * give independent keys, so that no two purposes ever share one. The master must have 32 bytes or
 * more (asserted: its parser refused the rest). */
void subkey_derive(struct slice master, const char *label, struct secret *out);

#endif
