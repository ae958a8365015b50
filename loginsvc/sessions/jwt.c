/* What libjwt leaves to us, and why the header is read here first:
 *
 * jwt_decode takes the algorithm from the token itself. An RS256 signer would have it verify an
 * "HS256" token with the public key as the HMAC secret; with a NULL key it verifies nothing at all;
 * names match in any case; of two "alg" members it takes the last; its base64 skips what it does
 * not know. So the token's shape and algorithm are checked strictly before the library sees it,
 * with a key of just that algorithm. It does not look at exp, and asks on the terminal for the
 * passphrase of an encrypted key. */
#include "loginsvc/sessions/jwt.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <jwt.h>

#include "crypto/base64.h"
#include "loginsvc/sessions/jwt_key.h"

struct jwt_signer {
    struct jwt_key keys[JWT_KEYS_MAX]; /* the first one signs */
    size_t n_keys;
    char *issuer;
};

/* ---- keys ---- */

static struct jwt_signer *signer_new(const struct jwt_key *key, const char *issuer)
{
    ASSERT(issuer[0] != '\0');
    struct jwt_signer *j = xcalloc(1, sizeof *j);
    j->keys[0] = *key;
    j->n_keys = 1;
    j->issuer = xstrdup(issuer);
    return j;
}

struct jwt_signer *jwt_signer_new_hs256(const struct secret *secret, const char *issuer,
                                        struct err *e)
{
    struct jwt_key key;
    return jwt_key_from_secret(secret, &key, e) ? signer_new(&key, issuer) : NULL;
}

struct jwt_signer *jwt_signer_new_pem(const struct secret *pem, const char *issuer, struct err *e)
{
    struct jwt_key key;
    return jwt_key_from_private(pem, &key, e) ? signer_new(&key, issuer) : NULL;
}

static const struct jwt_key *find_key(const struct jwt_signer *j, const char *kid)
{
    for (size_t i = 0; i < j->n_keys; i++) {
        if (strcmp(j->keys[i].kid, kid) == 0)
            return &j->keys[i];
    }
    return NULL;
}

bool jwt_signer_add_previous(struct jwt_signer *j, const struct secret *key, struct err *e)
{
    struct jwt_key found[JWT_KEYS_MAX];
    size_t n = 0, room = JWT_KEYS_MAX - j->n_keys;
    if (!secret_is_set(key))
        return true;
    if (room == 0)
        return err_set(e, "more keys than %d", JWT_KEYS_MAX);
    if (!jwt_keys_from_previous(key, found, room, &n, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (find_key(j, found[i].kid))
            jwt_key_wipe(&found[i]);
        else
            j->keys[j->n_keys++] = found[i];
    }
    return true;
}

static void wipe_keys(struct jwt_signer *j)
{
    while (j->n_keys > 0)
        jwt_key_wipe(&j->keys[--j->n_keys]);
}

void jwt_signer_replace(struct jwt_signer *j, struct jwt_signer *newer)
{
    wipe_keys(j);
    memcpy(j->keys, newer->keys, sizeof j->keys);
    j->n_keys = newer->n_keys;
    newer->n_keys = 0;
    jwt_signer_free(newer);
}

void jwt_signer_free(struct jwt_signer *j)
{
    if (!j)
        return;
    wipe_keys(j);
    free(j->issuer);
    free(j);
}

const char *jwt_signer_algorithm(const struct jwt_signer *j)
{
    return jwt_alg_str(j->keys[0].algorithm);
}

const char *jwt_signer_kid(const struct jwt_signer *j)
{
    return j->keys[0].kid;
}

size_t jwt_signer_count(const struct jwt_signer *j)
{
    return j->n_keys;
}

char *jwt_signer_jwks(const struct jwt_signer *j)
{
    size_t size = sizeof "{\"keys\":[]}";
    for (size_t i = 0; i < j->n_keys; i++)
        size += slice_of(j->keys[i].jwk).n + 1;
    char *jwks = xcalloc(1, size);
    struct text t = text_init(jwks, size);
    text_str(&t, "{\"keys\":[");
    const char *comma = "";
    for (size_t i = 0; i < j->n_keys; i++) {
        if (!j->keys[i].jwk)
            continue;
        text_str(&t, comma);
        text_str(&t, j->keys[i].jwk);
        comma = ",";
    }
    text_str(&t, "]}");
    ASSERT(!t.cut);
    return jwks;
}

/* ---- signing ---- */

static bool add_claims(jwt_t *jwt, const struct jwt_signer *j, const struct jwt_claims *c)
{
    char sub[24];
    struct text t = text_init(sub, sizeof sub);
    text_fmt(&t, "%lld", (long long)c->user_id);
    return jwt_add_grant(jwt, "sub", sub) == 0 &&
           jwt_add_grant_int(jwt, "userId", c->user_id) == 0 &&
           jwt_add_grant(jwt, "openid", c->openid) == 0 &&
           jwt_add_grant(jwt, "appid", c->appid) == 0 && jwt_add_grant(jwt, "sid", c->sid) == 0 &&
           jwt_add_grant_int(jwt, "iat", c->iat_s) == 0 &&
           jwt_add_grant_int(jwt, "exp", c->exp_s) == 0 &&
           jwt_add_grant(jwt, "iss", j->issuer) == 0;
}

bool jwt_signer_sign(const struct jwt_signer *j, const struct jwt_claims *claims,
                     char out[JWT_TEXT_MAX + 1])
{
    ASSERT(claims->user_id > 0 && claims->exp_s > claims->iat_s);
    struct slice key = secret_reveal(&j->keys[0].sign_key);
    jwt_t *jwt = NULL;
    char *token = NULL;
    if (jwt_new(&jwt) == 0 && add_claims(jwt, j, claims) &&
        jwt_add_header(jwt, "kid", j->keys[0].kid) == 0 &&
        jwt_set_alg(jwt, j->keys[0].algorithm, (const unsigned char *)key.p, (int)key.n) == 0)
        token = jwt_encode_str(jwt);
    bool fits = token && slice_copy(slice_of(token), out, JWT_TEXT_MAX + 1);
    free(token);
    jwt_free(jwt);
    return fits;
}

/* ---- verifying ---- */

static bool is_base64url(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    }
    return true;
}

/* Three parts of the right alphabet. The last one, which nothing signs, has exactly one text; it
 * may be empty here: an unsigned token is refused for its algorithm. Gives the first part. */
static bool split(struct slice token, struct slice *header)
{
    uint8_t signature[BASE64_BYTES_MAX(JWT_TEXT_MAX)];
    size_t n = 0;
    struct slice rest = token;
    *header = slice_cut(&rest, '.');
    struct slice body = slice_cut(&rest, '.');
    return rest.p && header->n && body.n && is_base64url(*header) && is_base64url(body) &&
           base64_decode(BASE64_URL, rest, signature, sizeof signature, &n);
}

/* What the header names, with its object, which is to be freed. */
struct header {
    json_t *object;
    const char *alg;
    const char *kid; /* NULL: a token of the time before keys had names */
};

/* An object that names an algorithm and asks for no extension (RFC 7515, 4.1.11). */
static enum jwt_reason read_header(struct slice encoded, struct header *h)
{
    enum { HEADER_MAX = 512 };
    char text[HEADER_MAX];
    size_t n = 0;
    if (!base64_decode(BASE64_URL, encoded, text, sizeof text, &n))
        return JWT_MALFORMED;
    h->object = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *kid = json_object_get(h->object, "kid");
    if (!json_is_object(h->object) || json_object_get(h->object, "crit") ||
        (kid && !json_is_string(kid)))
        return JWT_MALFORMED;
    h->alg = json_string_value(json_object_get(h->object, "alg"));
    h->kid = json_string_value(kid);
    return h->alg ? JWT_OK : JWT_ALGORITHM;
}

/* The keys that may have signed it: candidates[0] to [*n - 1]. */
static enum jwt_reason choose_keys(const struct jwt_signer *j, const struct header *h,
                                   const struct jwt_key *candidates[JWT_KEYS_MAX], size_t *n)
{
    size_t of_algorithm = 0;
    *n = 0;
    for (size_t i = 0; i < j->n_keys; i++) {
        const struct jwt_key *key = &j->keys[i];
        if (strcmp(jwt_alg_str(key->algorithm), h->alg) != 0)
            continue;
        of_algorithm++;
        if (!h->kid || strcmp(key->kid, h->kid) == 0)
            candidates[(*n)++] = key;
    }
    if (of_algorithm == 0)
        return JWT_ALGORITHM;
    if (*n == 0)
        return find_key(j, h->kid) ? JWT_ALGORITHM : JWT_UNKNOWN_KEY;
    return JWT_OK;
}

static bool get_text(jwt_t *jwt, const char *name, char *out, size_t size)
{
    const char *value = jwt_get_grant(jwt, name);
    return value && slice_copy(slice_of(value), out, size);
}

/* A positive whole number; the library tells a missing one and 0 apart by errno alone. */
static bool get_number(jwt_t *jwt, const char *name, int64_t *out)
{
    errno = 0;
    *out = jwt_get_grant_int(jwt, name);
    return errno == 0 && *out > 0;
}

static bool get_claims(jwt_t *jwt, struct jwt_claims *c)
{
    int64_t sub = 0;
    return slice_to_int(slice_of(jwt_get_grant(jwt, "sub")), 1, INT64_MAX, &sub) &&
           get_number(jwt, "userId", &c->user_id) && c->user_id == sub &&
           get_text(jwt, "openid", c->openid, sizeof c->openid) &&
           get_text(jwt, "appid", c->appid, sizeof c->appid) && c->appid[0] != '\0' &&
           get_text(jwt, "sid", c->sid, sizeof c->sid) && session_id_valid(slice_of(c->sid)) &&
           get_number(jwt, "iat", &c->iat_s) && get_number(jwt, "exp", &c->exp_s);
}

static enum jwt_reason check_claims(const struct jwt_signer *j, jwt_t *jwt, wall_ms_t now,
                                    struct jwt_claims *claims)
{
    struct jwt_claims c = {0};
    if (!get_claims(jwt, &c))
        return JWT_WRONG_CLAIMS;
    if (!slice_is(slice_of(jwt_get_grant(jwt, "iss")), j->issuer))
        return JWT_WRONG_ISSUER;
    if (now.ms / 1000 >= c.exp_s)
        return JWT_EXPIRED;
    *claims = c;
    return JWT_OK;
}

/* The token as the library reads it when this key, and no other algorithm, signed it; or NULL. */
static jwt_t *open_with(const struct jwt_key *key, const char *token)
{
    struct slice bytes = secret_reveal(&key->verify_key);
    jwt_t *jwt = NULL;
    ASSERT(bytes.n > 0);
    if (jwt_decode(&jwt, token, (const unsigned char *)bytes.p, (int)bytes.n) != 0)
        return NULL;
    if (jwt_get_alg(jwt) == key->algorithm)
        return jwt;
    jwt_free(jwt);
    return NULL;
}

enum jwt_reason jwt_signer_verify(const struct jwt_signer *j, struct slice token, wall_ms_t now,
                                  struct jwt_claims *claims)
{
    struct slice encoded;
    struct header header = {NULL, NULL, NULL};
    const struct jwt_key *candidates[JWT_KEYS_MAX];
    size_t n = 0;
    char text[JWT_TEXT_MAX + 1];
    if (!slice_copy(token, text, sizeof text))
        return JWT_TOO_LONG;
    if (!split(token, &encoded))
        return JWT_MALFORMED;
    enum jwt_reason reason = read_header(encoded, &header);
    if (reason == JWT_OK)
        reason = choose_keys(j, &header, candidates, &n);
    json_decref(header.object);
    if (reason != JWT_OK)
        return reason;

    jwt_t *jwt = NULL;
    for (size_t i = 0; i < n && !jwt; i++)
        jwt = open_with(candidates[i], text);
    reason = jwt ? check_claims(j, jwt, now, claims) : JWT_SIGNATURE;
    jwt_free(jwt);
    return reason;
}

const char *jwt_reason_name(enum jwt_reason r)
{
    switch (r) {
    case JWT_OK:
        return "ok";
    case JWT_TOO_LONG:
        return "too_long";
    case JWT_MALFORMED:
        return "malformed";
    case JWT_ALGORITHM:
        return "algorithm";
    case JWT_UNKNOWN_KEY:
        return "unknown_key";
    case JWT_SIGNATURE:
        return "signature";
    case JWT_EXPIRED:
        return "expired";
    case JWT_WRONG_ISSUER:
        return "wrong_issuer";
    case JWT_WRONG_CLAIMS:
        return "wrong_claims";
    }
    return "?";
}
