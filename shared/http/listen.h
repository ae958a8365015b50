/* listen.h - the address a server listens on: text, meaning, socket. Any thread; opening may ask
 * the name service and is for start-up. */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <stdbool.h>

#include "base/check.h"
#include "base/err.h"

struct http_listen {
    char host[256]; /* without brackets; empty: every address */
    char port[6];
};

/* Parses "127.0.0.1:8080", "name:8080", "[::1]:8080", ":8080"; port 0 is allowed. Pure. False with
 * a line in *e that names the text. */
bool http_listen_parse(const char *text, struct http_listen *out, struct err *e) MUST_CHECK;

/* True when only this machine reaches it: 127.x.x.x, ::1, localhost. Pure. */
bool http_listen_is_loopback(const struct http_listen *address);

/* A non-blocking socket that listens; -1 with a line in *e. The caller closes it. reuse_port lets
 * several processes share the port. */
int http_listen_open(const struct http_listen *address, bool reuse_port, struct err *e) MUST_CHECK;

/* The port that a socket listens on. */
int http_listen_port(int fd);

#endif
