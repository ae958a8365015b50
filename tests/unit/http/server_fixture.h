/* server_fixture.h - a server on a loop in a thread of its own, asked over plain sockets. */
#ifndef TESTS_HTTP_SERVER_FIXTURE_H
#define TESTS_HTTP_SERVER_FIXTURE_H

#include "http/server.h"
#include "support.h"

struct site; /* opaque */

/* Starts a server on a free port of 127.0.0.1 (whatever options->listen says) with one table of
 * routes, whose handlers run on its thread. options may be NULL. */
struct site *site_new(const struct http_server_options *options, const struct http_route *routes,
                      size_t n, void *arg) MUST_CHECK;
void site_free(struct site *s); /* frees the server in whatever state it is, then the loop */

int site_port(const struct site *s);
struct http_server *site_server(const struct site *s); /* for functions on its thread */

/* Runs fn(site, arg) on the server's thread and waits for it. */
void site_run(struct site *s, void (*fn)(struct site *s, void *arg), void *arg);

size_t site_connections(struct site *s);
size_t site_in_flight(struct site *s);

/* Polls until the server has so many connections, or calls; false when it never does. */
bool site_has_connections(struct site *s, size_t n) MUST_CHECK;
bool site_has_in_flight(struct site *s, size_t n) MUST_CHECK;

/* Sends bytes over a new connection and reads one response into out; its status, 0 for none. */
int site_ask(struct site *s, const char *request, char *out, size_t size);

#endif
