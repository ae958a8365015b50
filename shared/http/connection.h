/* connection.h - the server's open connections: how many, since when, and how long each may take.
 *
 * evhttp neither limits nor lists its connections, does not tell of their end before a request
 * came, and lets a client trickle a request for ever. This module gives evhttp the bufferevents it
 * accepts with and so knows each connection from its first to its last moment. It also puts our
 * JSON in the place of the HTML pages that evhttp sends by itself for what it cannot parse.
 * Internal to the server; loop thread only. */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>

#include <event2/http.h>
#include <event2/listener.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"
#include "loop/loop.h"

#define CONN_STATES(X)                                                                             \
    X(FRESH)   /* accepted in this turn of the loop */                                             \
    X(IDLE)    /* waits for the first byte of a request */                                         \
    X(READING) /* has that byte, waits for the last one */                                         \
    X(CALL)    /* a call is in the hands of its handler */                                         \
    X(WRITING) /* a reply is on its way */                                                         \
    X(STREAM)  /* a reply without an end is on its way */

#define X(name) CONN_##name,
enum connection_state { CONN_STATES(X) CONN_STATE_COUNT };
#undef X

struct conns_options {
    size_t max;      /* connections; then no more are accepted, and idle ones closed */
    size_t max_body; /* as evhttp knows it */
    int64_t timeout_ms[CONN_STATE_COUNT]; /* in each state; 0: none */
    /* Writes a whole HTTP response with that status and Connection: close. */
    void (*write_page)(int status, struct text *out);
};

struct conns; /* opaque */
struct conn;  /* opaque; gone when the connection is */

/* Hooks into `http` and `listener`, which must already be bound to each other. */
struct conns *conns_new(struct loop *l, struct evhttp *http, struct evconnlistener *listener,
                        const struct conns_options *options) MUST_CHECK;

/* After conns_stop_accepting and evhttp_free. NULL is allowed. */
void conns_free(struct conns *c);

size_t conns_count(const struct conns *c);
size_t conns_in(const struct conns *c, enum connection_state state);

/* The connection that a request came on; NULL when it is gone. */
struct conn *conns_find(struct conns *c, struct evhttp_request *req);

/* Its request is whole, and the handler's. */
void connection_begin_call(struct conn *conn);

/* The reply was just given to evhttp. Writes at once what the socket takes, which saves the turn
 * through epoll and gets the reply out before evhttp learns that a client half-closed. */
void connection_begin_writing(struct conn *conn, bool at_once);

/* The reply was taken by the socket; the next request may begin. */
void connection_end_writing(struct conn *conn);

/* As connection_begin_writing, for a streamed reply: on_gone(arg) runs when the connection ends,
 * out of the middle of evhttp. connection_end_stream comes before the last piece is given to
 * evhttp. */
void connection_begin_stream(struct conn *conn, void (*on_gone)(void *arg), void *arg);
void connection_end_stream(struct conn *conn);
size_t connection_backlog(const struct conn *conn); /* bytes that the socket did not take yet */

/* Makes evhttp give the connection up, which must not be FRESH or in a CALL; gone on return. */
void connection_close(struct conn *conn);

/* Closes what has been too long in its state, and accepts again after a shortage of files. */
void conns_sweep(struct conns *c, mono_ms_t now);

/* For a drain: the listener is about to go. */
void conns_stop_accepting(struct conns *c);

/* Closes connections that have waited for a request since then, or longer. */
void conns_close_idle(struct conns *c, mono_ms_t since);

#endif
