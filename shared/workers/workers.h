/* workers.h - threads that run blocking work (database drivers) for the loop.
 *
 * Jobs queue up and a free thread takes several at once, so that it can group them (one commit for
 * many logins). Results come back by mailbox. What a job means is the caller's: the job embeds
 * struct workers_job, holds copies of its inputs and room for its results, and names the one who
 * waits by an id, never by a pointer, if that one may be gone when the job is done. All functions:
 * loop thread, but for the hooks that say otherwise. */
#ifndef WORKERS_WORKERS_H
#define WORKERS_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/list.h"
#include "loop/loop.h"

struct workers; /* opaque */

/* Embedded in a job; LIST_ENTRY(&job->node, ...) or CONTAINER_OF finds the job again. Zero it. */
struct workers_job {
    struct list node;
};

struct workers_options {
    size_t threads;   /* 1 or more */
    size_t queue_max; /* jobs accepted and not yet done, those that run among them */
    size_t max_batch; /* jobs that one call of run gets, 1 to WORKERS_BATCH_MAX */

    /* On each worker thread, before its first job: makes the state that this thread's calls of run
     * get (a database connection). May block and may return NULL. NULL hook: no state. */
    void *(*thread_start)(void *arg);
    /* On each worker thread, after its last job. NULL hook: nothing. */
    void (*thread_stop)(void *state, void *arg);
    /* On a worker thread: does n jobs, in the order of their submission, and leaves the results in
     * them. May block. Several threads run at once. */
    void (*run)(void *state, struct workers_job *const *jobs, size_t n, void *arg);
    /* On the loop thread, exactly once for each accepted job, later than workers_submit: the job is
     * the caller's again. May submit. */
    void (*done)(struct workers_job *job, void *arg);
    void *arg;
};

enum { WORKERS_BATCH_MAX = 256 };

/* Starts the threads; does not wait for thread_start. Signals stay with the other threads. */
struct workers *workers_new(struct loop *l, const struct workers_options *options) MUST_CHECK;

/* Hands a job over until `done`. False, at once, when the queue is full or workers_free has begun:
 * the job stays the caller's and `done` does not run. */
bool workers_submit(struct workers *w, struct workers_job *job) MUST_CHECK;

/* Jobs accepted and not yet done. */
size_t workers_pending(const struct workers *w);

/* Blocks until every accepted job has run, joins the threads, and calls `done` for the rest before
 * it returns. Not from within `done`. NULL is allowed. */
void workers_free(struct workers *w);

#endif
