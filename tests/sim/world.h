/* world.h - a seeded world of several tokends, one Redis, one WeChat, the network between them and
 * those who use the tokens.
 *
 * One seed is one world: its settings, its faults and every delay come from the seed, so a failing
 * one can be run again with a trace. Time is simulated milliseconds and moves from event to event.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/prng.h"
#include "sim/climate.h"
#include "sim/consumer.h"
#include "sim/history.h"
#include "sim/judge.h"
#include "sim/ledger.h"
#include "sim/net.h"
#include "sim/node.h"
#include "sim/plant.h"
#include "sim/pledge.h"
#include "sim/queue.h"
#include "sim/redis.h"
#include "sim/wechat.h"

/* What WeChat does to those who fetch. */
enum trouble {
    TROUBLE_NONE,
    TROUBLE_REFUSES,  /* for now: certainly not issued */
    TROUBLE_OPERATOR, /* 40125 and the like */
    TROUBLE_GARBAGE,  /* issued or not, the answer is no answer */
    TROUBLE_AWAY,     /* no connection */
};

struct world {
    uint64_t seed;
    enum plant plant;
    bool tracing;
    struct prng prng;
    struct climate climate;
    int64_t now;
    struct queue queue;
    struct net net;

    struct redis redis;
    struct history history;
    int redis_life; /* one for each server process that was Redis so far */
    int64_t redis_down_until;

    struct wechat wechat;
    struct ledger ledger;
    enum trouble trouble;
    int64_t trouble_until;
    bool hold_next; /* the next call is held, and its caller frozen */

    struct node *nodes[MAX_NODES];
    struct consumer consumer;
    bool faults_over;
    struct judge judge;
    struct pledge pledge;
};

/* Runs one seed; false when an invariant broke (w->judge.why says which). */
bool world_run(struct world *w, uint64_t seed, enum plant plant, bool tracing);

/* ---- for the parts of a world ---- */

/* Something will happen, to this node as it is now (NULL: to none); message is taken over. */
void world_at(struct world *w, int64_t at, enum what what, const struct node *n,
              struct message *message);
void world_ready(struct world *w, int node, int64_t at); /* its connection comes up soon after */

bool world_redis_up(const struct world *w);
int64_t world_until_end(const struct world *w, int64_t ms); /* as long, but not beyond the faults */

bool world_chance(struct world *w, double p);
int64_t world_between(struct world *w, int64_t min, int64_t max);
int64_t world_span(struct world *w, int64_t max); /* from 1 on; each order of size alike */
void world_trace(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
