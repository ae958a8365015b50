#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/judge.h"
#include "sim/node.h"

bool world_chance(struct world *w, double p)
{
    return p > 0 && prng_chance(&w->prng, p);
}

int64_t world_between(struct world *w, int64_t min, int64_t max)
{
    return prng_between(&w->prng, min, max);
}

void world_trace(struct world *w, const char *fmt, ...)
{
    if (!w->tracing)
        return;
    va_list ap;
    va_start(ap, fmt);
    printf("%10.3f  ", (double)w->now / 1000);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
}

/* ---- the queue of events: a binary heap ---- */

static bool before(const struct item *a, const struct item *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void swap(struct item *a, struct item *b)
{
    struct item t = *a;
    *a = *b;
    *b = t;
}

static void push(struct world *w, struct item item)
{
    if (w->n == w->size) {
        w->size = w->size ? 2 * w->size : 64;
        w->heap = xrealloc(w->heap, (size_t)w->size * sizeof *w->heap);
    }
    int i = w->n++;
    w->heap[i] = item;
    for (; i > 0 && before(&w->heap[i], &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&w->heap[i], &w->heap[(i - 1) / 2]);
}

static struct item pop(struct world *w)
{
    struct item top = w->heap[0];
    w->heap[0] = w->heap[--w->n];
    for (int i = 0;;) {
        int child = 2 * i + 1;
        if (child + 1 < w->n && before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (child >= w->n || !before(&w->heap[child], &w->heap[i]))
            return top;
        swap(&w->heap[i], &w->heap[child]);
        i = child;
    }
}

void world_at(struct world *w, int64_t at, enum what what, int node, int incarnation,
              struct message *message)
{
    push(w, (struct item){at, w->next_seq++, what, node, incarnation, message});
}

/* ---- the weather ---- */

static int64_t pick(struct world *w, const int64_t *from, int n)
{
    return from[world_between(w, 0, n - 1)];
}

#define PICK(w, ...)                                                                               \
    pick((w), (const int64_t[]){__VA_ARGS__}, (int)ARRAY_LEN(((const int64_t[]){__VA_ARGS__})))

static void draw_config(struct world *w)
{
    struct climate *c = &w->climate;
    c->lifetime_ms = PICK(w, 20000, 20000, 60000, 60000, 600000);
    if (world_chance(w, 0.01)) /* as in life, and long to simulate */
        c->lifetime_ms = 7200000;
    c->lease_ttl_ms = PICK(w, 2000, 10000);
    c->redis_timeout_ms = PICK(w, 200, 1000);
    c->latency_ms = PICK(w, 2, 20, 90);
    c->config = (struct refresh_config){
        .mode = world_chance(w, 0.25) ? TOKEN_STABLE : TOKEN_CLASSIC,
        .lead_ms = PICK(w, 5000, 60000, 1800000),
        .overlap_ms = c->lifetime_ms / 4 < 300000 ? c->lifetime_ms / 4 : 300000,
        .retry_min_ms = PICK(w, 100, 1000),
        .retry_max_ms = PICK(w, 2000, 10000),
        .probe_interval_ms = PICK(w, 0, 5000, 30000),
        .observe_interval_ms = PICK(w, 2000, 5000),
        .call_timeout_ms = world_chance(w, 0.7) ? c->lease_ttl_ms / 2 : 2 * c->lease_ttl_ms,
        .lease_needed_ms = c->lease_ttl_ms / 2,
        .daily_budget = world_chance(w, 0.1) ? 20 : 100000,
    };
    c->duration_ms = c->lifetime_ms > 100000 ? c->lifetime_ms * 2 : 200000;
}

static void draw_climate(struct world *w)
{
    struct climate *c = &w->climate;
    c->nodes = (int)world_between(w, 1, MAX_NODES);
    draw_config(w);
    c->duplicate = 0.02;
    c->calm = world_chance(w, 0.1);
    if (c->calm)
        return;
    c->lose = world_chance(w, 0.5) ? 0.02 : 0;
    c->crash_at_action = world_chance(w, 0.4) ? 0.01 : 0;
    c->slow_wechat = world_chance(w, 0.4) ? 0.2 : 0;
    c->crashes = world_chance(w, 0.5);
    c->pauses = world_chance(w, 0.5);
    c->redis_faults = world_chance(w, 0.4);
    c->data_loss = world_chance(w, 0.25);
    c->wechat_faults = world_chance(w, 0.4);
    c->displacement = world_chance(w, 0.25);
    c->clock_jumps = world_chance(w, 0.3);
    c->reports = world_chance(w, 0.5);
}

/* ---- faults ---- */

enum { FORCE_ROUND_MS = 120000 }; /* stable: until force_refresh is allowed and tried again */

static void fault_node(struct world *w, struct node *n)
{
    const struct climate *c = &w->climate;
    if (!n->lease || n->stopping)
        return;
    if (c->pauses && world_chance(w, 0.5)) {
        int64_t ms = world_chance(w, 0.5) ? world_between(w, 1, 500)
                                          : world_between(w, 1, 3 * c->lease_ttl_ms);
        world_trace(w, "node %d is frozen for %lld ms", n->index, (long long)ms);
        n->paused_until = w->now + ms;
        judge_excuse(w, ms + w->judge.recovery_ms);
    } else if (c->crashes && world_chance(w, 0.5)) {
        node_crash(w, n);
    } else if (c->crashes) {
        node_stop(w, n);
    }
}

static void fault_redis(struct world *w)
{
    if (w->climate.redis_faults && w->redis_up && world_chance(w, 0.6)) {
        int64_t ms = world_between(w, 10, 2 * w->climate.lease_ttl_ms);
        world_trace(w, "redis is away for %lld ms", (long long)ms);
        w->redis_up = false;
        world_at(w, w->now + ms, AT_REPAIR, 0, 0, NULL);
        judge_excuse(w, ms + w->judge.recovery_ms);
    } else if (w->climate.data_loss && world_chance(w, 0.5)) {
        bool all = world_chance(w, 0.5);
        world_trace(w, "redis loses %s", all ? "everything" : "its tail");
        if (all)
            memset(&w->redis.data, 0, sizeof w->redis.data);
        else
            w->redis.data = w->redis.snapshot;
        w->judge.lost_data = w->judge.tainted = true;
        for (int i = 0; i < w->climate.nodes; i++)
            w->nodes[i]->heard = 0; /* its connection was lost */
        judge_excuse(w, w->judge.recovery_ms + w->climate.config.probe_interval_ms * 2);
    }
}

/* How long a token may be dead without anybody's doing before it is found and mended: by a report,
 * by the next probe, or without both at its end. */
static int64_t unnoticed_ms(const struct world *w)
{
    const struct climate *c = &w->climate;
    int64_t found = c->lifetime_ms;
    if (c->reports || c->config.probe_interval_ms)
        found = 2 * c->config.probe_interval_ms;
    return w->judge.recovery_ms + c->config.overlap_ms + FORCE_ROUND_MS + found;
}

/* Redis's machine sets its clock: its keys live longer or shorter than they were meant to. */
static void fault_clock(struct world *w)
{
    int64_t ms = world_between(w, -20000, 20000);
    if (!w->climate.clock_jumps)
        return;
    world_trace(w, "redis's clock jumps by %lld ms", (long long)ms);
    w->redis.clock += ms;
    w->judge.tainted = true;
    w->judge.clock_exempt = w->wechat.issued + 1;
    w->judge.clock_set_at = w->now;
    judge_excuse(w, unnoticed_ms(w) + 20000);
}

static void fault_wechat(struct world *w)
{
    if (w->climate.wechat_faults && w->trouble == TROUBLE_NONE && world_chance(w, 0.7)) {
        int64_t ms = world_between(w, 100, 20000);
        w->trouble = (enum trouble)world_between(w, TROUBLE_BUSY, TROUBLE_AWAY);
        world_trace(w, "wechat has trouble %d for %lld ms", (int)w->trouble, (long long)ms);
        world_at(w, w->now + ms, AT_REPAIR, 0, 0, NULL);
        judge_excuse(w, ms + w->judge.recovery_ms);
    } else if (w->climate.displacement && world_chance(w, 0.3)) {
        int64_t expires_in;
        int token = wechat_fetch(&w->wechat, w->climate.config.mode, false, w->now, &expires_in);
        world_trace(w, "another environment fetches tok-%d", token);
        w->judge.tainted = true;
        judge_excuse(w, unnoticed_ms(w));
    }
}

static void fault(struct world *w)
{
    int64_t step = w->climate.duration_ms / 40;
    if (w->now >= w->climate.duration_ms)
        return;
    world_at(w, w->now + world_between(w, 1, step), AT_FAULT, 0, 0, NULL);
    switch (world_between(w, 0, 6)) {
    case 6:
        fault_clock(w);
        return;
    case 0:
    case 1:
        fault_node(w, w->nodes[world_between(w, 0, w->climate.nodes - 1)]);
        return;
    case 2:
    case 3:
        fault_redis(w);
        return;
    default:
        fault_wechat(w);
    }
}

/* The faults are over: the network is sound, everything is repaired. */
static void end_faults(struct world *w)
{
    struct climate *c = &w->climate;
    c->lose = c->duplicate = c->crash_at_action = c->slow_wechat = 0;
    w->faults_over = true;
    w->redis_up = true;
    w->trouble = TROUBLE_NONE;
    judge_excuse(w, w->judge.recovery_ms);
}

/* ---- consumers ---- */

static void consume(struct world *w)
{
    int token = redis_token(&w->redis, w->now);
    bool refused = token && !wechat_alive(&w->wechat, token, w->now);
    world_at(w, w->now + world_between(w, 100, 1000), AT_CONSUMER, 0, 0, NULL);
    if (w->redis_up && (refused || world_chance(w, 0.02)))
        redis_add_report(&w->redis, REFRESH_REPORT, w->redis.data.version, w->now);
}

/* Every leader, also one that does not know yet that it leads no more. */
static void read_reports(struct world *w)
{
    world_at(w, w->now + world_between(w, 50, 500), AT_REPORTS, 0, 0, NULL);
    for (int i = 0; w->redis_up && w->redis.data.n_reports && i < w->climate.nodes; i++)
        if (node_leads(w, w->nodes[i]))
            node_hear(w, w->nodes[i]);
}

/* ---- the run ---- */

static void to_node(struct world *w, struct item *item)
{
    struct node *n = w->nodes[item->node];
    if (item->incarnation != n->incarnation) {
        message_free(item->message);
    } else if (item->what == AT_RESTART) {
        node_start(w, item->node);
    } else if (n->paused_until > w->now) {
        if (item->what == AT_NODE)
            n->tick_at = n->tick_at == item->at ? n->paused_until : n->tick_at;
        world_at(w, n->paused_until, item->what, item->node, item->incarnation, item->message);
    } else if (item->what == AT_NODE) {
        node_tick(w, n, item->at);
    } else {
        node_answer(w, n, item->message);
        if (n->lease && n->incarnation == item->incarnation &&
            world_chance(w, w->climate.duplicate))
            node_answer(w, n, item->message);
        message_free(item->message);
    }
}

static void happen(struct world *w, struct item *item)
{
    switch (item->what) {
    case AT_NODE:
    case AT_ANSWER:
    case AT_RESTART:
        to_node(w, item);
        return;
    case AT_REDIS:
        node_at_redis(w, w->nodes[item->node], item->message);
        return;
    case AT_WECHAT:
        node_at_wechat(w, w->nodes[item->node], item->message);
        return;
    case AT_FAULT:
        fault(w);
        return;
    case AT_REPAIR:
        w->redis_up = true;
        w->trouble = TROUBLE_NONE;
        return;
    case AT_REPORTS:
        read_reports(w);
        return;
    case AT_CONSUMER:
        consume(w);
        return;
    }
}

static void begin_world(struct world *w)
{
    prng_seed(&w->prng, w->seed);
    draw_climate(w);
    wechat_init(&w->wechat, w->climate.lifetime_ms, w->climate.config.overlap_ms);
    w->redis_up = true;
    w->redis.clock = 1700000000000;
    w->redis.ignore_epoch = w->plant == PLANT_NO_EPOCH;
    w->redis.ignore_intent = w->plant == PLANT_NO_INTENT;
    judge_init(w);
    for (int i = 0; i < w->climate.nodes; i++) {
        w->nodes[i] = xcalloc(1, sizeof *w->nodes[i]);
        w->nodes[i]->index = i;
        world_at(w, world_between(w, 0, 1000), AT_RESTART, i, 0, NULL);
    }
    if (!w->climate.calm)
        world_at(w, 0, AT_FAULT, 0, 0, NULL);
    if (w->climate.reports)
        world_at(w, 0, AT_CONSUMER, 0, 0, NULL);
    world_at(w, 0, AT_REPORTS, 0, 0, NULL);
}

static void end_world(struct world *w)
{
    for (int i = 0; i < w->climate.nodes; i++) {
        node_free(w->nodes[i]);
        free(w->nodes[i]);
    }
    for (int i = 0; i < w->n; i++)
        message_free(w->heap[i].message);
    free(w->heap);
}

bool world_run(struct world *w, uint64_t seed, enum plant plant, bool tracing)
{
    *w = (struct world){.seed = seed, .plant = plant, .tracing = tracing};
    begin_world(w);
    int64_t next_snapshot = 0;
    int64_t end = w->climate.duration_ms + 2 * w->judge.recovery_ms + w->climate.lifetime_ms;
    while (!w->judge.failed && w->n > 0 && w->heap[0].at <= end) {
        struct item item = pop(w);
        w->now = item.at;
        if (w->now >= w->climate.duration_ms && !w->faults_over)
            end_faults(w);
        happen(w, &item);
        judge_state(w);
        if (w->now >= next_snapshot) {
            w->redis.snapshot = w->redis.data;
            next_snapshot = w->now + world_between(w, 100, w->climate.lifetime_ms / 4);
        }
    }
    w->now = end;
    if (!w->judge.failed)
        judge_end(w);
    end_world(w);
    return !w->judge.failed;
}
