#include "server_fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/mailbox.h"

struct site {
    struct loop *loop;
    struct mailbox *orders;
    struct http_server *server;
    int port;
    pthread_t thread;
};

struct order {
    struct list node;
    void (*fn)(struct site *s, void *arg);
    void *arg;
    sem_t done;
};

static void on_order(struct list *node, void *arg)
{
    struct order *o = LIST_ENTRY(node, struct order, node);
    o->fn(arg, o->arg);
    sem_post(&o->done);
}

static void *run_site(void *arg)
{
    struct site *s = arg;
    loop_run(s->loop);
    http_server_free(s->server);
    mailbox_free(s->orders);
    loop_free(s->loop);
    return NULL;
}

struct site *site_new(const struct http_server_options *options, const struct http_route *routes,
                      size_t n, void *arg)
{
    struct site *s = xcalloc(1, sizeof *s);
    struct http_server_options o = options ? *options : (struct http_server_options){0};
    struct err e;
    be_a_daemon();
    o.listen = "127.0.0.1:0";
    s->loop = loop_new();
    s->orders = mailbox_new(s->loop, on_order, s);
    s->server = http_server_new(s->loop, &o, &e);
    ASSERT(s->server != NULL);
    http_server_routes(s->server, routes, n, arg);
    s->port = http_server_port(s->server);
    ASSERT(pthread_create(&s->thread, NULL, run_site, s) == 0);
    return s;
}

void site_run(struct site *s, void (*fn)(struct site *s, void *arg), void *arg)
{
    struct order o = {.fn = fn, .arg = arg};
    ASSERT(sem_init(&o.done, 0, 0) == 0);
    mailbox_post(s->orders, &o.node);
    while (sem_wait(&o.done) != 0)
        continue;
    sem_destroy(&o.done);
}

static void stop(struct site *s, void *arg)
{
    (void)arg;
    loop_stop(s->loop);
}

void site_free(struct site *s)
{
    site_run(s, stop, NULL);
    pthread_join(s->thread, NULL);
    free(s);
}

int site_port(const struct site *s)
{
    return s->port;
}

struct http_server *site_server(const struct site *s)
{
    return s->server;
}

static void count_connections(struct site *s, void *arg)
{
    *(size_t *)arg = http_server_connections(s->server);
}

static void count_in_flight(struct site *s, void *arg)
{
    *(size_t *)arg = http_server_in_flight(s->server);
}

size_t site_connections(struct site *s)
{
    size_t n;
    site_run(s, count_connections, &n);
    return n;
}

size_t site_in_flight(struct site *s)
{
    size_t n;
    site_run(s, count_in_flight, &n);
    return n;
}

static bool comes_to(struct site *s, size_t (*count)(struct site *s), size_t n)
{
    for (int i = 0; i < PATIENCE_MS; i++) {
        if (count(s) == n)
            return true;
        usleep(1000);
    }
    return false;
}

bool site_has_connections(struct site *s, size_t n)
{
    return comes_to(s, site_connections, n);
}

bool site_has_in_flight(struct site *s, size_t n)
{
    return comes_to(s, site_in_flight, n);
}

int site_ask(struct site *s, const char *request, char *out, size_t size)
{
    int fd = raw_connect(s->port);
    raw_write(fd, request);
    int status = raw_read_response(fd, out, size);
    close(fd);
    return status;
}
