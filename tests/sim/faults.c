#include "sim/faults.h"

#include <string.h>

#include "sim/judge.h"
#include "sim/world.h"

/* How long a fault lasts: of any size up to several lives of a token. */
static int64_t any_length(struct world *w)
{
    return world_span(w, 3 * w->climate.lifetime_ms);
}

static struct node *any_node(struct world *w)
{
    return w->nodes[world_between(w, 0, w->climate.nodes - 1)];
}

/* ---- nodes ---- */

static void fault_pause(struct world *w)
{
    struct node *one = world_chance(w, 0.75) ? any_node(w) : NULL;
    for (int i = 0; i < w->climate.nodes; i++)
        if (w->nodes[i]->lease && (!one || w->nodes[i] == one))
            node_pause(w, w->nodes[i], any_length(w));
}

static void fault_crash(struct world *w)
{
    struct node *n = any_node(w);
    if (n->lease)
        node_crash(w, n);
}

static void fault_stop(struct world *w)
{
    struct node *n = any_node(w);
    if (n->lease && !n->stopping && n->paused_until <= w->now)
        node_stop(w, n);
}

static void fault_cut(struct world *w)
{
    struct node *one = world_chance(w, 0.75) ? any_node(w) : NULL;
    int peers = (int)world_between(w, 1, 3);
    int how = (int)world_between(w, CUT_REQUESTS, CUT_BOTH);
    int64_t ms = world_until_end(w, any_length(w));
    for (int i = 0; i < w->climate.nodes; i++)
        for (int peer = 0; peer < PEER_COUNT; peer++)
            if ((!one || one->index == i) && (peers & 1 << peer))
                net_cut(w, i, (enum peer)peer, how, ms);
}

/* ---- Redis ---- */

static void redis_away(struct world *w, int64_t ms)
{
    int64_t until = w->now + world_until_end(w, ms);
    if (until > w->redis_down_until)
        w->redis_down_until = until;
    judge_away(w, w->redis_down_until);
    for (int i = 0; i < w->climate.nodes; i++)
        world_ready(w, i, w->redis_down_until);
}

static void fault_away(struct world *w)
{
    int64_t ms = any_length(w);
    world_trace(w, "redis is away for %lld ms", (long long)ms);
    redis_away(w, ms);
}

/* Another server answers from now on: what is under way to the one before is lost. */
static void restart_redis(struct world *w)
{
    w->redis_life++;
    redis_away(w, world_span(w, 2000));
}

/* Redis is about to lose data, also what was reported: a consumer reports again. */
static void lose(struct world *w)
{
    judge_lost(w);
    w->consumer.reported = 0;
}

void faults_empty(struct world *w)
{
    world_trace(w, "redis loses everything");
    lose(w);
    memset(&w->redis.data, 0, sizeof w->redis.data);
    history_note(&w->history, &w->redis.data);
    if (world_chance(w, 0.7))
        restart_redis(w);
}

static void fault_empty(struct world *w)
{
    int64_t at = w->now;
    faults_empty(w);
    for (int64_t more = world_between(w, -2, 4); more > 0; more--) {
        at += world_span(w, 4000);
        if (at < w->climate.duration_ms)
            world_at(w, at, AT_EMPTY, NULL, NULL);
    }
}

static void set_clock(struct world *w)
{
    int64_t ms = world_between(w, -20000, 20000);
    world_trace(w, "redis's clock jumps by %lld ms", (long long)ms);
    w->redis.clock += ms;
    judge_clock_set(w, ms);
}

static void fault_tail(struct world *w)
{
    int writes = (int)world_span(w, world_chance(w, 0.8) ? 8 : HISTORY_SIZE) - 1;
    lose(w);
    writes = history_go_back(&w->history, writes, &w->redis.data);
    world_trace(w, "redis fails over and loses %d writes: version %lld tok-%d", writes,
                (long long)w->redis.data.version, redis_token(&w->redis, w->now));
    restart_redis(w);
    if (w->climate.faults[FAULT_CLOCK] && world_chance(w, 0.5))
        set_clock(w);
}

/* Redis's machine sets its clock: its keys live longer or shorter than they were meant to. */
static void fault_clock(struct world *w)
{
    set_clock(w);
}

/* ---- WeChat ---- */

static void fault_trouble(struct world *w)
{
    int64_t ms = world_until_end(w, world_span(w, 20000));
    int64_t trouble = world_between(w, TROUBLE_REFUSES, TROUBLE_AWAY);
    w->trouble = (enum trouble)trouble;
    w->trouble_until = w->now + ms;
    world_trace(w, "wechat has trouble %d for %lld ms", (int)w->trouble, (long long)ms);
    judge_upset(w, w->trouble_until);
}

static void fault_hold(struct world *w)
{
    w->hold_next = true;
}

static void fault_displace(struct world *w)
{
    enum token_mode mode = w->climate.config.mode;
    bool force = mode == TOKEN_STABLE && world_chance(w, 0.5);
    int before = w->wechat.issued;
    int64_t expires_in;
    int token = wechat_fetch(&w->wechat, mode, force, w->now, &expires_in);
    world_trace(w, "another environment fetches tok-%d", token);
    judge_upset(w, w->now);
    if (w->wechat.issued > before)
        ledger_issued(&w->ledger, token, CAUSE_FOREIGN);
}

/* ---- in turn ---- */

/* One of those that this climate knows; FAULT_COUNT when it knows none. */
static int draw(struct world *w)
{
    int known[FAULT_COUNT], n = 0;
    for (int i = 0; i < FAULT_COUNT; i++)
        if (w->climate.faults[i])
            known[n++] = i;
    return n > 0 ? known[world_between(w, 0, n - 1)] : FAULT_COUNT;
}

void faults_next(struct world *w)
{
    static void (*const faults[])(struct world *) = {
#define X(name, function, share) fault_##function,
        FAULTS(X)
#undef X
    };
    int fault = draw(w);
    if (w->now >= w->climate.duration_ms || fault == FAULT_COUNT)
        return;
    world_at(w, w->now + world_between(w, 1, w->climate.fault_gap_ms), AT_FAULT, NULL, NULL);
    faults[fault](w);
}

void faults_end(struct world *w)
{
    struct climate *c = &w->climate;
    world_trace(w, "the faults are over");
    c->lose = c->late = c->duplicate = 0;
    c->crash_at_action = c->crash_at_hearing = c->pause_at_action = c->slow_wechat = 0;
    net_heal(w);
    w->redis_down_until = 0;
    w->trouble = TROUBLE_NONE;
    w->hold_next = false;
    judge_upset(w, w->now);
}
