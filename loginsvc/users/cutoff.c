#include "loginsvc/users/cutoff.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"

struct cutoff {
    mono_ms_t at;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the following */
    pthread_cond_t wake;  /* `over` was set */
    int fd;               /* a duplicate, whose number is ours alone; -1: none yet */
    bool over;            /* there is nothing to cut any more */
    bool cut;
};

static void cut(struct cutoff *c)
{
    c->cut = true;
    if (c->fd >= 0)
        shutdown(c->fd, SHUT_RDWR);
}

/* The condition's clock stands while the machine sleeps, ours does not: hence again and again. */
static void wait_for(struct cutoff *c, int64_t ms)
{
    struct timespec until;
    ASSERT(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&c->wake, &c->lock, &until);
}

static void *watch(void *arg)
{
    struct cutoff *c = arg;
    pthread_mutex_lock(&c->lock);
    for (int64_t left; !c->over && (left = mono_between(clock_mono(), c->at)) > 0;)
        wait_for(c, left);
    if (!c->over)
        cut(c);
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

struct cutoff *cutoff_new(mono_ms_t at)
{
    struct cutoff *c = xcalloc(1, sizeof *c);
    pthread_condattr_t by_mono;
    sigset_t all, before;
    c->at = at;
    c->fd = -1;
    ASSERT(pthread_mutex_init(&c->lock, NULL) == 0);
    ASSERT(pthread_condattr_init(&by_mono) == 0);
    ASSERT(pthread_condattr_setclock(&by_mono, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_cond_init(&c->wake, &by_mono) == 0);
    pthread_condattr_destroy(&by_mono);
    sigfillset(&all);
    ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    ASSERT(pthread_create(&c->thread, NULL, watch, c) == 0);
    ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return c;
}

static void drop(struct cutoff *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void cutoff_aim(struct cutoff *c, int fd)
{
    pthread_mutex_lock(&c->lock);
    drop(c);
    c->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (c->cut)
        cut(c);
    pthread_mutex_unlock(&c->lock);
}

bool cutoff_free(struct cutoff *c)
{
    if (!c)
        return false;
    pthread_mutex_lock(&c->lock);
    c->over = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    ASSERT(pthread_join(c->thread, NULL) == 0);
    bool cut = c->cut;
    drop(c);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return cut;
}
