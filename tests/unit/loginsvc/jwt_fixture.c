#include "jwt_fixture.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto/base64.h"
#include "crypto/hmac.h"

const wall_ms_t in_time = {1999999}, too_late = {2000000};

const struct jwt_claims good_claims = {
    .user_id = 42, .openid = "openid-1", .appid = "wx1", .sid = SID, .iat_s = 1000, .exp_s = 2000};

struct secret secret_of(const char *text)
{
    struct secret s = {NULL, 0};
    secret_set(&s, slice_of(text));
    return s;
}

/* ---- keys ---- */

static struct secret take(BIO *bio)
{
    char *text = NULL;
    long n = BIO_get_mem_data(bio, &text);
    struct secret s = {NULL, 0};
    secret_set(&s, (struct slice){text, (size_t)n});
    BIO_free(bio);
    return s;
}

struct secret private_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    return take(bio);
}

struct secret encrypted_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const unsigned char *phrase = (const unsigned char *)"phrase";
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, EVP_aes_256_cbc(), phrase, 6, NULL, NULL),
                     1);
    return take(bio);
}

struct secret public_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    return take(bio);
}

static EVP_PKEY *once(EVP_PKEY **key, bool rsa)
{
    if (!*key)
        *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    assert_non_null(*key);
    return *key;
}

EVP_PKEY *rsa_key(void)
{
    static EVP_PKEY *key;
    return once(&key, true);
}

EVP_PKEY *other_rsa_key(void)
{
    static EVP_PKEY *key;
    return once(&key, true);
}

EVP_PKEY *ec_key(void)
{
    static EVP_PKEY *key;
    return once(&key, false);
}

EVP_PKEY *other_ec_key(void)
{
    static EVP_PKEY *key;
    return once(&key, false);
}

/* ---- signers ---- */

struct jwt_signer *hs256_signer(const char *secret, const char *issuer)
{
    struct err e = {""};
    struct secret s = secret_of(secret);
    struct jwt_signer *j = jwt_signer_new_hs256(&s, issuer, &e);
    secret_wipe(&s);
    assert_non_null(j);
    return j;
}

struct jwt_signer *signer_of(EVP_PKEY *key)
{
    struct err e = {""};
    struct secret pem = private_pem(key);
    struct jwt_signer *j = jwt_signer_new_pem(&pem, ISSUER, &e);
    secret_wipe(&pem);
    assert_non_null(j);
    return j;
}

void add_previous(struct jwt_signer *j, struct secret key)
{
    struct err e = {""};
    if (!jwt_signer_add_previous(j, &key, &e))
        fail_msg("%s", e.text);
    secret_wipe(&key);
}

/* ---- tokens ---- */

static void append_part(struct text *t, const char *part)
{
    char encoded[16384];
    base64_encode(BASE64_URL, part, strlen(part), encoded, sizeof encoded);
    text_str(t, encoded);
}

char *forge(const char *header, const char *body, struct slice key)
{
    enum { SIZE = 32768 };
    char *token = xcalloc(SIZE, 1);
    struct text t = text_init(token, SIZE);
    append_part(&t, header);
    text_char(&t, '.');
    append_part(&t, body);
    uint8_t tag[HMAC_SHA256_SIZE];
    char encoded[BASE64_TEXT_SIZE(HMAC_SHA256_SIZE)];
    hmac_sha256(key, (struct slice){t.p, t.n}, tag);
    base64_encode(BASE64_URL, tag, sizeof tag, encoded, sizeof encoded);
    text_char(&t, '.');
    if (key.p)
        text_str(&t, encoded);
    return token;
}

const char *token_of(const struct jwt_signer *j)
{
    static char token[JWT_TEXT_MAX + 1];
    assert_true(jwt_signer_sign(j, &good_claims, token));
    return token;
}

const char *verify(const struct jwt_signer *j, const char *token, wall_ms_t now)
{
    struct jwt_claims c;
    return jwt_reason_name(jwt_signer_verify(j, slice_of(token), now, &c));
}
