#include "sim/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/judge.h"

struct message {
    bool is_lease;
    int owner, incarnation; /* the sender's */
    struct lease_action lease_action;
    struct lease_event lease_answer;
    struct refresh_action action;
    struct refresh_event answer;
    struct redis_names names; /* what the answer's slices point at */
    char token[TOKEN_NAME_SIZE], previous[TOKEN_NAME_SIZE], intent[REFRESH_INTENT_SIZE];
};

void message_free(struct message *m)
{
    free(m);
}

static int owner_id(const struct node *n)
{
    return n->index + 1 + n->incarnation * MAX_NODES;
}

static struct refresh_env env_of(const struct world *w, const struct node *n)
{
    return (struct refresh_env){
        .now = {w->now + n->mono_offset},
        .lease_until = lease_until(n->lease),
    };
}

static void tick_by(struct world *w, struct node *n, int64_t at)
{
    if (at <= w->now)
        at = w->now + 1;
    if (n->tick_at > w->now && n->tick_at <= at)
        return;
    n->tick_at = at;
    world_at(w, at, AT_NODE, n->index, n->incarnation, NULL);
}

static void schedule(struct world *w, struct node *n)
{
    mono_ms_t deadline = mono_min(lease_deadline(n->lease), refresh_deadline(n->refresh));
    if (deadline.ms != MONO_NEVER.ms)
        tick_by(w, n, deadline.ms - n->mono_offset);
}

/* ---- sending ---- */

static struct slice keep(char *buf, size_t size, struct slice s)
{
    ASSERT(slice_copy(s, buf, size));
    return slice_of(buf);
}

static struct message *message_of(const struct refresh_action *a)
{
    struct message *m = xcalloc(1, sizeof *m);
    m->action = *a;
    m->action.intent = keep(m->intent, sizeof m->intent, a->intent);
    m->action.record.previous = keep(m->previous, sizeof m->previous, a->record.previous);
    if (a->kind == REFRESH_DO_PROBE)
        m->action.token = keep(m->token, sizeof m->token, a->token);
    else
        m->action.record.token = keep(m->token, sizeof m->token, a->record.token);
    return m;
}

static void set_failed(struct message *m)
{
    static const enum refresh_event_kind kinds[] = {
        [REFRESH_DO_READ] = REFRESH_READ,        [REFRESH_DO_ASSERT] = REFRESH_ASSERTED,
        [REFRESH_DO_BEGIN] = REFRESH_BEGAN,      [REFRESH_DO_FETCH] = REFRESH_FETCHED,
        [REFRESH_DO_COMMIT] = REFRESH_COMMITTED, [REFRESH_DO_SETTLE] = REFRESH_SETTLED,
        [REFRESH_DO_TELL] = REFRESH_TOLD,        [REFRESH_DO_PROBE] = REFRESH_PROBED,
    };
    m->lease_answer = (struct lease_event){.kind = LEASE_FAILED, .op = m->lease_action.op};
    m->answer = (struct refresh_event){
        .op = m->action.op,
        .store = REFRESH_STORE_FAILED,
        .fetch = REFRESH_FETCH_UNKNOWN,
        .probe = REFRESH_PROBE_UNKNOWN,
    };
    if (!m->is_lease)
        m->answer.kind = kinds[m->action.kind];
}

/* The driver's time-out: a failed answer, whatever becomes of the request. */
static void send_timeout(struct world *w, const struct node *n, const struct message *m,
                         int64_t after_ms)
{
    struct message *failed = xcalloc(1, sizeof *failed);
    failed->is_lease = m->is_lease;
    failed->action.kind = m->action.kind;
    failed->action.op = m->action.op;
    failed->lease_action = m->lease_action;
    set_failed(failed);
    world_at(w, w->now + after_ms, AT_ANSWER, n->index, n->incarnation, failed);
}

static void send(struct world *w, struct node *n, struct message *m, enum what to)
{
    bool wechat = to == AT_WECHAT;
    int64_t timeout = wechat ? m->action.timeout_ms : w->climate.redis_timeout_ms;
    m->owner = owner_id(n);
    m->incarnation = n->incarnation;
    send_timeout(w, n, m, timeout);
    if (world_chance(w, w->climate.lose)) {
        message_free(m);
        return;
    }
    int64_t delay = world_between(w, 0, w->climate.latency_ms);
    if (wechat && world_chance(w, w->climate.slow_wechat))
        delay = world_between(w, 0, w->climate.config.lease_needed_ms - 1);
    world_at(w, w->now + delay, to, n->index, n->incarnation, m);
}

static void send_answer(struct world *w, struct node *n, struct message *m, bool slow)
{
    if (world_chance(w, w->climate.lose)) {
        judge_excuse(w, w->judge.recovery_ms);
        message_free(m);
        return;
    }
    int64_t most = slow ? 2 * m->action.timeout_ms : w->climate.latency_ms;
    world_at(w, w->now + world_between(w, 0, most), AT_ANSWER, n->index, m->incarnation, m);
}

/* The planted fault: the life counted from when the answer was received. */
static void count_from_receive(const struct world *w, struct refresh_written *r)
{
    r->ttl_ms = wall_between(r->issued_at, r->expires_at);
    r->expires_at = (wall_ms_t){w->now + w->redis.clock + r->ttl_ms};
}

static void perform(struct world *w, struct node *n, const struct refresh_action *a)
{
    switch (a->kind) {
    case REFRESH_DO_READ:
    case REFRESH_DO_ASSERT:
    case REFRESH_DO_BEGIN:
    case REFRESH_DO_COMMIT:
    case REFRESH_DO_SETTLE:
    case REFRESH_DO_TELL: {
        struct message *m = message_of(a);
        if (a->kind == REFRESH_DO_COMMIT && w->plant == PLANT_TTL_FROM_RECEIVE)
            count_from_receive(w, &m->action.record);
        send(w, n, m, AT_REDIS);
        return;
    }
    case REFRESH_DO_FETCH:
    case REFRESH_DO_PROBE:
        send(w, n, message_of(a), AT_WECHAT);
        return;
    case REFRESH_DO_NOTE:
        world_trace(w, "node %d notes %s of version %lld", n->index, refresh_note_name(a->note),
                    (long long)a->version);
        return;
    }
}

/* ---- events in ---- */

static void drop_settled_reports(struct world *w, struct node *n)
{
    if (!n->to_drop || !w->redis_up || !refresh_settled(n->refresh))
        return;
    n->to_drop = false;
    redis_drop_reports(&w->redis, n->heard);
}

void node_event(struct world *w, struct node *n, const struct refresh_event *ev)
{
    struct refresh_actions out = {.n = 0};
    struct refresh_env env = env_of(w, n);
    int incarnation = n->incarnation;
    refresh_step(n->refresh, &env, ev, &out);
    if (!refresh_outstanding(n->refresh) &&
        refresh_deadline(n->refresh).ms > env.now.ms + 48LL * 3600 * 1000) {
        w->judge.failed = true;
        snprintf(w->judge.why, sizeof w->judge.why, "node %d stalls: no operation, no deadline",
                 n->index);
    }
    for (size_t i = 0; i < out.n; i++) {
        if (world_chance(w, w->climate.crash_at_action)) {
            node_crash(w, n);
            return;
        }
        perform(w, n, &out.list[i]);
    }
    if (!n->refresh || n->incarnation != incarnation)
        return;
    schedule(w, n);
    drop_settled_reports(w, n);
}

void node_hear(struct world *w, struct node *n)
{
    struct refresh_env env = env_of(w, n);
    struct redis_data seen = w->redis.data;
    int incarnation = n->incarnation;
    if (!refresh_status(n->refresh, &env).adopted)
        return;
    for (int i = 0; i < seen.n_reports && n->incarnation == incarnation; i++) {
        const struct redis_report *report = &seen.reports[i];
        if (report->id <= n->heard)
            continue;
        n->heard = report->id;
        n->to_drop = true;
        node_event(w, n,
                   &(struct refresh_event){
                       .kind = report->kind, .version = report->version, .errcode = 40001});
    }
}

static void lease_event(struct world *w, struct node *n, const struct lease_event *ev)
{
    struct lease_actions out = {.n = 0};
    lease_step(n->lease, (mono_ms_t){w->now + n->mono_offset}, ev, &out);
    schedule(w, n);
    for (size_t i = 0; i < out.n && n->lease; i++) {
        const struct lease_action *a = &out.list[i];
        struct refresh_event change = {.kind = REFRESH_UNLEAD};
        switch (a->kind) {
        case LEASE_DO_LEAD:
            world_trace(w, "node %d leads with epoch %lld", n->index, (long long)a->epoch);
            if (n->stopping)
                break;
            n->heard = 0;
            change.kind = REFRESH_LEAD;
            change.epoch = a->epoch;
            node_event(w, n, &change);
            break;
        case LEASE_DO_UNLEAD:
            world_trace(w, "node %d leads no more", n->index);
            node_event(w, n, &change);
            break;
        case LEASE_DO_ACQUIRE:
        case LEASE_DO_RENEW:
        case LEASE_DO_RELEASE: {
            struct message *m = xcalloc(1, sizeof *m);
            m->is_lease = true;
            m->lease_action = *a;
            send(w, n, m, AT_REDIS);
            break;
        }
        }
    }
}

static void go_down(struct world *w, struct node *n)
{
    n->incarnation++;
    node_free(n);
    world_at(w, w->now + world_between(w, 10, 5000), AT_RESTART, n->index, n->incarnation, NULL);
}

void node_tick(struct world *w, struct node *n, int64_t due)
{
    if (due != n->tick_at)
        return;
    n->tick_at = 0;
    lease_event(w, n, &(struct lease_event){.kind = LEASE_TICK});
    if (n->refresh)
        node_event(w, n, &(struct refresh_event){.kind = REFRESH_TICK});
    if (!n->lease || !n->stopping)
        return;
    if (lease_state(n->lease) == LEASE_STOPPED) {
        world_trace(w, "node %d has stopped", n->index);
        go_down(w, n);
    } else if (!refresh_attempting(n->refresh)) {
        lease_event(w, n, &(struct lease_event){.kind = LEASE_STOP});
    } else {
        tick_by(w, n, w->now + 20);
    }
}

void node_answer(struct world *w, struct node *n, struct message *m)
{
    if (m->is_lease) {
        lease_event(w, n, &m->lease_answer);
        if (n->lease && n->stopping)
            tick_by(w, n, w->now + 1);
        return;
    }
    node_event(w, n, &m->answer);
    if (n->lease && m->answer.store == REFRESH_STORE_FENCED)
        lease_event(
            w, n, &(struct lease_event){.kind = LEASE_FENCED, .epoch = w->redis.data.state_epoch});
}

/* ---- servers ---- */

void node_at_redis(struct world *w, struct node *n, struct message *m)
{
    if (!w->redis_up) {
        message_free(m);
        return;
    }
    struct redis *r = &w->redis;
    if (m->is_lease) {
        redis_lease(r, m->owner, w->climate.lease_ttl_ms, &m->lease_action, w->now,
                    &m->lease_answer);
    } else {
        int64_t version = r->data.version;
        int token = redis_token(r, w->now);
        redis_refresh(r, &m->action, w->now, &m->answer, &m->names);
        judge_after_write(w, version, token);
        world_trace(w,
                    "redis: op %llu kind %d of node %d epoch %lld -> store %d, version %lld tok-%d "
                    "count %lld",
                    (unsigned long long)m->action.op, (int)m->action.kind, n->index,
                    (long long)m->action.epoch, (int)m->answer.store, (long long)r->data.version,
                    redis_token(r, w->now), (long long)r->data.issued_today);
    }
    send_answer(w, n, m, false);
}

static void answer_probe(struct world *w, struct message *m)
{
    m->answer = (struct refresh_event){.kind = REFRESH_PROBED, .op = m->action.op};
    int token = token_number(m->token);
    if (wechat_alive(&w->wechat, token, w->now))
        m->answer.probe = REFRESH_PROBE_LIVE;
    else
        m->answer.probe = w->now >= wechat_expires(&w->wechat, token) ? REFRESH_PROBE_EXPIRED
                                                                      : REFRESH_PROBE_DEAD;
}

static void answer_fetch(struct world *w, const struct node *n, struct message *m)
{
    struct refresh_event *e = &m->answer;
    *e = (struct refresh_event){.kind = REFRESH_FETCHED, .op = m->action.op};
    if (w->trouble == TROUBLE_BUSY || w->trouble == TROUBLE_OPERATOR) {
        e->fetch = REFRESH_FETCH_REFUSED;
        e->err = w->trouble == TROUBLE_BUSY ? ERR_BACKOFF : ERR_OPERATOR;
        e->errcode = w->trouble == TROUBLE_BUSY ? -1 : 40125;
        return;
    }
    int issued = w->wechat.issued;
    bool effect = w->trouble == TROUBLE_NONE || world_chance(w, 0.5);
    if (effect) {
        judge_issue(w, n->index, m->action.epoch);
        int token =
            wechat_fetch(&w->wechat, m->action.mode, m->action.force, w->now, &e->expires_in_ms);
        w->wechat.issued_ours += w->wechat.issued - issued;
        token_name(token, m->token);
        world_trace(w, "wechat: node %d gets tok-%d", n->index, token);
    }
    e->fetch = w->trouble == TROUBLE_GARBAGE ? REFRESH_FETCH_UNKNOWN : REFRESH_FETCH_TOKEN;
    e->token = slice_of(m->token);
}

void node_at_wechat(struct world *w, struct node *n, struct message *m)
{
    if (w->trouble == TROUBLE_AWAY) {
        set_failed(m);
        m->answer.fetch = REFRESH_FETCH_NOT_SENT;
    } else if (m->action.kind == REFRESH_DO_PROBE) {
        answer_probe(w, m);
    } else {
        answer_fetch(w, n, m);
    }
    send_answer(w, n, m, world_chance(w, w->climate.slow_wechat));
}

/* ---- life ---- */

void node_start(struct world *w, int index)
{
    struct node *n = w->nodes[index];
    char owner[16];
    snprintf(owner, sizeof owner, "node%d.%d", index, n->incarnation);
    n->mono_offset = world_between(w, 0, 1000000000);
    n->paused_until = 0;
    n->stopping = false;
    n->heard = 0;
    n->to_drop = false;
    n->tick_at = 0;
    mono_ms_t now = {w->now + n->mono_offset};
    n->lease = lease_new(w->climate.lease_ttl_ms, prng_next(&w->prng), now);
    n->refresh = refresh_new(&w->climate.config, prng_next(&w->prng), owner, now);
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
    judge_excuse(w, w->judge.recovery_ms + 5000);
    go_down(w, n);
}

void node_stop(struct world *w, struct node *n)
{
    world_trace(w, "node %d is told to stop", n->index);
    judge_excuse(w, w->judge.recovery_ms + 5000);
    n->stopping = true;
    node_event(w, n, &(struct refresh_event){.kind = REFRESH_UNLEAD});
    if (n->lease)
        tick_by(w, n, w->now + 1);
}

bool node_leads(const struct world *w, const struct node *n)
{
    return n->lease && lease_leads(n->lease) && n->paused_until <= w->now && !n->stopping;
}
