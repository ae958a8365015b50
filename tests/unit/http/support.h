/* support.h - what the tests of http share: raw sockets on both ends, and a loop run until
 * something has happened. */
#ifndef TESTS_HTTP_SUPPORT_H
#define TESTS_HTTP_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "loop/loop.h"

enum { PATIENCE_MS = 10 * 1000 }; /* for what must happen; a test that waits longer has failed */

/* Ignores SIGPIPE, as process_harden does. */
void be_a_daemon(void);

/* Runs the loop until done(arg) or the time is over; true when done. */
bool loop_until(struct loop *l, bool (*done)(void *arg), void *arg, int64_t timeout_ms) MUST_CHECK;

/* Runs the loop for so long: for what must not happen. */
void loop_for(struct loop *l, int64_t ms);

/* ---- a server of bytes, in threads of its own ---- */

struct raw_server; /* opaque */

struct raw_conn {
    int fd;
    int number; /* of the connection, from 1 */
    struct raw_server *server;
    char request[65536]; /* the last one read: head and body */
    size_t request_n;
};

/* Listens on 127.0.0.1. serve(conn) runs in a thread per connection, which is closed after it. */
struct raw_server *raw_server_new(void (*serve)(struct raw_conn *c)) MUST_CHECK;
void raw_server_free(struct raw_server *s); /* shuts the connections down and waits */
int raw_server_port(const struct raw_server *s);
int raw_server_connections(const struct raw_server *s); /* accepted so far */
int raw_server_requests(const struct raw_server *s);    /* read so far, whole ones */

/* Reads one request (a head, and a body by Content-Length); false when the peer closed. */
bool raw_read_request(struct raw_conn *c);

/* ---- bytes ---- */

int raw_connect(int port);                /* to 127.0.0.1, with a read timeout */
void raw_write(int fd, const char *text); /* a peer that is gone is ignored */
void raw_write_n(int fd, const char *p, size_t n);
size_t raw_read_all(int fd, char *out, size_t size); /* until close, with a NUL; 0 on timeout */

/* Reads one response by its Content-Length into out with a NUL; the status, or 0. */
int raw_read_response(int fd, char *out, size_t size);

/* An address that takes no more connections: they neither succeed nor fail. */
struct blackhole {
    int listener, inside[2], port;
};

void blackhole_open(struct blackhole *b, const char *ip, int port); /* port 0: a free one */
void blackhole_close(struct blackhole *b);

#endif
