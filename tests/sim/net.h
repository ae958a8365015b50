/* net.h - the links between each node and each server: when a message arrives, or that it never
 * does.
 *
 * A link may be cut one way or both, for any time. What is sent meanwhile is lost, or arrives when
 * the link is whole again, as TCP does it. Any request may be late by up to a minute: long after
 * its sender gave it up, crashed or was fenced out. A connection to Redis keeps its order; a new
 * one may overtake what is still under way on an old one. */
#ifndef SIM_NET_H
#define SIM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/climate.h"

struct world;

enum peer { PEER_REDIS, PEER_WECHAT, PEER_COUNT };

/* What of a link is cut. */
enum { CUT_REQUESTS = 1, CUT_ANSWERS = 2, CUT_BOTH = 3 };

struct net {
    struct link {
        int cut;
        int64_t until;
        int64_t last; /* when the last request on the present connection arrives */
    } links[MAX_NODES][PEER_COUNT];
};

#define NET_NEVER INT64_MAX

/* What is sent now, by node to peer or by peer to node, arrives then. */
int64_t net_request(struct world *w, int node, enum peer to);
int64_t net_answer(struct world *w, int node, enum peer from, int64_t slowest_ms);

void net_cut(struct world *w, int node, enum peer peer, int how, int64_t ms);
void net_heal(struct world *w);                                /* the faults are over */
void net_reconnect(struct world *w, int node, enum peer peer); /* a new connection */
bool net_is_cut(const struct world *w, int node, enum peer peer, int how);

#endif
