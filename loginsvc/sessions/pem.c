#include "loginsvc/sessions/pem.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

enum { RSA_BITS_MIN = 2048, PEM_BYTES_MAX = 64 * 1024 };

/* Never asks: an encrypted key is refused instead of blocking the start on a terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

static EVP_PKEY *read_private(struct slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    ASSERT(bio != NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return key;
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
        *kind = PEM_RSA;
        return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN ||
               err_set(e, "the RSA key has %d bits, %d or more are needed", EVP_PKEY_get_bits(key),
                       RSA_BITS_MIN);
    }
    *kind = PEM_P256;
    return (EVP_PKEY_is_a(key, "EC") && on_p256(key)) ||
           err_set(e, "the private key is neither RSA nor on the curve P-256");
}

static void write_public(EVP_PKEY *key, struct secret *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    ASSERT(bio != NULL && PEM_write_bio_PUBKEY(bio, key) == 1);
    char *text = NULL;
    long n = BIO_get_mem_data(bio, &text);
    ASSERT(n > 0);
    secret_set(out, (struct slice){text, (size_t)n});
    BIO_free(bio);
}

bool pem_public_of(const struct secret *pem, enum pem_kind *kind, struct secret *public_pem,
                   struct err *e)
{
    struct slice text = secret_reveal(pem);
    if (text.n == 0 || text.n > PEM_BYTES_MAX)
        return err_set(e, "no PEM private key (empty or over %d bytes)", PEM_BYTES_MAX);
    EVP_PKEY *key = read_private(text);
    if (!key)
        return err_set(e, "not an unencrypted PEM private key");
    enum pem_kind found = PEM_RSA;
    bool good = kind_of(key, &found, e);
    if (good) {
        *kind = found;
        write_public(key, public_pem);
    }
    EVP_PKEY_free(key);
    return good;
}
