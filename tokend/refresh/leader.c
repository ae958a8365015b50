#include "tokend/refresh/leader.h"

#include <stdlib.h>

#include "log/log.h"
#include "sys/entropy.h"

struct leader {
    struct loop *loop;
    const struct store *store;
    struct leader_hooks hooks;
    struct lease *lease;
    struct loop_timer *timer;
    struct redis_subscription *released;
    uint64_t command; /* of the operation under way; 0: none */
    uint64_t op;
    bool served; /* the last operation was answered, and in time */

    /* Who had the lease when Redis last told, and how long it would last. */
    char holder[STORE_OWNER_MAX + 1];
    int64_t holder_epoch;
    mono_ms_t holder_until;
};

static void step(struct leader *l, const struct lease_event *ev);

static void on_answer(const struct redis_result *r, void *arg)
{
    struct leader *l = arg;
    struct lease_event ev;
    struct lease_holder holder;
    l->command = 0;
    l->served = r->outcome == REDIS_REPLIED;
    store_lease_answer(l->op, r, &ev, &holder);
    if (!slice_copy(holder.name, l->holder, sizeof l->holder))
        UNREACHABLE("a name is no longer than that");
    l->holder_epoch = holder.epoch;
    l->holder_until = mono_after(loop_now(l->loop), ev.remaining_ms);
    step(l, &ev);
}

static void perform(struct leader *l, const struct lease_action *a)
{
    switch (a->kind) {
    case LEASE_DO_LEAD:
        log_info("leader.leading", LOG_STR("owner", l->store->owner), LOG_INT("epoch", a->epoch));
        l->hooks.lead(a->epoch, l->hooks.arg);
        return;
    case LEASE_DO_UNLEAD:
        log_info("leader.following", LOG_STR("owner", l->store->owner));
        l->hooks.unlead(l->hooks.arg);
        return;
    case LEASE_DO_ACQUIRE:
    case LEASE_DO_RENEW:
    case LEASE_DO_RELEASE:
        if (l->command) {
            redis_cancel(l->store->redis, l->command);
            l->served = false;
        }
        l->op = a->op;
        l->command = store_run_lease(l->store, a, on_answer, l);
        return;
    }
}

static void step(struct leader *l, const struct lease_event *ev)
{
    struct lease_actions out = {.n = 0};
    bool was_stopped = lease_state(l->lease) == LEASE_STOPPED;
    lease_step(l->lease, loop_now(l->loop), ev, &out);
    loop_timer_at(l->timer, lease_deadline(l->lease));
    for (size_t i = 0; i < out.n; i++)
        perform(l, &out.list[i]);
    if (!was_stopped && lease_state(l->lease) == LEASE_STOPPED)
        l->hooks.stopped(l->hooks.arg);
}

static void on_timer(void *arg)
{
    step(arg, &(struct lease_event){.kind = LEASE_TICK});
}

static void on_released(struct slice channel, struct slice payload, void *arg)
{
    struct leader *l = arg;
    (void)channel;
    if (!slice_is(payload, l->store->owner) && !lease_leads(l->lease))
        leader_look(l);
}

struct leader *leader_new(struct loop *loop, const struct store *store,
                          struct redis_subscriber *subscriber, const struct leader_hooks *hooks)
{
    static const struct redis_listener listener = {.on_message = on_released};
    struct leader *l = xcalloc(1, sizeof *l);
    char channel[TOKEN_KEY_SIZE];
    l->loop = loop;
    l->store = store;
    l->hooks = *hooks;
    l->lease = lease_new(store->lease_ttl_ms, entropy_u64(), loop_now(loop));
    l->timer = loop_timer_new(loop, on_timer, l);
    token_global_key(TOKEN_GLOBAL_RELEASED, store->prefix, channel);
    l->released = redis_subscribe(subscriber, REDIS_CHANNEL, slice_of(channel), &listener, l);
    loop_timer_after(l->timer, 0);
    return l;
}

void leader_free(struct leader *l)
{
    if (!l)
        return;
    if (l->command)
        redis_cancel(l->store->redis, l->command);
    redis_unsubscribe(l->released);
    loop_timer_free(l->timer);
    lease_free(l->lease);
    free(l);
}

void leader_look(struct leader *l)
{
    step(l, &(struct lease_event){.kind = LEASE_LOOK});
}

void leader_fenced(struct leader *l, int64_t epoch)
{
    step(l, &(struct lease_event){.kind = LEASE_FENCED, .epoch = epoch});
}

void leader_stop(struct leader *l)
{
    step(l, &(struct lease_event){.kind = LEASE_STOP});
}

bool leader_leads(const struct leader *l)
{
    return lease_leads(l->lease);
}

bool leader_served(const struct leader *l)
{
    return l->served;
}

mono_ms_t leader_until(const struct leader *l)
{
    return lease_until(l->lease);
}

int64_t leader_epoch(const struct leader *l)
{
    return lease_leads(l->lease) ? lease_epoch(l->lease) : l->holder_epoch;
}

const char *leader_name(const struct leader *l)
{
    if (lease_leads(l->lease))
        return l->store->owner;
    return l->holder[0] && !mono_reached(loop_now(l->loop), l->holder_until) ? l->holder : NULL;
}
