/* base64.h - bytes to text and back: RFC 4648, the standard alphabet and the one for URLs.
 *
 * Standard text is padded, URL text is not. Decoding is strict: no blanks, the right padding, no
 * stray bits in the last character, so that every value has exactly one text. Not constant-time.
 * Any thread. */
#ifndef CRYPTO_BASE64_H
#define CRYPTO_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/text.h"

enum base64_kind {
    BASE64_STANDARD, /* + and /, padded */
    BASE64_URL,      /* - and _, not padded */
};

/* Room for the text of n bytes and its NUL (of either kind). */
#define BASE64_TEXT_SIZE(n) (((n) + 2) / 3 * 4 + 1)
/* Room for the bytes of a text of n characters, at most. */
#define BASE64_BYTES_MAX(n) (((n) + 3) / 4 * 3)

/* Writes the text of n bytes and a NUL to `out`, whose size is at least BASE64_TEXT_SIZE(n)
 * (asserted). Returns the text's length. */
size_t base64_encode(enum base64_kind kind, const void *bytes, size_t n, char *out, size_t size);

/* Decodes the whole text into `out`; *n is the number of bytes. False when the text is not strictly
 * of this kind or has more than `size` bytes; *n is then untouched, `out` undefined. */
bool base64_decode(enum base64_kind kind, struct slice text, void *out, size_t size,
                   size_t *n) MUST_CHECK;

#endif
