/* call.h - one request and its reply, as the server makes and ends it. Internal to the server. */
#ifndef HTTP_CALL_H
#define HTTP_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/http.h>

#include "base/check.h"
#include "base/list.h"
#include "http/form.h"
#include "http/route.h"
#include "http/server.h"

enum {
    CALL_REQUEST_ID_MAX = 64,
    CALL_PEER_MAX = 63,
};

struct http_call {
    struct http_server *server;
    uint64_t id;
    struct list node; /* among the calls in flight, oldest first */
    struct evhttp_request *req;
    enum http_method method;
    struct slice path;
    struct slice body;
    const struct http_route *route; /* NULL: no path */
    struct slice params[ROUTE_PARAMS_MAX];
    char *params_bytes; /* owned: what params point into */
    struct form *query; /* owned; NULL: none was sent */
    int64_t began_us;
    bool close; /* the connection ends with this reply */
    char peer[CALL_PEER_MAX + 1];
    char request_id[CALL_REQUEST_ID_MAX + 1];
};

/* Reads method, path, peer, body and request id off the request. */
struct http_call *call_new(struct http_server *s, struct evhttp_request *req) MUST_CHECK;

/* Wipes what the call decoded and frees it; the request is evhttp's by then. */
void call_free(struct http_call *call);

/* Decodes query and parameters; false when an escape is bad or there are too many. */
bool call_decode(struct http_call *call, const struct route_match *match) MUST_CHECK;

/* Puts the headers of every reply; body and status come after them. */
void call_put_headers(struct http_call *call, const char *content_type);

/* Takes the call out of the server's books, so that it can no longer be found, and wipes its body:
 * the first step of every reply. */
void call_end(struct http_call *call);

/* Its part in server.c. */
void server_forget_call(struct http_call *call);

/* Hands the reply, which stands in the request, to evhttp. In server.c. */
void server_send(struct http_call *call, int status);

/* Has the connection told when evhttp wrote all of the reply. In server.c. */
void server_watch_writing(struct http_call *call);

/* Tells the access hook. In server.c. */
void server_report(const struct http_call *call, int status);

/* In server.c. */
struct streams *server_streams(struct http_server *s);

/* The shape of errors where the route has none. In server.c. */
http_problem_fn *server_problem(const struct http_server *s);

#endif
