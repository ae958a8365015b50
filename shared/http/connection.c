#include "http/connection.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/list.h"
#include "http/fd_table.h"

enum {
    INPUT_SLACK = 32 * 1024, /* beside a body: the head, chunk sizes, pipelined requests */
    PAGE_MAX = 1024
};

struct conn {
    struct conns *conns;
    struct bufferevent *bev; /* borrowed from evhttp; while FRESH, one reference is ours */
    struct list node;        /* in the list of its state */
    struct list page_node;   /* in conns->pages while words of evhttp's own wait to be looked at */
    enum connection_state state;
    mono_ms_t since;
    int fd;
    void (*on_gone)(void *arg); /* while STREAM, else NULL */
    void *on_gone_arg;
};

struct conns {
    struct loop *loop;
    struct evconnlistener *listener; /* NULL once accepting stopped for good */
    struct conns_options options;
    struct list in[CONN_STATE_COUNT]; /* each in the order of `since` */
    size_t count_in[CONN_STATE_COUNT];
    size_t count;
    struct list pages;
    struct event *soon; /* later in this turn of the loop: adopts and looks at pages */
    struct fd_table by_fd;
};

/* ---- states ---- */

static void leave_state(struct conn *conn)
{
    list_remove(&conn->node);
    conn->conns->count_in[conn->state]--;
}

static void enter_state(struct conn *conn, enum connection_state state)
{
    conn->state = state;
    conn->since = loop_now(conn->conns->loop);
    list_push_back(&conn->conns->in[state], &conn->node);
    conn->conns->count_in[state]++;
}

static void move_to(struct conn *conn, enum connection_state state)
{
    leave_state(conn);
    enter_state(conn, state);
}

/* A timeout is the one event that evhttp takes for the end in every state, and it needs no event on
 * the socket, whose reading may be suspended. */
void connection_close(struct conn *conn)
{
    ASSERT(conn->state != CONN_CALL && conn->state != CONN_FRESH);
    bufferevent_trigger_event(conn->bev, BEV_EVENT_TIMEOUT | BEV_EVENT_READING, 0);
}

static void listen_again(struct conns *c)
{
    if (c->listener && c->count < c->options.max)
        ASSERT(evconnlistener_enable(c->listener) == 0);
}

static void forget(struct conn *conn)
{
    struct conns *c = conn->conns;
    leave_state(conn);
    list_remove(&conn->page_node);
    c->count--;
    free(conn);
    listen_again(c);
}

/* ---- what passes through a connection ---- */

static void replace_nuls(struct evbuffer_iovec piece)
{
    char *at = piece.iov_base, *end = at + piece.iov_len;
    while (at < end && (at = memchr(at, '\0', (size_t)(end - at))) != NULL)
        *at++ = '\1';
}

/* evhttp takes lines for C strings: of "Content-Length: 2\0NN" it would read the 2. As another
 * control character, which has no place in a text either, a NUL hides nothing behind it. */
static void replace_new_nuls(struct evbuffer *input, size_t n_added)
{
    struct evbuffer_ptr from;
    struct evbuffer_iovec pieces[8]; /* one read fills 4 at most, and a rest of one before */
    ASSERT(evbuffer_ptr_set(input, &from, evbuffer_get_length(input) - n_added, EVBUFFER_PTR_SET) ==
           0);
    int n = evbuffer_peek(input, -1, &from, pieces, ARRAY_LEN(pieces));
    ASSERT(n >= 0 && n <= (int)ARRAY_LEN(pieces));
    for (int i = 0; i < n; i++)
        replace_nuls(pieces[i]);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct conn *conn = arg;
    if (info->n_added)
        replace_new_nuls(input, info->n_added);
    if (info->n_added && conn->state == CONN_IDLE)
        move_to(conn, CONN_READING);
}

/* "100 Continue" may stand before the page: it stays. */
static struct slice cut_continue(struct slice *all)
{
    const char *end =
        slice_starts(*all, "HTTP/1.1 100") ? memmem(all->p, all->n, "\r\n\r\n", 4) : NULL;
    size_t n = end ? (size_t)(end - all->p) + 4 : 0;
    struct slice head = {all->p, n};
    *all = (struct slice){all->p + n, all->n - n};
    return head;
}

/* The status of an error page that evhttp wrote; 0 when it wrote something else. */
static int page_status(struct slice page)
{
    int64_t status;
    if (!slice_starts(page, "HTTP/") || page.n < sizeof "HTTP/1.1 400" ||
        !slice_to_int((struct slice){page.p + 9, 3}, 400, 599, &status))
        return 0;
    return (int)status;
}

static void replace_page(struct conn *conn)
{
    char text[PAGE_MAX];
    struct text out = text_init(text, sizeof text);
    struct evbuffer *output = bufferevent_get_output(conn->bev);
    size_t all = evbuffer_get_length(output);
    struct slice page = {(const char *)evbuffer_pullup(output, -1), all};
    struct slice keep = cut_continue(&page);
    int status = page_status(page);
    if (status == 0)
        return;
    text_add(&out, keep);
    conn->conns->options.write_page(status, &out);
    ASSERT(!out.cut);
    move_to(conn, CONN_WRITING);
    /* A bufferevent holds the front of its output, so that nobody else takes from it. */
    ASSERT(evbuffer_unfreeze(output, 1) == 0 && evbuffer_drain(output, all) == 0 &&
           evbuffer_freeze(output, 1) == 0);
    ASSERT(evbuffer_add(output, out.p, out.n) == 0);
}

static void replace_pages(struct conns *c)
{
    struct list *node;
    while ((node = list_pop_front(&c->pages)) != NULL)
        replace_page(LIST_ENTRY(node, struct conn, page_node));
}

/* Output while no call of ours is being replied to: evhttp speaks by itself. Its page leaves with
 * the next turn of the loop, so there is time to look at it when it stands whole. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct conn *conn = arg;
    (void)output;
    bool alone = conn->state == CONN_IDLE || conn->state == CONN_READING;
    if (info->n_added == 0 || !alone || list_linked(&conn->page_node))
        return;
    list_push_back(&conn->conns->pages, &conn->page_node);
    event_active(conn->conns->soon, 0, 0);
}

/* ---- from accept to close ---- */

static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct conn *conn = arg;
    void (*on_gone)(void *arg) = conn->on_gone;
    void *on_gone_arg = conn->on_gone_arg;
    (void)evcon;
    evbuffer_remove_cb(bufferevent_get_input(conn->bev), on_input, conn);
    evbuffer_remove_cb(bufferevent_get_output(conn->bev), on_output, conn);
    fd_table_remove(&conn->conns->by_fd, conn->fd);
    forget(conn);
    if (on_gone)
        on_gone(on_gone_arg);
}

/* Finds the evhttp_connection that was made of our bufferevent: it is the argument of the
 * callbacks that evhttp set on it. None when evhttp gave it up at once. */
static void adopt(struct conn *conn)
{
    void *evcon;
    struct bufferevent *bev = conn->bev;
    bufferevent_getcb(bev, NULL, NULL, NULL, &evcon);
    if (evcon) {
        ASSERT(evhttp_connection_get_bufferevent(evcon) == bev);
        conn->fd = bufferevent_getfd(bev);
        fd_table_put(&conn->conns->by_fd, conn->fd, conn);
        evhttp_connection_set_closecb(evcon, on_close, conn);
        ASSERT(evbuffer_add_cb(bufferevent_get_input(bev), on_input, conn) != NULL);
        ASSERT(evbuffer_add_cb(bufferevent_get_output(bev), on_output, conn) != NULL);
        move_to(conn, CONN_IDLE);
    } else {
        forget(conn);
    }
    bufferevent_decref(bev);
}

/* The one that has been idle longest makes room for those that wait to be accepted. */
static void make_room(struct conns *c)
{
    if (c->count >= c->options.max && !list_empty(&c->in[CONN_IDLE]))
        connection_close(LIST_ENTRY(c->in[CONN_IDLE].next, struct conn, node));
}

static void adopt_fresh(struct conns *c)
{
    struct list *node;
    make_room(c);
    while ((node = list_pop_front(&c->in[CONN_FRESH])) != NULL)
        adopt(LIST_ENTRY(node, struct conn, node));
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    adopt_fresh(arg);
    replace_pages(arg);
}

/* evhttp asks for the bufferevent of a connection just accepted. */
static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
    struct conns *c = arg;
    struct conn *conn = xcalloc(1, sizeof *conn);
    conn->conns = c;
    /* The bufferevent closes the socket, once its events are gone; evhttp would close it under
     * them. */
    conn->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    ASSERT(conn->bev != NULL);
    bufferevent_incref(conn->bev);
    /* While a reply is written evhttp reads without looking, to notice a close. */
    bufferevent_setwatermark(conn->bev, EV_READ, 0, c->options.max_body + INPUT_SLACK);
    enter_state(conn, CONN_FRESH);
    event_active(c->soon, 0, 0);
    if (++c->count >= c->options.max)
        ASSERT(evconnlistener_disable(c->listener) == 0);
    return conn->bev;
}

/* Out of files or memory: pause until a connection closes or the next sweep. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    (void)arg;
    ASSERT(evconnlistener_disable(listener) == 0);
}

struct conns *conns_new(struct loop *l, struct evhttp *http, struct evconnlistener *listener,
                        const struct conns_options *options)
{
    struct conns *c = xcalloc(1, sizeof *c);
    c->loop = l;
    c->listener = listener;
    c->options = *options;
    for (int i = 0; i < CONN_STATE_COUNT; i++)
        list_init(&c->in[i]);
    list_init(&c->pages);
    c->soon = event_new(loop_base(l), -1, 0, on_soon, c);
    ASSERT(c->soon != NULL);
    evhttp_set_bevcb(http, on_accept, c);
    evconnlistener_set_error_cb(listener, on_accept_error);
    return c;
}

void conns_free(struct conns *c)
{
    if (!c)
        return;
    adopt_fresh(c);
    ASSERT(c->count == 0);
    event_free(c->soon);
    fd_table_deinit(&c->by_fd);
    free(c);
}

/* ---- for the server ---- */

size_t conns_count(const struct conns *c)
{
    return c->count;
}

size_t conns_in(const struct conns *c, enum connection_state state)
{
    return c->count_in[state];
}

struct conn *conns_find(struct conns *c, struct evhttp_request *req)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(req);
    if (!evcon)
        return NULL;
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evcon));
    struct conn *conn = fd_table_get(&c->by_fd, fd);
    ASSERT(conn != NULL);
    return conn;
}

void connection_begin_call(struct conn *conn)
{
    move_to(conn, CONN_CALL);
}

void connection_begin_writing(struct conn *conn, bool at_once)
{
    struct evbuffer *output = bufferevent_get_output(conn->bev);
    move_to(conn, CONN_WRITING);
    if (!at_once)
        return;
    ASSERT(evbuffer_unfreeze(output, 1) == 0);
    (void)evbuffer_write(output, conn->fd); /* an error shows again at evhttp's own write */
    ASSERT(evbuffer_freeze(output, 1) == 0);
    if (evbuffer_get_length(output) == 0)
        bufferevent_trigger(conn->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
}

void connection_begin_stream(struct conn *conn, void (*on_gone)(void *arg), void *arg)
{
    conn->on_gone = on_gone;
    conn->on_gone_arg = arg;
    move_to(conn, CONN_STREAM);
}

void connection_end_stream(struct conn *conn)
{
    conn->on_gone = NULL;
    move_to(conn, CONN_WRITING);
}

size_t connection_backlog(const struct conn *conn)
{
    return evbuffer_get_length(bufferevent_get_output(conn->bev));
}

void connection_end_writing(struct conn *conn)
{
    bool more = evbuffer_get_length(bufferevent_get_input(conn->bev)) > 0;
    move_to(conn, more ? CONN_READING : CONN_IDLE);
}

void conns_sweep(struct conns *c, mono_ms_t now)
{
    for (int s = 0; s < CONN_STATE_COUNT; s++) {
        int64_t timeout_ms = c->options.timeout_ms[s];
        while (timeout_ms > 0 && !list_empty(&c->in[s])) {
            struct conn *oldest = LIST_ENTRY(c->in[s].next, struct conn, node);
            if (!mono_reached(now, mono_after(oldest->since, timeout_ms)))
                break;
            connection_close(oldest);
        }
    }
    listen_again(c);
}

void conns_stop_accepting(struct conns *c)
{
    c->listener = NULL;
}

/* A request may stand in the socket that the loop has not read yet. */
static bool has_unread(const struct conn *conn)
{
    char byte;
    return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void conns_close_idle(struct conns *c, mono_ms_t since)
{
    LIST_FOR_EACH(it, &c->in[CONN_IDLE])
    {
        struct conn *conn = LIST_ENTRY(it, struct conn, node);
        if (mono_reached(since, conn->since) && !has_unread(conn))
            connection_close(conn);
    }
}
