/* store_job.h - an operation on its way through the store: made, submitted, answered once.
 *
 * Between store_calls.c, which makes jobs of calls, and store.c, which runs them. Loop thread, but
 * for the operation while a worker has it. */
#ifndef USERS_STORE_JOB_H
#define USERS_STORE_JOB_H

#include <stdbool.h>

#include "base/check.h"
#include "loginsvc/users/operation.h"
#include "loginsvc/users/store.h"
#include "workers/workers.h"

struct store_job {
    struct workers_job in_queue;
    struct operation op;
    struct store_caller caller;
};

/* A job whose input is to be filled in. */
struct store_job *store_job_new(const struct store *s, enum operation_kind kind,
                                struct store_caller c) MUST_CHECK;

/* Takes the job over. False, and the job is gone, when too many are under way. */
bool store_job_submit(struct store *s, struct store_job *job) MUST_CHECK;

#endif
