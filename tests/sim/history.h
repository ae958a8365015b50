/* history.h - what Redis held before: each state that a write left, the last of them. A replica
 * lags by some of these writes; a restart from disk brings back an older one. */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include "sim/redis.h"

enum { HISTORY_SIZE = 64 };

struct history {
    struct redis_data states[HISTORY_SIZE]; /* a ring */
    int n;                                  /* how many there are */
    int last;                               /* the newest */
};

/* After a script: notes what Redis holds now, if that is new. */
void history_note(struct history *h, const struct redis_data *now);

/* What Redis held so many writes ago, at most as many as are known; the later ones are forgotten.
 * Gives how many that were. */
int history_go_back(struct history *h, int writes, struct redis_data *out);

#endif
