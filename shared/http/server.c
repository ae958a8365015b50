#include "http/server.h"

#include <stdlib.h>
#include <unistd.h>

#include <event2/http.h>
#include <event2/listener.h>

#include "base/list.h"
#include "base/slots.h"
#include "http/call.h"
#include "http/connection.h"
#include "http/framing.h"
#include "http/listen.h"
#include "http/problem.h"
#include "http/route.h"
#include "http/stream.h"
#include "sys/clock.h"

enum {
    DEFAULT_MAX_BODY = 64 * 1024,
    DEFAULT_MAX_CONNECTIONS = 8192,
    DEFAULT_MAX_IN_FLIGHT = 1024,
    DEFAULT_MAX_STREAMS = 256,
    DEFAULT_TIMEOUT_MS = 10 * 1000,
    DEFAULT_IDLE_MS = 75 * 1000,
    TICK_MAX_MS = 500,
    DRAIN_TICK_MS = 10,
    LINGER_MS = 100, /* a drain accepts so long: who was connecting is answered, not cut off */
    FLUSH_MS = 1000, /* for clients to take the last replies of a drain */
};

enum server_state {
    SERVER_SERVING,  /* accepts */
    SERVER_DRAINING, /* accepts for a moment more, then waits for the calls in flight */
    SERVER_FLUSHING, /* all calls are replied to, some replies are not written yet */
    SERVER_DRAINED,  /* drained() was called */
};

struct http_server {
    struct loop *loop;
    struct http_server_options options;
    enum server_state state;
    struct evhttp *http;
    struct evhttp_bound_socket *bound; /* NULL once accepting stopped */
    struct conns *conns;
    struct streams *streams;
    struct route_tables tables;
    struct slots *calls;
    struct list in_flight; /* calls, oldest first */
    struct loop_timer *tick;
    int64_t tick_ms;
    int port;
    mono_ms_t accept_until; /* while DRAINING */
    mono_ms_t deadline;     /* of the state, while DRAINING or FLUSHING */
    void (*drained)(void *arg);
    void *drained_arg;
};

/* ---- the end of a call ---- */

http_problem_fn *server_problem(const struct http_server *s)
{
    return s->options.problem;
}

struct streams *server_streams(struct http_server *s)
{
    return s->streams;
}

void server_forget_call(struct http_call *call)
{
    ASSERT(slots_remove(call->server->calls, call->id) == call);
    list_remove(&call->node);
}

static void on_written(struct evhttp_request *req, void *arg)
{
    struct http_server *s = arg;
    struct conn *conn = conns_find(s->conns, req);
    if (conn)
        connection_end_writing(conn);
}

void server_watch_writing(struct http_call *call)
{
    evhttp_request_set_on_complete_cb(call->req, on_written, call->server);
}

/* A request whose connection is gone is freed by evhttp instead. One that expects "100 Continue"
 * may still have that line's own write under way, so its reply goes evhttp's way. */
void server_send(struct http_call *call, int status)
{
    struct http_server *s = call->server;
    struct conn *conn = conns_find(s->conns, call->req);
    bool at_once = http_call_header(call, "Expect").p == NULL;
    server_watch_writing(call);
    evhttp_send_reply(call->req, status, http_status_phrase(status), NULL);
    if (conn)
        connection_begin_writing(conn, at_once);
}

void server_report(const struct http_call *call, int status)
{
    const struct http_server_options *o = &call->server->options;
    if (!o->on_access)
        return;
    const struct http_access access = {call->method, call->route ? call->route->pattern : NULL,
                                       status, clock_mono_us() - call->began_us, call->request_id};
    o->on_access(&access, o->on_access_arg);
}

/* ---- from request to handler ---- */

static void refuse(struct http_call *call, int status, const char *code)
{
    http_reply_problem(call, status, code, NULL);
}

static void reply_allow(struct http_call *call, unsigned allowed)
{
    char text[64];
    struct text out = text_init(text, sizeof text);
    route_allow(allowed, &out);
    http_reply_header(call, "Allow", text);
    if (call->method == HTTP_OPTIONS)
        http_reply(call, 204, NULL, (struct slice){NULL, 0});
    else
        refuse(call, 405, "method_not_allowed");
}

static bool is_full(const struct http_server *s, const struct http_route *route)
{
    return slots_count(s->calls) > s->options.max_in_flight && !(route->flags & HTTP_ROUTE_ALWAYS);
}

static void dispatch(struct http_server *s, struct http_call *call)
{
    struct route_match match;
    route_find(&s->tables, call->method, call->path, &match);
    call->route = match.route ? match.route : match.at_path;
    if (!call->route) {
        refuse(call, 404, "not_found");
    } else if (!match.route) {
        reply_allow(call, match.allowed);
    } else if (is_full(s, match.route)) {
        http_reply_header(call, "Retry-After", "1");
        refuse(call, 503, "overloaded");
    } else if (!call_decode(call, &match)) {
        refuse(call, 400, "bad_encoding");
    } else {
        match.route->handler(call, match.arg);
    }
}

/* Methods for which evhttp 2.1 reads no body whatever the head says. */
static bool may_have_body(enum http_method m)
{
    return m != HTTP_HEAD;
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct http_server *s = arg;
    struct http_call *call = call_new(s, req);
    connection_begin_call(conns_find(s->conns, req));
    call->id = slots_put(s->calls, call);
    list_push_back(&s->in_flight, &call->node);
    call->close = s->state != SERVER_SERVING;
    if (framing_is_clear(evhttp_request_get_input_headers(req), may_have_body(call->method))) {
        dispatch(s, call);
    } else {
        call->close = true;
        refuse(call, 400, "bad_framing");
    }
}

/* ---- time ---- */

/* Replies in the handlers' place to every call that is at least so old. */
static void end_calls(struct http_server *s, int64_t age_us, int status, const char *code)
{
    while (!list_empty(&s->in_flight)) {
        struct http_call *oldest = LIST_ENTRY(s->in_flight.next, struct http_call, node);
        uint64_t id = oldest->id;
        if (clock_mono_us() - oldest->began_us < age_us)
            break;
        refuse(oldest, status, code);
        ASSERT(slots_get(s->calls, id) == NULL); /* the shape of a problem replies at once */
    }
}

static void set_draining_state(struct http_server *s, enum server_state state, int64_t timeout_ms)
{
    ASSERT(s->state < state);
    s->state = state;
    s->deadline = mono_after(loop_now(s->loop), timeout_ms);
}

static void stop_accepting(struct http_server *s)
{
    conns_stop_accepting(s->conns);
    if (s->bound)
        evhttp_del_accept_socket(s->http, s->bound);
    s->bound = NULL;
}

/* Nothing is left to wait for. A request that began to arrive, or is about to, is waited for, too.
 */
static bool is_empty(const struct http_server *s)
{
    size_t arriving = conns_in(s->conns, CONN_FRESH) + conns_in(s->conns, CONN_IDLE) +
                      conns_in(s->conns, CONN_READING);
    return !s->bound && slots_count(s->calls) + arriving == 0;
}

static void drain_step(struct http_server *s)
{
    mono_ms_t now = loop_now(s->loop);
    bool late = mono_reached(now, s->deadline);
    if (late || mono_reached(now, s->accept_until))
        stop_accepting(s);
    if (!s->bound) /* until then a client that has just connected, or keeps a connection, may ask */
        conns_close_idle(s->conns, late ? now : mono_after(now, -LINGER_MS));
    if (s->state == SERVER_DRAINING && (late || is_empty(s))) {
        end_calls(s, 0, 503, "shutting_down");
        set_draining_state(s, SERVER_FLUSHING, FLUSH_MS);
    } else if (s->state == SERVER_FLUSHING && (late || conns_in(s->conns, CONN_WRITING) == 0)) {
        set_draining_state(s, SERVER_DRAINED, 0);
        s->drained(s->drained_arg);
    }
}

static void on_tick(void *arg)
{
    struct http_server *s = arg;
    loop_timer_after(s->tick, s->tick_ms);
    end_calls(s, s->options.reply_timeout_ms * 1000, 504, "timeout");
    conns_sweep(s->conns, loop_now(s->loop));
    if (s->state == SERVER_DRAINING || s->state == SERVER_FLUSHING)
        drain_step(s);
}

/* ---- making and ending a server ---- */

#define OR_DEFAULT(field, value)                                                                   \
    if ((field) == 0)                                                                              \
    (field) = (value)

static void set_options(struct http_server *s, const struct http_server_options *options)
{
    struct http_server_options *o = &s->options;
    *o = *options;
    o->listen = NULL;
    OR_DEFAULT(o->max_body, DEFAULT_MAX_BODY);
    OR_DEFAULT(o->max_connections, DEFAULT_MAX_CONNECTIONS);
    OR_DEFAULT(o->max_in_flight, DEFAULT_MAX_IN_FLIGHT);
    OR_DEFAULT(o->max_streams, DEFAULT_MAX_STREAMS);
    OR_DEFAULT(o->reply_timeout_ms, DEFAULT_TIMEOUT_MS);
    OR_DEFAULT(o->read_timeout_ms, DEFAULT_TIMEOUT_MS);
    OR_DEFAULT(o->write_timeout_ms, DEFAULT_TIMEOUT_MS);
    OR_DEFAULT(o->idle_timeout_ms, DEFAULT_IDLE_MS);
    if (!o->problem)
        o->problem = http_problem_json;
}

/* Often enough that no timeout is late by more than a tenth of the shortest. */
static int64_t tick_for(const struct http_server_options *o)
{
    const int64_t timeouts[] = {o->reply_timeout_ms, o->read_timeout_ms, o->write_timeout_ms,
                                o->idle_timeout_ms};
    int64_t tick_ms = TICK_MAX_MS;
    for (size_t i = 0; i < ARRAY_LEN(timeouts); i++) {
        if (timeouts[i] / 10 < tick_ms)
            tick_ms = timeouts[i] / 10;
    }
    return tick_ms > 0 ? tick_ms : 1;
}

static void set_up_evhttp(struct http_server *s)
{
    s->http = evhttp_new(loop_base(s->loop));
    ASSERT(s->http != NULL);
    evhttp_set_gencb(s->http, on_request, s);
    evhttp_set_max_headers_size(s->http, HTTP_HEAD_MAX);
    evhttp_set_max_body_size(s->http, (ev_ssize_t)s->options.max_body);
    /* Lets a client that sends too much read why. */
    ASSERT(evhttp_set_flags(s->http, EVHTTP_SERVER_LINGERING_CLOSE) == 0);
    evhttp_set_default_content_type(s->http, NULL);
    unsigned methods = 0;
#define X(name) methods |= EVHTTP_REQ_##name;
    HTTP_METHODS(X)
#undef X
    evhttp_set_allowed_methods(s->http, (ev_uint16_t)methods);
}

static void set_up_connections(struct http_server *s, int fd)
{
    const struct http_server_options *o = &s->options;
    const struct conns_options conns = {.max = o->max_connections,
                                        .max_body = o->max_body,
                                        .timeout_ms = {[CONN_IDLE] = o->idle_timeout_ms,
                                                       [CONN_READING] = o->read_timeout_ms,
                                                       [CONN_WRITING] = o->write_timeout_ms},
                                        .write_page = problem_write_page};
    struct evconnlistener *listener = evconnlistener_new(
        loop_base(s->loop), NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    ASSERT(listener != NULL);
    s->bound = evhttp_bind_listener(s->http, listener);
    ASSERT(s->bound != NULL);
    s->conns = conns_new(s->loop, s->http, listener, &conns);
    s->streams = streams_new(s->loop, s->conns, o->max_streams);
}

struct http_server *http_server_new(struct loop *l, const struct http_server_options *options,
                                    struct err *e)
{
    struct http_listen address;
    if (!http_listen_parse(options->listen, &address, e))
        return NULL;
    int fd = http_listen_open(&address, options->reuse_port, e);
    if (fd < 0)
        return NULL;
    struct http_server *s = xcalloc(1, sizeof *s);
    s->loop = l;
    s->port = http_listen_port(fd);
    s->calls = slots_new();
    list_init(&s->in_flight);
    set_options(s, options);
    set_up_evhttp(s);
    set_up_connections(s, fd);
    s->tick_ms = tick_for(&s->options);
    s->tick = loop_timer_new(l, on_tick, s);
    loop_timer_after(s->tick, s->tick_ms);
    return s;
}

void http_server_drain(struct http_server *s, int64_t timeout_ms, void (*drained)(void *arg),
                       void *arg)
{
    s->drained = drained;
    s->drained_arg = arg;
    s->accept_until = mono_after(loop_now(s->loop), LINGER_MS);
    streams_close(s->streams);
    LIST_FOR_EACH(it, &s->in_flight)
    {
        LIST_ENTRY(it, struct http_call, node)->close = true;
    }
    set_draining_state(s, SERVER_DRAINING, timeout_ms);
    s->tick_ms = DRAIN_TICK_MS;
    loop_timer_after(s->tick, 0);
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    loop_timer_free(s->tick);
    stop_accepting(s);
    streams_close(s->streams);
    end_calls(s, 0, 503, "shutting_down");
    streams_free(s->streams);
    evhttp_free(s->http);
    conns_free(s->conns);
    slots_free(s->calls);
    free(s);
}

/* ---- the rest ---- */

void http_server_routes(struct http_server *s, const struct http_route *routes, size_t n, void *arg)
{
    route_tables_add(&s->tables, routes, n, arg);
}

int http_server_port(const struct http_server *s)
{
    return s->port;
}

struct http_call *http_server_find(struct http_server *s, uint64_t id)
{
    return slots_get(s->calls, id);
}

size_t http_server_in_flight(const struct http_server *s)
{
    return slots_count(s->calls);
}

size_t http_server_connections(const struct http_server *s)
{
    return conns_count(s->conns);
}
