/* hearing.h - a leading node and the reports stream: reads it, hears what is new, and removes what
 * is settled, as tokend/refresh/{reports,app}.c do. Each of these is an operation on Redis. */
#ifndef SIM_HEARING_H
#define SIM_HEARING_H

#include "sim/node.h"

void hearing_turn(struct world *w, struct node *n); /* it is its turn to read */
void hearing_drop(struct world *w, struct node *n); /* after each step of its core */

/* Answers. */
void hearing_take(struct world *w, struct node *n, const struct message *m);
void hearing_dropped(struct world *w, struct node *n, const struct message *m);

#endif
