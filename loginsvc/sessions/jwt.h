/* jwt.h - the JWT of a session: signing and verifying with the configured keys, and their JWKS.
 *
 * One key signs; previous ones still verify, so that keys can be rotated while tokens are about.
 * Each is used with its own algorithm only, and a token names the key that signed it in the
 * header's kid. Claims: sub (user id, as text), userId, openid, appid, sid, iat, exp, iss. Knows no
 * session table: whether a session was ended is the caller's question. Any thread, and several at
 * once, as signing and verifying change nothing of a signer; but nobody else may use it while
 * jwt_signer_add_previous or _replace change it. */
#ifndef SESSIONS_JWT_H
#define SESSIONS_JWT_H

#include <stdint.h>

#include "base/check.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/times.h"
#include "loginsvc/sessions/session.h"

struct jwt_signer; /* opaque; wipes its keys when freed */

enum {
    JWT_TEXT_MAX = 4096, /* bytes of a token: longer ones are refused unread */
    JWT_SECRET_MIN = 32, /* bytes of an HS256 secret */
    JWT_KEYS_MAX = 16,   /* the one that signs and the previous ones */
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
    JWT_TOO_LONG,    /* beyond JWT_TEXT_MAX */
    JWT_MALFORMED,   /* not a JWT */
    JWT_ALGORITHM,   /* not the algorithm of a key of ours, or of the key it names; "none" too */
    JWT_UNKNOWN_KEY, /* names a key that is not ours (any more, or not yet) */
    JWT_SIGNATURE,   /* not signed by our key, or what was signed is no JSON of one meaning */
    JWT_EXPIRED,     /* exp has come */
    JWT_WRONG_ISSUER,
    JWT_WRONG_CLAIMS, /* a claim is missing or has the wrong type or size, exp among them */
};

/* Signs and verifies with HS256. NULL with a line in *e (never with the secret) when the secret is
 * shorter than JWT_SECRET_MIN or a PEM key. `issuer` is copied. */
struct jwt_signer *jwt_signer_new_hs256(const struct secret *secret, const char *issuer,
                                        struct err *e) MUST_CHECK;

/* Signs with the private key, the only key in the PEM text: RS256 for RSA keys (2048 to 8192 bits),
 * ES256 for keys on P-256. NULL with a line in *e for anything else. */
struct jwt_signer *jwt_signer_new_pem(const struct secret *pem, const char *issuer,
                                      struct err *e) MUST_CHECK;

/* Verifies from now on also what the keys of this text signed: an HS256 secret, or PEM keys, public
 * or private (of which only the public half is kept), and secrets, each of these on a line
 * HS256:SECRET. Unset adds nothing; a key that is there already stays as it is. False with a line
 * in *e, and nothing added, for anything else and beyond JWT_KEYS_MAX. */
bool jwt_signer_add_previous(struct jwt_signer *j, const struct secret *keys,
                             struct err *e) MUST_CHECK;

/* j goes on with the keys of `newer`, which is freed, in place of its own; its issuer stays. */
void jwt_signer_replace(struct jwt_signer *j, struct jwt_signer *newer);

void jwt_signer_free(struct jwt_signer *j); /* NULL is allowed */

/* Of the key that signs: "HS256", and the name that tells it apart, which is no secret. Borrowed
 * until the keys are replaced. */
const char *jwt_signer_algorithm(const struct jwt_signer *j);
const char *jwt_signer_kid(const struct jwt_signer *j);

size_t jwt_signer_count(const struct jwt_signer *j); /* of all keys, 1 to JWT_KEYS_MAX */

/* {"keys":[...]} (RFC 7517) with the public halves, that of the key that signs first; an HS256
 * secret is not in it. JSON text that the caller frees. */
char *jwt_signer_jwks(const struct jwt_signer *j) MUST_CHECK;

/* Signs the claims; out receives the token with a NUL. False, and nothing written, only when a text
 * is no UTF-8, the token would not fit or OpenSSL cannot sign. */
bool jwt_signer_sign(const struct jwt_signer *j, const struct jwt_claims *claims,
                     char out[JWT_TEXT_MAX + 1]) MUST_CHECK;

/* Verifies a token of a client at the time `now` with no leeway: exp must lie after it. *claims is
 * filled for JWT_OK only. */
enum jwt_reason jwt_signer_verify(const struct jwt_signer *j, struct slice token, wall_ms_t now,
                                  struct jwt_claims *claims) MUST_CHECK;

/* "expired" and so on, for logs and metrics. */
const char *jwt_reason_name(enum jwt_reason r);

#endif
