#include "sim/pledge.h"

#include "sim/judge.h"
#include "sim/world.h"

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void pledge_init(struct pledge *p)
{
    *p = (struct pledge){.ordered_version = -1};
}

/* ---- a token that came ---- */

void pledge_token(struct world *w, const struct node *n, const struct message *m, int token,
                  int64_t at)
{
    if (m->incarnation != n->incarnation) /* its caller is gone */
        return;
    w->pledge.promises[n->index] = (struct promise){
        token, m->begun_at, w->now, at + w->climate.latency_ms + 1, m->action.epoch};
}

/* The one exception that invariant 1 grants a sound system is short: one way of WeChat's answer and
 * one way of the commit after the issuance, the new token is in Redis. */
static void check_promises(struct world *w, int token)
{
    for (int i = 0; i < w->climate.nodes; i++) {
        struct promise *p = &w->pledge.promises[i];
        if (p->token == 0 || (token < p->token && w->now <= p->due))
            continue;
        bool kept = token >= p->token;
        bool void_since = w->judge.upset_until >= p->begun || p->token <= w->judge.clock_exempt ||
                          p->epoch < w->redis.data.state_epoch;
        if (!kept && !void_since)
            judge_fail(w, "tok-%d is not in Redis %lld ms after it was issued", p->token,
                       (long long)(w->now - p->made));
        p->token = 0;
    }
}

/* What stood in the reports stream since then may be gone: Redis lost data, or there was too much.
 */
static bool reports_lost(const struct world *w, int64_t since, int pushed_out)
{
    return w->judge.lost_at >= since || w->redis.pushed_out != pushed_out;
}

/* ---- one that was dropped ---- */

void pledge_dropped(struct world *w, const struct node *n, int token)
{
    if (w->pledge.debt.token < token)
        w->pledge.debt =
            (struct debt){token, w->now, n->index, n->incarnation, false, w->redis.pushed_out};
}

void pledge_told(struct world *w, const struct message *m)
{
    struct debt *d = &w->pledge.debt;
    if ((m->owner - 1) % MAX_NODES == d->node && m->incarnation == d->incarnation)
        d->told = true;
}

/* A token that nobody will use is told of, and replaced like one that is missing, unless its owner
 * died before Redis had the report, or Redis lost it. */
static void check_debt(struct world *w, int token)
{
    const struct judge *j = &w->judge;
    struct debt *d = &w->pledge.debt;
    if (d->token == 0)
        return;
    bool died = !d->told && w->nodes[d->node]->incarnation != d->incarnation;
    if (token >= d->token || died || reports_lost(w, d->since, d->pushed_out) ||
        judge_budget_spent(w))
        d->token = 0;
    else if (w->now > later(d->since, j->upset_until) + j->recovery_ms)
        judge_fail(w, "nobody knows of tok-%d, which node %d dropped %lld ms ago", d->token,
                   d->node, (long long)(w->now - d->since));
}

/* ---- an order ---- */

void pledge_order(struct world *w, int64_t version)
{
    if (w->climate.config.mode == TOKEN_STABLE) /* gives the same token again */
        return;
    w->pledge.ordered_version = version;
    w->pledge.ordered_at = w->now;
    w->pledge.pushed_out = w->redis.pushed_out;
}

/* What was ordered is there as soon as a refresh can be, whoever leads meanwhile. */
static void check_order(struct world *w)
{
    const struct judge *j = &w->judge;
    struct pledge *p = &w->pledge;
    if (p->ordered_version < 0)
        return;
    if (w->redis.data.version > p->ordered_version ||
        reports_lost(w, p->ordered_at, p->pushed_out) || judge_budget_spent(w))
        p->ordered_version = -1;
    else if (w->now > later(p->ordered_at, j->upset_until) + j->recovery_ms)
        judge_fail(w, "the order for more than version %lld is forgotten since %lld ms",
                   (long long)p->ordered_version, (long long)(w->now - p->ordered_at));
}

void pledge_check(struct world *w, int token)
{
    check_promises(w, token);
    check_debt(w, token);
    check_order(w);
}
