#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

#ifdef __SANITIZE_THREAD__
/* With the changelist libevent takes a closed socket off epoll a little later, when another thread
 * of the test may have the number again: the kernel finds nothing to take off. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "race:libevent-2.1.so\n";
}
#endif

void be_a_daemon(void)
{
    ASSERT(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
}

/* ---- the loop ---- */

struct watch {
    struct loop *loop;
    struct loop_timer *timer;
    bool (*done)(void *arg);
    void *arg;
    mono_ms_t end;
    bool was_done;
};

static void look(void *arg)
{
    struct watch *w = arg;
    w->was_done = w->done && w->done(w->arg);
    if (w->was_done || mono_reached(loop_now(w->loop), w->end))
        loop_stop(w->loop);
    else
        loop_timer_after(w->timer, 1);
}

bool loop_until(struct loop *l, bool (*done)(void *arg), void *arg, int64_t timeout_ms)
{
    struct watch w = {l, NULL, done, arg, mono_after(loop_now(l), timeout_ms), false};
    w.timer = loop_timer_new(l, look, &w);
    loop_timer_after(w.timer, 0);
    loop_run(l);
    loop_timer_free(w.timer);
    return w.was_done;
}

void loop_for(struct loop *l, int64_t ms)
{
    ASSERT(!loop_until(l, NULL, NULL, ms));
}

/* ---- the server of bytes ---- */

enum { MAX_CONNECTIONS = 256 };

struct raw_server {
    int fd, port;
    void (*serve)(struct raw_conn *c);
    pthread_t acceptor;
    pthread_mutex_t lock; /* guards fds and closing */
    bool closing;
    pthread_t threads[MAX_CONNECTIONS];
    int fds[MAX_CONNECTIONS]; /* -1 when closed */
    atomic_int connections, requests;
};

static void *serve_one(void *arg)
{
    struct raw_conn *c = arg;
    struct raw_server *s = c->server;
    s->serve(c);
    pthread_mutex_lock(&s->lock);
    s->fds[c->number - 1] = -1;
    close(c->fd);
    pthread_mutex_unlock(&s->lock);
    free(c);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct raw_server *s = arg;
    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        pthread_mutex_lock(&s->lock);
        if (fd < 0 || s->closing) {
            pthread_mutex_unlock(&s->lock);
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        struct raw_conn *c = xcalloc(1, sizeof *c);
        int i = atomic_fetch_add(&s->connections, 1);
        ASSERT(i < MAX_CONNECTIONS);
        c->fd = s->fds[i] = fd;
        c->number = i + 1;
        c->server = s;
        ASSERT(pthread_create(&s->threads[i], NULL, serve_one, c) == 0);
        pthread_mutex_unlock(&s->lock);
    }
}

static int listen_on_loopback(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 128) == 0);
    ASSERT(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

struct raw_server *raw_server_new(void (*serve)(struct raw_conn *c))
{
    struct raw_server *s = xcalloc(1, sizeof *s);
    s->fd = listen_on_loopback(&s->port);
    s->serve = serve;
    ASSERT(pthread_mutex_init(&s->lock, NULL) == 0);
    ASSERT(pthread_create(&s->acceptor, NULL, accept_all, s) == 0);
    return s;
}

void raw_server_free(struct raw_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    for (int i = 0; i < atomic_load(&s->connections); i++) {
        if (s->fds[i] >= 0)
            shutdown(s->fds[i], SHUT_RDWR);
    }
    pthread_mutex_unlock(&s->lock);
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->acceptor, NULL);
    close(s->fd);
    for (int i = 0; i < atomic_load(&s->connections); i++)
        pthread_join(s->threads[i], NULL);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int raw_server_port(const struct raw_server *s)
{
    return s->port;
}

int raw_server_connections(const struct raw_server *s)
{
    return atomic_load(&s->connections);
}

int raw_server_requests(const struct raw_server *s)
{
    return atomic_load(&s->requests);
}

/* ---- bytes ---- */

/* The length of head and body as the head says it, once the head is whole; else 0. */
static size_t message_length(const char *p, size_t n)
{
    const char *end = memmem(p, n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - p) + 4;
    const char *length = memmem(p, head, "Content-Length: ", 16);
    return head + (length ? strtoul(length + 16, NULL, 10) : 0);
}

bool raw_read_request(struct raw_conn *c)
{
    c->request_n = 0;
    for (;;) {
        size_t whole = message_length(c->request, c->request_n);
        if (whole > 0 && c->request_n >= whole)
            break;
        ssize_t n = recv(c->fd, c->request + c->request_n, sizeof c->request - 1 - c->request_n, 0);
        if (n <= 0)
            return false;
        c->request_n += (size_t)n;
    }
    c->request[c->request_n] = '\0';
    atomic_fetch_add(&c->server->requests, 1);
    return true;
}

int raw_connect(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {PATIENCE_MS / 1000, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
    ASSERT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    ASSERT(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
    return fd;
}

void raw_write_n(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
        if (done <= 0)
            return;
        p += done;
        n -= (size_t)done;
    }
}

void raw_write(int fd, const char *text)
{
    raw_write_n(fd, text, strlen(text));
}

size_t raw_read_all(int fd, char *out, size_t size)
{
    size_t have = 0;
    for (;;) {
        ssize_t n = recv(fd, out + have, size - 1 - have, 0);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            have = 0;
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    out[have] = '\0';
    return have;
}

int raw_read_response(int fd, char *out, size_t size)
{
    size_t have = 0, whole = 0;
    while (whole == 0 || have < whole) {
        ssize_t n = recv(fd, out + have, whole ? whole - have : 1, 0);
        if (n <= 0 || have + (size_t)n >= size)
            return 0;
        have += (size_t)n;
        whole = message_length(out, have);
    }
    out[have] = '\0';
    return (int)strtol(out + 9, NULL, 10);
}

void blackhole_open(struct blackhole *b, const char *ip, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t n = sizeof a;
    ASSERT(inet_pton(AF_INET, ip, &a.sin_addr) == 1);
    b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(bind(b->listener, (struct sockaddr *)&a, sizeof a) == 0 && listen(b->listener, 0) == 0);
    ASSERT(getsockname(b->listener, (struct sockaddr *)&a, &n) == 0);
    b->port = ntohs(a.sin_port);
    for (int i = 0; i < 2; i++) { /* as many as the kernel lets wait */
        b->inside[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(b->inside[i], (struct sockaddr *)&a, sizeof a);
    }
}

void blackhole_close(struct blackhole *b)
{
    close(b->listener);
    close(b->inside[0]);
    close(b->inside[1]);
}
