#include "wxsim/server.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "http/listen.h"
#include "log/log.h"
#include "sys/clock.h"

enum {
    BODY_MAX = 1 << 20, /* an order for codes or a WeChat request is far below */
    HEADERS_MAX = 64 * 1024,
    IDLE_S = 300,
    HUGE_BYTES = 8 << 20,
    HUGE_CHUNK = 64 << 10,
};

static const char control_prefix[] = "/_sim/";
static const char error_page[] = "<html>\r\n<head><title>error</title></head>\r\n"
                                 "<body><center><h1>error</h1></center></body>\r\n</html>\r\n";
static const char garbage[] = "\x1f\x8b\x08\xff\xfe{]<access_token>,,\"expires_in\":72OO\x80";

struct server {
    struct evhttp *http;
    struct evhttp_bound_socket *listener; /* NULL once it stopped accepting */
    struct api *api;
    const struct control *control;
    int64_t latency_ms;
    int port;
};

static struct instant instant_now(void)
{
    return (struct instant){clock_mono(), clock_wall()};
}

/* ---- requests ---- */

/* The body in one piece, borrowed from the request. */
static struct slice body_of(struct evhttp_request *req)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t n = evbuffer_get_length(in);
    return (struct slice){n ? (const char *)evbuffer_pullup(in, -1) : NULL, n};
}

static bool is_post(struct evhttp_request *req)
{
    return evhttp_request_get_command(req) == EVHTTP_REQ_POST;
}

static struct api_call call_of(struct evhttp_request *req, struct slice path)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(req);
    char *peer;
    ev_uint16_t port;
    evhttp_connection_get_peer(evhttp_request_get_connection(req), &peer, &port);
    return (struct api_call){
        .method = is_post(req) ? API_POST : API_GET,
        .has_length = evhttp_find_header(headers, "Content-Length") != NULL,
        .path = path,
        .query = slice_of(evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req))),
        .body = body_of(req),
        .peer = peer,
    };
}

/* ---- answers ---- */

static void write_head(struct evhttp_request *req, const char *content_type)
{
    if (content_type)
        ASSERT(evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type",
                                 content_type) == 0);
}

static void write_body(struct evhttp_request *req, const char *content_type, struct slice body)
{
    write_head(req, content_type);
    ASSERT(evbuffer_add(evhttp_request_get_output_buffer(req), body.p, body.n) == 0);
}

/* One chunk of memory, sent many times: a string of blanks and x that JSON allows. */
static void write_huge(struct evhttp_request *req)
{
    static char chunk[HUGE_CHUNK];
    struct evbuffer *out = evhttp_request_get_output_buffer(req);
    memset(chunk, 'x', sizeof chunk);
    write_body(req, "application/json; encoding=utf-8", SLICE_LIT("{\"access_token\":\""));
    for (int i = 0; i < HUGE_BYTES / HUGE_CHUNK; i++)
        ASSERT(evbuffer_add_reference(out, chunk, sizeof chunk, NULL, NULL) == 0);
    ASSERT(evbuffer_add(out, "\",\"expires_in\":7200}", 20) == 0);
}

/* Sends the caller what the fault makes of the answer. */
static void deliver(struct server *s, struct evhttp_request *req, const struct fault *fault,
                    const struct answer *a)
{
    struct delivery *d = s->control->delivery;
    struct slice body = {a->body.p, a->body.n};
    int64_t ms = s->latency_ms;
    int status = a->http_status;
    switch (fault->kind) {
    case FAULT_hang:
        delivery_hang(d, req);
        return;
    case FAULT_reset:
        delivery_reset(d, req);
        return;
    case FAULT_lost:
        delivery_close(d, req);
        return;
    case FAULT_hold:
        write_body(req, a->content_type, body);
        delivery_hold(d, req, status);
        return;
    case FAULT_delay:
        ms += fault->ms;
        write_body(req, a->content_type, body);
        break;
    case FAULT_truncated:
        write_body(req, a->content_type, (struct slice){body.p, body.n / 2});
        break;
    case FAULT_http500:
    case FAULT_http502:
        status = fault->kind == FAULT_http500 ? 500 : 502;
        write_body(req, "text/html", slice_of(error_page));
        break;
    case FAULT_garbage:
        write_body(req, "application/json; encoding=utf-8", slice_of(garbage));
        break;
    case FAULT_empty:
        break;
    case FAULT_huge:
        write_huge(req);
        break;
    case FAULT_NONE:
    case FAULT_busy:
    case FAULT_errcode:
        write_body(req, a->content_type, body);
        break;
    case FAULT_KINDS_END:
        ASSERT(fault->kind != FAULT_KINDS_END);
    }
    delivery_send(d, req, status, ms);
}

/* ---- a call to the simulated API ---- */

static void answer_call(struct server *s, size_t route, const struct fault *fault,
                        const struct api_call *call, struct answer *a)
{
    struct instant now = instant_now();
    if (fault_effect_of(fault->kind) == EFFECT_DONE)
        api_answer(s->api, route, call, now, a);
    else
        api_refuse(s->api, route, fault->kind == FAULT_errcode ? fault->errcode : WX_BUSY, now, a);
}

/* What the caller gets to see of it. */
static struct outcome outcome_of(const struct fault *fault, const struct answer *a)
{
    bool in_full = fault->kind == FAULT_delay || fault->kind == FAULT_hold;
    enum fault_kind seen = in_full ? FAULT_NONE : fault->kind;
    if (seen != FAULT_NONE)
        return (struct outcome){seen, 0, 0};
    return (struct outcome){FAULT_NONE, a->http_status, a->errcode};
}

static void simulate(struct server *s, struct evhttp_request *req, struct slice path)
{
    char name[OUTCOME_NAME_SIZE];
    struct answer a;
    struct api_call call = call_of(req, path);
    size_t route = api_route(path);
    struct fault fault = fault_rules_take(s->control->faults, path);
    answer_call(s, route, &fault, &call, &a);
    struct outcome outcome = outcome_of(&fault, &a);
    tally_count(s->control->tally, route, &outcome);
    log_debug("call", LOG_STR("path", api_path(route)),
              LOG_STR("outcome", outcome_name(&outcome, name)));
    deliver(s, req, &fault, &a);
}

/* ---- a control order ---- */

static void control(struct server *s, struct evhttp_request *req, struct slice path)
{
    const size_t n = sizeof control_prefix - 1;
    json_t *reply;
    int status = control_order(s->control, (struct slice){path.p + n, path.n - n}, is_post(req),
                               body_of(req), instant_now(), &reply);
    char *text = json_dumps(reply, JSON_COMPACT);
    ASSERT(text != NULL);
    write_body(req, "application/json", slice_of(text));
    free(text);
    json_decref(reply);
    delivery_send(s->control->delivery, req, status, 0);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct server *s = arg;
    struct slice path = slice_of(evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req)));
    if (slice_starts(path, control_prefix))
        control(s, req, path);
    else
        simulate(s, req, path);
}

/* ---- the listener ---- */

/* NULL with a line in *e; *port is the one it listens on. */
static struct evconnlistener *listen_on(struct loop *l, const char *listen, int *port,
                                        struct err *e)
{
    struct http_listen address;
    if (!http_listen_parse(listen, &address, e))
        return NULL;
    int fd = http_listen_open(&address, false, e);
    if (fd < 0)
        return NULL;
    *port = http_listen_port(fd);
    struct evconnlistener *listener =
        evconnlistener_new(loop_base(l), NULL, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd);
    ASSERT(listener != NULL);
    return listener;
}

struct server *server_new(struct loop *l, const struct server_options *options, struct api *api,
                          const struct control *c, struct err *e)
{
    int port;
    struct evconnlistener *listener = listen_on(l, options->listen, &port, e);
    if (!listener)
        return NULL;
    struct server *s = xcalloc(1, sizeof *s);
    s->api = api;
    s->control = c;
    s->latency_ms = options->latency_ms;
    s->port = port;
    s->http = evhttp_new(loop_base(l));
    ASSERT(s->http != NULL);
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                            EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_max_headers_size(s->http, HEADERS_MAX);
    evhttp_set_max_body_size(s->http, BODY_MAX);
    evhttp_set_timeout(s->http, IDLE_S);
    evhttp_set_gencb(s->http, on_request, s);
    s->listener = evhttp_bind_listener(s->http, listener);
    ASSERT(s->listener != NULL);
    return s;
}

int server_port(const struct server *s)
{
    return s->port;
}

void server_set_latency(struct server *s, int64_t ms)
{
    s->latency_ms = ms;
}

void server_stop_accepting(struct server *s)
{
    if (s->listener)
        evhttp_del_accept_socket(s->http, s->listener);
    s->listener = NULL;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    evhttp_free(s->http);
    free(s);
}
