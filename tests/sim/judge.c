#include "sim/judge.h"

#include <stdarg.h>
#include <stdio.h>

#include "sim/node.h"

static void fail(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void fail(struct world *w, const char *fmt, ...)
{
    if (w->judge.failed)
        return;
    w->judge.failed = true;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->judge.why, sizeof w->judge.why, fmt, ap);
    va_end(ap);
}

/* The time within which a healthy system is to have mended what a fault did: another leader (lease
 * and a second), the longest back-off or park, two calls. */
void judge_init(struct world *w)
{
    const struct climate *c = &w->climate;
    int64_t park = c->config.retry_max_ms > 60000 ? c->config.retry_max_ms : 60000;
    int64_t wait = c->wechat_faults ? park * 5 / 4 : c->config.retry_max_ms;
    w->judge.recovery_ms = c->lease_ttl_ms + 1000 + wait + 4 * c->config.call_timeout_ms +
                           4 * c->redis_timeout_ms + c->config.observe_interval_ms * 2;
    w->judge.dead_since = w->judge.missing_since = -1;
    w->judge.excused_until = w->judge.recovery_ms;
}

void judge_excuse(struct world *w, int64_t for_ms)
{
    if (w->judge.excused_until < w->now + for_ms)
        w->judge.excused_until = w->now + for_ms;
}

static bool budget_spent(const struct world *w)
{
    for (int i = 0; i < w->climate.nodes; i++) {
        const struct node *n = w->nodes[i];
        struct refresh_env env = {.now = {w->now + n->mono_offset}};
        if (n->refresh &&
            refresh_status(n->refresh, &env).issued_today >= w->climate.config.daily_budget)
            return true;
    }
    return false;
}

/* A healthy system does not leave consumers without a token. */
static void judge_missing(struct world *w)
{
    struct judge *j = &w->judge;
    if (redis_token(&w->redis, w->now) || budget_spent(w)) {
        j->missing_since = -1;
    } else if (j->missing_since < 0) {
        j->missing_since = w->now;
    } else {
        int64_t from = j->missing_since > j->excused_until ? j->missing_since : j->excused_until;
        if (w->now - from > j->recovery_ms)
            fail(w, "no token in Redis for %lld ms without a cause",
                 (long long)(w->now - j->missing_since));
    }
}

/* Invariant 1: a consumer that uses what Redis holds never sends a dead token. The stated
 * exception: an issuance is being repeated, which the stored intent tells; or something no tokend
 * can know of happened (a displaced token, data that Redis lost) and is being mended. */
static void judge_reads(struct world *w)
{
    struct judge *j = &w->judge;
    int token = redis_token(&w->redis, w->now);
    bool dead = token && !wechat_alive(&w->wechat, token, w->now);
    if (!dead) {
        j->dead_since = -1;
    } else if (j->dead_since < 0) {
        j->dead_since = w->now;
        if (w->climate.calm)
            fail(w, "tok-%d in Redis is dead in calm weather", token);
        if (!j->tainted && token > j->clock_exempt && !w->redis.data.intent[0])
            fail(w, "tok-%d in Redis is dead and no intent says why", token);
    } else {
        int64_t from = j->dead_since > j->excused_until ? j->dead_since : j->excused_until;
        if (w->now - from > j->recovery_ms)
            fail(w, "tok-%d in Redis is dead for %lld ms without a cause", token,
                 (long long)(w->now - j->dead_since));
    }
    int previous = redis_previous(&w->redis, w->now);
    if (previous && !wechat_alive(&w->wechat, previous, w->now) && !j->tainted &&
        !j->previous_tainted && previous > j->clock_exempt && !w->redis.data.intent[0])
        fail(w, "tok-%d in Redis as the previous one is dead", previous);
}

/* Every key that holds a token expires no later than the token, but for those that were there, or
 * under way, when Redis's clock was set. */
static void judge_ttl(struct world *w)
{
    const struct redis_data *d = &w->redis.data;
    int64_t until = d->token_until - w->redis.clock;
    if (!redis_token(&w->redis, w->now) || d->token <= w->judge.clock_exempt)
        return;
    if (until > wechat_expires(&w->wechat, d->token))
        fail(w, "tok-%d expires in Redis %lld ms after its end", d->token,
             (long long)(until - wechat_expires(&w->wechat, d->token)));
}

void judge_state(struct world *w)
{
    judge_missing(w);
    judge_reads(w);
    judge_ttl(w);
}

/* Invariant 3: the version never goes back, and no earlier token overwrites a later one. */
void judge_after_write(struct world *w, int64_t version_before, int token_before)
{
    struct judge *j = &w->judge;
    const struct redis_data *d = &w->redis.data;
    if (d->version < version_before)
        fail(w, "version goes back from %lld to %lld", (long long)version_before,
             (long long)d->version);
    if (d->token == token_before || d->version == version_before)
        return;
    if (!j->lost_data && d->token < j->max_token)
        fail(w, "tok-%d overwrites the later tok-%d", d->token, j->max_token);
    if (!j->lost_data && d->version <= j->max_version)
        fail(w, "version %lld comes twice", (long long)d->version);
    if (j->max_token < d->token)
        j->max_token = d->token;
    if (j->max_version < d->version)
        j->max_version = d->version;
    j->previous_tainted = j->tainted;
    if (w->wechat.families[w->wechat.mode[d->token]].current == d->token)
        j->tainted = false;
}

/* Redis lost the intent, or set its clock and gave the lease away too soon, while the request was
 * under way: the fenced-out leader will report it. */
static bool margins_broken(const struct world *w)
{
    const struct judge *j = &w->judge;
    return j->lost_data ||
           (j->clock_exempt && w->now - j->clock_set_at < 2 * w->climate.lease_ttl_ms);
}

/* Invariant 2: no issuance without a stored intent. Invariant 5: the day's budget. */
void judge_issue(struct world *w, int node, int64_t epoch)
{
    struct judge *j = &w->judge;
    const struct refresh_config *c = &w->climate.config;
    if (j->clock_exempt && w->now - j->clock_set_at < 2 * c->call_timeout_ms)
        j->clock_exempt = w->wechat.issued + 1;
    bool stored = w->redis.data.intent[0] && epoch >= w->redis.data.state_epoch;
    if (!stored && margins_broken(w)) {
        j->tainted = true;
        judge_excuse(w, j->recovery_ms);
    } else if (!stored) {
        fail(w, "node %d calls WeChat and its intent is not stored", node);
    }
    if (c->daily_budget <= w->wechat.issued_ours && !j->lost_data && c->mode == TOKEN_CLASSIC)
        fail(w, "the budget of %lld issuances is broken", (long long)c->daily_budget);
}

void judge_end(struct world *w)
{
    int token = redis_token(&w->redis, w->now);
    int leaders = 0;
    for (int i = 0; i < w->climate.nodes; i++)
        leaders += node_leads(w, w->nodes[i]) ? 1 : 0;
    if (leaders != 1)
        fail(w, "%d leaders after the faults", leaders);
    if (budget_spent(w))
        return;
    if (!token)
        fail(w, "no token in Redis long after the faults");
    else if (!wechat_alive(&w->wechat, token, w->now))
        fail(w, "a dead token in Redis long after the faults");
}
