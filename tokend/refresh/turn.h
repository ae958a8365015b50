/* turn.h - an app's turn at a gate: what the app wants to begin is kept here until it is admitted.
 *
 * The gates keep all apps from beginning the same at once; a state of the core is inside of one or
 * of none. Embedded in the app, all zero at first. Loop thread. */
#ifndef REFRESH_TURN_H
#define REFRESH_TURN_H

#include "tokend/refresh/core.h"
#include "tokend/refresh/gate.h"

struct gates {
    struct gate *looks; /* at Redis, and records written back */
    struct gate
        *fetches; /* attempts, from begin until nothing is under way at WeChat or in Redis */
    struct gate *probes;
};

enum { GATES_PROBES_AT_ONCE = 64 };

void gates_open(struct gates *g, struct loop *l, const struct pace_limits *fetches,
                void (*admit)(struct pace_turn *t));
void gates_close(struct gates *g); /* nobody is in one or waits */

struct turn {
    struct gate *gate; /* where it waits or is inside; NULL: nowhere */
    struct pace_turn at;
    struct refresh_action *asked; /* NULL: admitted, or nowhere */
};

/* The turn that a gate admits. */
struct turn *turn_of(struct pace_turn *at);

/* Keeps a copy of READ, ASSERT, BEGIN or PROBE, and waits for its gate; an earlier turn is over.
 * `reason`: why a refresh is wanted; `reported`: the token to be probed is. */
void turn_ask(struct turn *t, const struct gates *g, const struct refresh_action *action,
              enum refresh_reason reason, bool reported);

/* What is to be begun, now that it is admitted; the caller frees. The turn stays inside. */
struct refresh_action *turn_take(struct turn *t) MUST_CHECK;

/* The core is in this state now, and wants a refresh for this reason: leaves a gate that is not the
 * state's, and is hurried if the reason has become more urgent. */
void turn_follow(struct turn *t, const struct gates *g, enum refresh_state s,
                 enum refresh_reason reason);

/* Somebody is being refused meanwhile. */
void turn_hurry(struct turn *t);

/* Whether this is what waits. */
bool turn_waits_for(const struct turn *t, enum refresh_action_kind kind);

int64_t turn_waited_ms(const struct turn *t); /* is at a gate */

void turn_leave(struct turn *t); /* wherever it is; what waits is forgotten */

#endif
