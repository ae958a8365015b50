/* climate.h - what a world is like: its settings, and which faults befall it how often. All of it
 * is drawn from the seed. */
#ifndef SIM_CLIMATE_H
#define SIM_CLIMATE_H

#include "base/prng.h"
#include "tokend/refresh/core.h"

enum { MAX_NODES = 3 };

/* The faults that come at some moment, and how many of the worlds know each. faults.c has them. */
#define FAULTS(X)                                                                                  \
    X(PAUSE, pause, 0.45)       /* nodes are frozen */                                             \
    X(CRASH, crash, 0.35)       /* a node is killed */                                             \
    X(STOP, stop, 0.25)         /* a node is stopped gracefully */                                 \
    X(CUT, cut, 0.4)            /* links between nodes and a server are cut, one way or both */    \
    X(AWAY, away, 0.3)          /* Redis is away for all */                                        \
    X(EMPTY, empty, 0.15)       /* Redis restarts empty, or is flushed */                          \
    X(TAIL, tail, 0.2)          /* Redis fails over to a replica that lags */                      \
    X(CLOCK, clock, 0.2)        /* Redis's clock is set */                                         \
    X(TROUBLE, trouble, 0.35)   /* WeChat refuses, answers garbage, or is away */                  \
    X(HOLD, hold, 0.25)         /* a call is under way for long, and its caller is frozen */       \
    X(DISPLACE, displace, 0.15) /* another environment fetches a token */

enum fault {
#define X(name, function, share) FAULT_##name,
    FAULTS(X)
#undef X
        FAULT_COUNT
};

struct climate {
    int nodes;
    struct refresh_config config;
    int64_t lifetime_ms, lease_ttl_ms, redis_timeout_ms;
    int64_t latency_ms;   /* of one way, at most */
    int64_t duration_ms;  /* with faults; then they stop */
    int64_t fault_gap_ms; /* between two faults, at most */
    bool faults[FAULT_COUNT];
    double lose;             /* a request or an answer is lost */
    double late;             /* a request arrives when its sender has long given it up */
    double duplicate;        /* an answer comes twice */
    double crash_at_action;  /* a node dies before it carries an action out */
    double crash_at_hearing; /* ... with what it has just heard */
    double pause_at_action;  /* a node is frozen after it did so, or before it takes an answer */
    double slow_wechat;      /* an answer of WeChat takes up to twice the time-out */
    bool publishes;          /* what Redis publishes reaches the nodes */
    bool consumers;          /* some read, and report what WeChat refused, also wrongly */
    bool persistent;         /* consumers repeat their reports */
    bool calm;               /* delays only */
    bool gentle;             /* delays, and a Redis that is away or loses everything */
};

void climate_draw(struct climate *c, struct prng *prng);

#endif
