/* thread.h - a thread that takes no signals: they are the loop's. Any thread. */
#ifndef SYS_THREAD_H
#define SYS_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "base/check.h"

/* Runs run(arg); to be joined. False when the system has no thread left. */
bool thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg) MUST_CHECK;

#endif
