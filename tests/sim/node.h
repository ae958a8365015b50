/* node.h - one simulated tokend: the real lease and refresh cores, and a driver that carries their
 * actions over the simulated network, as tokend/refresh/{leader,app}.c do over the real one. */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "sim/message.h"
#include "sim/queue.h"
#include "tokend/refresh/core.h"
#include "tokend/refresh/lease.h"

struct world;

struct node {
    int index, incarnation;
    struct lease *lease;     /* NULL while down */
    struct refresh *refresh; /* the same */
    int64_t mono_offset;
    int64_t paused_until;
    int64_t tick_at; /* of the one tick that counts; older ones in the queue are stale */

    bool stopping;
    int64_t leave_at; /* stopping: whatever is under way */

    /* The reports stream (hearing.c). */
    int64_t heard;    /* the last report that was heard, as the leader */
    bool to_drop;     /* some that were heard are still in the stream */
    int64_t dropping; /* up to this one, now; 0: nothing */
    int64_t readings; /* so far */
    bool reading;     /* the last of them is under way */

    /* What the judge wants to know of its attempts. */
    int64_t begun_at;   /* when the last BEGIN was sent */
    uint64_t fetch_op;  /* the call under way; 0: none */
    int held;           /* a token that came and is not committed; 0: none */
    int64_t held_until; /* its end, as the node sees it */
};

void node_start(struct world *w, int index);
void node_crash(struct world *w, struct node *n);
void node_stop(struct world *w, struct node *n); /* gracefully */
void node_pause(struct world *w, struct node *n, int64_t ms);
void node_free(struct node *n);

/* What happens to it, whether it is down, frozen or well; takes the item's message over. */
void node_happen(struct world *w, struct item *item);

/* One event for its refresh core, and what that asks for. The node may be down afterwards. */
void node_event(struct world *w, struct node *n, const struct refresh_event *ev);

void node_send(struct world *w, struct node *n, struct message *m); /* takes it over */

struct refresh_status node_status(const struct world *w, const struct node *n); /* not while down */
bool node_leads(const struct world *w, const struct node *n);                   /* and is well */

#endif
