#include "tokend/refresh/core.h"

#include <stdio.h>
#include <stdlib.h>

#include "tokend/refresh/machine.h"
#include "tokend/refresh/timing.h"

enum { LEASE_RECHECK_MS = 100 }; /* while the lease has too little left to begin */

/* What is told as one above this is none: the scripts know no number above 2^50, and ours go on
 * from here. */
static const int64_t VERSION_MAX = 1LL << 40;

/* ---- states and actions ---- */

bool machine_is_operation(enum refresh_state s)
{
    switch (s) {
    case REFRESH_READING:
    case REFRESH_ASSERTING:
    case REFRESH_PROBING:
    case REFRESH_BEGINNING:
    case REFRESH_FETCHING:
    case REFRESH_COMMITTING:
    case REFRESH_SETTLING:
    case REFRESH_TELLING:
        return true;
    case REFRESH_FOLLOWING:
    case REFRESH_HOLDING:
    case REFRESH_WAITING:
    case REFRESH_RECOMMIT:
        return false;
    }
    return false;
}

static struct refresh_action *add_action(struct refresh_actions *out, enum refresh_action_kind kind)
{
    ASSERT(out->n < REFRESH_MAX_ACTIONS);
    struct refresh_action *a = &out->list[out->n++];
    *a = (struct refresh_action){.kind = kind};
    return a;
}

struct refresh_action *machine_start(struct refresh *r, const struct refresh_env *env,
                                     enum refresh_state state, enum refresh_action_kind kind,
                                     struct refresh_actions *out)
{
    ASSERT(machine_is_operation(state) && !machine_is_operation(r->state));
    struct refresh_action *a = add_action(out, kind);
    r->state = state;
    r->deadline = MONO_NEVER;
    r->op_epoch = r->epoch;
    r->asked_at = env->now;
    a->op = ++r->op;
    r->awaited = refresh_answer(kind);
    a->epoch = r->epoch;
    a->version = r->record.version;
    return a;
}

void machine_rest(struct refresh *r, enum refresh_state state, mono_ms_t until)
{
    ASSERT(!machine_is_operation(state) && until.ms != MONO_NEVER.ms);
    r->state = state;
    r->deadline = until;
}

struct refresh_action *machine_note(const struct refresh *r, enum refresh_note n, int64_t errcode,
                                    struct refresh_actions *out)
{
    struct refresh_action *a = add_action(out, REFRESH_DO_NOTE);
    a->note = n;
    a->version = r->record.version;
    a->errcode = errcode;
    return a;
}

void machine_fenced(struct refresh *r, int64_t epoch, mono_ms_t now)
{
    if (epoch == r->epoch)
        r->leading = false;
    r->read_at = now;
}

/* ---- what is wanted, and when ---- */

enum refresh_reason machine_reason(const struct refresh *r, mono_ms_t now)
{
    if (!record_live(&r->record, now))
        return REFRESH_REASON_NO_TOKEN;
    if (r->unresolved || r->displaced)
        return REFRESH_REASON_UNRESOLVED;
    if (r->dead_version && r->dead_version == r->record.version)
        return REFRESH_REASON_DEAD;
    if (r->ordered)
        return REFRESH_REASON_ORDERED;
    if (mono_reached(now, r->refresh_at))
        return REFRESH_REASON_DUE;
    return REFRESH_REASON_NONE;
}

void machine_schedule_refresh(struct refresh *r, mono_ms_t now)
{
    int64_t lifetime = record_lifetime_ms(&r->record);
    int64_t remaining = record_remaining_ms(&r->record, now);
    int64_t lead = timing_lead_ms(&r->config, r->config.mode,
                                  lifetime > remaining ? lifetime : remaining, &r->prng);
    r->refresh_at = mono_after(r->record.expires, -lead);
}

void machine_schedule_read(struct refresh *r, mono_ms_t now)
{
    int64_t interval = r->config.observe_interval_ms;
    r->read_at = mono_after(now, interval + prng_between(&r->prng, 0, interval / 10));
}

void machine_schedule_read_again(struct refresh *r, mono_ms_t now)
{
    int64_t wait = 50LL << (r->read_failures < 4 ? r->read_failures : 4);
    r->read_failures++;
    r->read_at = mono_after(now, wait + prng_between(&r->prng, 0, wait / 4));
}

wall_ms_t machine_on_redis(const struct refresh *r, mono_ms_t t)
{
    return wall_after(r->redis_now, mono_between(r->redis_now_at, t));
}

void machine_turn_day(struct refresh *r, int64_t day)
{
    if (day <= r->day)
        return;
    r->day = day;
    r->issued_today = 0;
}

/* ---- the plan ---- */

/* A report is weighed also meanwhile: a token that is dead does not wait. */
static void plan_waiting(struct refresh *r, const struct refresh_env *env,
                         struct refresh_actions *out)
{
    bool reported = r->report_version != 0 && record_live(&r->record, env->now);
    mono_ms_t next = mono_min(r->retry_at, r->read_at);
    if (reported && mono_reached(env->now, r->probe_at))
        probe_start(r, env, out);
    else
        machine_rest(r, REFRESH_WAITING, reported ? mono_min(next, r->probe_at) : next);
}

static void plan_refresh(struct refresh *r, const struct refresh_env *env,
                         struct refresh_actions *out)
{
    if (!mono_reached(env->now, r->retry_at))
        plan_waiting(r, env, out);
    else if (!attempt_allowed(r, env))
        machine_rest(r, REFRESH_WAITING,
                     mono_min(mono_after(env->now, LEASE_RECHECK_MS), r->read_at));
    else
        attempt_begin(r, env, out);
}

static void plan_holding(struct refresh *r)
{
    mono_ms_t next = mono_min(r->refresh_at, mono_min(r->probe_at, r->read_at));
    machine_rest(r, REFRESH_HOLDING, mono_min(next, r->record.expires));
}

void machine_plan(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out)
{
    if (tell_owes(r) && mono_reached(env->now, r->tell_at))
        tell_start(r, env, out);
    else if (mono_reached(env->now, r->read_at))
        look_start(r, env, out);
    else if (!r->leading)
        machine_rest(r, REFRESH_FOLLOWING,
                     tell_owes(r) ? mono_min(r->read_at, r->tell_at) : r->read_at);
    else if (r->adopted_epoch != r->epoch)
        machine_rest(r, REFRESH_WAITING, r->read_at);
    else if (machine_reason(r, env->now) != REFRESH_REASON_NONE)
        plan_refresh(r, env, out);
    else if (mono_reached(env->now, r->probe_at))
        probe_start(r, env, out);
    else
        plan_holding(r);
}

/* ---- events ---- */

static void reconfigure(struct refresh *r, const struct refresh_env *env,
                        const struct refresh_config *config)
{
    r->config = *config;
    r->retry_at = env->now;
    r->failures = 0;
    if (record_live(&r->record, env->now)) {
        machine_schedule_refresh(r, env->now);
        probe_schedule(r, env->now);
    }
}

/* An order that was passed on may come when a newer token has been fetched already. One of a
 * version that we have not heard of comes from who remembers what Redis has lost: ours go on above
 * it. */
static void take_order(struct refresh *r, const struct refresh_env *env, int64_t version,
                       struct refresh_actions *out)
{
    if (version != 0 && version < r->record.version)
        return;
    if (version > r->record.version && version <= VERSION_MAX) {
        r->record.version = version;
        r->read_at = env->now;
    }
    if (!r->ordered)
        machine_note(r, REFRESH_NOTE_ORDERED, 0, out);
    r->ordered = true;
    r->retry_at = env->now;
}

/* What is not an answer only changes what is wanted. */
static void take_news(struct refresh *r, const struct refresh_env *env,
                      const struct refresh_event *ev, struct refresh_actions *out)
{
    switch (ev->kind) {
    case REFRESH_LEAD:
        r->leading = true;
        r->epoch = ev->epoch;
        r->read_at = env->now;
        return;
    case REFRESH_UNLEAD:
        r->leading = false;
        return;
    case REFRESH_LOOK:
        r->read_at = env->now;
        r->read_failures = 0;
        return;
    case REFRESH_RECONFIGURE:
        reconfigure(r, env, ev->config);
        return;
    case REFRESH_ORDER:
        take_order(r, env, ev->version, out);
        return;
    case REFRESH_DISPLACED:
        if (!r->displaced)
            machine_note(r, REFRESH_NOTE_DISPLACED, 0, out);
        r->displaced = true;
        return;
    case REFRESH_REPORT:
        probe_report(r, env, ev, out);
        return;
    case REFRESH_TICK:
    case REFRESH_READ:
    case REFRESH_ASSERTED:
    case REFRESH_BEGAN:
    case REFRESH_FETCHED:
    case REFRESH_COMMITTED:
    case REFRESH_SETTLED:
    case REFRESH_PROBED:
    case REFRESH_TOLD:
        return;
    }
}

enum refresh_event_kind refresh_answer(enum refresh_action_kind kind)
{
    switch (kind) {
    case REFRESH_DO_READ:
        return REFRESH_READ;
    case REFRESH_DO_ASSERT:
        return REFRESH_ASSERTED;
    case REFRESH_DO_BEGIN:
        return REFRESH_BEGAN;
    case REFRESH_DO_FETCH:
        return REFRESH_FETCHED;
    case REFRESH_DO_COMMIT:
        return REFRESH_COMMITTED;
    case REFRESH_DO_SETTLE:
        return REFRESH_SETTLED;
    case REFRESH_DO_PROBE:
        return REFRESH_PROBED;
    case REFRESH_DO_TELL:
        return REFRESH_TOLD;
    case REFRESH_DO_NOTE:
        break;
    }
    UNREACHABLE("nothing answers it");
}

static void take_answer(struct refresh *r, const struct refresh_env *env,
                        const struct refresh_event *ev, struct refresh_actions *out)
{
    enum refresh_state was = r->state;
    if (ev->redis_now.ms != 0) {
        r->redis_now = ev->redis_now;
        r->redis_now_at = env->now;
    }
    machine_rest(r, REFRESH_WAITING, env->now);
    switch (was) {
    case REFRESH_READING:
        look_read(r, env, ev, out);
        return;
    case REFRESH_ASSERTING:
        look_asserted(r, env, ev, out);
        return;
    case REFRESH_PROBING:
        probe_probed(r, env, ev, out);
        return;
    case REFRESH_BEGINNING:
        attempt_began(r, env, ev, out);
        return;
    case REFRESH_FETCHING:
        attempt_fetched(r, env, ev, out);
        return;
    case REFRESH_COMMITTING:
        attempt_committed(r, env, ev, out);
        return;
    case REFRESH_SETTLING:
        attempt_settled(r, env, ev, out);
        return;
    case REFRESH_TELLING:
        tell_told(r, env, ev, out);
        return;
    case REFRESH_FOLLOWING:
    case REFRESH_HOLDING:
    case REFRESH_WAITING:
    case REFRESH_RECOMMIT:
        UNREACHABLE("an answer only reaches a state that awaits one");
    }
}

void refresh_step(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
                  struct refresh_actions *out)
{
    take_news(r, env, ev, out);
    if (machine_is_operation(r->state)) {
        if (ev->kind == r->awaited && ev->op == r->op)
            take_answer(r, env, ev, out);
    } else if (r->state == REFRESH_RECOMMIT) {
        if (mono_reached(env->now, r->deadline) || ev->kind == REFRESH_LOOK)
            attempt_recommit(r, env, out);
    } else {
        machine_plan(r, env, out);
    }
}

/* ---- life and looks ---- */

struct refresh *refresh_new(const struct refresh_config *config, uint64_t seed, const char *owner,
                            mono_ms_t now)
{
    struct refresh *r = xcalloc(1, sizeof *r);
    r->config = *config;
    prng_seed(&r->prng, seed);
    snprintf(r->owner, sizeof r->owner, "%s", owner);
    r->record.mode = config->mode;
    r->record.expires = MONO_PAST;
    r->refresh_at = r->retry_at = r->read_at = now;
    r->last_probe = r->tell_at = MONO_PAST;
    r->lost_at = MONO_NEVER;
    r->probe_at = MONO_NEVER;
    machine_rest(r, REFRESH_FOLLOWING, now);
    return r;
}

void refresh_free(struct refresh *r)
{
    if (!r)
        return;
    record_clear(&r->record);
    secret_wipe(&r->pending.token);
    free(r);
}

void refresh_observe_every(struct refresh *r, int64_t ms)
{
    r->config.observe_interval_ms = ms;
}

mono_ms_t refresh_deadline(const struct refresh *r)
{
    return r->deadline;
}

bool refresh_outstanding(const struct refresh *r)
{
    return machine_is_operation(r->state);
}

bool refresh_settled(const struct refresh *r)
{
    bool adopted = r->leading && r->adopted_epoch == r->epoch;
    return adopted && !r->displaced && !r->ordered && !probe_is_owed(r);
}

bool refresh_weighing(const struct refresh *r, int64_t version)
{
    return r->leading && version != 0 &&
           (r->report_version == version || r->dead_version == version);
}

bool refresh_knows(const struct refresh *r, int64_t version)
{
    bool under_way = r->state == REFRESH_PROBING && !r->reported_again;
    return refresh_weighing(r, version) && (r->dead_version == version || !under_way);
}

bool refresh_attempting(const struct refresh *r)
{
    return r->state == REFRESH_BEGINNING || r->state == REFRESH_FETCHING ||
           r->state == REFRESH_COMMITTING || r->state == REFRESH_RECOMMIT ||
           r->state == REFRESH_SETTLING || r->state == REFRESH_TELLING ||
           (!r->leading && r->displaced);
}

const struct record *refresh_record(const struct refresh *r)
{
    return &r->record;
}

bool refresh_current(const struct refresh *r, mono_ms_t now, struct slice *token, int64_t *version,
                     int64_t *remaining_ms)
{
    const struct pending *p = &r->pending;
    bool committed = record_live(&r->record, now);
    bool fetched = secret_is_set(&p->token) && now.ms < p->expires.ms;
    if (fetched && (!committed || p->previous_dies)) {
        *token = secret_reveal(&p->token);
        *version = r->record.version + 1;
        *remaining_ms = mono_between(now, p->expires);
        return true;
    }
    *token = secret_reveal(&r->record.token);
    *version = r->record.version;
    *remaining_ms = record_remaining_ms(&r->record, now);
    return committed;
}

struct refresh_status refresh_status(const struct refresh *r, const struct refresh_env *env)
{
    enum refresh_reason reason = machine_reason(r, env->now);
    return (struct refresh_status){
        .state = r->state,
        .reason = reason,
        .last_err = r->last_err,
        .last_errcode = r->last_errcode,
        .failures = r->failures,
        .next_refresh = reason == REFRESH_REASON_NONE ? r->refresh_at : r->retry_at,
        .issued_today = r->issued_today,
        .leading = r->leading,
        .adopted = r->leading && r->adopted_epoch == r->epoch,
    };
}
