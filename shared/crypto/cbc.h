/* cbc.h - AES-128-CBC bare (NIST SP 800-38A): decrypts; the look at the padding is a step apart.
 *
 * CBC proves nothing about who wrote a text, and whoever can send texts and learn which of them are
 * padded well reads any text: a caller must not let that show, neither in what it answers nor in
 * how long it takes. For what WeChat still encrypts so; everything of our own is sealed by aead.h.
 * Any thread. */
#ifndef CRYPTO_CBC_H
#define CRYPTO_CBC_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

enum {
    CBC_KEY_SIZE = 16,
    CBC_BLOCK_SIZE = 16,
    CBC_INPUT_MAX = 1 << 20, /* bytes of a text (asserted) */
};

/* Writes text.n decrypted bytes, the padding among them, to `out`. text.n is a multiple of
 * CBC_BLOCK_SIZE and not 0 (asserted). */
void cbc_decrypt(const uint8_t key[CBC_KEY_SIZE], const uint8_t iv[CBC_BLOCK_SIZE],
                 struct slice text, uint8_t *out);

/* The length of n decrypted bytes without their PKCS#7 padding (RFC 5652, 6.3): less than n. n when
 * they are not padded like that. Takes the same steps whatever the bytes are. n as for
 * cbc_decrypt. */
size_t cbc_unpadded_length(const uint8_t *bytes, size_t n) MUST_CHECK;

#endif
