#include "http/stream.h"

#include <stdlib.h>

#include <event2/buffer.h>

#include "base/list.h"
#include "base/slots.h"
#include "http/call.h"

struct stream {
    struct streams *streams;
    uint64_t id;
    struct list node; /* in open, or in over */
    bool is_over;
    struct evhttp_request *req;
    struct conn *conn;           /* NULL when the client is gone */
    void (*on_close)(void *arg); /* NULL: its owner ended it meanwhile */
    void *arg;
};

struct streams {
    struct conns *conns;
    struct slots *ids;
    struct list open;
    struct list over; /* ended by the other side: on_close is to run */
    struct event *tell_over;
    size_t max;
};

/* Lets go of the request: evhttp frees it, when its last byte is written or at once. */
static void release(struct stream *s)
{
    ASSERT(slots_remove(s->streams->ids, s->id) == s);
    list_remove(&s->node);
    if (s->conn)
        connection_end_stream(s->conn);
    evhttp_send_reply_end(s->req);
    free(s);
}

static void move_to_over(struct stream *s)
{
    list_remove(&s->node);
    list_push_back(&s->streams->over, &s->node);
    s->is_over = true;
    event_active(s->streams->tell_over, 0, 0);
}

/* evhttp is in the middle of closing the connection: the rest is for later. */
static void on_gone(void *arg)
{
    struct stream *s = arg;
    s->conn = NULL;
    if (!s->is_over)
        move_to_over(s);
}

static void run_over(struct streams *t)
{
    struct list *node;
    while ((node = list_pop_front(&t->over)) != NULL) {
        struct stream *s = LIST_ENTRY(node, struct stream, node);
        void (*on_close)(void *arg) = s->on_close;
        void *arg = s->arg;
        release(s);
        if (on_close)
            on_close(arg);
    }
}

static void on_tell_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    run_over(arg);
}

struct streams *streams_new(struct loop *l, struct conns *conns, size_t max)
{
    struct streams *t = xcalloc(1, sizeof *t);
    t->conns = conns;
    t->ids = slots_new();
    t->max = max;
    list_init(&t->open);
    list_init(&t->over);
    t->tell_over = event_new(loop_base(l), -1, 0, on_tell_over, t);
    ASSERT(t->tell_over != NULL);
    return t;
}

void streams_close(struct streams *t)
{
    t->max = 0;
    while (!list_empty(&t->open))
        move_to_over(LIST_ENTRY(t->open.next, struct stream, node));
}

void streams_free(struct streams *t)
{
    if (!t)
        return;
    run_over(t);
    event_free(t->tell_over);
    slots_free(t->ids);
    free(t);
}

static struct stream *stream_open(struct streams *t, struct evhttp_request *req)
{
    struct stream *s = xcalloc(1, sizeof *s);
    s->streams = t;
    s->req = req;
    s->conn = conns_find(t->conns, req);
    s->id = slots_put(t->ids, s);
    list_push_back(&t->open, &s->node);
    evhttp_send_reply_start(req, 200, http_status_phrase(200));
    if (s->conn)
        connection_begin_stream(s->conn, on_gone, s);
    else
        move_to_over(s);
    return s;
}

uint64_t http_reply_stream(struct http_call *call, const char *content_type,
                           void (*on_close)(void *arg), void *arg)
{
    struct streams *t = server_streams(call->server);
    if (call->method == HTTP_HEAD) {
        http_reply(call, 200, content_type, (struct slice){NULL, 0});
        return 0;
    }
    if (slots_count(t->ids) >= t->max) {
        http_reply_header(call, "Retry-After", "1");
        http_reply_problem(call, 503, "too_many_streams", NULL);
        return 0;
    }
    call_put_headers(call, content_type);
    call_end(call);
    server_watch_writing(call);
    struct stream *s = stream_open(t, call->req);
    s->on_close = on_close;
    s->arg = arg;
    uint64_t id = s->id;
    server_report(call, 200);
    call_free(call);
    return id;
}

void http_stream_send(struct http_server *server, uint64_t id, struct slice piece)
{
    struct stream *s = slots_get(server_streams(server)->ids, id);
    if (!s || s->is_over || piece.n == 0)
        return;
    if (connection_backlog(s->conn) + piece.n > HTTP_STREAM_BACKLOG) {
        connection_close(s->conn);
        return;
    }
    struct evbuffer *buffer = evbuffer_new();
    ASSERT(buffer != NULL && evbuffer_add(buffer, piece.p, piece.n) == 0);
    evhttp_send_reply_chunk(s->req, buffer);
    evbuffer_free(buffer);
}

size_t http_stream_backlog(struct http_server *server, uint64_t id)
{
    const struct stream *s = slots_get(server_streams(server)->ids, id);
    return s && !s->is_over ? connection_backlog(s->conn) : 0;
}

void http_stream_end(struct http_server *server, uint64_t id)
{
    struct stream *s = slots_get(server_streams(server)->ids, id);
    if (s && s->is_over)
        s->on_close = NULL;
    else if (s)
        release(s);
}
