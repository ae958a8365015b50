/* jwt_key.h - one key of the JWTs: what it is called, what it signs and verifies with.
 *
 * Inner header of the sessions; others use jwt.h. A key is parsed when it is made and never changes
 * from then on, so that any thread may use it, and several at once. */
#ifndef SESSIONS_JWT_KEY_H
#define SESSIONS_JWT_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/err.h"
#include "base/secret.h"
#include "loginsvc/sessions/jwk.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

enum jwt_algorithm {
    JWT_HS256, /* HMAC with SHA-256 */
    JWT_ES256, /* ECDSA on P-256 with SHA-256 */
    JWT_RS256, /* RSA (PKCS #1 v1.5) with SHA-256 */
};

struct jwt_key {
    enum jwt_algorithm algorithm; /* the only one it is used with */
    char kid[JWK_KID_SIZE];       /* its thumbprint; of a secret, a tag drawn from it by HMAC */
    struct secret secret;         /* HS256; else unset */
    struct evp_pkey_st *pair;     /* ES256, RS256: with the private half only in a key that signs */
    char *jwk;                    /* the public half for the JWKS; NULL: HS256 has none */
};

/* "ES256" and so on, as it stands in tokens. */
const char *jwt_algorithm_name(enum jwt_algorithm a);

/* These make keys in *out, to be wiped; false with a line in *e that shows nothing of the key, and
 * nothing to wipe. */

/* HS256. A text that holds PEM is refused: taken for a secret, a public key would sign. */
bool jwt_key_from_secret(const struct secret *secret, struct jwt_key *out,
                         struct err *e) MUST_CHECK;

/* RS256 or ES256: the text holds one key, which is private. */
bool jwt_key_from_private(const struct secret *pem, struct jwt_key *out, struct err *e) MUST_CHECK;

/* What a line with a secret begins with, where it stands among others. */
#define JWT_SECRET_MARK "HS256:"

/* Keys that verify only, 1 to max of them: one HS256 secret that is the whole text, or all keys of
 * a PEM text and secrets, each on a line of its own with the mark before it. */
bool jwt_keys_from_previous(const struct secret *text, struct jwt_key *out, size_t max, size_t *n,
                            struct err *e) MUST_CHECK;

void jwt_key_wipe(struct jwt_key *k);

#endif
