/* judge.h - the invariants of docs/protocol.md, looked at after every event of a world. */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "sim/world.h"

void judge_init(struct world *w);

/* A fault that the system needs time to mend: dead reads are excused until then. */
void judge_excuse(struct world *w, int64_t for_ms);

void judge_state(struct world *w); /* after every event */
/* After a script of the refresh; what Redis held before it. */
void judge_after_write(struct world *w, int64_t version_before, int token_before);
/* A node's request, begun with that epoch, is about to issue. */
void judge_issue(struct world *w, int node, int64_t epoch);
void judge_end(struct world *w); /* the faults are long over: liveness */

#endif
