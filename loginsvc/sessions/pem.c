#include "loginsvc/sessions/pem.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, PEM_BYTES_MAX = 64 * 1024 };

static const char not_a_key[] = "not an unencrypted PEM key";

/* One block between its BEGIN and END. */
struct block {
    char *label;
    char *header; /* not empty: an encrypted key of the old kind */
    unsigned char *der;
    long n;
};

static void block_deinit(struct block *b)
{
    OPENSSL_free(b->label);
    OPENSSL_free(b->header);
    OPENSSL_clear_free(b->der, b->der ? (size_t)b->n : 0);
}

enum next { NEXT_BLOCK, NEXT_END, NEXT_BROKEN };

static enum next next_block(BIO *bio, struct block *b)
{
    *b = (struct block){NULL, NULL, NULL, 0};
    if (PEM_read_bio(bio, &b->label, &b->header, &b->der, &b->n) == 1)
        return NEXT_BLOCK;
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? NEXT_END : NEXT_BROKEN;
}

bool pem_is_in(struct slice text)
{
    return text.n > 0 && memmem(text.p, text.n, "-----BEGIN", strlen("-----BEGIN")) != NULL;
}

/* As OpenSSL takes them: not indented. */
static bool begins_block(struct slice raw, struct slice line)
{
    static const char dashes[] = "-----";
    size_t n = strlen(dashes);
    return raw.p == line.p && slice_starts(line, "-----BEGIN ") && line.n > n &&
           slice_starts((struct slice){line.p + line.n - n, n}, dashes);
}

bool pem_next_other(struct slice *text, struct slice *line)
{
    struct slice begin = {NULL, 0};
    while (text->p) {
        struct slice raw = slice_cut(text, '\n');
        *line = slice_trim(raw);
        if (begins_block(raw, *line))
            begin = *line;
        else if (slice_starts(*line, "-----END"))
            begin.p = NULL;
        else if (!begin.p && line->n > 0 && line->p[0] != '#')
            return true;
    }
    *line = begin;
    return begin.p != NULL;
}

/* ---- one key ---- */

static EVP_PKEY *decode(const struct block *b, bool *is_private)
{
    const unsigned char *der = b->der;
    *is_private = false;
    if (strcmp(b->label, PEM_STRING_PUBLIC) == 0)
        return d2i_PUBKEY(NULL, &der, b->n);
    if (strcmp(b->label, PEM_STRING_RSA_PUBLIC) == 0)
        return d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, b->n);
    *is_private = strcmp(b->label, PEM_STRING_PKCS8INF) == 0 ||
                  strcmp(b->label, PEM_STRING_RSA) == 0 ||
                  strcmp(b->label, PEM_STRING_ECPRIVATEKEY) == 0;
    return *is_private && b->header[0] == '\0' ? d2i_AutoPrivateKey(NULL, &der, b->n) : NULL;
}

static bool on_p256(EVP_PKEY *key)
{
    char group[32];
    size_t n = 0;
    return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                          &n) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool kind_of(EVP_PKEY *key, enum pem_kind *kind, struct err *e)
{
    if (EVP_PKEY_is_a(key, "RSA")) {
        int bits = EVP_PKEY_get_bits(key);
        *kind = PEM_RSA;
        return (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX) ||
               err_set(e, "the RSA key has %d bits: expected %d to %d", bits, RSA_BITS_MIN,
                       RSA_BITS_MAX);
    }
    *kind = PEM_P256;
    return (EVP_PKEY_is_a(key, "EC") && on_p256(key)) ||
           err_set(e, "the key is neither RSA nor on the curve P-256");
}

static bool read_key(const struct block *b, struct pem_key *out, struct err *e)
{
    out->key = decode(b, &out->is_private);
    if (!out->key)
        return err_set(e, not_a_key);
    bool good = kind_of(out->key, &out->kind, e);
    if (!good)
        pem_key_free(out);
    return good;
}

void pem_key_free(struct pem_key *k)
{
    EVP_PKEY_free(k->key);
    k->key = NULL;
}

/* To DER and back: OpenSSL has no call that takes a private half away. */
void pem_key_make_public(struct pem_key *k)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(k->key, &der);
    const unsigned char *at = der;
    EVP_PKEY *half = d2i_PUBKEY(NULL, &at, n);
    ASSERT(n > 0 && half != NULL);
    OPENSSL_free(der);
    EVP_PKEY_free(k->key);
    k->key = half;
    k->is_private = false;
}

/* ---- all of them ---- */

/* openssl ecparam writes the name of the curve, which the key has too, as a block of its own. */
static bool is_passed_over(const struct block *b)
{
    return strcmp(b->label, PEM_STRING_ECPARAMETERS) == 0;
}

static bool read_all(BIO *bio, struct pem_key *out, size_t max, size_t *n, struct err *e)
{
    struct block b;
    enum next next;
    while ((next = next_block(bio, &b)) == NEXT_BLOCK) {
        bool good = is_passed_over(&b);
        if (!good && *n == max)
            err_set(e, "more keys than %zu", max);
        else if (!good && (good = read_key(&b, &out[*n], e)))
            ++*n;
        block_deinit(&b);
        if (!good)
            return false;
    }
    return (next == NEXT_END && *n > 0) || err_set(e, not_a_key);
}

bool pem_read(struct slice text, struct pem_key *out, size_t max, size_t *n, struct err *e)
{
    if (text.n == 0 || text.n > PEM_BYTES_MAX)
        return err_set(e, "no PEM key (empty or over %d bytes)", PEM_BYTES_MAX);
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    ASSERT(bio != NULL);
    ERR_clear_error(); /* the last error is looked at */
    *n = 0;
    bool good = read_all(bio, out, max, n, e);
    BIO_free(bio);
    ERR_clear_error();
    while (!good && *n > 0)
        pem_key_free(&out[--*n]);
    return good;
}
