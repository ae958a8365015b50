#include "loop/loop.h"

#include <stdlib.h>

#include <event2/thread.h>

#include "base/check.h"
#include "base/list.h"
#include "sys/clock.h"

enum { MAX_SIGNALS = 8 };

struct signal_hook {
    struct event *ev;
    void (*fn)(int signum, void *arg);
    void *arg;
};

struct loop {
    struct event_base *base;
    struct event *run_deferred; /* active while `deferred` is not empty */
    struct list deferred;
    struct signal_hook signals[MAX_SIGNALS];
    int nsignals;
};

struct loop_timer {
    struct event *ev;
    void (*fn)(void *arg);
    void *arg;
};

struct deferred {
    struct list node;
    void (*fn)(void *arg);
    void *arg;
};

static void run_deferred(struct loop *l)
{
    struct list now;
    struct list *node;
    list_init(&now);
    list_take_all(&l->deferred, &now);
    while ((node = list_pop_front(&now)) != NULL) {
        struct deferred *d = LIST_ENTRY(node, struct deferred, node);
        d->fn(d->arg);
        free(d);
    }
}

static void on_run_deferred(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    run_deferred(arg);
}

struct loop *loop_new(void)
{
    static bool threads_on;
    if (!threads_on) {
        ASSERT(evthread_use_pthreads() == 0);
        threads_on = true;
    }
    struct loop *l = xcalloc(1, sizeof *l);
    struct event_config *config = event_config_new();
    ASSERT(config != NULL);
    ASSERT(event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST |
                                             EVENT_BASE_FLAG_PRECISE_TIMER) == 0);
    l->base = event_base_new_with_config(config);
    event_config_free(config);
    ASSERT(l->base != NULL);
    list_init(&l->deferred);
    l->run_deferred = event_new(l->base, -1, 0, on_run_deferred, l);
    ASSERT(l->run_deferred != NULL);
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    while (!list_empty(&l->deferred))
        run_deferred(l);
    /* Libevent puts work of its own off too, such as letting go of a closed connection. */
    ASSERT(event_base_loop(l->base, EVLOOP_NONBLOCK) >= 0);
    for (int i = 0; i < l->nsignals; i++)
        event_free(l->signals[i].ev);
    event_free(l->run_deferred);
    event_base_free(l->base);
    free(l);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

void loop_run(struct loop *l)
{
    ASSERT(event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) >= 0);
}

void loop_stop(struct loop *l)
{
    ASSERT(event_base_loopbreak(l->base) == 0);
}

mono_ms_t loop_now(struct loop *l)
{
    (void)l;
    return clock_mono();
}

void loop_defer(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct deferred *d = xcalloc(1, sizeof *d);
    d->fn = fn;
    d->arg = arg;
    list_push_back(&l->deferred, &d->node);
    event_active(l->run_deferred, 0, 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *t = arg;
    (void)fd;
    (void)what;
    t->fn(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *t = xcalloc(1, sizeof *t);
    t->fn = fn;
    t->arg = arg;
    t->ev = evtimer_new(l->base, on_timer, t);
    ASSERT(t->ev != NULL);
    return t;
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    event_free(t->ev);
    free(t);
}

void loop_timer_after(struct loop_timer *t, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    struct timeval tv = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    ASSERT(evtimer_add(t->ev, &tv) == 0);
}

void loop_timer_at(struct loop_timer *t, mono_ms_t when)
{
    if (when.ms == MONO_NEVER.ms)
        loop_timer_stop(t);
    else
        loop_timer_after(t, mono_between(clock_mono(), when));
}

void loop_timer_stop(struct loop_timer *t)
{
    ASSERT(evtimer_del(t->ev) == 0);
}

static void on_signal(evutil_socket_t signum, short what, void *arg)
{
    struct signal_hook *hook = arg;
    (void)what;
    hook->fn((int)signum, hook->arg);
}

void loop_on_signal(struct loop *l, int signum, void (*fn)(int signum, void *arg), void *arg)
{
    ASSERT(l->nsignals < MAX_SIGNALS);
    struct signal_hook *hook = &l->signals[l->nsignals++];
    hook->fn = fn;
    hook->arg = arg;
    hook->ev = evsignal_new(l->base, signum, on_signal, hook);
    ASSERT(hook->ev != NULL && evsignal_add(hook->ev, NULL) == 0);
}
