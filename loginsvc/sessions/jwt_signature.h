/* jwt_signature.h - the bytes that a key of the JWTs puts under a text (RFC 7518, 3).
 *
 * Inner header of the sessions; others use jwt.h. Any thread, several with one key too. */
#ifndef SESSIONS_JWT_SIGNATURE_H
#define SESSIONS_JWT_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "loginsvc/sessions/jwt_key.h"

enum { JWT_SIGNATURE_MAX = 8192 / 8 }; /* bytes: of the largest RSA key that pem.c lets pass */

/* Signs with a key that has its private half; gives the number of bytes, 0 when OpenSSL fails. */
size_t jwt_signature_write(const struct jwt_key *key, struct slice text,
                           uint8_t out[JWT_SIGNATURE_MAX]) MUST_CHECK;

/* Did this key put this signature, of any length, under the text? */
bool jwt_signature_fits(const struct jwt_key *key, struct slice text,
                        struct slice signature) MUST_CHECK;

#endif
