/* gate.h - lets in, a few at a time, what all apps may want to do at the same moment: pace.h on the
 * loop's clock.
 *
 * Whoever enters is admitted later, or leaves first. Loop thread. */
#ifndef REFRESH_GATE_H
#define REFRESH_GATE_H

#include "loop/loop.h"
#include "tokend/refresh/pace.h"

struct gate; /* opaque */

/* admit(turn) is called for each turn that comes, on the loop thread and never from within a
 * function of this header; it may enter and leave this gate and others. */
struct gate *gate_new(struct loop *l, const struct pace_limits *limits,
                      void (*admit)(struct pace_turn *t)) MUST_CHECK;
void gate_free(struct gate *g); /* nobody is in it or waits; NULL is allowed */

void gate_limit(struct gate *g, const struct pace_limits *limits); /* from the next turn on */

/* As in pace.h. */
void gate_enter(struct gate *g, struct pace_turn *t, enum pace_class class);
void gate_hurry(struct gate *g, struct pace_turn *t, enum pace_class class);
void gate_leave(struct gate *g, struct pace_turn *t);

/* How long a turn has been waiting, or waited until now that it is admitted. */
int64_t gate_waited_ms(const struct gate *g, const struct pace_turn *t);

size_t gate_waiting(const struct gate *g);
size_t gate_inside(const struct gate *g);

#endif
