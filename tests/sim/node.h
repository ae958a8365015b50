/* node.h - one simulated tokend: the real lease and refresh cores, and a driver that carries their
 * actions over the simulated network. */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "sim/world.h"

struct node {
    int index, incarnation;
    struct lease *lease;     /* NULL while down */
    struct refresh *refresh; /* the same */
    int64_t mono_offset;
    int64_t paused_until;
    int64_t tick_at; /* of the one tick that counts; older ones in the queue are stale */
    bool stopping;
    int64_t heard; /* the last report that was heard, as the leader */
    bool to_drop;  /* some that were heard are still in the stream */
};

void node_start(struct world *w, int index);
void node_crash(struct world *w, struct node *n);
void node_stop(struct world *w, struct node *n); /* gracefully */
void node_free(struct node *n);

void node_tick(struct world *w, struct node *n, int64_t due);
void node_answer(struct world *w, struct node *n, struct message *m);
void node_event(struct world *w, struct node *n, const struct refresh_event *ev);

/* Reads the reports stream, as a leader does that can. */
void node_hear(struct world *w, struct node *n);

/* A request arrives at its server; takes the message over. */
void node_at_redis(struct world *w, struct node *n, struct message *m);
void node_at_wechat(struct world *w, struct node *n, struct message *m);
void message_free(struct message *m);

bool node_leads(const struct world *w, const struct node *n);

#endif
