#include "sim/server.h"

#include <string.h>

#include "sim/judge.h"
#include "sim/world.h"

/* ---- Redis ---- */

/* To all nodes but one, those that listen. */
static void publish(struct world *w, const struct node *by, enum what what)
{
    for (int i = 0; i < w->climate.nodes; i++)
        if (i != by->index && w->climate.publishes && !net_is_cut(w, i, PEER_REDIS, CUT_ANSWERS))
            world_at(w, w->now + world_between(w, 0, w->climate.latency_ms), what, w->nodes[i],
                     NULL);
}

static void run_lease(struct world *w, struct node *n, struct message *m)
{
    redis_lease(&w->redis, m->owner, w->climate.lease_ttl_ms, &m->lease_action, w->now,
                &m->lease_answer);
    if (m->lease_answer.kind != LEASE_GRANTED)
        return;
    if (m->lease_action.kind == LEASE_DO_ACQUIRE)
        judge_granted(w, n, m->lease_answer.epoch);
    if (m->lease_action.kind == LEASE_DO_RELEASE)
        publish(w, n, AT_RELEASE);
}

static void run_script(struct world *w, struct node *n, struct message *m)
{
    struct redis *r = &w->redis;
    int64_t version = r->data.version;
    int token = redis_token(r, w->now);
    if (w->plant == PLANT_NO_BUDGET)
        m->action.budget = INT64_MAX;
    redis_refresh(r, &m->action, w->now, &m->answer, &m->names);
    if (m->answer.store == REFRESH_STORE_FENCED)
        m->fenced_by = r->data.state_epoch;
    judge_script(w, m, version, token);
    world_trace(w,
                "redis: op %llu kind %d of node %d epoch %lld -> store %d, version %lld tok-%d "
                "count %lld%s%s",
                (unsigned long long)m->action.op, (int)m->action.kind, n->index,
                (long long)m->action.epoch, (int)m->answer.store, (long long)r->data.version,
                redis_token(r, w->now), (long long)r->data.issued_today,
                r->data.intent[0] ? ", intent" : "",
                m->incarnation != n->incarnation ? ", late" : "");
    if (m->action.kind == REFRESH_DO_COMMIT && r->data.version > version)
        publish(w, n, AT_NEWS);
}

static void run_reports(struct world *w, struct message *m)
{
    const struct redis_data *d = &w->redis.data;
    int first = 0;
    while (first < d->n_reports && d->reports[first].id <= m->after)
        first++;
    if (first == d->n_reports)
        return;
    m->n_reports = d->n_reports - first;
    m->reports = xcalloc((size_t)m->n_reports, sizeof d->reports[0]);
    memcpy(m->reports, d->reports + first, (size_t)m->n_reports * sizeof d->reports[0]);
}

static void redis_run(struct world *w, struct node *n, struct message *m)
{
    switch (m->kind) {
    case MESSAGE_LEASE:
        run_lease(w, n, m);
        return;
    case MESSAGE_REFRESH:
        run_script(w, n, m);
        return;
    case MESSAGE_REPORTS:
        run_reports(w, m);
        return;
    case MESSAGE_DROP:
        redis_drop_reports(&w->redis, m->id);
        return;
    }
}

static void send_back(struct world *w, struct node *n, struct message *m, int64_t at)
{
    struct item item = {
        .at = at, .what = AT_ANSWER, .node = n->index, .incarnation = m->incarnation, .message = m};
    if (at == NET_NEVER)
        message_free(m);
    else
        queue_add(&w->queue, item);
}

void server_redis(struct world *w, struct node *n, struct message *m)
{
    if (!world_redis_up(w) || m->redis_life != w->redis_life) {
        message_free(m);
        return;
    }
    redis_run(w, n, m);
    history_note(&w->history, &w->redis.data);
    send_back(w, n, m, net_answer(w, n->index, PEER_REDIS, w->climate.latency_ms));
}

/* ---- WeChat ---- */

static void answer_probe(struct world *w, struct message *m)
{
    int token = token_number(m->token);
    m->answer = (struct refresh_event){.kind = REFRESH_PROBED, .op = m->action.op};
    if (wechat_alive(&w->wechat, token, w->now))
        m->answer.probe = REFRESH_PROBE_LIVE;
    else if (w->now >= wechat_expires(&w->wechat, token))
        m->answer.probe = REFRESH_PROBE_EXPIRED;
    else
        m->answer.probe = REFRESH_PROBE_DEAD;
}

/* The call has its effect. */
static void issue(struct world *w, struct node *n, struct message *m)
{
    struct refresh_event *e = &m->answer;
    int before = w->wechat.issued;
    int token =
        wechat_fetch(&w->wechat, m->action.mode, m->action.force, w->now, &e->expires_in_ms);
    token_name(token, m->token);
    e->token = slice_of(m->token);
    world_trace(w, "wechat: node %d gets tok-%d%s", n->index, token,
                m->incarnation != n->incarnation ? ", late" : "");
    if (w->wechat.issued > before)
        judge_issued(w, n, m, token);
}

static void answer_fetch(struct world *w, struct node *n, struct message *m)
{
    struct refresh_event *e = &m->answer;
    *e = (struct refresh_event){.kind = REFRESH_FETCHED, .op = m->action.op};
    switch (w->trouble) {
    case TROUBLE_REFUSES:
        e->fetch = REFRESH_FETCH_REFUSED;
        e->err = ERR_BACKOFF;
        e->errcode = 45011;
        return;
    case TROUBLE_OPERATOR:
        e->fetch = REFRESH_FETCH_REFUSED;
        e->err = ERR_OPERATOR;
        e->errcode = 40125;
        return;
    case TROUBLE_GARBAGE:
        if (world_chance(w, 0.5))
            issue(w, n, m);
        e->fetch = REFRESH_FETCH_UNKNOWN;
        return;
    case TROUBLE_NONE:
    case TROUBLE_AWAY:
        issue(w, n, m);
        e->fetch = REFRESH_FETCH_TOKEN;
        return;
    }
}

void server_wechat(struct world *w, struct node *n, struct message *m)
{
    bool slow = world_chance(w, w->climate.slow_wechat);
    int64_t slowest = slow ? 2 * m->action.timeout_ms : w->climate.latency_ms;
    int before = w->wechat.issued;
    if (w->trouble == TROUBLE_AWAY) {
        message_fail(m);
        m->answer.fetch = REFRESH_FETCH_NOT_SENT;
    } else if (m->action.kind == REFRESH_DO_PROBE) {
        answer_probe(w, m);
    } else {
        answer_fetch(w, n, m);
    }
    int64_t at = net_answer(w, n->index, PEER_WECHAT, slowest);
    bool in_time = at < m->sent_at + m->action.timeout_ms;
    judge_answer(w, m, in_time ? at : NET_NEVER);
    if (in_time && w->wechat.issued > before && m->answer.fetch == REFRESH_FETCH_TOKEN)
        pledge_token(w, n, m, w->wechat.issued, at);
    send_back(w, n, m, at);
}
