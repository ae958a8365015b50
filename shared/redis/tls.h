/* tls.h - TLS on a connection to Redis, through hiredis_ssl. Internal to redis/.
 *
 * The server's certificate is verified against the system's CAs (or SSL_CERT_FILE) and its name
 * against the host of the URL. In a build without hiredis_ssl nothing calls it: redis_url_parse
 * refuses rediss://. Loop thread only. */
#ifndef REDIS_TLS_H
#define REDIS_TLS_H

#include <stdbool.h>

#include "base/check.h"
#include "base/err.h"

struct redisContext;
struct ssl_st; /* OpenSSL's SSL */

/* Begins the handshake on a connected socket; reads and writes of ctx then carry it on. Returns the
 * session, borrowed as long as ctx lives, or NULL with a line in *e. */
struct ssl_st *tls_begin(struct redisContext *ctx, const char *host, struct err *e) MUST_CHECK;

/* Whether what could not be written yet waits for the socket to take more (and not for the peer).
 */
bool tls_wants_write(const struct ssl_st *ssl);

/* Why the server's certificate was refused, or NULL when it was not. */
const char *tls_trouble(const struct ssl_st *ssl);

#endif
