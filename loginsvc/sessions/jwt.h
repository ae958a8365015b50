/* jwt.h - the JWT of a session: signing and verifying with the one configured algorithm.
 *
 * Claims: sub (user id, as text), userId, openid, appid, sid, iat, exp, iss. A house around libjwt,
 * which verifies the signature; algorithm, times and issuer are checked here. Knows no session
 * table: whether a session was ended is the caller's question. Immutable once made, any thread. */
#ifndef SESSIONS_JWT_H
#define SESSIONS_JWT_H

#include <stdint.h>

#include "base/check.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/times.h"
#include "loginsvc/sessions/session.h"

struct jwt_signer; /* opaque; wipes its key when freed */

enum {
    JWT_TEXT_MAX = 4096, /* bytes of a token: longer ones are refused unread */
    JWT_SECRET_MIN = 32, /* bytes of an HS256 secret */
    JWT_OPENID_SIZE = 65,
    JWT_APPID_SIZE = 33,
};

struct jwt_claims {
    int64_t user_id;              /* positive */
    char openid[JWT_OPENID_SIZE]; /* empty when the user has none */
    char appid[JWT_APPID_SIZE];
    char sid[SESSION_ID_SIZE];
    int64_t iat_s; /* Unix seconds */
    int64_t exp_s;
};

enum jwt_reason {
    JWT_OK,
    JWT_TOO_LONG,  /* beyond JWT_TEXT_MAX */
    JWT_MALFORMED, /* not a JWT */
    JWT_ALGORITHM, /* not the configured algorithm; "none" among them */
    JWT_SIGNATURE, /* not signed by our key, or what was signed is no JSON */
    JWT_EXPIRED,   /* exp has come */
    JWT_WRONG_ISSUER,
    JWT_WRONG_CLAIMS, /* a claim is missing or has the wrong type or size, exp among them */
};

/* Signs and verifies with HS256. NULL with a line in *e (never with the secret) when the secret is
 * shorter than JWT_SECRET_MIN. `issuer` is copied. */
struct jwt_signer *jwt_signer_new_hs256(const struct secret *secret, const char *issuer,
                                        struct err *e) MUST_CHECK;

/* Signs with the PEM private key: RS256 for RSA keys (2048 bits at least), ES256 for keys on P-256.
 * NULL with a line in *e for anything else. */
struct jwt_signer *jwt_signer_new_pem(const struct secret *pem, const char *issuer,
                                      struct err *e) MUST_CHECK;

void jwt_signer_free(struct jwt_signer *j); /* NULL is allowed */

const char *jwt_signer_algorithm(const struct jwt_signer *j); /* "HS256" */

/* Signs the claims; out receives the token with a NUL. False only when the library fails (memory)
 * or the token would not fit; nothing is written then. */
bool jwt_signer_sign(const struct jwt_signer *j, const struct jwt_claims *claims,
                     char out[JWT_TEXT_MAX + 1]) MUST_CHECK;

/* Verifies a token of a client at the time `now` with no leeway: exp must lie after it. *claims is
 * filled for JWT_OK only. */
enum jwt_reason jwt_signer_verify(const struct jwt_signer *j, struct slice token, wall_ms_t now,
                                  struct jwt_claims *claims) MUST_CHECK;

/* "expired" and so on, for logs and metrics. */
const char *jwt_reason_name(enum jwt_reason r);

#endif
