#include "certificates.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/check.h"

enum { HOUR_S = 3600 };

struct certificates {
    X509 *cert;
    EVP_PKEY *key;
    char ca_path[128], server_path[128], key_path[128];
};

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    ASSERT(extension != NULL);
    ASSERT(X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *new_cert(const char *name, long serial, EVP_PKEY *key, long good_s)
{
    X509 *cert = X509_new();
    ASSERT(cert != NULL);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -HOUR_S);
    X509_gmtime_adj(X509_getm_notAfter(cert), good_s);
    X509_set_pubkey(cert, key);
    ASSERT(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                      (const unsigned char *)name, -1, -1, 0) == 1);
    return cert;
}

static void sign_and_write(const struct certificates *c, X509 *cert, const char *path)
{
    X509_set_issuer_name(cert, X509_get_subject_name(c->cert));
    ASSERT(X509_sign(cert, c->key, EVP_sha256()) > 0);
    FILE *f = fopen(path, "w");
    ASSERT(f != NULL);
    ASSERT(PEM_write_X509(f, cert) == 1);
    ASSERT(fclose(f) == 0);
}

static void write_key(EVP_PKEY *key, const char *path)
{
    FILE *f = fopen(path, "w");
    ASSERT(f != NULL);
    ASSERT(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    ASSERT(fclose(f) == 0);
}

struct certificates *certificates_new(const char *folder)
{
    struct certificates *c = xcalloc(1, sizeof *c);
    snprintf(c->ca_path, sizeof c->ca_path, "%s/ca.pem", folder);
    snprintf(c->server_path, sizeof c->server_path, "%s/server.pem", folder);
    snprintf(c->key_path, sizeof c->key_path, "%s/server.key", folder);
    c->key = EVP_EC_gen("P-256");
    ASSERT(c->key != NULL);
    c->cert = new_cert(folder, 1, c->key, HOUR_S);
    add_extension(c->cert, NID_basic_constraints, "critical,CA:TRUE");
    sign_and_write(c, c->cert, c->ca_path);
    return c;
}

void certificates_free(struct certificates *c)
{
    X509_free(c->cert);
    EVP_PKEY_free(c->key);
    free(c);
}

void certificates_sign(const struct certificates *c, const char *host, long good_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    ASSERT(key != NULL);
    X509 *cert = new_cert("a server", 2, key, good_s);
    add_extension(cert, NID_subject_alt_name, host);
    sign_and_write(c, cert, c->server_path);
    write_key(key, c->key_path);
    X509_free(cert);
    EVP_PKEY_free(key);
}

const char *certificates_ca(const struct certificates *c)
{
    return c->ca_path;
}

const char *certificates_server(const struct certificates *c)
{
    return c->server_path;
}

const char *certificates_key(const struct certificates *c)
{
    return c->key_path;
}
