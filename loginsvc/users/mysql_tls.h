/* mysql_tls.h - TLS to a MySQL server: TLS or nothing, 1.2 or newer, with a certificate that a CA
 * we trust signed for the host of DATABASE_URL. There is no mode that encrypts for whoever answers.
 *
 * The client library carries it out. Left to itself 3.4 takes any certificate from 127.0.0.1, and
 * from elsewhere one whose issuer it does not know; where CAs are named it does not, so they always
 * are. Any thread. */
#ifndef USERS_MYSQL_TLS_H
#define USERS_MYSQL_TLS_H

#include <stdbool.h>

#include <mysql.h>

#include "base/check.h"
#include "base/err.h"

enum { MYSQL_TLS_PATH_SIZE = 1024 };

/* All zero: off. */
struct mysql_tls {
    bool on;
    char ca_file[MYSQL_TLS_PATH_SIZE];   /* PEM, read at each connection; "": none */
    char ca_folder[MYSQL_TLS_PATH_SIZE]; /* the system's; "": none */
};

/* Switched on, with the CAs of a file, or, `ca` NULL, with the system's (or those of
 * SSL_CERT_FILE). False with a line in *e, which names the file, when it holds none. */
bool mysql_tls_init(struct mysql_tls *t, const char *ca, struct err *e) MUST_CHECK;

/* On a handle that is not connected yet. */
void mysql_tls_set(const struct mysql_tls *t, MYSQL *raw);

/* False for the two addresses at which 3.4 does not ask whether the certificate is for the host:
 * a tunnel to another machine may begin there. Never to be connected to. */
bool mysql_tls_verifies(const char *host);

#endif
