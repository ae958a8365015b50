/* world.h - a seeded world of several tokends, one Redis, one WeChat and their network.
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
#include "sim/redis.h"
#include "sim/wechat.h"

enum { MAX_NODES = 3 };

enum plant { PLANT_NONE, PLANT_NO_INTENT, PLANT_NO_EPOCH, PLANT_TTL_FROM_RECEIVE };

/* What a world is like; drawn from the seed. */
struct climate {
    int nodes;
    struct refresh_config config;
    int64_t lifetime_ms, lease_ttl_ms, redis_timeout_ms;
    int64_t latency_ms;  /* of one way, at most */
    int64_t duration_ms; /* with faults; then they stop */
    double lose;         /* an operation's request or answer is lost */
    double duplicate;    /* an answer comes twice */
    double crash_at_action;
    double slow_wechat; /* an answer of WeChat takes up to twice the time-out */
    bool crashes, pauses, redis_faults, data_loss, wechat_faults, displacement, clock_jumps,
        reports;
    bool calm; /* delays only */
};

enum trouble {
    TROUBLE_NONE,
    TROUBLE_BUSY,     /* -1: certainly not issued */
    TROUBLE_OPERATOR, /* 40125 and the like */
    TROUBLE_GARBAGE,  /* issued or not, the answer is no answer */
    TROUBLE_AWAY,     /* no connection */
};

struct node;
struct item;

struct world {
    uint64_t seed;
    enum plant plant;
    bool tracing;
    struct prng prng;
    struct climate climate;
    int64_t now;
    struct item *heap; /* by time, then by age */
    int n, size;
    uint64_t next_seq;

    struct redis redis;
    bool redis_up;
    struct wechat wechat;
    enum trouble trouble;
    struct node *nodes[MAX_NODES];
    bool faults_over;

    struct judge {
        bool failed;
        char why[256];
        int64_t excused_until; /* dead reads before this have a cause that is being mended */
        int64_t dead_since;    /* -1: Redis holds a living token or none */
        int64_t missing_since; /* -1: Redis holds a token */
        bool tainted;          /* displaced or lost data since the last clean commit */
        bool previous_tainted; /* the same, when the previous token was the current one */
        int clock_exempt;      /* tokens up to this one may outlive their end in Redis ... */
        int64_t clock_set_at;  /* ... because its clock was set then */
        bool lost_data;        /* ever: the order of tokens is open then */
        int64_t max_version;
        int max_token;
        int64_t recovery_ms;
    } judge;
};

/* Runs one seed; false when an invariant broke (w->judge.why says which). */
bool world_run(struct world *w, uint64_t seed, enum plant plant, bool tracing);

/* ---- for node.c and judge.c ---- */

struct message; /* an operation on its way, or its answer */

enum what {
    AT_NODE,    /* a node's deadline */
    AT_REDIS,   /* a request reaches Redis */
    AT_WECHAT,  /* a request reaches WeChat */
    AT_ANSWER,  /* an answer reaches its node */
    AT_RESTART, /* a node starts again */
    AT_FAULT,   /* time for another fault */
    AT_REPAIR,  /* Redis and WeChat are well again */
    AT_REPORTS, /* a leader's turn to read the reports */
    AT_CONSUMER,
};

struct item {
    int64_t at;
    uint64_t seq;
    enum what what;
    int node, incarnation;
    struct message *message; /* owned */
};

void world_at(struct world *w, int64_t at, enum what what, int node, int incarnation,
              struct message *message);
bool world_chance(struct world *w, double p);
int64_t world_between(struct world *w, int64_t min, int64_t max);
void world_trace(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
