/* server.h - an HTTP/1.1 server: routes, limits, deadlines, errors in JSON, drain.
 *
 * A program gives it tables of routes; a handler gets a call and replies to it, at once or later,
 * exactly once. If it does not in time, the server replies 504 in its place, and what comes later
 * finds no call any more: so whatever waits for something holds http_call_id, never the pointer,
 * and asks http_server_find. No TLS: that is the proxy's. Loop thread only; the process must ignore
 * SIGPIPE (process_harden does). */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "http/method.h"
#include "loop/loop.h"

struct http_server; /* opaque */
struct http_call;   /* opaque: one request and its reply; valid until replied to */

/* ---- routes ---- */

typedef void http_handler_fn(struct http_call *call, void *arg);

/* An error that the server or a handler wants to reply with. All borrowed. */
struct http_problem {
    int status;         /* 400-599 */
    const char *code;   /* stable, for programs: "not_found" */
    const char *detail; /* for a person; may be NULL; never a secret */
};

/* Replies to the call with the problem, in the shape its readers expect. */
typedef void http_problem_fn(struct http_call *call, const struct http_problem *problem);

enum http_route_flags {
    HTTP_ROUTE_SLASH = 1,  /* also with one slash more at the end */
    HTTP_ROUTE_ALWAYS = 2, /* also beyond max_in_flight: health and metrics */
};

struct http_route {
    enum http_method method; /* HTTP_GET serves HEAD too */
    const char *pattern;     /* "/v1/apps/{appid}/token": {name} stands for one whole segment */
    http_handler_fn *handler;
    unsigned flags;           /* of http_route_flags */
    http_problem_fn *problem; /* the shape of errors on this route; NULL: the server's */
};

/* ---- the server ---- */

/* What the access hook learns: never the query, never a value of a parameter. What evhttp refuses
 * because it cannot parse it (400, 413, 501) never becomes a call and is not reported. */
struct http_access {
    enum http_method method;
    const char *pattern; /* of the route; NULL when there was none */
    int status;
    int64_t elapsed_us; /* from the request's arrival to the reply */
    const char *request_id;
};

struct http_server_options {
    const char *listen;       /* "127.0.0.1:8080", "[::1]:8080", ":8080" (every address); port 0
                                 takes a free one */
    bool reuse_port;          /* several processes on the same port */
    size_t max_body;          /* bytes of a request's body; 0: 64 KiB. More is 413 */
    size_t max_connections;   /* 0: 8192. More wait unaccepted; idle ones make room */
    size_t max_in_flight;     /* calls not yet replied to; 0: 1024. More is 503 with Retry-After */
    size_t max_streams;       /* replies without an end; 0: 256 */
    int64_t reply_timeout_ms; /* for the handler, then 504; 0: 10 s */
    int64_t read_timeout_ms;  /* from a request's first byte to its last; 0: 10 s */
    int64_t write_timeout_ms; /* for the client to take a reply; 0: 10 s */
    int64_t idle_timeout_ms;  /* between requests; 0: 75 s */
    http_problem_fn *problem; /* the shape of errors; NULL: http_problem_json */
    /* After each reply; NULL: none. */
    void (*on_access)(const struct http_access *access, void *arg);
    void *on_access_arg;
};

/* Binds and listens, but accepts from the next turn of the loop on. What the options point to is
 * copied. NULL with a line in *e when the address is wrong or taken. */
struct http_server *http_server_new(struct loop *l, const struct http_server_options *options,
                                    struct err *e) MUST_CHECK;

/* Adds a table of n routes, borrowed for the server's life. Earlier tables and earlier routes win.
 * `arg` goes to the handlers. */
void http_server_routes(struct http_server *s, const struct http_route *routes, size_t n,
                        void *arg);

/* The port it listens on. */
int http_server_port(const struct http_server *s);

/* The call of that id; NULL when it was replied to meanwhile, by whomever. */
struct http_call *http_server_find(struct http_server *s, uint64_t id);

size_t http_server_in_flight(const struct http_server *s);   /* calls not yet replied to */
size_t http_server_connections(const struct http_server *s); /* open, idle ones too */

/* Accepts for a moment more (100 ms: what was on its way is answered), then closes connections that
 * have been idle for as long, ends streams, lets the calls in flight (and those that still arrive
 * on open connections) be replied to, for timeout_ms at most, then replies 503 to the rest. Calls
 * drained(arg) once, later. Once per server. */
void http_server_drain(struct http_server *s, int64_t timeout_ms, void (*drained)(void *arg),
                       void *arg);

/* Replies 503 to calls still in flight, ends streams (their on_close runs before this returns),
 * closes everything. Not from a handler; from drained() it is fine. NULL is allowed. */
void http_server_free(struct http_server *s);

/* ---- a call: its request ----
 * Slices and strings are borrowed until the reply. Where something is absent, p is NULL. */

uint64_t http_call_id(const struct http_call *call); /* never 0, never used again */
enum http_method http_call_method(const struct http_call *call);
struct slice http_call_path(const struct http_call *call); /* as sent, without the query */

/* The segment that {name} of the pattern stood for, decoded. */
struct slice http_call_param(const struct http_call *call, const char *name);

enum { HTTP_HEAD_MAX = 16 * 1024 }; /* bytes of a request's line and headers; more is 400 */

/* The first query parameter of that name, decoded. A query that cannot be decoded is 400 before any
 * handler runs. */
struct slice http_call_query(const struct http_call *call, const char *name);

/* The i-th of that name, from 0. */
struct slice http_call_query_at(const struct http_call *call, const char *name, size_t i);

struct slice http_call_header(const struct http_call *call, const char *name); /* any case */

/* All of that name, joined by commas as RFC 9110, 5.3 allows, behind what `out` has. False when
 * that did not fit. */
bool http_call_headers(const struct http_call *call, const char *name, struct text *out) MUST_CHECK;
struct slice http_call_body(const struct http_call *call);
const char *http_call_peer(const struct http_call *call); /* the address, without the port */

/* The client's X-Request-Id if that is 1 to 64 of A-Z a-z 0-9 . _ -, else a random one. */
const char *http_call_request_id(const struct http_call *call);

/* ---- a call: its reply ----
 * Each http_reply… ends the call: exactly once, and nothing of the call may be used after it.
 * Bodies and strings are copied. A client that went away makes no difference. */

/* Adds a header to the reply to come. Control bytes in the value become blanks. */
void http_reply_header(struct http_call *call, const char *name, const char *value);

void http_reply(struct http_call *call, int status, const char *content_type, struct slice body);
void http_reply_json(struct http_call *call, int status, const json_t *body); /* not taken */

/* Begins a 200 reply that goes on for as long as both sides like (server-sent events); ends the
 * call. on_close(arg) runs once, later, when the client is gone or took too little of what was sent
 * or the server drains; not after http_stream_end. Returns the stream's id, or 0 (and on_close will
 * not run) where there is nothing to stream: a HEAD, too many streams (503), a drain (503). */
uint64_t http_reply_stream(struct http_call *call, const char *content_type,
                           void (*on_close)(void *arg), void *arg);

/* Sends a piece; copied. An id that has ended is ignored. A client that is more than
 * HTTP_STREAM_BACKLOG behind is given up. */
void http_stream_send(struct http_server *s, uint64_t id, struct slice piece);
void http_stream_end(struct http_server *s, uint64_t id);

/* Bytes that the client has not taken yet; 0 for an id that has ended. */
size_t http_stream_backlog(struct http_server *s, uint64_t id);

enum { HTTP_STREAM_BACKLOG = 64 * 1024 }; /* bytes */

/* In the shape of the call's route or server. `detail` may be NULL. */
void http_reply_problem(struct http_call *call, int status, const char *code, const char *detail);

/* RFC 9457 application/problem+json with code and request_id: what a shape of one's own may fall
 * back to. */
http_problem_fn http_problem_json;

/* "Not Found"; "Unknown" for numbers nobody registered. */
const char *http_status_phrase(int status);

#endif
