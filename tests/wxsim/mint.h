/* mint.h - makes the opaque texts that WeChat hands out (tokens, codes, openids) from numbers, and
 * reads the number back.
 *
 * A text is a function of the seed, its kind and its number, so nothing has to be kept to recognise
 * one, however old. The first characters hold the number, encrypted, the rest is a stream that must
 * match it: a text of another kind, of another seed or with a changed character has no number.
 * Pure; not cryptography (a stand-in's tokens protect nothing). Any thread. */
#ifndef WXSIM_MINT_H
#define WXSIM_MINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum mint_kind { MINT_TOKEN, MINT_LOGIN_CODE, MINT_PHONE_CODE, MINT_OPENID, MINT_SESSION_KEY };

struct mint {
    uint64_t seed;
};

enum {
    MINT_MIN_CHARS = 16, /* what the number needs */
    MINT_MAX_CHARS = 512,
};

/* Writes `chars` characters (MINT_MIN_CHARS to MINT_MAX_CHARS) and a NUL. Codes are lower-case hex,
 * all else is base64url. */
void mint_write(const struct mint *m, enum mint_kind kind, uint64_t number, char *out,
                size_t chars);

/* False when mint_write never gave this text. */
bool mint_read(const struct mint *m, enum mint_kind kind, struct slice text,
               uint64_t *number) MUST_CHECK;

#endif
