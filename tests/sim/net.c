#include "sim/net.h"

#include "sim/judge.h"
#include "sim/world.h"

enum { LATEST_MS = 60000 }; /* how late a request may be */

static struct link *link_of(struct world *w, int node, enum peer peer)
{
    return &w->net.links[node][peer];
}

bool net_is_cut(const struct world *w, int node, enum peer peer, int how)
{
    const struct link *l = &w->net.links[node][peer];
    return w->now < l->until && (l->cut & how) != 0;
}

/* Without faults. */
static int64_t usual_ms(struct world *w, enum peer to)
{
    if (to == PEER_WECHAT && world_chance(w, w->climate.slow_wechat))
        return world_between(w, 0, w->climate.config.lease_needed_ms - 1);
    return world_between(w, 0, w->climate.latency_ms);
}

/* What is written to a connection whose link is cut arrives when it is whole again, unless the
 * connection is given up before. */
static int64_t through_cut(struct world *w, const struct link *l)
{
    if (world_chance(w, 0.5) || l->until > w->now + LATEST_MS)
        return NET_NEVER;
    return l->until + world_between(w, 0, w->climate.latency_ms);
}

int64_t net_request(struct world *w, int node, enum peer to)
{
    struct link *l = link_of(w, node, to);
    int64_t at = w->now + usual_ms(w, to);
    if (net_is_cut(w, node, to, CUT_REQUESTS))
        at = through_cut(w, l);
    else if (world_chance(w, w->climate.lose))
        at = NET_NEVER;
    else if (world_chance(w, w->climate.late))
        at = w->now + world_span(w, LATEST_MS);
    if (at == NET_NEVER) {
        judge_upset(w, w->now);
        net_reconnect(w, node, to);
        return NET_NEVER;
    }
    if (to == PEER_REDIS && at < l->last)
        at = l->last;
    if (at > w->now + w->climate.latency_ms)
        judge_upset(w, at);
    l->last = at;
    return at;
}

int64_t net_answer(struct world *w, int node, enum peer from, int64_t slowest_ms)
{
    if (net_is_cut(w, node, from, CUT_ANSWERS) || world_chance(w, w->climate.lose)) {
        judge_upset(w, w->now);
        return NET_NEVER;
    }
    return w->now + world_between(w, 0, slowest_ms);
}

void net_cut(struct world *w, int node, enum peer peer, int how, int64_t ms)
{
    static const char *const peers[] = {"redis", "wechat"};
    static const char *const ways[] = {"", "to", "from", "to and from"};
    struct link *l = link_of(w, node, peer);
    world_trace(w, "node %d is cut off %s %s for %lld ms", node, ways[how], peers[peer],
                (long long)ms);
    l->cut = how;
    l->until = w->now + ms;
    judge_upset(w, l->until);
    if (peer == PEER_REDIS && world_chance(w, 0.8))
        world_ready(w, node, l->until);
}

void net_heal(struct world *w)
{
    for (int i = 0; i < MAX_NODES; i++)
        for (int peer = 0; peer < PEER_COUNT; peer++)
            w->net.links[i][peer].until = 0;
}

void net_reconnect(struct world *w, int node, enum peer peer)
{
    link_of(w, node, peer)->last = 0;
}
