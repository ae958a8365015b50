/* What libjwt leaves to us, and why the header is read here first:
 *
 * jwt_decode takes the algorithm from the token itself. An RS256 signer would have it verify an
 * "HS256" token with the public key as the HMAC secret; with a NULL key it verifies nothing at all;
 * names match in any case; of two "alg" members it takes the last; its base64 skips what it does
 * not know. So the token's shape and algorithm are checked strictly before the library sees it. It
 * does not look at exp, and asks on the terminal for the passphrase of an encrypted key. */
#include "loginsvc/sessions/jwt.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <jwt.h>

#include "crypto/base64.h"
#include "loginsvc/sessions/pem.h"

struct jwt_signer {
    jwt_alg_t algorithm;
    struct secret sign_key;   /* the HS256 secret, or the private key in PEM */
    struct secret verify_key; /* the same secret, or the public key in PEM */
    char *issuer;
};

static struct jwt_signer *signer_new(jwt_alg_t algorithm, const char *issuer)
{
    ASSERT(issuer[0] != '\0');
    struct jwt_signer *j = xcalloc(1, sizeof *j);
    j->algorithm = algorithm;
    j->issuer = xstrdup(issuer);
    return j;
}

struct jwt_signer *jwt_signer_new_hs256(const struct secret *secret, const char *issuer,
                                        struct err *e)
{
    struct slice bytes = secret_reveal(secret);
    if (bytes.n < JWT_SECRET_MIN) {
        err_set(e,
                "the secret has %zu bytes, HS256 needs %d or more (make one: openssl rand -hex 32)",
                bytes.n, JWT_SECRET_MIN);
        return NULL;
    }
    struct jwt_signer *j = signer_new(JWT_ALG_HS256, issuer);
    secret_set(&j->sign_key, bytes);
    secret_set(&j->verify_key, bytes);
    return j;
}

struct jwt_signer *jwt_signer_new_pem(const struct secret *pem, const char *issuer, struct err *e)
{
    struct secret public_pem = {NULL, 0};
    enum pem_kind kind;
    if (!pem_public_of(pem, &kind, &public_pem, e))
        return NULL;
    struct jwt_signer *j = signer_new(kind == PEM_P256 ? JWT_ALG_ES256 : JWT_ALG_RS256, issuer);
    secret_set(&j->sign_key, secret_reveal(pem));
    j->verify_key = public_pem;
    return j;
}

void jwt_signer_free(struct jwt_signer *j)
{
    if (!j)
        return;
    secret_wipe(&j->sign_key);
    secret_wipe(&j->verify_key);
    free(j->issuer);
    free(j);
}

const char *jwt_signer_algorithm(const struct jwt_signer *j)
{
    return jwt_alg_str(j->algorithm);
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
    struct slice key = secret_reveal(&j->sign_key);
    jwt_t *jwt = NULL;
    char *token = NULL;
    if (jwt_new(&jwt) == 0 && add_claims(jwt, j, claims) &&
        jwt_set_alg(jwt, j->algorithm, (const unsigned char *)key.p, (int)key.n) == 0)
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

/* Three parts of the right alphabet; the signature may be empty here: an unsigned token is refused
 * for its algorithm. Gives the first part. */
static bool split(struct slice token, struct slice *header)
{
    struct slice rest = token;
    *header = slice_cut(&rest, '.');
    struct slice body = slice_cut(&rest, '.');
    return rest.p && header->n && body.n && is_base64url(*header) && is_base64url(body) &&
           is_base64url(rest);
}

/* The header is an object that names our algorithm and asks for no extension (RFC 7515, 4.1.11). */
static enum jwt_reason check_header(const struct jwt_signer *j, struct slice header)
{
    enum { HEADER_MAX = 512 };
    char text[HEADER_MAX];
    size_t n = 0;
    if (!base64_decode(BASE64_URL, header, text, sizeof text, &n))
        return JWT_MALFORMED;
    json_t *object = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    const char *alg = json_string_value(json_object_get(object, "alg"));
    enum jwt_reason reason = JWT_OK;
    if (!json_is_object(object) || json_object_get(object, "crit"))
        reason = JWT_MALFORMED;
    else if (!alg || strcmp(alg, jwt_alg_str(j->algorithm)) != 0)
        reason = JWT_ALGORITHM;
    json_decref(object);
    return reason;
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

enum jwt_reason jwt_signer_verify(const struct jwt_signer *j, struct slice token, wall_ms_t now,
                                  struct jwt_claims *claims)
{
    struct slice header;
    if (token.n > JWT_TEXT_MAX)
        return JWT_TOO_LONG;
    if (!split(token, &header))
        return JWT_MALFORMED;
    enum jwt_reason reason = check_header(j, header);
    if (reason != JWT_OK)
        return reason;

    char text[JWT_TEXT_MAX + 1];
    struct slice key = secret_reveal(&j->verify_key);
    jwt_t *jwt = NULL;
    ASSERT(key.n > 0 && slice_copy(token, text, sizeof text));
    if (jwt_decode(&jwt, text, (const unsigned char *)key.p, (int)key.n) != 0)
        reason = JWT_SIGNATURE;
    else if (jwt_get_alg(jwt) != j->algorithm)
        reason = JWT_ALGORITHM;
    else
        reason = check_claims(j, jwt, now, claims);
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
