#include "loop/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"

struct mailbox {
    int fd; /* eventfd: readable while there is mail */
    struct event *ev;
    pthread_mutex_t lock; /* guards mail */
    struct list mail;
    void (*on_mail)(struct list *node, void *arg);
    void *arg;
};

static void deliver(struct mailbox *m)
{
    struct list now;
    struct list *node;
    list_init(&now);
    pthread_mutex_lock(&m->lock);
    list_take_all(&m->mail, &now);
    pthread_mutex_unlock(&m->lock);
    while ((node = list_pop_front(&now)) != NULL)
        m->on_mail(node, m->arg);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    uint64_t count;
    (void)what;
    if (read(fd, &count, sizeof count) < 0)
        ASSERT(errno == EAGAIN || errno == EINTR);
    deliver(arg);
}

struct mailbox *mailbox_new(struct loop *l, void (*on_mail)(struct list *node, void *arg),
                            void *arg)
{
    struct mailbox *m = xcalloc(1, sizeof *m);
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ASSERT(m->fd >= 0);
    ASSERT(pthread_mutex_init(&m->lock, NULL) == 0);
    list_init(&m->mail);
    m->on_mail = on_mail;
    m->arg = arg;
    m->ev = event_new(loop_base(l), m->fd, EV_READ | EV_PERSIST, on_readable, m);
    ASSERT(m->ev != NULL && event_add(m->ev, NULL) == 0);
    return m;
}

void mailbox_free(struct mailbox *m)
{
    if (!m)
        return;
    deliver(m);
    event_free(m->ev);
    close(m->fd);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

void mailbox_post(struct mailbox *m, struct list *node)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&m->lock);
    bool was_empty = list_empty(&m->mail);
    list_push_back(&m->mail, node);
    pthread_mutex_unlock(&m->lock);
    if (was_empty)
        ASSERT(write(m->fd, &one, sizeof one) == sizeof one);
}
