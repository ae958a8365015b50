#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/faults.h"
#include "sim/hearing.h"
#include "sim/server.h"

/* ---- for the parts ---- */

bool world_chance(struct world *w, double p)
{
    return p > 0 && prng_chance(&w->prng, p);
}

int64_t world_between(struct world *w, int64_t min, int64_t max)
{
    return prng_between(&w->prng, min, max);
}

int64_t world_span(struct world *w, int64_t max)
{
    int bits = 0;
    while (bits < 62 && INT64_C(1) << bits < max)
        bits++;
    int64_t most = INT64_C(1) << world_between(w, 0, bits);
    return world_between(w, 1, most < max ? most : max);
}

int64_t world_until_end(const struct world *w, int64_t ms)
{
    int64_t left = w->climate.duration_ms - w->now;
    return ms < left ? ms : left;
}

bool world_redis_up(const struct world *w)
{
    return w->now >= w->redis_down_until;
}

void world_at(struct world *w, int64_t at, enum what what, const struct node *n,
              struct message *message)
{
    struct item item = {.at = at, .what = what, .message = message};
    if (n) {
        item.node = n->index;
        item.incarnation = n->incarnation;
    }
    queue_add(&w->queue, item);
}

void world_ready(struct world *w, int node, int64_t at)
{
    world_at(w, at + world_between(w, 0, 500), AT_READY, w->nodes[node], NULL);
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

/* ---- the run ---- */

/* Every leader reads, also one that does not know yet that it leads no more. */
static void read_reports(struct world *w)
{
    world_at(w, w->now + world_between(w, 50, 500), AT_REPORTS, NULL, NULL);
    for (int i = 0; w->redis.data.n_reports > 0 && i < w->climate.nodes; i++)
        hearing_turn(w, w->nodes[i]);
}

static void read_as_consumer(struct world *w)
{
    world_at(w, w->now + world_between(w, 100, 1000), AT_CONSUMER, NULL, NULL);
    consumer_read(w);
}

static void happen(struct world *w, struct item *item)
{
    switch (item->what) {
    case AT_NODE:
    case AT_ANSWER:
    case AT_NEWS:
    case AT_RELEASE:
    case AT_READY:
    case AT_RESTART:
        node_happen(w, item);
        return;
    case AT_REDIS:
        server_redis(w, w->nodes[item->node], item->message);
        return;
    case AT_WECHAT:
        server_wechat(w, w->nodes[item->node], item->message);
        return;
    case AT_FAULT:
        faults_next(w);
        return;
    case AT_EMPTY:
        faults_empty(w);
        return;
    case AT_REPORTS:
        read_reports(w);
        return;
    case AT_CONSUMER:
        read_as_consumer(w);
        return;
    }
}

static void begin_world(struct world *w)
{
    prng_seed(&w->prng, w->seed);
    climate_draw(&w->climate, &w->prng);
    wechat_init(&w->wechat, w->climate.lifetime_ms, w->climate.config.overlap_ms);
    w->redis.clock = 1700000000000;
    w->redis.ignore_epoch = w->plant == PLANT_NO_EPOCH;
    w->redis.ignore_intent = w->plant == PLANT_NO_INTENT;
    judge_init(w);
    for (int i = 0; i < w->climate.nodes; i++) {
        w->nodes[i] = xcalloc(1, sizeof *w->nodes[i]);
        w->nodes[i]->index = i;
        world_at(w, world_between(w, 0, 1000), AT_RESTART, w->nodes[i], NULL);
    }
    if (!w->climate.calm) /* where it is gentle, when all know the first token */
        world_at(w, w->climate.gentle ? 3000 : 0, AT_FAULT, NULL, NULL);
    world_at(w, 0, AT_CONSUMER, NULL, NULL);
    world_at(w, 0, AT_REPORTS, NULL, NULL);
}

static void end_world(struct world *w)
{
    for (int i = 0; i < w->climate.nodes; i++) {
        node_free(w->nodes[i]);
        free(w->nodes[i]);
    }
    queue_deinit(&w->queue);
}

/* What is to come, until all has been well for the life of a token. */
static bool goes_on(struct world *w, const struct item *next)
{
    if (!w->faults_over && next->at >= w->climate.duration_ms) {
        w->now = w->climate.duration_ms;
        w->faults_over = true;
        faults_end(w);
    }
    return !w->judge.failed &&
           (!w->faults_over || next->at <= judge_limit(w) + w->climate.lifetime_ms);
}

bool world_run(struct world *w, uint64_t seed, enum plant plant, bool tracing)
{
    struct item item;
    *w = (struct world){.seed = seed, .plant = plant, .tracing = tracing};
    begin_world(w);
    while (queue_take(&w->queue, &item)) {
        if (!goes_on(w, &item)) {
            message_free(item.message);
            break;
        }
        w->now = item.at;
        if (w->now >= w->trouble_until)
            w->trouble = TROUBLE_NONE;
        happen(w, &item);
        judge_state(w);
    }
    judge_end(w);
    end_world(w);
    return !w->judge.failed;
}
