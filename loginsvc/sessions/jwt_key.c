#include "loginsvc/sessions/jwt_key.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* ---- previous keys ---- */

/* Keys that were read so far. */
struct found {
    struct jwt_key *keys;
    size_t n, max;
};

static bool find_pems(struct slice text, struct found *f, struct err *e)
{
    struct pem_key keys[JWT_KEYS_MAX];
    size_t n = 0;
    if (!pem_is_in(text))
        return true;
    if (!pem_read(text, keys, f->max, &n, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        pem_key_make_public(&keys[i]);
        take(&keys[i], &f->keys[f->n++]);
    }
    return true;
}

static bool find_secret(struct slice bytes, struct found *f, struct err *e)
{
    struct secret secret = {NULL, 0};
    if (f->n == f->max)
        return err_set(e, "more keys than %zu", f->max);
    secret_set(&secret, bytes);
    bool good = jwt_key_from_secret(&secret, &f->keys[f->n], e);
    f->n += good;
    secret_wipe(&secret);
    return good;
}

static bool has_mark(struct slice line, int (*compare)(const char *, const char *, size_t))
{
    size_t n = strlen(JWT_SECRET_MARK);
    return line.n >= n && compare(line.p, JWT_SECRET_MARK, n) == 0;
}

static bool holds_blank(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ')
            return true;
    }
    return false;
}

/* What stands behind the secret might be a comment. */
static bool find_named_secret(struct slice line, struct found *f, struct err *e)
{
    size_t mark = strlen(JWT_SECRET_MARK);
    struct slice bytes = slice_trim((struct slice){line.p + mark, line.n - mark});
    if (holds_blank(bytes))
        return err_set(e, "a secret behind " JWT_SECRET_MARK " holds a blank");
    return find_secret(bytes, f, e);
}

/* Nothing is taken for a secret that is not called one: it might be a comment, and known to many.
 */
static bool find_named_secrets(struct slice text, struct found *f, struct err *e)
{
    struct slice line;
    while (pem_next_other(&text, &line)) {
        if (!has_mark(line, strncmp))
            return err_set(e, "a line is neither of a PEM key nor " JWT_SECRET_MARK "SECRET");
        if (!find_named_secret(line, f, e))
            return false;
    }
    return f->n > 0 || err_set(e, "holds no key");
}

/* False when a line looks like a comment, a secret with its mark, however written, or a public key
 * of some kind, which others know. */
static bool is_one_secret(struct slice text)
{
    bool one = !pem_is_in(text);
    while (one && text.p) {
        struct slice line = slice_trim(slice_cut(&text, '\n'));
        one = !slice_starts(line, "#") && !slice_starts(line, "{") && !slice_starts(line, "ssh-") &&
              !has_mark(line, strncasecmp);
    }
    return one;
}

bool jwt_keys_from_previous(const struct secret *text, struct jwt_key *out, size_t max, size_t *n,
                            struct err *e)
{
    struct slice bytes = slice_without_bom(secret_reveal(text));
    struct found f = {.keys = out, .max = max};
    ASSERT(max >= 1 && max <= JWT_KEYS_MAX);
    bool good = is_one_secret(bytes) ? find_secret(bytes, &f, e)
                                     : find_pems(bytes, &f, e) && find_named_secrets(bytes, &f, e);
    while (!good && f.n > 0)
        jwt_key_wipe(&f.keys[--f.n]);
    *n = f.n;
    return good;
}

void jwt_key_wipe(struct jwt_key *k)
{
    secret_wipe(&k->secret);
    EVP_PKEY_free(k->pair);
    free(k->jwk);
    k->pair = NULL;
    k->jwk = NULL;
}
