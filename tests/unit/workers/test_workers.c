#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "workers/workers.h"

enum { JOBS = 5000 };

/* A job squares a number; `on` remembers the thread's state it ran with. */
struct job {
    struct workers_job job;
    int number, square, done;
    const void *on;
};

struct desk {
    struct loop *loop;
    struct workers *workers;
    pthread_t loop_thread;
    pthread_mutex_t gate; /* whoever holds it holds the workers up */
    atomic_int waiting;   /* workers at the gate */
    atomic_int starts, stops, runs, largest_batch;
    int done, stop_at;
    int last_number; /* of the job done last */
    bool in_order;
    int resubmit; /* so many jobs more, from within done */
    struct job jobs[JOBS];
};

static struct desk *d;

static void *on_start(void *arg)
{
    (void)arg;
    atomic_fetch_add(&d->starts, 1);
    return calloc(1, 1);
}

static void on_stop(void *state, void *arg)
{
    (void)arg;
    free(state);
    atomic_fetch_add(&d->stops, 1);
}

static void on_run(void *state, struct workers_job *const *jobs, size_t n, void *arg)
{
    (void)arg;
    assert_false(pthread_equal(pthread_self(), d->loop_thread));
    atomic_fetch_add(&d->waiting, 1);
    pthread_mutex_lock(&d->gate);
    pthread_mutex_unlock(&d->gate);
    atomic_fetch_sub(&d->waiting, 1);
    atomic_fetch_add(&d->runs, 1);
    if ((int)n > atomic_load(&d->largest_batch))
        atomic_store(&d->largest_batch, (int)n);
    for (size_t i = 0; i < n; i++) {
        struct job *j = CONTAINER_OF(jobs[i], struct job, job);
        j->square = j->number * j->number;
        j->on = state;
    }
}

static void submit_one_more(void)
{
    struct job *j = &d->jobs[JOBS - d->resubmit--];
    assert_true(workers_submit(d->workers, &j->job));
}

static void on_done(struct workers_job *job, void *arg)
{
    struct job *j = CONTAINER_OF(job, struct job, job);
    (void)arg;
    assert_true(pthread_equal(pthread_self(), d->loop_thread));
    assert_int_equal(j->square, j->number * j->number);
    assert_non_null(j->on);
    j->done++;
    d->in_order &= j->number > d->last_number;
    d->last_number = j->number;
    if (d->resubmit > 0)
        submit_one_more();
    if (++d->done == d->stop_at)
        loop_stop(d->loop);
}

static void open_desk(size_t threads, size_t queue_max, size_t max_batch)
{
    const struct workers_options options = {.threads = threads,
                                            .queue_max = queue_max,
                                            .max_batch = max_batch,
                                            .thread_start = on_start,
                                            .thread_stop = on_stop,
                                            .run = on_run,
                                            .done = on_done};
    d = calloc(1, sizeof *d);
    d->loop = loop_new();
    d->loop_thread = pthread_self();
    pthread_mutex_init(&d->gate, NULL);
    d->last_number = -1;
    d->in_order = true;
    for (int i = 0; i < JOBS; i++)
        d->jobs[i].number = i;
    d->workers = workers_new(d->loop, &options);
}

static void close_desk(void)
{
    workers_free(d->workers);
    assert_int_equal(atomic_load(&d->starts), atomic_load(&d->stops));
    loop_free(d->loop);
    pthread_mutex_destroy(&d->gate);
    free(d);
}

static void submit(int from, int to)
{
    for (int i = from; i < to; i++)
        assert_true(workers_submit(d->workers, &d->jobs[i].job));
}

static void run_until_done(int n)
{
    d->stop_at = n;
    if (d->done < n)
        loop_run(d->loop);
}

static void expect_each_done_once(int from, int to)
{
    for (int i = from; i < to; i++)
        assert_int_equal(d->jobs[i].done, 1);
}

static void every_job_is_done_exactly_once_on_the_loop_thread(void **state)
{
    (void)state;
    open_desk(4, JOBS, 16);
    submit(0, JOBS);
    assert_int_equal(d->done, 0); /* never before submit returned */
    run_until_done(JOBS);
    expect_each_done_once(0, JOBS);
    assert_int_equal(workers_pending(d->workers), 0);
    close_desk();
}

static void one_thread_keeps_the_order(void **state)
{
    (void)state;
    open_desk(1, JOBS, 7);
    submit(0, JOBS);
    run_until_done(JOBS);
    assert_true(d->in_order);
    close_desk();
}

static void wait_at_the_gate(int n)
{
    while (atomic_load(&d->waiting) < n)
        sched_yield();
}

static void waiting_jobs_are_taken_together_up_to_the_batch(void **state)
{
    (void)state;
    open_desk(1, JOBS, 10);
    pthread_mutex_lock(&d->gate);
    submit(0, 1);
    wait_at_the_gate(1);
    submit(1, 26); /* pile up behind the first */
    pthread_mutex_unlock(&d->gate);
    run_until_done(26);
    assert_int_equal(atomic_load(&d->largest_batch), 10);
    assert_int_equal(atomic_load(&d->runs), 4); /* 1, 10, 10, 5 */
    close_desk();
}

static void a_full_queue_refuses_and_leaves_the_job_alone(void **state)
{
    (void)state;
    open_desk(1, 3, 1);
    pthread_mutex_lock(&d->gate);
    submit(0, 3); /* those that run count, too */
    assert_false(workers_submit(d->workers, &d->jobs[3].job));
    pthread_mutex_unlock(&d->gate);
    run_until_done(3);
    submit(3, 4);
    run_until_done(4);
    expect_each_done_once(0, 4);
    close_desk();
}

static void done_may_submit(void **state)
{
    (void)state;
    open_desk(2, 10, 4);
    d->resubmit = JOBS - 10;
    submit(0, 10);
    run_until_done(JOBS);
    expect_each_done_once(0, JOBS);
    close_desk();
}

static void freeing_runs_what_was_accepted_and_reports_it(void **state)
{
    (void)state;
    open_desk(2, JOBS, 8);
    submit(0, 1000);
    workers_free(d->workers);
    d->workers = NULL;
    expect_each_done_once(0, 1000);
    assert_int_equal(atomic_load(&d->stops), 2);
    close_desk();
}

static void on_done_when_closing(struct workers_job *job, void *arg)
{
    (void)arg;
    d->done++;
    assert_false(workers_submit(d->workers, job));
}

static void nothing_is_accepted_while_freeing(void **state)
{
    const struct workers_options options = {
        .threads = 1, .queue_max = 10, .max_batch = 1, .run = on_run, .done = on_done_when_closing};
    (void)state;
    open_desk(1, 10, 1);
    workers_free(d->workers);
    d->workers = workers_new(d->loop, &options);
    submit(0, 1);
    workers_free(d->workers);
    d->workers = NULL;
    assert_int_equal(d->done, 1);
    close_desk();
}

static void each_thread_has_a_state_of_its_own(void **state)
{
    (void)state;
    open_desk(3, JOBS, 1);
    pthread_mutex_lock(&d->gate);
    submit(0, 3);
    wait_at_the_gate(3); /* three at once: three threads */
    pthread_mutex_unlock(&d->gate);
    run_until_done(3);
    assert_ptr_not_equal(d->jobs[0].on, d->jobs[1].on);
    assert_ptr_not_equal(d->jobs[1].on, d->jobs[2].on);
    assert_ptr_not_equal(d->jobs[0].on, d->jobs[2].on);
    close_desk();
}

static void on_signal(int signum, void *arg)
{
    (void)signum;
    (void)arg;
    loop_stop(d->loop);
}

static void signals_stay_with_the_loop(void **state)
{
    (void)state;
    open_desk(4, JOBS, 1);
    loop_on_signal(d->loop, SIGUSR1, on_signal, NULL);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(kill(getpid(), SIGUSR1), 0);
        loop_run(d->loop);
    }
    close_desk();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_is_done_exactly_once_on_the_loop_thread),
        cmocka_unit_test(one_thread_keeps_the_order),
        cmocka_unit_test(waiting_jobs_are_taken_together_up_to_the_batch),
        cmocka_unit_test(a_full_queue_refuses_and_leaves_the_job_alone),
        cmocka_unit_test(done_may_submit),
        cmocka_unit_test(freeing_runs_what_was_accepted_and_reports_it),
        cmocka_unit_test(nothing_is_accepted_while_freeing),
        cmocka_unit_test(each_thread_has_a_state_of_its_own),
        cmocka_unit_test(signals_stay_with_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
