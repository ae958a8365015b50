/* lease.h - which of several tokends leads, as a pure state machine.
 *
 * The lease is a Redis key with a life (LEASE_TTL), set only when absent and renewed at a third of
 * it. Taking it draws a new epoch: above all epochs before, and at least Redis's clock in
 * milliseconds, so that it grows even when Redis lost the counter. Every write of a leader carries
 * its epoch and Redis refuses a lower one (fencing): a leader that was paused does no harm. Our
 * idea of how long the lease lasts counts from when the request was sent: never longer than
 * Redis's.
 *
 * Each operation asked for is answered by exactly one event with the same `op`. One thread. */
#ifndef REFRESH_LEASE_H
#define REFRESH_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/times.h"

enum lease_state {
    LEASE_FOLLOWING, /* somebody else leads, or Redis is away: trying again at the deadline */
    LEASE_ACQUIRING, /* asking for the lease */
    LEASE_LEADING,   /* ours; renewing at the deadline */
    LEASE_RENEWING,  /* ours, a renewal is under way */
    LEASE_RELEASING, /* stopping: giving it back so that another takes over at once */
    LEASE_STOPPED,   /* stopped for good */
};

enum lease_event_kind {
    LEASE_TICK,   /* the deadline came */
    LEASE_LOOK,   /* try at once: another released it, Redis came back */
    LEASE_FENCED, /* Redis refused a write: it has seen `epoch`, higher than ours */
    LEASE_STOP,
    LEASE_GRANTED, /* answers: acquired or renewed; `epoch` is ours */
    LEASE_HELD,    /* somebody else has it for another remaining_ms */
    LEASE_FAILED,  /* Redis did not answer: it may have happened or not */
};

struct lease_event {
    enum lease_event_kind kind;
    uint64_t op;
    int64_t epoch;        /* GRANTED, FENCED */
    int64_t remaining_ms; /* HELD */
};

enum lease_action_kind {
    LEASE_DO_ACQUIRE, /* take it if absent or ours; draw an epoch above `epoch` */
    LEASE_DO_RENEW,   /* extend it if ours; HELD when it is not */
    LEASE_DO_RELEASE, /* delete it if ours and tell the others */
    LEASE_DO_LEAD,    /* no answer expected: we lead with `epoch` from now on */
    LEASE_DO_UNLEAD,  /* no answer expected: we do not lead any more */
};

struct lease_action {
    enum lease_action_kind kind;
    uint64_t op;
    int64_t epoch;
};

enum { LEASE_MAX_ACTIONS = 4 };

struct lease_actions {
    struct lease_action list[LEASE_MAX_ACTIONS];
    size_t n;
};

struct lease; /* opaque */

/* Follows at first and asks at the first tick. ttl_ms > 0. `seed` drives the jitter. */
struct lease *lease_new(int64_t ttl_ms, uint64_t seed, mono_ms_t now) MUST_CHECK;
void lease_free(struct lease *l); /* NULL is allowed */

void lease_step(struct lease *l, mono_ms_t now, const struct lease_event *ev,
                struct lease_actions *out);

mono_ms_t lease_deadline(const struct lease *l); /* MONO_NEVER when stopped */

bool lease_leads(const struct lease *l);
mono_ms_t lease_until(const struct lease *l); /* MONO_PAST when not leading */
int64_t lease_epoch(const struct lease *l);   /* the last one drawn; 0 before */
enum lease_state lease_state(const struct lease *l);

#endif
