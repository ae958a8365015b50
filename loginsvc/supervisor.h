/* supervisor.h - keeps n copies of one process running: starts, watches, restarts, stops them.
 *
 * The supervisor itself serves nothing. A worker that dies by a signal, or stops unasked, is
 * started again, ever more slowly while that goes on; one that exits with a number other than 0
 * says that it cannot work, and everything ends with that number. SIGTERM and SIGINT are passed on
 * and end it all, SIGHUP is passed on. Main thread, before any other thread or loop exists. */
#ifndef LOGINSVC_SUPERVISOR_H
#define LOGINSVC_SUPERVISOR_H

#include <stdint.h>

#include "base/check.h"

struct supervised {
    int workers;     /* 1 to SUPERVISOR_MAX */
    int64_t stop_ms; /* a worker that is told to stop and has not after this is killed */
    /* In the worker's process: its whole life; returns the exit code. `worker` counts from 0; who
     * is started in a dead one's place has its number. */
    int (*work)(int worker, void *arg);
    void (*reload)(void *arg); /* in the supervisor, at SIGHUP: for workers started later */
    void *arg;
};

enum { SUPERVISOR_MAX = 256 };

/* Returns when no worker is left: 0 after a signal to stop, else the number of the worker that gave
 * up. Never returns in a worker. */
int supervisor_run(const struct supervised *s) MUST_CHECK;

#endif
