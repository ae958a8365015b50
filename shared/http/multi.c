#include "http/multi.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/fd_table.h"

struct sock {
    struct multi *multi;
    struct event *ev;
    int fd;
    short armed;    /* EV_READ, EV_WRITE: what epoll watches */
    short wanted;   /* what curl wants; 0 between two transfers */
    bool ours;      /* opened through us, so that we learn of its close ... */
    bool connected; /* ... once it is connected: before, curl closes it without a word */
};

struct multi {
    CURLM *curl;
    struct event_base *base;
    struct loop_timer *timer; /* curl's one timeout */
    struct event *kick;       /* curl's timeout of 0: still in this turn of the loop */
    struct fd_table by_fd;    /* of struct sock */
    struct list told, done;   /* of multi_item */
    bool address_failed;      /* since curl ran last */
    struct multi_hooks hooks;
};

/* ---- running curl ---- */

static void collect_done(struct multi *m)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(m->curl, &left)) != NULL) {
        struct multi_item *item;
        ASSERT(msg->msg == CURLMSG_DONE);
        CURLcode result = msg->data.result; /* msg dies with the handle's removal */
        ASSERT(curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&item) == CURLE_OK);
        item->result = result;
        ASSERT(curl_multi_remove_handle(m->curl, item->easy) == CURLM_OK);
        list_push_back(&m->done, &item->node);
    }
}

/* curl 7.88 gives a name's address up and asks for nothing: it goes on to the next one whenever it
 * is run again, which may be when the time is over. */
static void try_next_addresses(struct multi *m)
{
    int running;
    while (m->address_failed) {
        m->address_failed = false;
        CURL_IGNORE_DEPRECATION(ASSERT(curl_multi_socket_all(m->curl, &running) == CURLM_OK);)
    }
}

static void run(struct multi *m, int fd, int bits)
{
    struct list *node;
    int running;
    ASSERT(curl_multi_socket_action(m->curl, fd, bits, &running) == CURLM_OK);
    try_next_addresses(m);
    collect_done(m);
    while ((node = list_pop_front(&m->told)) != NULL)
        m->hooks.on_told(LIST_ENTRY(node, struct multi_item, told), m->hooks.arg);
    while ((node = list_pop_front(&m->done)) != NULL) {
        struct multi_item *item = LIST_ENTRY(node, struct multi_item, node);
        item->added = false;
        m->hooks.on_done(item, m->hooks.arg);
    }
}

static void on_timeout(void *arg)
{
    run(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    run(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* curl may be in the middle of anything here: nothing is called back. */
static int on_curl_timer(CURLM *curl, long timeout_ms, void *arg)
{
    struct multi *m = arg;
    (void)curl;
    if (timeout_ms < 0)
        loop_timer_stop(m->timer);
    else if (timeout_ms == 0)
        event_active(m->kick, 0, 0);
    else
        loop_timer_after(m->timer, timeout_ms);
    return 0;
}

/* ---- sockets ---- */

static void disarm(struct sock *s)
{
    if (s->armed)
        ASSERT(event_del(s->ev) == 0);
    s->armed = 0;
}

static void on_socket_event(evutil_socket_t fd, short what, void *arg)
{
    struct sock *s = arg;
    if (!s->wanted) { /* closed by the server between two transfers: curl finds out by itself */
        disarm(s);
        return;
    }
    int bits = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    run(s->multi, fd, bits);
}

static void arm(struct sock *s, short mask)
{
    s->wanted = mask;
    if (s->armed == mask)
        return;
    disarm(s);
    ASSERT(event_assign(s->ev, s->multi->base, s->fd, (short)(mask | EV_PERSIST), on_socket_event,
                        s) == 0);
    ASSERT(event_add(s->ev, NULL) == 0);
    s->armed = mask;
}

static void sock_free(struct sock *s)
{
    if (s->ours && !s->connected)
        s->multi->address_failed = true;
    fd_table_remove(&s->multi->by_fd, s->fd);
    event_free(s->ev);
    free(s);
}

static struct sock *sock_new(struct multi *m, int fd, bool ours)
{
    struct sock *s = xcalloc(1, sizeof *s);
    s->multi = m;
    s->fd = fd;
    s->ours = ours;
    s->ev = event_new(m->base, fd, EV_READ, on_socket_event, s);
    ASSERT(s->ev != NULL);
    fd_table_put(&m->by_fd, fd, s);
    return s;
}

/* Sockets of curl's resolver vanish without a word, and so do ours while they are connecting (curl
 * 7.88): those are forgotten at once, the others when they are closed. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct multi *m = arg;
    struct sock *s = fd_table_get(&m->by_fd, fd);
    (void)easy;
    (void)unused;
    if (what == CURL_POLL_REMOVE) {
        if (s && s->ours && s->connected)
            s->wanted = 0;
        else if (s)
            sock_free(s);
        return 0;
    }
    if (!s)
        s = sock_new(m, fd, false);
    if (what & CURL_POLL_IN) /* an answer is expected; who connects only writes */
        s->connected = true;
    arm(s, (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0)));
    return 0;
}

/* curl 7.88 closes the socket of an address that did not answer without a word, and takes its
 * successor, when it has the same number, for one that is watched already. */
static void sock_replace(struct multi *m, int fd)
{
    struct sock *gone = fd_table_get(&m->by_fd, fd);
    short wanted = gone ? gone->wanted : 0;
    if (gone)
        sock_free(gone);
    struct sock *s = sock_new(m, fd, true);
    if (wanted)
        arm(s, wanted);
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct multi *m = arg;
    (void)purpose;
    int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    sock_replace(m, fd);
    return fd;
}

static int on_close_socket(void *arg, curl_socket_t fd)
{
    struct multi *m = arg;
    struct sock *s = fd_table_get(&m->by_fd, fd);
    if (s)
        sock_free(s);
    return close(fd);
}

/* ---- making and using ---- */

struct multi *multi_new(struct loop *l, size_t max_connections, const struct multi_hooks *hooks)
{
    struct multi *m = xcalloc(1, sizeof *m);
    m->base = loop_base(l);
    m->hooks = *hooks;
    list_init(&m->told);
    list_init(&m->done);
    m->timer = loop_timer_new(l, on_timeout, m);
    m->kick = event_new(m->base, -1, 0, on_kick, m);
    m->curl = curl_multi_init();
    ASSERT(m->kick != NULL && m->curl != NULL);
    /* Fewer kept than used at once costs a new connection for each transfer. */
    long keep = (long)(max_connections * 2);
    ASSERT(curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, keep) == CURLM_OK &&
           curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_curl_timer) == CURLM_OK &&
           curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m) == CURLM_OK &&
           curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_curl_socket) == CURLM_OK &&
           curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m) == CURLM_OK);
    return m;
}

void multi_free(struct multi *m)
{
    if (!m)
        return;
    ASSERT(list_empty(&m->told) && list_empty(&m->done));
    ASSERT(curl_multi_cleanup(m->curl) == CURLM_OK); /* closes sockets through us */
    loop_timer_free(m->timer);
    event_free(m->kick);
    fd_table_deinit(&m->by_fd);
    free(m);
}

void multi_prepare(struct multi *m, CURL *easy)
{
    ASSERT(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, m) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, m) == CURLE_OK);
}

void multi_add(struct multi *m, struct multi_item *item)
{
    ASSERT(!item->added && !list_linked(&item->node));
    item->added = true;
    ASSERT(curl_easy_setopt(item->easy, CURLOPT_PRIVATE, item) == CURLE_OK);
    ASSERT(curl_multi_add_handle(m->curl, item->easy) == CURLM_OK);
}

void multi_remove(struct multi *m, struct multi_item *item)
{
    ASSERT(item->added);
    item->added = false;
    list_remove(&item->told);
    if (list_linked(&item->node))
        list_remove(&item->node);
    else
        ASSERT(curl_multi_remove_handle(m->curl, item->easy) == CURLM_OK);
}

void multi_tell(struct multi *m, struct multi_item *item)
{
    ASSERT(item->added);
    if (!list_linked(&item->told))
        list_push_back(&m->told, &item->told);
}
