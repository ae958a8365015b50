#include "redis/tls.h"

#ifdef REDIS_HAS_TLS

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

/* One for the process: loading the CAs takes milliseconds. */
static SSL_CTX *shared_context(void)
{
    static SSL_CTX *ctx;
    if (ctx)
        return ctx;
    ctx = SSL_CTX_new(TLS_client_method());
    ASSERT(ctx != NULL);
    ASSERT(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
    ASSERT(SSL_CTX_set_default_verify_paths(ctx) == 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return ctx;
}

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* An address is verified as such and not sent as a server name. */
static bool expect_host(SSL *ssl, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

struct ssl_st *tls_begin(struct redisContext *ctx, const char *host, struct err *e)
{
    SSL *ssl = SSL_new(shared_context());
    ASSERT(ssl != NULL);
    if (!expect_host(ssl, host)) {
        SSL_free(ssl);
        err_set(e, "TLS: the host's name cannot be verified");
        return NULL;
    }
    if (redisInitiateSSL(ctx, ssl) != REDIS_OK) { /* owns ssl from here on, but not on failure */
        err_set(e, "TLS: %s", ctx->errstr);
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

bool tls_wants_write(const struct ssl_st *ssl)
{
    return SSL_want_write(ssl);
}

const char *tls_trouble(const struct ssl_st *ssl)
{
    long result = SSL_get_verify_result(ssl);
    return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}

#else

struct ssl_st *tls_begin(struct redisContext *ctx, const char *host, struct err *e)
{
    (void)ctx;
    (void)host;
    err_set(e, "this build has no TLS");
    return NULL;
}

bool tls_wants_write(const struct ssl_st *ssl)
{
    (void)ssl;
    return false;
}

const char *tls_trouble(const struct ssl_st *ssl)
{
    (void)ssl;
    return NULL;
}

#endif
