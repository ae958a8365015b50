/* aead.h - sealed values: AES-256-GCM with the id of the key and bound to its context.
 *
 *   version (1 byte) | key id (4, big-endian) | random nonce (12) | ciphertext | tag (16)
 *
 * version and key id are authenticated too. The nonce is random, so one key may seal 2^32 values
 * (NIST SP 800-38D, 8.3): rotate long before. Any thread. */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/keyring.h"

enum {
    AEAD_OVERHEAD = 1 + 4 + 12 + 16, /* bytes that sealing adds */
    AEAD_PLAIN_MAX = 1 << 20,        /* bytes of one value (asserted when sealing) */
    AEAD_CONTEXT_MAX = 512,          /* bytes of a context (asserted) */
};

enum aead_result {
    AEAD_OK,
    AEAD_MALFORMED,   /* too short, too long or of an unknown version */
    AEAD_UNKNOWN_KEY, /* sealed by a key that is not in the ring */
    AEAD_FORGED,      /* changed since, or sealed for another context */
};

/* Seals `plain` under the ring's first key. `context` says where the value belongs (it is
 * authenticated, not stored): opening needs the same bytes. Writes plain.n + AEAD_OVERHEAD bytes to
 * `out`, whose size must allow it (asserted); returns their number. */
size_t aead_seal(const struct keyring *ring, struct slice context, struct slice plain, uint8_t *out,
                 size_t size);

/* Opens into `out` (size of at least sealed.n - AEAD_OVERHEAD, else AEAD_MALFORMED); *n is the
 * number of bytes. When it fails nothing of the plain text is left in `out` and *n is untouched. */
enum aead_result aead_open(const struct keyring *ring, struct slice context, struct slice sealed,
                           uint8_t *out, size_t size, size_t *n) MUST_CHECK;

/* Was it sealed by the ring's first key? False too for what cannot be opened at all. */
bool aead_is_current(const struct keyring *ring, struct slice sealed);

/* "forged" and so on, for logs. */
const char *aead_result_name(enum aead_result r);

#endif
