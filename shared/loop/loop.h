/* loop.h - the event loop of a daemon: one thread, timers, signals, deferred calls.
 *
 * A thin house around libevent's base: a changelist for epoll (half the system calls), timers in
 * milliseconds of the monotonic clock, and work put off to the end of the current iteration, which
 * is how objects that are still on the call stack are freed. Loop thread only, but for mailbox.h.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <event2/event.h>

#include "base/check.h"
#include "base/times.h"

struct loop; /* opaque */

struct loop *loop_new(void) MUST_CHECK;
void loop_free(struct loop *l); /* runs what is still deferred, then frees; NULL is allowed */

struct event_base *loop_base(struct loop *l); /* borrowed */

void loop_run(struct loop *l);  /* until loop_stop */
void loop_stop(struct loop *l); /* leaves loop_run after the current iteration */

/* Now, on the clock of deadlines. */
mono_ms_t loop_now(struct loop *l);

/* Calls fn(arg) once, after the callbacks of this iteration; never before this call returned. */
void loop_defer(struct loop *l, void (*fn)(void *arg), void *arg);

/* ---- timers ---- */

struct loop_timer; /* opaque, owned by its maker */

/* fn(arg) runs on the loop thread each time the timer fires. Unarmed at first. */
struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg) MUST_CHECK;
void loop_timer_free(struct loop_timer *t); /* fn will not run again; NULL is allowed */

void loop_timer_after(struct loop_timer *t,
                      int64_t ms); /* (re)arms; 0 or less = as soon as possible */
void loop_timer_at(struct loop_timer *t, mono_ms_t when); /* MONO_NEVER disarms */
void loop_timer_stop(struct loop_timer *t);

/* ---- signals ---- */

/* fn(signum, arg) on the loop thread for each `signum`; lives as long as the loop. */
void loop_on_signal(struct loop *l, int signum, void (*fn)(int signum, void *arg), void *arg);

#endif
