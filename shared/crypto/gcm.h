/* gcm.h - AES-256-GCM bare (NIST SP 800-38D): the caller brings the nonce.
 *
 * For aead.h, which picks nonces that never repeat; a nonce used twice under one key gives the key
 * away. Any thread. */
#ifndef CRYPTO_GCM_H
#define CRYPTO_GCM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

enum {
    GCM_KEY_SIZE = 32,
    GCM_NONCE_SIZE = 12,
    GCM_TAG_SIZE = 16,
    GCM_INPUT_MAX = 1 << 30, /* bytes of text or of associated data (asserted) */
};

struct gcm_input {
    struct slice key;     /* GCM_KEY_SIZE bytes */
    const uint8_t *nonce; /* GCM_NONCE_SIZE bytes */
    struct slice aad;     /* authenticated, not encrypted */
};

/* Writes text.n encrypted bytes to `out` (may be text.p) and the tag. */
void gcm_encrypt(const struct gcm_input *in, struct slice text, uint8_t *out,
                 uint8_t tag[GCM_TAG_SIZE]);

/* Writes text.n decrypted bytes to `out`. False when the tag does not fit; `out` is then wiped. */
bool gcm_decrypt(const struct gcm_input *in, struct slice text, const uint8_t tag[GCM_TAG_SIZE],
                 uint8_t *out) MUST_CHECK;

#endif
