#include "workers/workers.h"

#include <pthread.h>
#include <stdlib.h>

#include "loop/mailbox.h"
#include "sys/thread.h"

struct workers {
    struct workers_options options;
    struct mailbox *results;
    pthread_t *threads;
    size_t pending; /* loop thread only */
    bool closing;   /* loop thread only */

    pthread_mutex_t lock; /* guards the following */
    pthread_cond_t wake;  /* jobs came, or stop was set */
    struct list jobs;
    bool stop;
};

/* Waits for work and takes up to a batch of it, in order; 0 when there is none left and none will
 * come. */
static size_t take_batch(struct workers *w, struct workers_job **batch)
{
    size_t n = 0;
    pthread_mutex_lock(&w->lock);
    while (list_empty(&w->jobs) && !w->stop)
        pthread_cond_wait(&w->wake, &w->lock);
    while (n < w->options.max_batch && !list_empty(&w->jobs))
        batch[n++] = LIST_ENTRY(list_pop_front(&w->jobs), struct workers_job, node);
    pthread_mutex_unlock(&w->lock);
    return n;
}

static void *work(void *arg)
{
    struct workers *w = arg;
    const struct workers_options *o = &w->options;
    struct workers_job *batch[WORKERS_BATCH_MAX];
    size_t n;
    void *state = o->thread_start ? o->thread_start(o->arg) : NULL;
    while ((n = take_batch(w, batch)) > 0) {
        o->run(state, batch, n, o->arg);
        for (size_t i = 0; i < n; i++)
            mailbox_post(w->results, &batch[i]->node);
    }
    if (o->thread_stop)
        o->thread_stop(state, o->arg);
    return NULL;
}

static void on_result(struct list *node, void *arg)
{
    struct workers *w = arg;
    w->pending--;
    w->options.done(LIST_ENTRY(node, struct workers_job, node), w->options.arg);
}

struct workers *workers_new(struct loop *l, const struct workers_options *options)
{
    ASSERT(options->threads > 0 && options->queue_max > 0 && options->run && options->done);
    ASSERT(options->max_batch > 0 && options->max_batch <= WORKERS_BATCH_MAX);
    struct workers *w = xcalloc(1, sizeof *w);
    w->options = *options;
    w->results = mailbox_new(l, on_result, w);
    w->threads = xcalloc(options->threads, sizeof *w->threads);
    list_init(&w->jobs);
    ASSERT(pthread_mutex_init(&w->lock, NULL) == 0);
    ASSERT(pthread_cond_init(&w->wake, NULL) == 0);
    for (size_t i = 0; i < options->threads; i++)
        ASSERT(thread_start(&w->threads[i], work, w));
    return w;
}

bool workers_submit(struct workers *w, struct workers_job *job)
{
    if (w->closing || w->pending == w->options.queue_max)
        return false;
    w->pending++;
    pthread_mutex_lock(&w->lock);
    list_push_back(&w->jobs, &job->node);
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    return true;
}

size_t workers_pending(const struct workers *w)
{
    return w->pending;
}

void workers_free(struct workers *w)
{
    if (!w)
        return;
    w->closing = true;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->options.threads; i++)
        ASSERT(pthread_join(w->threads[i], NULL) == 0);
    mailbox_free(w->results);
    ASSERT(w->pending == 0);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w->threads);
    free(w);
}
