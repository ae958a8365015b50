#include "loginsvc/users/cutoff.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/thread.h"

struct cutoff {
    mono_ms_t at;
    int over; /* an eventfd: readable when there is nothing to cut any more */
    pthread_t thread;
    pthread_mutex_t lock; /* guards the following */
    int fd;               /* a duplicate, whose number is ours alone; -1: none yet */
    bool cut;
};

static void cut(struct cutoff *c, int fd)
{
    c->cut = true;
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
}

/* False: it is over before that. */
static bool wait_until(struct cutoff *c)
{
    struct pollfd over = {.fd = c->over, .events = POLLIN};
    int64_t left;
    while ((left = mono_between(clock_mono(), c->at)) > 0) {
        if (poll(&over, 1, left > INT_MAX ? INT_MAX : (int)left) > 0)
            return false;
    }
    return true;
}

static void *watch(void *arg)
{
    struct cutoff *c = arg;
    if (wait_until(c)) {
        pthread_mutex_lock(&c->lock);
        cut(c, c->fd);
        pthread_mutex_unlock(&c->lock);
    }
    return NULL;
}

static void drop(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void discard(struct cutoff *c)
{
    drop(c->over);
    drop(c->fd);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

struct cutoff *cutoff_new(mono_ms_t at)
{
    struct cutoff *c = xcalloc(1, sizeof *c);
    c->at = at;
    c->fd = -1;
    c->over = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ASSERT(pthread_mutex_init(&c->lock, NULL) == 0);
    if (c->over >= 0 && thread_start(&c->thread, watch, c))
        return c;
    discard(c);
    return NULL;
}

void cutoff_aim(struct cutoff *c, int fd)
{
    pthread_mutex_lock(&c->lock);
    drop(c->fd);
    c->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (c->cut || c->fd < 0)
        cut(c, fd);
    pthread_mutex_unlock(&c->lock);
}

bool cutoff_free(struct cutoff *c)
{
    if (!c)
        return false;
    ASSERT(eventfd_write(c->over, 1) == 0);
    ASSERT(pthread_join(c->thread, NULL) == 0);
    bool cut = c->cut;
    discard(c);
    return cut;
}
