#include "loginsvc/sessions/jwt_key.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "crypto/base64.h"
#include "crypto/hmac.h"
#include "loginsvc/sessions/jwt.h"
#include "loginsvc/sessions/pem.h"

const char *jwt_algorithm_name(enum jwt_algorithm a)
{
    switch (a) {
    case JWT_HS256:
        return "HS256";
    case JWT_ES256:
        return "ES256";
    case JWT_RS256:
        return "RS256";
    }
    return "?";
}

/* 72 bits tell the keys of one deployment apart. What the tag is made over has no dot, so it can
 * never be a JWT's own signature. */
static void name_secret(struct slice secret, char kid[JWK_KID_SIZE])
{
    enum { TAG_BYTES = 9 };
    uint8_t tag[HMAC_SHA256_SIZE];
    hmac_sha256(secret, SLICE_LIT("kid of an HS256 secret"), tag);
    base64_encode(BASE64_URL, tag, TAG_BYTES, kid, JWK_KID_SIZE);
}

bool jwt_key_from_secret(const struct secret *secret, struct jwt_key *out, struct err *e)
{
    struct slice bytes = secret_reveal(secret);
    if (bytes.n < JWT_SECRET_MIN)
        return err_set(e, "has %zu bytes: expected %d or more (make one: openssl rand -hex 32)",
                       bytes.n, JWT_SECRET_MIN);
    if (pem_is_in(bytes))
        return err_set(e, "is a PEM key: expected a secret for HS256");
    *out = (struct jwt_key){.algorithm = JWT_HS256};
    name_secret(bytes, out->kid);
    secret_set(&out->secret, bytes);
    return true;
}

/* Takes what the PEM key holds. */
static void take(struct pem_key *pem, struct jwt_key *out)
{
    *out = (struct jwt_key){.algorithm = pem->kind == PEM_P256 ? JWT_ES256 : JWT_RS256};
    out->jwk = jwk_of(pem, out->kid);
    out->pair = pem->key;
    pem->key = NULL;
}

bool jwt_key_from_private(const struct secret *pem, struct jwt_key *out, struct err *e)
{
    struct pem_key key;
    size_t n;
    if (!pem_read(secret_reveal(pem), &key, 1, &n, e))
        return false;
    if (!key.is_private) {
        pem_key_free(&key);
        return err_set(e, "is a public key: expected a private one");
    }
    take(&key, out);
    return true;
}

bool jwt_keys_from_previous(const struct secret *text, struct jwt_key *out, size_t max, size_t *n,
                            struct err *e)
{
    struct pem_key keys[JWT_KEYS_MAX];
    ASSERT(max >= 1 && max <= JWT_KEYS_MAX);
    if (!pem_is_in(secret_reveal(text))) {
        *n = jwt_key_from_secret(text, out, e);
        return *n == 1;
    }
    if (pem_has_more(secret_reveal(text)))
        return err_set(e, "holds more than PEM keys: expected these alone, or one HS256 secret");
    if (!pem_read(secret_reveal(text), keys, max, n, e))
        return false;
    for (size_t i = 0; i < *n; i++) {
        pem_key_make_public(&keys[i]);
        take(&keys[i], &out[i]);
    }
    return true;
}

void jwt_key_wipe(struct jwt_key *k)
{
    secret_wipe(&k->secret);
    EVP_PKEY_free(k->pair);
    free(k->jwk);
    k->pair = NULL;
    k->jwk = NULL;
}
