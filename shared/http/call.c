#include "http/call.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "base/secret.h"
#include "http/problem.h"
#include "sys/clock.h"
#include "sys/entropy.h"

/* ---- reading the request ---- */

static enum http_method method_of(struct evhttp_request *req)
{
    switch (evhttp_request_get_command(req)) {
#define X(name)                                                                                    \
    case EVHTTP_REQ_##name:                                                                        \
        return HTTP_##name;
        HTTP_METHODS(X)
#undef X
    case EVHTTP_REQ_TRACE:
    case EVHTTP_REQ_CONNECT:
        break;
    }
    UNREACHABLE("a method that the server did not allow");
}

static struct slice body_of(struct evhttp_request *req)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t n = evbuffer_get_length(in);
    return (struct slice){n ? (const char *)evbuffer_pullup(in, -1) : NULL, n};
}

static bool is_request_id(struct slice id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!isalnum((unsigned char)c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return id.n > 0 && id.n <= CALL_REQUEST_ID_MAX;
}

static void set_request_id(struct http_call *call)
{
    struct slice given = http_call_header(call, "X-Request-Id");
    if (!is_request_id(given) || !slice_copy(given, call->request_id, sizeof call->request_id))
        snprintf(call->request_id, sizeof call->request_id, "%016llx",
                 (unsigned long long)entropy_u64());
}

/* A socket for both families gives IPv4 addresses as ::ffff:a.b.c.d. */
static void set_peer(struct http_call *call)
{
    char *address;
    uint16_t port;
    evhttp_connection_get_peer(evhttp_request_get_connection(call->req), &address, &port);
    struct slice peer = slice_of(address);
    if (slice_starts(peer, "::ffff:") && memchr(peer.p, '.', peer.n))
        peer = (struct slice){peer.p + 7, peer.n - 7};
    ASSERT(slice_copy(peer, call->peer, sizeof call->peer));
}

struct http_call *call_new(struct http_server *s, struct evhttp_request *req)
{
    struct http_call *call = xcalloc(1, sizeof *call);
    call->server = s;
    call->req = req;
    call->began_us = clock_mono_us();
    call->method = method_of(req);
    call->path = slice_of(evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req)));
    call->body = body_of(req);
    set_peer(call);
    set_request_id(call);
    return call;
}

void call_free(struct http_call *call)
{
    if (call->query)
        form_deinit(call->query);
    free(call->query);
    free(call->params_bytes);
    free(call);
}

static bool decode_params(struct http_call *call, const struct route_match *match)
{
    char *at = call->params_bytes = xcalloc(call->path.n + 1, 1);
    for (size_t i = 0; i < match->nparams; i++) {
        size_t n;
        if (!percent_decode(match->params[i], false, at, &n))
            return false;
        call->params[i] = (struct slice){at, n};
        at += n;
    }
    return true;
}

static bool decode_query(struct http_call *call, const char *query)
{
    call->query = xcalloc(1, sizeof *call->query);
    return form_decode(slice_of(query), call->query, NULL);
}

bool call_decode(struct http_call *call, const struct route_match *match)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(call->req));
    return (match->nparams == 0 || decode_params(call, match)) &&
           (!query || decode_query(call, query));
}

/* ---- accessors ---- */

uint64_t http_call_id(const struct http_call *call)
{
    return call->id;
}

enum http_method http_call_method(const struct http_call *call)
{
    return call->method;
}

struct slice http_call_path(const struct http_call *call)
{
    return call->path;
}

struct slice http_call_param(const struct http_call *call, const char *name)
{
    int i = call->route ? route_param_index(call->route->pattern, name) : -1;
    return i < 0 ? (struct slice){NULL, 0} : call->params[i];
}

struct slice http_call_query(const struct http_call *call, const char *name)
{
    return http_call_query_at(call, name, 0);
}

struct slice http_call_query_at(const struct http_call *call, const char *name, size_t i)
{
    return call->query ? form_get_at(call->query, name, i) : (struct slice){NULL, 0};
}

struct slice http_call_header(const struct http_call *call, const char *name)
{
    return slice_of(evhttp_find_header(evhttp_request_get_input_headers(call->req), name));
}

bool http_call_headers(const struct http_call *call, const char *name, struct text *out)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(call->req);
    const struct evkeyval *header;
    TAILQ_FOREACH(header, headers, next)
    {
        if (evutil_ascii_strcasecmp(header->key, name) != 0)
            continue;
        text_str(out, out->n > 0 ? ", " : "");
        text_str(out, header->value);
    }
    return !out->cut;
}

struct slice http_call_body(const struct http_call *call)
{
    return call->body;
}

const char *http_call_peer(const struct http_call *call)
{
    return call->peer;
}

const char *http_call_request_id(const struct http_call *call)
{
    return call->request_id;
}

/* ---- replying ---- */

/* Whatever may stand in the value, it stays one header. */
void http_reply_header(struct http_call *call, const char *name, const char *value)
{
    char *clean = xstrdup(value);
    for (char *p = clean; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    }
    ASSERT(evhttp_add_header(evhttp_request_get_output_headers(call->req), name, clean) == 0);
    free(clean);
}

static void add_body(struct http_call *call, struct slice body)
{
    char length[24];
    if (call->method == HTTP_HEAD) {
        snprintf(length, sizeof length, "%zu", body.n);
        http_reply_header(call, "Content-Length", length);
    } else if (body.n > 0) {
        struct evbuffer *out = evhttp_request_get_output_buffer(call->req);
        ASSERT(evbuffer_add(out, body.p, body.n) == 0);
    }
}

/* Codes and keys may stand in the body, which is evhttp's own memory. */
void call_end(struct http_call *call)
{
    server_forget_call(call);
    bytes_wipe((char *)call->body.p, call->body.n);
}

void call_put_headers(struct http_call *call, const char *content_type)
{
    if (content_type)
        http_reply_header(call, "Content-Type", content_type);
    http_reply_header(call, "X-Request-Id", call->request_id);
    if (call->close)
        http_reply_header(call, "Connection", "close");
}

void http_reply(struct http_call *call, int status, const char *content_type, struct slice body)
{
    ASSERT(status >= 200 && status <= 599);
    call_put_headers(call, content_type);
    add_body(call, body);
    call_end(call);
    server_send(call, status);
    server_report(call, status);
    call_free(call);
}

void http_reply_json(struct http_call *call, int status, const json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    ASSERT(text != NULL);
    struct slice all = slice_of(text);
    http_reply(call, status, "application/json", all);
    bytes_wipe(text, all.n);
    free(text);
}

void http_reply_problem(struct http_call *call, int status, const char *code, const char *detail)
{
    const struct http_problem problem = {status, code, detail};
    http_problem_fn *shape = call->route ? call->route->problem : NULL;
    (shape ? shape : server_problem(call->server))(call, &problem);
}

void http_problem_json(struct http_call *call, const struct http_problem *problem)
{
    char *text = problem_to_json(problem, call->request_id);
    http_reply(call, problem->status, PROBLEM_TYPE, slice_of(text));
    free(text);
}
