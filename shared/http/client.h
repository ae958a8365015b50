/* client.h - HTTP requests to an upstream, with certainty about what was sent.
 *
 * Every answer says one of three things: the whole response is here; no byte of the request can
 * have reached a server, so repeating is safe; or it may have happened, so a request that may be
 * done once only must not be repeated. Redirects are not followed, proxies not used, peers always
 * verified. Knows nothing of what is inside bodies. Loop thread only; the process must ignore
 * SIGPIPE (process_harden does). */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "http/hosts.h"
#include "http/method.h"
#include "loop/loop.h"

struct http_client; /* opaque */

struct http_client_options {
    const char *user_agent;     /* NULL: none is sent */
    const char *ca_file;        /* PEM of the trusted authorities; NULL: the system's */
    int64_t connect_timeout_ms; /* per host: name, TCP and TLS together; 0: 2000 */
    int64_t idle_timeout_ms;    /* a connection unused for longer is not used again; 0: 30000 */
    size_t max_connections;     /* requests under way at once, each on its own connection; 0: 256 */
    size_t max_queued;          /* requests waiting for a connection; 0: 1024 */
};

/* A piece of a body, borrowed until this returns; may send and cancel requests, this one too. */
typedef void http_piece_fn(struct slice piece, void *arg);

struct http_request {
    enum http_method method;  /* HTTP_GET or HTTP_POST */
    struct http_hosts *hosts; /* the client takes a reference of its own */
    struct slice path_query;  /* behind the base: "/a/b?c=d", encoded; may hold secrets */
    const char *content_type; /* of the body; NULL for none */
    struct slice headers;     /* further lines "Name: value", "\n" between them; may hold secrets */
    struct slice body;        /* POST only; may be empty */
    int64_t timeout_ms;       /* for everything: waiting, all hosts, the response; > 0 */
    size_t max_response;      /* bytes of body at most; > 0 */
    bool repeatable;          /* may arrive twice: lets it be sent again on a fresh connection when
                                 a kept-alive one turns out to be dead */
    http_piece_fn *on_piece;  /* takes the body of a 2xx answer as it comes, for a response without
                                 an end: then timeout_ms is the longest silence, max_response what
                                 may come in one turn of the loop, and the answer's body empty.
                                 NULL: the answer has the whole body */
};

enum http_outcome {
    HTTP_ANSWERED, /* the whole response arrived, whatever its status */
    HTTP_NOT_SENT, /* certain: no byte of the request reached a server */
    HTTP_UNKNOWN,  /* it may have reached the server, and been done, or not */
};

struct http_answer {
    enum http_outcome outcome;
    int status;         /* three digits when ANSWERED, else 0 */
    struct slice body;  /* when ANSWERED; borrowed until fn returns, then wiped */
    const char *error;  /* why not ANSWERED, never NULL ("" when ANSWERED); names no URL, no secret;
                           borrowed until fn returns */
    int host;           /* index in hosts of the one asked last; -1 when none was */
    int64_t elapsed_us; /* since http_client_send */
};

typedef void http_answer_fn(const struct http_answer *answer, void *arg);

/* What the options point to is copied. NULL with a line in *e when the TLS library or the CA file
 * cannot be had. */
struct http_client *http_client_new(struct loop *l, const struct http_client_options *options,
                                    struct err *e) MUST_CHECK;

/* Ends every request still under way (their fn runs, with NOT_SENT or UNKNOWN) and closes all
 * connections. Not from within an fn. NULL is allowed. */
void http_client_free(struct http_client *c);

/* Begins a request. All of *req is copied; fn(answer, arg) runs exactly once, later, on the loop
 * thread, after the last on_piece(piece, arg), and may send and cancel others. Hosts are asked in
 * the order of http_hosts_next; the next one only after NOT_SENT, all within timeout_ms. A full
 * queue is NOT_SENT too. Returns the id for http_client_cancel, never 0; 0 only while
 * http_client_free runs, and then fn does not run. */
uint64_t http_client_send(struct http_client *c, const struct http_request *req, http_answer_fn *fn,
                          void *arg);

/* Gives the request up: neither fn nor on_piece will run. An id whose fn ran already is ignored. */
void http_client_cancel(struct http_client *c, uint64_t id);

/* Requests whose fn has yet to run, those that wait among them. */
size_t http_client_pending(const struct http_client *c);

#endif
