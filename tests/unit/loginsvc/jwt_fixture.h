/* jwt_fixture.h - what the tests of JWTs share: good claims, keys, signers, and forged tokens. */
#ifndef TEST_JWT_FIXTURE_H
#define TEST_JWT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "loginsvc/sessions/jwt.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define ISSUER "loginsvc"
#define SID    "0123456789abcdef0123456789abcdef"

#define HS256_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define GOOD_CLAIMS                                                                                \
    "{\"sub\":\"42\",\"userId\":42,\"openid\":\"openid-1\",\"appid\":\"wx1\",\"sid\":\"" SID       \
    "\",\"iat\":1000,\"exp\":2000,\"iss\":\"loginsvc\"}"

extern const wall_ms_t in_time, too_late;   /* for the exp of these: */
extern const struct jwt_claims good_claims; /* those of GOOD_CLAIMS */

struct secret secret_of(const char *text);

/* The key in PEM: its private half, encrypted or not, or its public one. */
struct secret private_pem(EVP_PKEY *key);
struct secret encrypted_pem(EVP_PKEY *key);
struct secret public_pem(EVP_PKEY *key);

/* Keys made once for the whole program. */
EVP_PKEY *rsa_key(void);
EVP_PKEY *other_rsa_key(void);
EVP_PKEY *ec_key(void);
EVP_PKEY *other_ec_key(void);

struct jwt_signer *hs256_signer(const char *secret, const char *issuer);
struct jwt_signer *signer_of(EVP_PKEY *key);

/* Adds, and wipes, a key that must be good. */
void add_previous(struct jwt_signer *j, struct secret key);

/* A token of any header and claims, signed with HMAC-SHA256 under `key`; NULL: the signature is
 * empty. The caller frees. */
char *forge(const char *header, const char *body, struct slice key);

/* A good token of this signer, in memory of the next call. */
const char *token_of(const struct jwt_signer *j);

/* What the signer says: "ok", or the reason. */
const char *verify(const struct jwt_signer *j, const char *token, wall_ms_t now);

#endif
