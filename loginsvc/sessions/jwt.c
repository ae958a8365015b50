/* A token is believed in this order: its shape, its header, its signature, its claims. The
 * algorithm is that of a key of ours and never the token's choice, which the header must only agree
 * with; the claims are JSON of our own making, and read all the same as if they were not. */
#include "loginsvc/sessions/jwt.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "crypto/base64.h"
#include "loginsvc/sessions/jwt_key.h"
#include "loginsvc/sessions/jwt_signature.h"

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

bool jwt_signer_add_previous(struct jwt_signer *j, const struct secret *keys, struct err *e)
{
    struct jwt_key found[JWT_KEYS_MAX];
    size_t n = 0, room = JWT_KEYS_MAX - j->n_keys;
    if (!secret_is_set(keys))
        return true;
    if (room == 0)
        return err_set(e, "more keys than %d", JWT_KEYS_MAX);
    if (!jwt_keys_from_previous(keys, found, room, &n, e))
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
    return jwt_algorithm_name(j->keys[0].algorithm);
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

/* Gives the length of the JSON; 0 when it has no room or a text is no UTF-8. */
static size_t write_claims(const struct jwt_signer *j, const struct jwt_claims *c, char *out,
                           size_t size)
{
    char sub[24];
    struct text t = text_init(sub, sizeof sub);
    text_fmt(&t, "%lld", (long long)c->user_id);
    json_t *claims =
        json_pack("{s:s,s:I,s:s,s:s,s:s,s:I,s:I,s:s}", "sub", sub, "userId", (json_int_t)c->user_id,
                  "openid", c->openid, "appid", c->appid, "sid", c->sid, "iat",
                  (json_int_t)c->iat_s, "exp", (json_int_t)c->exp_s, "iss", j->issuer);
    size_t n = json_dumpb(claims, out, size, JSON_COMPACT);
    json_decref(claims);
    return n <= size ? n : 0;
}

static void add_encoded(struct text *t, const void *bytes, size_t n)
{
    if (t->size - t->n < BASE64_TEXT_SIZE(n))
        t->cut = true;
    else
        t->n += base64_encode(BASE64_URL, bytes, n, t->p + t->n, t->size - t->n);
}

static void add_header(struct text *t, const struct jwt_key *key)
{
    char header[128];
    struct text h = text_init(header, sizeof header);
    text_fmt(&h, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
             jwt_algorithm_name(key->algorithm), key->kid);
    ASSERT(!h.cut);
    add_encoded(t, h.p, h.n);
}

bool jwt_signer_sign(const struct jwt_signer *j, const struct jwt_claims *claims,
                     char out[JWT_TEXT_MAX + 1])
{
    ASSERT(claims->user_id > 0 && claims->exp_s > claims->iat_s);
    char token[JWT_TEXT_MAX + 1], body[JWT_TEXT_MAX];
    uint8_t signature[JWT_SIGNATURE_MAX];
    struct text t = text_init(token, sizeof token);
    add_header(&t, &j->keys[0]);
    text_char(&t, '.');
    size_t n = write_claims(j, claims, body, sizeof body);
    add_encoded(&t, body, n);
    if (n == 0 || t.cut)
        return false;
    n = jwt_signature_write(&j->keys[0], (struct slice){t.p, t.n}, signature);
    text_char(&t, '.');
    add_encoded(&t, signature, n);
    return n > 0 && !t.cut && slice_copy((struct slice){t.p, t.n}, out, JWT_TEXT_MAX + 1);
}

/* ---- verifying ---- */

struct part {
    char bytes[BASE64_BYTES_MAX(JWT_TEXT_MAX)];
    size_t n;
};

/* A token taken apart. */
struct parts {
    struct slice signed_text; /* header.body, as it was sent */
    struct part header, body, signature;
};

static bool decode(struct slice text, struct part *out)
{
    return base64_decode(BASE64_URL, text, out->bytes, sizeof out->bytes, &out->n);
}

static struct slice bytes_of(const struct part *p)
{
    return (struct slice){p->bytes, p->n};
}

/* Each part has exactly one text. The last one may be empty here: an unsigned token is refused for
 * its algorithm. */
static bool split(struct slice token, struct parts *p)
{
    struct slice rest = token, header = slice_cut(&rest, '.'), body = slice_cut(&rest, '.');
    if (!rest.p || header.n == 0 || body.n == 0)
        return false;
    p->signed_text = (struct slice){token.p, header.n + 1 + body.n};
    return decode(header, &p->header) && decode(body, &p->body) && decode(rest, &p->signature);
}

/* What the header names, with its object, which is to be freed. */
struct header {
    json_t *object;
    const char *alg;
    const char *kid; /* NULL: a token of the time before keys had names */
};

/* A type is not asked for; the one that is given is this (RFC 7519, 5.1). */
static bool is_jwt(const json_t *typ)
{
    return !typ || (json_is_string(typ) && strcasecmp(json_string_value(typ), "JWT") == 0);
}

/* An object that names an algorithm and asks for no extension (RFC 7515, 4.1.11). */
static enum jwt_reason read_header(struct slice text, struct header *h)
{
    enum { HEADER_MAX = 512 }; /* nobody has signed it yet */
    if (text.n > HEADER_MAX)
        return JWT_MALFORMED;
    h->object = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *kid = json_object_get(h->object, "kid");
    if (!json_is_object(h->object) || json_object_get(h->object, "crit") ||
        !is_jwt(json_object_get(h->object, "typ")) || (kid && !json_is_string(kid)))
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
        if (strcmp(jwt_algorithm_name(key->algorithm), h->alg) != 0)
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

static bool get_text(const json_t *claims, const char *name, char *out, size_t size)
{
    const char *value = json_string_value(json_object_get(claims, name));
    return value && slice_copy(slice_of(value), out, size);
}

/* A positive whole number. */
static bool get_number(const json_t *claims, const char *name, int64_t *out)
{
    *out = json_integer_value(json_object_get(claims, name));
    return *out > 0;
}

static bool get_claims(const json_t *from, struct jwt_claims *c)
{
    int64_t sub = 0;
    return slice_to_int(slice_of(json_string_value(json_object_get(from, "sub"))), 1, INT64_MAX,
                        &sub) &&
           get_number(from, "userId", &c->user_id) && c->user_id == sub &&
           get_text(from, "openid", c->openid, sizeof c->openid) &&
           get_text(from, "appid", c->appid, sizeof c->appid) && c->appid[0] != '\0' &&
           get_text(from, "sid", c->sid, sizeof c->sid) && session_id_valid(slice_of(c->sid)) &&
           get_number(from, "iat", &c->iat_s) && get_number(from, "exp", &c->exp_s);
}

static enum jwt_reason check_claims(const struct jwt_signer *j, const json_t *from, wall_ms_t now,
                                    struct jwt_claims *claims)
{
    struct jwt_claims c = {0};
    if (!get_claims(from, &c))
        return JWT_WRONG_CLAIMS;
    if (!slice_is(slice_of(json_string_value(json_object_get(from, "iss"))), j->issuer))
        return JWT_WRONG_ISSUER;
    if (now.ms / 1000 >= c.exp_s)
        return JWT_EXPIRED;
    *claims = c;
    return JWT_OK;
}

static enum jwt_reason check_body(const struct jwt_signer *j, struct slice text, wall_ms_t now,
                                  struct jwt_claims *claims)
{
    json_t *from = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    enum jwt_reason reason = from ? check_claims(j, from, now, claims) : JWT_SIGNATURE;
    json_decref(from);
    return reason;
}

static enum jwt_reason check_signature(const struct jwt_signer *j, const struct parts *p)
{
    struct header header = {NULL, NULL, NULL};
    const struct jwt_key *candidates[JWT_KEYS_MAX];
    size_t n = 0;
    enum jwt_reason reason = read_header(bytes_of(&p->header), &header);
    if (reason == JWT_OK)
        reason = choose_keys(j, &header, candidates, &n);
    json_decref(header.object);
    if (reason != JWT_OK)
        return reason;
    for (size_t i = 0; i < n; i++) {
        if (jwt_signature_fits(candidates[i], p->signed_text, bytes_of(&p->signature)))
            return JWT_OK;
    }
    return JWT_SIGNATURE;
}

enum jwt_reason jwt_signer_verify(const struct jwt_signer *j, struct slice token, wall_ms_t now,
                                  struct jwt_claims *claims)
{
    struct parts parts;
    if (token.n > JWT_TEXT_MAX)
        return JWT_TOO_LONG;
    if (!split(token, &parts))
        return JWT_MALFORMED;
    enum jwt_reason reason = check_signature(j, &parts);
    return reason == JWT_OK ? check_body(j, bytes_of(&parts.body), now, claims) : reason;
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
