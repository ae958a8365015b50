#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "client_fixture.h"

/* ---- a certificate of our own ---- */

struct identity {
    EVP_PKEY *key;
    X509 *cert; /* self-signed */
    char file[64];
};

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
}

/* For `name`, as "IP:127.0.0.1" or "DNS:…". */
static void identity_make(struct identity *id, const char *name)
{
    id->key = EVP_EC_gen("P-256");
    id->cert = X509_new();
    assert_non_null(id->key);
    X509_set_version(id->cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(id->cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(id->cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(id->cert), 3600);
    X509_set_pubkey(id->cert, id->key);
    X509_NAME *subject = X509_get_subject_name(id->cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1,
                               0);
    X509_set_issuer_name(id->cert, subject);
    add_extension(id->cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(id->cert, NID_subject_alt_name, name);
    assert_true(X509_sign(id->cert, id->key, EVP_sha256()) > 0);
    snprintf(id->file, sizeof id->file, "/tmp/test_tls.XXXXXX");
    FILE *f = fdopen(mkstemp(id->file), "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, id->cert), 1);
    fclose(f);
}

static void identity_end(struct identity *id)
{
    unlink(id->file);
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

/* ---- a server with it ---- */

static struct identity *server_identity;
static atomic_int handshakes;

static void serve_requests(SSL *ssl)
{
    char request[4096];
    size_t n = 0, got;
    const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";
    while (SSL_read_ex(ssl, request + n, sizeof request - n, &got)) {
        n += got;
        if (!memmem(request, n, "\r\n\r\n", 4))
            continue;
        n = 0;
        if (!SSL_write_ex(ssl, reply, sizeof reply - 1, &got))
            break;
    }
}

static void serve_tls(struct raw_conn *c)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(ctx, server_identity->cert);
    SSL_CTX_use_PrivateKey(ctx, server_identity->key);
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, c->fd);
    if (SSL_accept(ssl) == 1) {
        atomic_fetch_add(&handshakes, 1);
        serve_requests(ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void ask(const char *ca_file, int times, struct answer *last)
{
    const struct http_client_options options = {.ca_file = ca_file};
    struct fixture f = fixture_new(&options);
    struct raw_server *s = raw_server_new(serve_tls);
    atomic_store(&handshakes, 0);
    for (int i = 0; i < times; i++) {
        struct http_request req = request_to("https://127.0.0.1:%d", raw_server_port(s));
        fixture_ask(&f, &req, last);
    }
    fixture_free(&f);
    raw_server_free(s);
}

static void a_peer_nobody_vouches_for_is_refused_before_anything_is_sent(void **state)
{
    struct identity id;
    struct answer a;
    (void)state;
    identity_make(&id, "IP:127.0.0.1");
    server_identity = &id;
    ask(NULL, 1, &a);
    assert_int_equal(a.outcome, HTTP_NOT_SENT);
    assert_string_equal(a.error, "SSL peer certificate or SSH remote key was not OK");
    identity_end(&id);
}

static void a_peer_with_another_name_is_refused_before_anything_is_sent(void **state)
{
    struct identity id;
    struct answer a;
    (void)state;
    identity_make(&id, "DNS:other.invalid");
    server_identity = &id;
    ask(id.file, 1, &a);
    assert_int_equal(a.outcome, HTTP_NOT_SENT);
    identity_end(&id);
}

static void with_the_ca_file_the_peer_is_trusted_and_the_connection_reused(void **state)
{
    struct identity id;
    struct answer a;
    (void)state;
    identity_make(&id, "IP:127.0.0.1");
    server_identity = &id;
    ask(id.file, 10, &a);
    assert_int_equal(a.outcome, HTTP_ANSWERED);
    assert_string_equal(a.body, "fine");
    assert_int_equal(atomic_load(&handshakes), 1);
    identity_end(&id);
}

static void a_ca_file_that_is_not_there_is_said_at_the_start(void **state)
{
    const struct http_client_options options = {.ca_file = "/nonexistent/ca.pem"};
    struct loop *l = loop_new();
    struct err e = {""};
    (void)state;
    assert_null(http_client_new(l, &options, &e));
    assert_string_equal(e.text, "cannot read the CA file /nonexistent/ca.pem");
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_nobody_vouches_for_is_refused_before_anything_is_sent),
        cmocka_unit_test(a_peer_with_another_name_is_refused_before_anything_is_sent),
        cmocka_unit_test(with_the_ca_file_the_peer_is_trusted_and_the_connection_reused),
        cmocka_unit_test(a_ca_file_that_is_not_there_is_said_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
