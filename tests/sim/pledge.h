/* pledge.h - what a sound system owes: a token that came is written at once, one that was dropped
 * is told of, an order is carried out. Looked at after every event. */
#ifndef SIM_PLEDGE_H
#define SIM_PLEDGE_H

#include "sim/climate.h"
#include "sim/node.h"

struct pledge {
    /* A token that came to a node is in Redis at once. */
    struct promise {
        int token; /* 0: none */
        int64_t begun, made, due, epoch;
    } promises[MAX_NODES];

    /* A fenced-out leader's token, of which whoever leads must be told. */
    struct debt {
        int token; /* 0: none */
        int64_t since;
        int node, incarnation;
        bool told;      /* Redis has it */
        int pushed_out; /* of the reports stream, till then */
    } debt;

    /* An operator's order for a token newer than that version; -1: none is open. */
    int64_t ordered_version, ordered_at;
    int pushed_out;
};

void pledge_init(struct pledge *p);
void pledge_check(struct world *w, int token); /* Redis holds this token, or 0 */

/* The answer with that token arrives then. */
void pledge_token(struct world *w, const struct node *n, const struct message *m, int token,
                  int64_t at);

/* A node was refused to write this token, which it drops; the report of it is in Redis. */
void pledge_dropped(struct world *w, const struct node *n, int token);
void pledge_told(struct world *w, const struct message *m);

/* An operator's order is in the reports stream. */
void pledge_order(struct world *w, int64_t version);

#endif
