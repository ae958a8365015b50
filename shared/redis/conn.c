#include "redis/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "base/err.h"
#include "base/secret.h"
#include "redis/tls.h"
#include "redis/wire.h"

enum phase {
    OPENING, /* the socket is not connected yet */
    OPEN,    /* bytes go both ways */
    OVER,    /* nothing happens any more; the memory goes with conn_close */
};

struct conn {
    struct loop *loop;
    const struct conn_hooks *hooks;
    void *arg;
    enum phase phase;
    redisContext *ctx;  /* NULL once OVER */
    struct ssl_st *ssl; /* inside ctx; NULL without TLS */
    char *tls_host;     /* NULL without TLS */
    struct event *readable, *writable;
    struct event *kick; /* activated by ourselves: something to write, or failed at once */
    size_t max_reply_bytes;
    size_t reply_bytes; /* received of the answer that is not complete yet */
    uint64_t queued;
    uint64_t written; /* valid once OVER */
};

static void tear_down(struct conn *c)
{
    struct event **events[] = {&c->readable, &c->writable, &c->kick};
    c->written = conn_written(c);
    c->phase = OVER;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (*events[i])
            event_free(*events[i]); /* before the descriptor closes: its number may come again */
        *events[i] = NULL;
    }
    if (c->ctx)
        redisFree(c->ctx);
    c->ctx = NULL;
    c->ssl = NULL;
}

static void fail(struct conn *c, const char *why)
{
    struct err e;
    err_set(&e, "%s", why); /* it may stand in ctx */
    tear_down(c);
    c->hooks->on_closed(e.text, c->arg);
}

static void fail_io(struct conn *c)
{
    const char *tls = c->ssl ? tls_trouble(c->ssl) : NULL;
    fail(c, tls ? tls : c->ctx->errstr);
}

static void want_write(struct conn *c, bool wanted)
{
    ASSERT((wanted ? event_add(c->writable, NULL) : event_del(c->writable)) == 0);
}

/* Writes what waits. False when the connection is over. */
static bool flush(struct conn *c)
{
    int done = 0;
    if (redisBufferWrite(c->ctx, &done) != REDIS_OK) {
        fail_io(c);
        return false;
    }
    want_write(c, !done && (!c->ssl || tls_wants_write(c->ssl)));
    return true;
}

/* Hands out the complete answers of what was received. */
static void drain(struct conn *c)
{
    while (c->phase == OPEN) {
        void *reply = NULL;
        if (redisGetReplyFromReader(c->ctx, &reply) != REDIS_OK) {
            fail_io(c);
            return;
        }
        if (!reply)
            break;
        c->reply_bytes = c->ctx->reader->len - c->ctx->reader->pos;
        c->hooks->on_reply((const struct redis_value *)reply, c->arg);
        freeReplyObject(reply);
    }
    if (c->phase == OPEN && c->reply_bytes > c->max_reply_bytes)
        fail(c, "the answer is longer than allowed");
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    (void)fd;
    (void)what;
    size_t before = c->ctx->reader->len;
    if (redisBufferRead(c->ctx) != REDIS_OK) {
        fail_io(c);
        return;
    }
    c->reply_bytes += c->ctx->reader->len - before;
    if (c->ssl && !flush(c)) /* what TLS could not write may have waited for the peer */
        return;
    drain(c);
}

/* hiredis' keepalive notices a dead host; the delays of Nagle would cost each command 40 ms. */
static void tune(struct conn *c)
{
    int on = 1;
    if (c->ctx->connection_type != REDIS_CONN_TCP)
        return;
    (void)setsockopt(c->ctx->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)redisEnableKeepAlive(c->ctx);
    c->ctx->err = 0; /* without keepalive the PING of link.h is enough */
}

static void open_up(struct conn *c)
{
    struct err e;
    tune(c);
    if (c->tls_host && !(c->ssl = tls_begin(c->ctx, c->tls_host, &e))) {
        fail(c, e.text);
        return;
    }
    c->phase = OPEN;
    want_write(c, false);
    ASSERT(event_add(c->readable, NULL) == 0);
    c->hooks->on_open(c->arg);
}

static void finish_connect(struct conn *c)
{
    int error = 0;
    socklen_t n = sizeof error;
    if (getsockopt(c->ctx->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    if (error)
        fail(c, strerror(error));
    else
        open_up(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    (void)fd;
    (void)what;
    if (c->phase == OPENING)
        finish_connect(c);
    else
        (void)flush(c);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    (void)fd;
    (void)what;
    if (!c->ctx)
        fail(c, "out of memory");
    else if (c->ctx->err)
        fail_io(c);
    else if (c->phase == OPEN)
        (void)flush(c);
}

static struct event *new_event(struct conn *c, int fd, short what, event_callback_fn fn)
{
    struct event *ev = event_new(loop_base(c->loop), fd, what, fn, c);
    ASSERT(ev != NULL);
    return ev;
}

struct conn *conn_open(struct loop *l, const struct conn_target *target,
                       const struct conn_hooks *hooks, void *arg)
{
    struct conn *c = xcalloc(1, sizeof *c);
    c->loop = l;
    c->hooks = hooks;
    c->arg = arg;
    c->max_reply_bytes = target->max_reply_bytes;
    c->tls_host = target->tls ? xstrdup(target->host) : NULL;
    c->ctx = target->path ? redisConnectUnixNonBlock(target->path)
                          : redisConnectNonBlock(target->host, target->port);
    c->kick = new_event(c, -1, 0, on_kick);
    if (!c->ctx || c->ctx->err) {
        event_active(c->kick, 0, 0);
        return c;
    }
    c->readable = new_event(c, c->ctx->fd, EV_READ | EV_PERSIST, on_readable);
    c->writable = new_event(c, c->ctx->fd, EV_WRITE | EV_PERSIST, on_writable);
    want_write(c, true);
    return c;
}

static void free_memory(void *arg)
{
    struct conn *c = arg;
    free(c->tls_host);
    free(c);
}

void conn_close(struct conn *c)
{
    if (!c)
        return;
    if (c->phase != OVER)
        tear_down(c);
    loop_defer(c->loop, free_memory, c); /* drain may be on the stack */
}

void conn_send(struct conn *c, struct slice bytes)
{
    ASSERT(c->phase != OPENING);
    if (c->phase == OVER)
        return;
    if (redisAppendFormattedCommand(c->ctx, bytes.p, bytes.n) == REDIS_OK)
        c->queued += bytes.n;
    event_active(c->kick, 0, 0); /* all commands of this iteration go in one write */
}

void conn_command(struct conn *c, const struct slice *argv, size_t argc)
{
    size_t room = wire_room(argv, argc);
    char *p = xcalloc(1, room);
    struct text t = text_init(p, room);
    wire_begin(&t, argc);
    wire_args(&t, argv, argc);
    ASSERT(!t.cut);
    conn_send(c, (struct slice){t.p, t.n});
    bytes_wipe(p, room);
    free(p);
}

uint64_t conn_queued(const struct conn *c)
{
    return c->queued;
}

uint64_t conn_written(const struct conn *c)
{
    return c->ctx && c->ctx->obuf ? c->queued - sdslen(c->ctx->obuf) : c->written;
}
