#include "sim/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/hearing.h"
#include "sim/judge.h"
#include "sim/world.h"

static int owner_id(const struct node *n)
{
    return n->index + 1 + n->incarnation * MAX_NODES;
}

static mono_ms_t clock_of(const struct world *w, const struct node *n)
{
    return (mono_ms_t){w->now + n->mono_offset};
}

static struct refresh_env env_of(const struct world *w, const struct node *n)
{
    struct refresh_env env = {clock_of(w, n), lease_until(n->lease)};
    if (w->plant == PLANT_NO_LEASE_END)
        env.lease_until = mono_after(env.now, w->climate.lease_ttl_ms);
    return env;
}

struct refresh_status node_status(const struct world *w, const struct node *n)
{
    struct refresh_env env = env_of(w, n);
    return refresh_status(n->refresh, &env);
}

/* ---- its timer ---- */

static void tick_by(struct world *w, struct node *n, int64_t at)
{
    if (at <= w->now)
        at = w->now + 1;
    if (n->tick_at > w->now && n->tick_at <= at)
        return;
    n->tick_at = at;
    world_at(w, at, AT_NODE, n, NULL);
}

static void schedule(struct world *w, struct node *n)
{
    mono_ms_t deadline = mono_min(lease_deadline(n->lease), refresh_deadline(n->refresh));
    if (deadline.ms != MONO_NEVER.ms)
        tick_by(w, n, deadline.ms - n->mono_offset);
}

/* ---- actions ---- */

void node_send(struct world *w, struct node *n, struct message *m)
{
    bool call = m->kind == MESSAGE_REFRESH &&
                (m->action.kind == REFRESH_DO_FETCH || m->action.kind == REFRESH_DO_PROBE);
    enum peer to = call ? PEER_WECHAT : PEER_REDIS;
    int64_t timeout = call ? m->action.timeout_ms : w->climate.redis_timeout_ms;
    m->owner = owner_id(n);
    m->incarnation = n->incarnation;
    m->redis_life = w->redis_life;
    m->sent_at = w->now;
    world_at(w, w->now + timeout, AT_ANSWER, n, message_timeout(m));
    int64_t at = net_request(w, n->index, to);
    if (at == NET_NEVER)
        message_free(m);
    else
        world_at(w, at + m->held_ms, call ? AT_WECHAT : AT_REDIS, n, m);
}

/* The planted fault: the life counted from when the answer was received. */
static void count_from_receive(const struct world *w, struct refresh_written *r)
{
    r->ttl_ms = wall_between(r->issued_at, r->expires_at);
    r->expires_at = (wall_ms_t){w->now + w->redis.clock + r->ttl_ms};
}

/* The planted fault: what the node remembers instead of what Redis holds. */
static void remember(const struct world *w, const struct node *n, struct message *m)
{
    const struct record *r = refresh_record(n->refresh);
    struct refresh_seen *seen = &m->answer.seen;
    seen->version = r->version;
    seen->remaining_ms = record_remaining_ms(r, clock_of(w, n));
    seen->issued_at = r->issued_at;
    seen->expires_at = r->expires_at;
    seen->mode = r->mode;
    ASSERT(slice_copy(secret_reveal(&r->token), m->names.token, sizeof m->names.token));
    seen->token = slice_of(seen->remaining_ms > 0 ? m->names.token : "");
}

/* A planted fault answers an operation without asking anyone. */
static bool plant_answers(struct world *w, struct node *n, struct message *m)
{
    enum refresh_action_kind kind = m->action.kind;
    bool adopt = w->plant == PLANT_NO_ADOPT && kind == REFRESH_DO_READ && m->action.epoch > 0;
    if (!adopt && !(w->plant == PLANT_NO_DISPLACED && kind == REFRESH_DO_TELL) &&
        !(w->plant == PLANT_NO_REASSERT && kind == REFRESH_DO_ASSERT) &&
        !(w->plant == PLANT_NO_PROBE && kind == REFRESH_DO_PROBE))
        return false;
    message_fail(m);
    m->failed = false;
    m->answer.store = REFRESH_STORE_OK;
    m->answer.probe = REFRESH_PROBE_DEAD;
    if (adopt)
        remember(w, n, m);
    m->incarnation = n->incarnation;
    world_at(w, w->now + 1, AT_ANSWER, n, m);
    return true;
}

/* The caller is frozen for longer than its lease, as a rule; the call, or its answer, waits. */
static void hold(struct world *w, struct node *n, struct message *m)
{
    int64_t ms = world_between(w, w->climate.lease_ttl_ms / 2, 2 * w->climate.lease_ttl_ms);
    w->hold_next = false;
    ms = world_until_end(w, ms);
    m->held_ms = world_chance(w, 0.7) ? world_between(w, 0, ms) : 0;
    node_pause(w, n, ms);
}

static void call(struct world *w, struct node *n, struct message *m)
{
    judge_call(w, n);
    n->fetch_op = m->action.op;
    m->begun_at = n->begun_at;
    if (w->hold_next)
        hold(w, n, m);
}

static void perform(struct world *w, struct node *n, const struct refresh_action *a)
{
    if (a->kind == REFRESH_DO_NOTE) {
        world_trace(w, "node %d notes %s of version %lld", n->index, refresh_note_name(a->note),
                    (long long)a->version);
        return;
    }
    struct message *m = message_of(a);
    if (a->kind == REFRESH_DO_BEGIN)
        n->begun_at = w->now;
    if (a->kind == REFRESH_DO_FETCH)
        call(w, n, m);
    if (a->kind == REFRESH_DO_COMMIT && w->plant == PLANT_TTL_FROM_RECEIVE)
        count_from_receive(w, &m->action.record);
    if (!plant_answers(w, n, m))
        node_send(w, n, m);
}

static void maybe_freeze(struct world *w, struct node *n)
{
    if (world_chance(w, w->climate.pause_at_action))
        node_pause(w, n, world_span(w, 2 * w->climate.lifetime_ms));
}

/* ---- events ---- */

void node_event(struct world *w, struct node *n, const struct refresh_event *ev)
{
    struct refresh_actions out = {.n = 0};
    struct refresh_env env = env_of(w, n);
    int incarnation = n->incarnation;
    refresh_step(n->refresh, &env, ev, &out);
    judge_step(w, n);
    for (size_t i = 0; i < out.n && n->incarnation == incarnation; i++) {
        if (world_chance(w, w->climate.crash_at_action))
            node_crash(w, n);
        else
            perform(w, n, &out.list[i]);
    }
    if (n->incarnation != incarnation)
        return;
    schedule(w, n);
    hearing_drop(w, n);
    if (out.n > 0)
        maybe_freeze(w, n);
}

static void lead(struct world *w, struct node *n, int64_t epoch)
{
    world_trace(w, "node %d leads with epoch %lld", n->index, (long long)epoch);
    if (n->stopping)
        return;
    n->heard = 0;
    node_event(w, n, &(struct refresh_event){.kind = REFRESH_LEAD, .epoch = epoch});
}

static void lease_event(struct world *w, struct node *n, const struct lease_event *ev)
{
    struct lease_actions out = {.n = 0};
    lease_step(n->lease, clock_of(w, n), ev, &out);
    schedule(w, n);
    for (size_t i = 0; i < out.n && n->lease; i++) {
        const struct lease_action *a = &out.list[i];
        switch (a->kind) {
        case LEASE_DO_LEAD:
            lead(w, n, a->epoch);
            break;
        case LEASE_DO_UNLEAD:
            world_trace(w, "node %d leads no more", n->index);
            node_event(w, n, &(struct refresh_event){.kind = REFRESH_UNLEAD});
            break;
        case LEASE_DO_ACQUIRE:
        case LEASE_DO_RENEW:
        case LEASE_DO_RELEASE: {
            struct message *m = message_new(MESSAGE_LEASE);
            m->lease_action = *a;
            node_send(w, n, m);
            break;
        }
        }
    }
}

/* ---- answers ---- */

/* The call's answer, in time or given up; it may come twice. */
static void note_fetched(struct node *n, const struct message *m)
{
    if (m->action.op != n->fetch_op)
        return;
    n->fetch_op = 0;
    if (m->answer.fetch != REFRESH_FETCH_TOKEN)
        return;
    n->held = token_number(m->token);
    n->held_until = m->sent_at + m->answer.expires_in_ms;
}

static void take_refresh_answer(struct world *w, struct node *n, const struct message *m)
{
    int incarnation = n->incarnation;
    if (m->answer.kind == REFRESH_FETCHED)
        note_fetched(n, m);
    if (m->answer.kind == REFRESH_COMMITTED && m->answer.store != REFRESH_STORE_FAILED) {
        if (m->answer.store != REFRESH_STORE_OK && n->held)
            pledge_dropped(w, n, n->held);
        n->held = 0;
    }
    node_event(w, n, &m->answer);
    if (n->incarnation == incarnation && m->answer.store == REFRESH_STORE_FENCED)
        lease_event(w, n, &(struct lease_event){.kind = LEASE_FENCED, .epoch = m->fenced_by});
}

static void take_answer(struct world *w, struct node *n, const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_LEASE:
        lease_event(w, n, &m->lease_answer);
        if (n->lease && n->stopping)
            tick_by(w, n, w->now + 1);
        return;
    case MESSAGE_REFRESH:
        take_refresh_answer(w, n, m);
        return;
    case MESSAGE_REPORTS:
        hearing_take(w, n, m);
        return;
    case MESSAGE_DROP:
        hearing_dropped(w, n, m);
        return;
    }
}

static void answer(struct world *w, struct node *n, struct item *item)
{
    struct message *m = item->message;
    bool twice = !m->failed && world_chance(w, w->climate.duplicate);
    if (m->failed && world_chance(w, 0.5)) /* the connection is held to be dead */
        net_reconnect(w, n->index, PEER_REDIS);
    take_answer(w, n, m);
    if (twice && n->incarnation == item->incarnation)
        take_answer(w, n, m);
}

/* ---- what happens to it ---- */

static void go_down(struct world *w, struct node *n)
{
    int64_t back = w->now + world_between(w, 10, 5000);
    n->incarnation++;
    node_free(n);
    judge_upset(w, back);
    world_at(w, back, AT_RESTART, n, NULL);
}

static void leave(struct world *w, struct node *n)
{
    if (lease_state(n->lease) == LEASE_STOPPED) {
        world_trace(w, "node %d has stopped", n->index);
        go_down(w, n);
    } else if (!refresh_attempting(n->refresh) || w->now >= n->leave_at) {
        lease_event(w, n, &(struct lease_event){.kind = LEASE_STOP});
    } else {
        tick_by(w, n, w->now + 20);
    }
}

static void tick(struct world *w, struct node *n, int64_t due)
{
    int incarnation = n->incarnation;
    if (due != n->tick_at)
        return;
    n->tick_at = 0;
    lease_event(w, n, &(struct lease_event){.kind = LEASE_TICK});
    if (n->incarnation == incarnation)
        node_event(w, n, &(struct refresh_event){.kind = REFRESH_TICK});
    if (n->incarnation == incarnation && n->stopping)
        leave(w, n);
}

/* What was published, or a connection that is up again: as the driver, it looks. */
static void look(struct world *w, struct node *n, enum what what)
{
    int incarnation = n->incarnation;
    bool leads = node_status(w, n).leading;
    bool away = !world_redis_up(w) || net_is_cut(w, n->index, PEER_REDIS, CUT_BOTH);
    if (what == AT_READY && away)
        return;
    if (what == AT_READY) {
        net_reconnect(w, n->index, PEER_REDIS);
        n->heard = 0;
    }
    if (what == AT_READY || (what == AT_RELEASE && !lease_leads(n->lease)))
        lease_event(w, n, &(struct lease_event){.kind = LEASE_LOOK});
    if (n->incarnation == incarnation && (what == AT_READY || (what == AT_NEWS && !leads)))
        node_event(w, n, &(struct refresh_event){.kind = REFRESH_LOOK});
}

/* A frozen process takes everything when it wakes up, and not always in order. */
static void defer(struct world *w, struct node *n, struct item *item)
{
    int64_t at = n->paused_until + world_between(w, 0, 1);
    if (item->what == AT_NODE && n->tick_at == item->at)
        n->tick_at = at;
    world_at(w, at, item->what, n, item->message);
    item->message = NULL;
}

static void take(struct world *w, struct node *n, struct item *item)
{
    if (item->what == AT_ANSWER && n->paused_until <= w->now)
        maybe_freeze(w, n);
    if (n->paused_until > w->now)
        defer(w, n, item);
    else if (item->what == AT_NODE)
        tick(w, n, item->at);
    else if (item->what == AT_ANSWER)
        answer(w, n, item);
    else
        look(w, n, item->what);
}

void node_happen(struct world *w, struct item *item)
{
    struct node *n = w->nodes[item->node];
    if (item->incarnation == n->incarnation) {
        if (item->what == AT_RESTART)
            node_start(w, item->node);
        else if (n->lease)
            take(w, n, item);
    }
    message_free(item->message);
}

/* ---- life ---- */

void node_start(struct world *w, int index)
{
    struct node *n = w->nodes[index];
    char owner[16];
    snprintf(owner, sizeof owner, "node%d.%d", index, n->incarnation);
    *n = (struct node){.index = index, .incarnation = n->incarnation};
    n->mono_offset = world_between(w, 0, 1000000000);
    n->lease = lease_new(w->climate.lease_ttl_ms, prng_next(&w->prng), clock_of(w, n));
    n->refresh = refresh_new(&w->climate.config, prng_next(&w->prng), owner, clock_of(w, n));
    net_reconnect(w, index, PEER_REDIS);
    world_trace(w, "node %d starts", index);
    tick_by(w, n, w->now + 1);
}

void node_free(struct node *n)
{
    lease_free(n->lease);
    refresh_free(n->refresh);
    n->lease = NULL;
    n->refresh = NULL;
}

void node_crash(struct world *w, struct node *n)
{
    world_trace(w, "node %d crashes", n->index);
    go_down(w, n);
}

void node_stop(struct world *w, struct node *n)
{
    world_trace(w, "node %d is told to stop", n->index);
    judge_upset(w, w->now);
    n->stopping = true;
    n->leave_at = w->now + w->climate.config.call_timeout_ms + 2 * w->climate.redis_timeout_ms;
    node_event(w, n, &(struct refresh_event){.kind = REFRESH_UNLEAD});
    if (n->lease)
        tick_by(w, n, w->now + 1);
}

void node_pause(struct world *w, struct node *n, int64_t ms)
{
    int64_t until = w->now + ms;
    if (until > w->climate.duration_ms)
        until = w->climate.duration_ms;
    if (until <= n->paused_until || until <= w->now)
        return;
    world_trace(w, "node %d is frozen for %lld ms", n->index, (long long)(until - w->now));
    n->paused_until = until;
    judge_frozen(w, until);
}

bool node_leads(const struct world *w, const struct node *n)
{
    return n->lease && lease_leads(n->lease) && n->paused_until <= w->now && !n->stopping;
}
