/* leader.h - keeps this process's lease in Redis: the driver of lease.h.
 *
 * Renews in time, tries again when another gives the lease back or Redis returns, gives it back on
 * leader_stop. Loop thread. */
#ifndef REFRESH_LEADER_H
#define REFRESH_LEADER_H

#include "loop/loop.h"
#include "redis/subscriber.h"
#include "tokend/refresh/store.h"

struct leader; /* opaque */

struct leader_hooks {
    void (*lead)(int64_t epoch, void *arg); /* from now on, with this epoch */
    void (*unlead)(void *arg);
    void (*stopped)(void *arg); /* after leader_stop: the lease is given back, or Redis is away */
    void *arg;
};

/* Parts are borrowed and outlive it; hooks are copied. Begins on the loop's next turn. */
struct leader *leader_new(struct loop *l, const struct store *store,
                          struct redis_subscriber *subscriber,
                          const struct leader_hooks *hooks) MUST_CHECK;
void leader_free(struct leader *l); /* NULL is allowed; calls no hook */

void leader_look(struct leader *l);                  /* Redis came back: ask at once */
void leader_fenced(struct leader *l, int64_t epoch); /* Redis has seen this epoch, above ours */
void leader_stop(struct leader *l);                  /* hooks.unlead at once, hooks.stopped later */

bool leader_leads(const struct leader *l);

/* Redis did what the last operation asked for, and in time. */
bool leader_served(const struct leader *l);

mono_ms_t leader_until(const struct leader *l); /* MONO_PAST when not leading */

/* Of whoever leads, as far as it is known: ours while leading, else what Redis told last. */
int64_t leader_epoch(const struct leader *l);    /* 0: unknown */
const char *leader_name(const struct leader *l); /* borrowed until the next turn; NULL: nobody */

#endif
