#include "tokend/refresh/lease.h"

#include <stdlib.h>

#include "base/prng.h"

enum {
    /* Asked this long after the holder's lease is said to end. */
    ACQUIRE_SLACK_MIN_MS = 20,
    ACQUIRE_SLACK_MAX_MS = 80,
};

struct lease {
    int64_t ttl_ms;
    struct prng prng;
    enum lease_state state;
    uint64_t op;
    int64_t epoch;      /* the last one drawn by us */
    int64_t floor;      /* the highest one seen anywhere */
    mono_ms_t asked_at; /* when the operation under way was asked for */
    mono_ms_t until;    /* end of our lease as we count it; MONO_PAST when not ours */
    mono_ms_t deadline;
    bool look_again; /* there is news that the answer under way may not show */
};

static struct lease_action *add_action(struct lease_actions *out, enum lease_action_kind kind)
{
    ASSERT(out->n < LEASE_MAX_ACTIONS);
    struct lease_action *a = &out->list[out->n++];
    *a = (struct lease_action){.kind = kind};
    return a;
}

/* An operation that is not answered in a third of the lease's life counts as failed; the driver
 * answers sooner, this is the guard. */
static void ask(struct lease *l, mono_ms_t now, enum lease_state state, enum lease_action_kind kind,
                struct lease_actions *out)
{
    struct lease_action *a = add_action(out, kind);
    l->state = state;
    l->asked_at = now;
    l->look_again = false;
    l->deadline = mono_after(now, l->ttl_ms / 3 + 1);
    a->op = ++l->op;
    a->epoch = kind == LEASE_DO_ACQUIRE ? l->floor : l->epoch;
}

static void follow(struct lease *l, mono_ms_t until)
{
    l->state = LEASE_FOLLOWING;
    l->deadline = until;
}

static void unlead(struct lease *l, struct lease_actions *out)
{
    if (l->until.ms == MONO_PAST.ms)
        return;
    l->until = MONO_PAST;
    add_action(out, LEASE_DO_UNLEAD);
}

static int64_t retry_ms(struct lease *l)
{
    int64_t tenth = l->ttl_ms / 10 + 1;
    return prng_between(&l->prng, tenth / 2, tenth);
}

static void granted(struct lease *l, mono_ms_t now, int64_t epoch, struct lease_actions *out)
{
    bool fresh = l->state == LEASE_ACQUIRING;
    l->until = mono_after(l->asked_at, l->ttl_ms);
    l->state = LEASE_LEADING;
    l->deadline = mono_after(now, l->ttl_ms / 3);
    if (!fresh)
        return;
    l->epoch = epoch;
    if (l->floor < epoch)
        l->floor = epoch;
    add_action(out, LEASE_DO_LEAD)->epoch = epoch;
}

static void held(struct lease *l, mono_ms_t now, int64_t remaining_ms, struct lease_actions *out)
{
    bool lost = l->state == LEASE_RENEWING;
    unlead(l, out);
    if (lost || l->look_again) {
        follow(l, now);
        return;
    }
    int64_t wait = remaining_ms < l->ttl_ms ? remaining_ms : l->ttl_ms;
    int64_t slack = prng_between(&l->prng, ACQUIRE_SLACK_MIN_MS, ACQUIRE_SLACK_MAX_MS);
    follow(l, mono_after(now, (wait > 0 ? wait : 0) + slack));
}

static void failed(struct lease *l, mono_ms_t now, struct lease_actions *out)
{
    mono_ms_t again = mono_after(now, retry_ms(l));
    if (l->state == LEASE_RENEWING && !mono_reached(now, l->until)) {
        l->state = LEASE_LEADING;
        l->deadline = mono_min(again, l->until);
    } else {
        unlead(l, out);
        follow(l, again);
    }
}

static void on_answer(struct lease *l, mono_ms_t now, const struct lease_event *ev,
                      struct lease_actions *out)
{
    if (l->state == LEASE_RELEASING) {
        l->state = LEASE_STOPPED;
        l->deadline = MONO_NEVER;
        return;
    }
    switch (ev->kind) {
    case LEASE_GRANTED:
        granted(l, now, ev->epoch, out);
        return;
    case LEASE_HELD:
        held(l, now, ev->remaining_ms, out);
        return;
    case LEASE_FAILED:
    case LEASE_TICK:
    case LEASE_LOOK:
    case LEASE_FENCED:
    case LEASE_STOP:
        failed(l, now, out);
        return;
    }
}

static void stop(struct lease *l, mono_ms_t now, struct lease_actions *out)
{
    if (l->state == LEASE_STOPPED || l->state == LEASE_RELEASING)
        return;
    unlead(l, out);
    ask(l, now, LEASE_RELEASING, LEASE_DO_RELEASE, out);
}

/* The deadline came, or there is a reason to act before it. */
static void act(struct lease *l, mono_ms_t now, struct lease_actions *out)
{
    if (l->until.ms != MONO_PAST.ms && mono_reached(now, l->until)) {
        unlead(l, out);
        if (l->state == LEASE_LEADING)
            l->state = LEASE_FOLLOWING;
    }
    switch (l->state) {
    case LEASE_FOLLOWING:
        ask(l, now, LEASE_ACQUIRING, LEASE_DO_ACQUIRE, out);
        return;
    case LEASE_LEADING:
        ask(l, now, LEASE_RENEWING, LEASE_DO_RENEW, out);
        return;
    case LEASE_ACQUIRING:
    case LEASE_RENEWING:
        failed(l, now, out);
        return;
    case LEASE_RELEASING:
        l->state = LEASE_STOPPED;
        l->deadline = MONO_NEVER;
        return;
    case LEASE_STOPPED:
        return;
    }
}

/* Redis has seen a higher epoch than ours: draw a new one above it, if the lease is still ours. */
static void fenced(struct lease *l, mono_ms_t now, int64_t epoch, struct lease_actions *out)
{
    if (l->floor < epoch)
        l->floor = epoch;
    bool ours = l->state == LEASE_LEADING || l->state == LEASE_RENEWING;
    if (!ours || epoch <= l->epoch)
        return;
    unlead(l, out);
    ask(l, now, LEASE_ACQUIRING, LEASE_DO_ACQUIRE, out);
}

void lease_step(struct lease *l, mono_ms_t now, const struct lease_event *ev,
                struct lease_actions *out)
{
    switch (ev->kind) {
    case LEASE_TICK:
        if (mono_reached(now, lease_deadline(l)))
            act(l, now, out);
        return;
    case LEASE_LOOK:
        l->look_again = true;
        if (l->state == LEASE_FOLLOWING || l->state == LEASE_LEADING)
            act(l, now, out);
        return;
    case LEASE_FENCED:
        fenced(l, now, ev->epoch, out);
        return;
    case LEASE_STOP:
        stop(l, now, out);
        return;
    case LEASE_GRANTED:
    case LEASE_HELD:
    case LEASE_FAILED:
        if (ev->op == l->op && l->state != LEASE_FOLLOWING && l->state != LEASE_LEADING &&
            l->state != LEASE_STOPPED)
            on_answer(l, now, ev, out);
        return;
    }
}

struct lease *lease_new(int64_t ttl_ms, uint64_t seed, mono_ms_t now)
{
    ASSERT(ttl_ms > 0);
    struct lease *l = xcalloc(1, sizeof *l);
    l->ttl_ms = ttl_ms;
    prng_seed(&l->prng, seed);
    l->until = MONO_PAST;
    follow(l, now);
    return l;
}

void lease_free(struct lease *l)
{
    free(l);
}

mono_ms_t lease_deadline(const struct lease *l)
{
    return l->until.ms == MONO_PAST.ms ? l->deadline : mono_min(l->deadline, l->until);
}

bool lease_leads(const struct lease *l)
{
    return l->until.ms != MONO_PAST.ms;
}

mono_ms_t lease_until(const struct lease *l)
{
    return l->until;
}

int64_t lease_epoch(const struct lease *l)
{
    return l->epoch;
}

enum lease_state lease_state(const struct lease *l)
{
    return l->state;
}
