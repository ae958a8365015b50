#include "sim/judge.h"

#include <stdarg.h>
#include <stdio.h>

#include "sim/world.h"

enum {
    FORCE_GAP_MS = 30000,  /* WeChat ignores force_refresh within this of the last */
    CLOCK_STEP_MS = 20000, /* Redis's clock is set by no more */
    REPORTED_MS = 2500,    /* a consumer reads, reports, is heard and the token probed */
    FAR_MS = 48 * 3600 * 1000,
};

void judge_fail(struct world *w, const char *fmt, ...)
{
    if (w->judge.failed)
        return;
    w->judge.failed = true;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->judge.why, sizeof w->judge.why, fmt, ap);
    va_end(ap);
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A refresh is due this long before the end. */
static int64_t lead_ms(const struct climate *c)
{
    int64_t lead = c->config.mode == TOKEN_CLASSIC ? c->config.lead_ms : c->config.overlap_ms;
    return min64(lead, c->lifetime_ms / 2);
}

/* Invariant 4. After the last fault Redis holds a living token again within
 *
 *     the longest of
 *       a lease that nobody uses:  LEASE_TTL * 1.1 + REDIS_TIMEOUT
 *       a call without an answer:  2 * WECHAT_TIMEOUT + the longest wait
 *       a look at Redis:           1.1 * its interval
 *     + 4 * REDIS_TIMEOUT + 1 s
 *
 * and all the time from then on. The longest wait is TOKEN_RETRY_MAX, where WeChat refused 75 s. */
static int64_t recovery_ms(const struct climate *c)
{
    const struct refresh_config *k = &c->config;
    int64_t wait =
        c->faults[FAULT_TROUBLE] ? max64(k->retry_max_ms, 60000) * 5 / 4 : k->retry_max_ms;
    int64_t lead = c->lease_ttl_ms * 11 / 10 + c->redis_timeout_ms;
    int64_t call = 2 * k->call_timeout_ms + wait;
    int64_t look = k->observe_interval_ms * 11 / 10;
    return max64(max64(lead, call), look) + 4 * c->redis_timeout_ms + 1000;
}

/* A token that died without any tokend's doing must be found first: by a report, by the next probe,
 * or when its time has come. Stable mode may then have to wait until it may force, twice. */
static int64_t find_ms(const struct climate *c)
{
    const struct refresh_config *k = &c->config;
    int64_t found = c->lifetime_ms;
    if (c->consumers)
        found = REPORTED_MS;
    else if (k->probe_interval_ms)
        found = k->probe_interval_ms * 11 / 10;
    int64_t force = k->mode == TOKEN_STABLE ? 2 * FORCE_GAP_MS + CLOCK_STEP_MS : 0;
    return found + force + 2 * k->call_timeout_ms + 4 * c->redis_timeout_ms;
}

void judge_init(struct world *w)
{
    w->judge = (struct judge){
        .recovery_ms = recovery_ms(&w->climate),
        .find_ms = find_ms(&w->climate),
        .upset_until = 1000, /* all nodes have started */
        .dead_since = -1,
        .missing_since = -1,
        .lost_at = -FAR_MS,
        .clock_set_at = -FAR_MS,
        .unwell = true,
    };
    pledge_init(&w->pledge);
}

void judge_upset(struct world *w, int64_t until)
{
    w->judge.upset_until = max64(w->judge.upset_until, until);
}

void judge_frozen(struct world *w, int64_t until)
{
    w->judge.frozen = true;
    judge_upset(w, until);
}

int64_t judge_limit(const struct world *w)
{
    return w->judge.upset_until + w->judge.recovery_ms;
}

static int token_of(const struct node *n)
{
    char name[TOKEN_NAME_SIZE];
    ASSERT(slice_copy(secret_reveal(&refresh_record(n->refresh)->token), name, sizeof name));
    return token_number(name);
}

/* ---- faults ---- */

static bool attempting(const struct world *w)
{
    for (int i = 0; i < w->climate.nodes; i++)
        if (w->nodes[i]->refresh && refresh_attempting(w->nodes[i]->refresh))
            return true;
    return false;
}

static bool all_know(const struct world *w, int token)
{
    for (int i = 0; i < w->climate.nodes; i++)
        if (!w->nodes[i]->refresh || token_of(w->nodes[i]) != token)
            return false;
    return true;
}

void judge_away(struct world *w, int64_t until)
{
    w->judge.interrupted = w->judge.interrupted || attempting(w);
    judge_upset(w, until);
}

void judge_lost(struct world *w)
{
    struct judge *j = &w->judge;
    j->interrupted = j->interrupted || attempting(w) || !all_know(w, j->max_token);
    j->lost = true;
    j->lost_at = w->now;
    j->may_go_back = true;
    ledger_lost(&w->ledger, w->wechat.issued);
    judge_upset(w, w->now);
}

void judge_clock_set(struct world *w, int64_t ms)
{
    struct judge *j = &w->judge;
    j->clock_set = true;
    j->clock_set_at = w->now;
    j->clock_exempt = w->wechat.issued + 1;
    /* What counts down in Redis takes as much longer, the lease of a dead node too. */
    j->clock_back_ms += max64(-ms, 0);
    j->slow_until = max64(j->slow_until, w->now) + max64(-ms, 0);
    judge_upset(w, j->slow_until);
}

/* ---- what Redis holds ---- */

bool judge_budget_spent(const struct world *w)
{
    for (int i = 0; i < w->climate.nodes; i++)
        if (w->nodes[i]->refresh &&
            node_status(w, w->nodes[i]).issued_today >= w->climate.config.daily_budget)
            return true;
    return false;
}

static void well(struct world *w)
{
    struct judge *j = &w->judge;
    if (j->unwell && w->now > j->upset_until) {
        double took = (double)(w->now - j->upset_until) / (double)j->recovery_ms;
        if (took <= 1 && took > j->slowest)
            j->slowest = took;
    }
    j->unwell = false;
}

static void note_since(int64_t *since, bool is, int64_t now)
{
    if (!is)
        *since = -1;
    else if (*since < 0)
        *since = now;
}

/* A key that ended before its token comes back at the next look: Redis's clock was set forward, or
 * its writer was frozen with Redis's time in hand. */
static int64_t missing_allowed_ms(const struct world *w)
{
    const struct climate *c = &w->climate;
    int token = w->redis.data.token;
    bool late_clock = w->judge.frozen && wechat_alive(&w->wechat, token, w->now);
    if (token > w->judge.clock_exempt && !late_clock)
        return 0;
    return c->config.observe_interval_ms * 11 / 10 + 2 * c->redis_timeout_ms;
}

/* Its key outlives it, since Redis's clock was set back: judge_ttl says for how long it may. */
static bool outlived(const struct world *w, int token)
{
    return token && token <= w->judge.clock_exempt && w->now >= wechat_expires(&w->wechat, token);
}

static void judge_fresh(struct world *w, int token, bool dead)
{
    struct judge *j = &w->judge;
    note_since(&j->dead_since, dead, w->now);
    note_since(&j->missing_since, !token, w->now);
    if (token && !dead) {
        well(w);
        return;
    }
    j->unwell = true;
    if (w->now <= judge_limit(w) || judge_budget_spent(w) || outlived(w, token))
        return;
    if (!token && w->now > max64(j->missing_since, judge_limit(w)) + missing_allowed_ms(w))
        judge_fail(w, "no token in Redis for %lld ms, %lld ms after the last fault",
                   (long long)(w->now - j->missing_since), (long long)(w->now - j->upset_until));
    if (dead && w->now > max64(j->dead_since, judge_limit(w)) +
                             (ledger_explains(&w->ledger, &w->wechat, token) ? j->find_ms : 0))
        judge_fail(w, "tok-%d in Redis is dead for %lld ms, %lld ms after the last fault", token,
                   (long long)(w->now - j->dead_since), (long long)(w->now - j->upset_until));
}

/* Why a dead token may stand in Redis: the stored intent says that its successor is being fetched;
 * or what killed it is nothing that any tokend can know of from Redis; or its key outlives it since
 * Redis's clock was set; or Redis lost the epochs, and its clock, which gives new ones, went back.
 */
static bool excused(const struct world *w, int token)
{
    if (w->now >= wechat_expires(&w->wechat, token))
        return outlived(w, token);
    if (w->judge.clock_set && token <= w->ledger.lost_up_to)
        return true;
    return w->redis.data.intent[0] || ledger_explains(&w->ledger, &w->wechat, token);
}

/* Invariant 1: a consumer that uses what Redis holds never sends a dead token. */
static void judge_reads(struct world *w, int token, bool dead)
{
    if (dead && (w->climate.calm || !excused(w, token)))
        judge_fail(w, "tok-%d in Redis is dead without a cause", token);
    int previous = redis_previous(&w->redis, w->now);
    if (previous > w->judge.clock_exempt && !wechat_alive(&w->wechat, previous, w->now) &&
        !excused(w, previous))
        judge_fail(w, "tok-%d in Redis as the previous one is dead without a cause", previous);
}

/* Every key that holds a token expires no later than the token; those that were there, or under
 * way, when Redis's clock was set back, by as much later. */
static void judge_ttl(struct world *w, int token)
{
    int64_t until = w->redis.data.token_until - w->redis.clock;
    int64_t late = until - wechat_expires(&w->wechat, token);
    if (token && late > (token <= w->judge.clock_exempt ? w->judge.clock_back_ms : 0))
        judge_fail(w, "tok-%d expires in Redis %lld ms after its end", token, (long long)late);
}

void judge_state(struct world *w)
{
    int token = redis_token(&w->redis, w->now);
    bool dead = token && !wechat_alive(&w->wechat, token, w->now);
    judge_reads(w, token, dead);
    judge_ttl(w, token);
    pledge_check(w, token);
    judge_fresh(w, token, dead);
}

/* A consumer never sees the version go back, but between a loss of data and the next write of a
 * leader; what such a leader does not remember itself is forgotten. */
void judge_seen(struct world *w, int64_t version)
{
    struct judge *j = &w->judge;
    if (version < j->seen_version && !j->may_go_back)
        judge_fail(w, "a consumer sees version %lld after %lld", (long long)version,
                   (long long)j->seen_version);
    j->seen_version = max64(j->seen_version, version);
}

/* ---- scripts ---- */

/* Invariant 3: the version never goes back, and no earlier token overwrites a later one. */
static void judge_versions(struct world *w)
{
    struct judge *j = &w->judge;
    const struct redis_data *d = &w->redis.data;
    if (!j->lost && d->token < j->max_token)
        judge_fail(w, "tok-%d overwrites the later tok-%d", d->token, j->max_token);
    if (!j->lost && d->version <= j->max_version)
        judge_fail(w, "version %lld comes twice", (long long)d->version);
    j->max_token = d->token > j->max_token ? d->token : j->max_token;
    j->max_version = max64(j->max_version, d->version);
}

void judge_script(struct world *w, const struct message *m, int64_t version_before,
                  int token_before)
{
    struct judge *j = &w->judge;
    const struct redis_data *d = &w->redis.data;
    if (m->action.kind == REFRESH_DO_TELL)
        pledge_told(w, m);
    bool writes = m->action.kind == REFRESH_DO_ASSERT || m->action.kind == REFRESH_DO_COMMIT;
    if (d->version < version_before)
        judge_fail(w, "version goes back from %lld to %lld", (long long)version_before,
                   (long long)d->version);
    if (m->action.kind == REFRESH_DO_BEGIN && w->now < j->lost_at + w->climate.lease_ttl_ms)
        j->interrupted = true;
    if (!writes || m->answer.store != REFRESH_STORE_OK)
        return;
    if (j->may_go_back && m->action.record.version < j->seen_version)
        j->seen_version = d->version;
    if (d->version >= j->seen_version) /* else it is put right at the writer's next look */
        j->may_go_back = false;
    if (d->token != token_before && d->version != version_before)
        judge_versions(w);
}

void judge_granted(struct world *w, const struct node *n, int64_t epoch)
{
    struct judge *j = &w->judge;
    if (epoch <= j->max_epoch && (!j->lost || !j->clock_set))
        judge_fail(w, "node %d is granted epoch %lld after %lld", n->index, (long long)epoch,
                   (long long)j->max_epoch);
    j->max_epoch = max64(j->max_epoch, epoch);
}

/* ---- nodes ---- */

/* At most one node counts the lease its own, as long as Redis keeps it and its clock is sound. */
static void judge_leaders(struct world *w)
{
    const struct judge *j = &w->judge;
    int64_t broken_at = max64(j->lost_at, j->clock_set_at);
    int leaders = 0;
    for (int i = 0; i < w->climate.nodes; i++) {
        const struct node *n = w->nodes[i];
        leaders += n->lease && lease_until(n->lease).ms > w->now + n->mono_offset ? 1 : 0;
    }
    if (leaders > 1 && w->now > broken_at + w->climate.lease_ttl_ms)
        judge_fail(w, "%d nodes hold the lease", leaders);
}

/* Invariant 4: either an operation is outstanding or a deadline is set; and what a node knows never
 * goes back. */
void judge_step(struct world *w, const struct node *n)
{
    struct known *k = &w->judge.known[n->index];
    int64_t version = refresh_record(n->refresh)->version;
    int64_t far = w->now + n->mono_offset + FAR_MS;
    if (!refresh_outstanding(n->refresh) && refresh_deadline(n->refresh).ms > far)
        judge_fail(w, "node %d stalls: no operation, no deadline", n->index);
    if (lease_state(n->lease) != LEASE_STOPPED && lease_deadline(n->lease).ms > far)
        judge_fail(w, "the lease of node %d stalls: no deadline", n->index);
    if (k->incarnation == n->incarnation && version < k->version)
        judge_fail(w, "node %d knows version %lld after %lld", n->index, (long long)version,
                   (long long)k->version);
    *k = (struct known){n->incarnation, version};
    judge_leaders(w);
}

/* Invariant 2: a token that came is committed before another is fetched. And no report costs a
 * refresh by itself. */
void judge_call(struct world *w, const struct node *n)
{
    int token = token_of(n);
    if (n->held && w->now < n->held_until)
        judge_fail(w, "node %d calls WeChat while it holds tok-%d uncommitted", n->index, n->held);
    if (node_status(w, n).reason == REFRESH_REASON_DEAD && wechat_alive(&w->wechat, token, w->now))
        judge_fail(w, "node %d replaces tok-%d as dead, and it lives", n->index, token);
}

/* ---- issuances ---- */

static enum cause cause_of(struct world *w, const struct node *n, const struct message *m)
{
    const struct judge *j = &w->judge;
    const struct climate *c = &w->climate;
    int64_t margin = min64(c->config.call_timeout_ms, c->config.lease_needed_ms);
    if (w->now - m->sent_at > margin)
        return CAUSE_LATE;
    if (j->lost_at >= m->begun_at - c->lease_ttl_ms) /* with the lease, or with another's epoch */
        return CAUSE_ORPHAN;
    if (w->redis.data.intent[0] && m->action.epoch >= w->redis.data.state_epoch)
        return CAUSE_OURS;
    if (j->clock_set_at < m->begun_at - c->lease_ttl_ms)
        judge_fail(w, "node %d calls WeChat and its intent is not stored", n->index);
    return CAUSE_ORPHAN;
}

/* Where Redis alone fails and reports are false, a refresh has its time. */
static void judge_need(struct world *w, const struct node *n)
{
    mono_ms_t now = {w->now + n->mono_offset};
    bool first = w->judge.max_token == 0;
    bool due = record_remaining_ms(refresh_record(n->refresh), now) <= lead_ms(&w->climate);
    if (!first && !due && !w->judge.interrupted)
        judge_fail(w, "node %d refreshes tok-%d, and nothing asks for it", n->index, token_of(n));
}

void judge_issued(struct world *w, const struct node *n, const struct message *m, int token)
{
    struct judge *j = &w->judge;
    const struct climate *c = &w->climate;
    if (w->now - j->clock_set_at < c->lease_ttl_ms + c->config.call_timeout_ms)
        j->clock_exempt = token;
    ledger_issued(&w->ledger, token, cause_of(w, n, m));
    if (c->calm || c->gentle)
        judge_need(w, n);
    if (++j->issued > c->config.daily_budget && !j->lost) /* invariant 5 */
        judge_fail(w, "the budget of %lld issuances is broken", (long long)c->config.daily_budget);
}

/* An answer that does not leave time for another try within the lead, or comes when the token
 * before is about to die, is a fault like any other. */
void judge_answer(struct world *w, const struct message *m, int64_t at)
{
    if (at == NET_NEVER)
        judge_upset(w, w->now);
    else if (at - m->sent_at > min64(lead_ms(&w->climate), w->climate.config.overlap_ms) / 4)
        judge_upset(w, at);
}

void judge_end(struct world *w)
{
    int leaders = 0;
    for (int i = 0; i < w->climate.nodes; i++)
        leaders += node_leads(w, w->nodes[i]) ? 1 : 0;
    if (leaders != 1)
        judge_fail(w, "%d leaders after the faults", leaders);
}
