/* jwt_key.h - one key of the JWTs: what it is called, what it signs and verifies with.
 *
 * Inner header of the sessions; others use jwt.h. Any thread. */
#ifndef SESSIONS_JWT_KEY_H
#define SESSIONS_JWT_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include <jwt.h>

#include "base/check.h"
#include "base/err.h"
#include "base/secret.h"
#include "loginsvc/sessions/jwk.h"

struct jwt_key {
    jwt_alg_t algorithm;    /* the only one it is used with */
    char kid[JWK_KID_SIZE]; /* its thumbprint; of a secret, a tag drawn from it by HMAC */
    struct secret sign_key; /* the HS256 secret, or the private key in PEM; unset: only verifies */
    struct secret verify_key; /* the same secret, or the public key in PEM */
    char *jwk;                /* the public half for the JWKS; NULL: HS256 has none */
};

/* These make keys in *out, to be wiped; false with a line in *e that shows nothing of the key, and
 * nothing to wipe. */

/* HS256. A text that holds PEM is refused: taken for a secret, a public key would sign. */
bool jwt_key_from_secret(const struct secret *secret, struct jwt_key *out,
                         struct err *e) MUST_CHECK;

/* RS256 or ES256: the text holds one key, which is private. */
bool jwt_key_from_private(const struct secret *pem, struct jwt_key *out, struct err *e) MUST_CHECK;

/* Keys that verify only, 1 to max of them: all keys of a PEM text, or one HS256 secret. */
bool jwt_keys_from_previous(const struct secret *text, struct jwt_key *out, size_t max, size_t *n,
                            struct err *e) MUST_CHECK;

void jwt_key_wipe(struct jwt_key *k);

#endif
