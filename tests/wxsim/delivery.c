#include "wxsim/delivery.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/list.h"

/* A request whose answer waits, or never comes. */
struct waiting {
    struct list node; /* in one of the lists of its delivery */
    struct delivery *d;
    struct evhttp_request *req;
    int status;
    struct loop_timer *timer; /* of a delayed one, else NULL */
};

struct delivery {
    struct loop *loop;
    struct list delayed, held, hanging;
    size_t ndelayed, nheld, nhanging;
    struct list closing; /* whose connections the sweeper frees */
    struct loop_timer *sweeper;
    struct loop_timer *drain_limit; /* NULL before delivery_drain */
    size_t unwritten;               /* answers that delivery_drain waits for */
    void (*drained)(void *arg);
    void *drained_arg;
};

static void sweep(void *arg)
{
    struct delivery *d = arg;
    for (struct list *node; (node = list_pop_front(&d->closing)) != NULL;) {
        struct waiting *w = LIST_ENTRY(node, struct waiting, node);
        evhttp_connection_free(evhttp_request_get_connection(w->req));
        free(w);
    }
}

struct delivery *delivery_new(struct loop *l)
{
    struct delivery *d = xcalloc(1, sizeof *d);
    d->loop = l;
    list_init(&d->delayed);
    list_init(&d->held);
    list_init(&d->hanging);
    list_init(&d->closing);
    d->sweeper = loop_timer_new(l, sweep, d);
    return d;
}

/* ---- connections ---- */

static struct bufferevent *stream_of(struct evhttp_request *req)
{
    return evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
}

static struct waiting *new_waiting(struct delivery *d, struct evhttp_request *req, int status)
{
    struct waiting *w = xcalloc(1, sizeof *w);
    w->d = d;
    w->req = req;
    w->status = status;
    return w;
}

/* Puts the freeing off: evhttp may still be on the call stack. */
void delivery_close(struct delivery *d, struct evhttp_request *req)
{
    struct bufferevent *bev = stream_of(req);
    bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
    bufferevent_disable(bev, EV_READ | EV_WRITE);
    list_push_back(&d->closing, &new_waiting(d, req, 0)->node);
    loop_timer_after(d->sweeper, 0);
}

/* evhttp shuts a socket down before it closes it, and the FIN would go out before the reset that
 * SO_LINGER 0 asks for. Dissolving the association makes Linux send the reset itself, now. */
void delivery_reset(struct delivery *d, struct evhttp_request *req)
{
    const struct linger at_once = {1, 0};
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    evutil_socket_t fd = bufferevent_getfd(stream_of(req));
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)connect(fd, &nowhere, sizeof nowhere);
    delivery_close(d, req);
}

/* ---- waiting ---- */

static struct waiting *add(struct delivery *d, struct list *to, size_t *count,
                           struct evhttp_request *req, int status)
{
    if (d->ndelayed + d->nheld + d->nhanging >= DELIVERY_MAX) {
        delivery_close(d, req);
        return NULL;
    }
    struct waiting *w = new_waiting(d, req, status);
    list_push_back(to, &w->node);
    ++*count;
    return w;
}

/* Ends the waiting; the request is the caller's. */
static struct evhttp_request *take(struct waiting *w, size_t *count)
{
    struct evhttp_request *req = w->req;
    list_remove(&w->node);
    --*count;
    loop_timer_free(w->timer);
    free(w);
    return req;
}

/* ---- answers ---- */

static void send_now(struct evhttp_request *req, int status)
{
    evhttp_send_reply(req, status, NULL, NULL);
}

static void on_delay_over(void *arg)
{
    struct waiting *w = arg;
    int status = w->status;
    send_now(take(w, &w->d->ndelayed), status);
}

void delivery_send(struct delivery *d, struct evhttp_request *req, int status, int64_t ms)
{
    if (ms <= 0) {
        send_now(req, status);
        return;
    }
    struct waiting *w = add(d, &d->delayed, &d->ndelayed, req, status);
    if (!w)
        return;
    w->timer = loop_timer_new(d->loop, on_delay_over, w);
    loop_timer_after(w->timer, ms);
}

void delivery_hold(struct delivery *d, struct evhttp_request *req, int status)
{
    (void)add(d, &d->held, &d->nheld, req, status);
}

static size_t send_all(struct list *head, size_t *count)
{
    size_t sent = 0;
    for (struct list *node; (node = list_pop_front(head)) != NULL; sent++) {
        struct waiting *w = LIST_ENTRY(node, struct waiting, node);
        int status = w->status;
        send_now(take(w, count), status);
    }
    return sent;
}

size_t delivery_release(struct delivery *d)
{
    return send_all(&d->held, &d->nheld);
}

/* ---- hanging ---- */

static void on_more_bytes(struct bufferevent *bev, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(bev);
    (void)arg;
    (void)evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_caller_gone(struct bufferevent *bev, short what, void *arg)
{
    struct waiting *w = arg;
    struct delivery *d = w->d;
    (void)bev;
    (void)what;
    delivery_close(d, take(w, &d->nhanging));
}

void delivery_hang(struct delivery *d, struct evhttp_request *req)
{
    struct waiting *w = add(d, &d->hanging, &d->nhanging, req, 0);
    if (!w)
        return;
    struct bufferevent *bev = stream_of(req);
    bufferevent_setcb(bev, on_more_bytes, NULL, on_caller_gone, w);
    (void)bufferevent_set_timeouts(bev, NULL, NULL);
    (void)bufferevent_enable(bev, EV_READ);
}

static size_t close_all(struct delivery *d, struct list *head, size_t *count)
{
    size_t closed = 0;
    for (struct list *node; (node = list_pop_front(head)) != NULL; closed++)
        delivery_close(d, take(LIST_ENTRY(node, struct waiting, node), count));
    return closed;
}

size_t delivery_cut_hanging(struct delivery *d)
{
    return close_all(d, &d->hanging, &d->nhanging);
}

size_t delivery_held(const struct delivery *d)
{
    return d->nheld;
}

size_t delivery_hanging(const struct delivery *d)
{
    return d->nhanging;
}

/* ---- the end ---- */

static void finish_drain(void *arg)
{
    struct delivery *d = arg;
    void (*drained)(void *arg) = d->drained;
    loop_timer_stop(d->drain_limit);
    d->drained = NULL;
    if (drained)
        drained(d->drained_arg);
}

static void on_written(struct evhttp_request *req, void *arg)
{
    struct delivery *d = arg;
    (void)req;
    if (--d->unwritten == 0)
        loop_timer_after(d->drain_limit, 0);
}

static void watch_all(struct delivery *d, struct list *head)
{
    LIST_FOR_EACH(node, head)
    {
        d->unwritten++;
        evhttp_request_set_on_complete_cb(LIST_ENTRY(node, struct waiting, node)->req, on_written,
                                          d);
    }
}

void delivery_drain(struct delivery *d, int64_t ms, void (*done)(void *arg), void *arg)
{
    ASSERT(!d->drain_limit);
    d->drain_limit = loop_timer_new(d->loop, finish_drain, d);
    d->drained = done;
    d->drained_arg = arg;
    watch_all(d, &d->delayed);
    watch_all(d, &d->held);
    (void)send_all(&d->delayed, &d->ndelayed);
    (void)send_all(&d->held, &d->nheld);
    (void)delivery_cut_hanging(d);
    loop_timer_after(d->drain_limit, d->unwritten ? ms : 0);
}

void delivery_free(struct delivery *d)
{
    if (!d)
        return;
    (void)close_all(d, &d->delayed, &d->ndelayed);
    (void)close_all(d, &d->held, &d->nheld);
    (void)close_all(d, &d->hanging, &d->nhanging);
    sweep(d);
    loop_timer_free(d->sweeper);
    loop_timer_free(d->drain_limit);
    free(d);
}
