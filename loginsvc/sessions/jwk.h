/* jwk.h - the public half of a key as a JSON Web Key (RFC 7517), and its thumbprint (RFC 7638),
 * which names it. Any thread. */
#ifndef SESSIONS_JWK_H
#define SESSIONS_JWK_H

#include "base/check.h"
#include "crypto/base64.h"
#include "crypto/digest.h"
#include "loginsvc/sessions/pem.h"

enum { JWK_KID_SIZE = BASE64_TEXT_SIZE(SHA256_SIZE) };

/* {"kty":...,"use":"sig","alg":...,"kid":...} with n and e, or crv, x and y, as JSON text that the
 * caller frees; `kid` receives the thumbprint. Nothing of a private half is in it. */
char *jwk_of(const struct pem_key *k, char kid[JWK_KID_SIZE]) MUST_CHECK;

#endif
