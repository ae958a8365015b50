#include "loginsvc/sessions/jwt_key.h"

#include <stdlib.h>

#include "crypto/base64.h"
#include "crypto/hmac.h"
#include "loginsvc/sessions/jwt.h"
#include "loginsvc/sessions/pem.h"

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
    *out = (struct jwt_key){.algorithm = JWT_ALG_HS256};
    name_secret(bytes, out->kid);
    secret_set(&out->sign_key, bytes);
    secret_set(&out->verify_key, bytes);
    return true;
}

/* The public half only. */
static void from_pem_key(const struct pem_key *pem, struct jwt_key *out)
{
    *out = (struct jwt_key){.algorithm = pem->kind == PEM_P256 ? JWT_ALG_ES256 : JWT_ALG_RS256};
    out->jwk = jwk_of(pem, out->kid);
    pem_write_public(pem, &out->verify_key);
}

bool jwt_key_from_private(const struct secret *pem, struct jwt_key *out, struct err *e)
{
    struct pem_key key;
    size_t n;
    if (!pem_read(secret_reveal(pem), &key, 1, &n, e))
        return false;
    if (key.is_private) {
        from_pem_key(&key, out);
        pem_write_private(&key, &out->sign_key);
    } else {
        err_set(e, "is a public key: expected a private one");
    }
    bool is_private = key.is_private;
    pem_key_free(&key);
    return is_private;
}

bool jwt_keys_from_previous(const struct secret *text, struct jwt_key *out, size_t max, size_t *n,
                            struct err *e)
{
    struct pem_key keys[JWT_KEYS_MAX];
    ASSERT(max >= 1 && max <= JWT_KEYS_MAX);
    if (!pem_is_in(secret_reveal(text))) {
        bool good = jwt_key_from_secret(text, out, e);
        if (good)
            secret_wipe(&out->sign_key);
        *n = good;
        return good;
    }
    if (!pem_read(secret_reveal(text), keys, max, n, e))
        return false;
    for (size_t i = 0; i < *n; i++) {
        from_pem_key(&keys[i], &out[i]);
        pem_key_free(&keys[i]);
    }
    return true;
}

void jwt_key_wipe(struct jwt_key *k)
{
    secret_wipe(&k->sign_key);
    secret_wipe(&k->verify_key);
    free(k->jwk);
    k->jwk = NULL;
}
