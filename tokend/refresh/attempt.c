/* One refresh: begin (the intent is stored), fetch (WeChat is called), commit (the token is written
 * and the intent removed), or settle (no token came). */
#include "tokend/refresh/machine.h"

#include <stdio.h>

#include "tokend/refresh/timing.h"

enum { FORCE_GAP_MS = 30000 }; /* WeChat ignores force_refresh within 30 s of the last */

bool attempt_commits(const struct refresh *r, int64_t version)
{
    return version == r->record.version + 1 && secret_is_set(&r->pending.token) &&
           !secret_eq(&r->pending.token, &r->record.token);
}

bool attempt_allowed(const struct refresh *r, const struct refresh_env *env)
{
    return r->leading && mono_between(env->now, env->lease_until) >= r->config.lease_needed_ms;
}

void attempt_begin(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out)
{
    machine_turn_day(r, wall_quota_day(machine_on_redis(r, env->now)));
    struct refresh_action *a = machine_start(r, env, REFRESH_BEGINNING, REFRESH_DO_BEGIN, out);
    r->force = r->force && r->config.mode == TOKEN_STABLE && r->dead_version == r->record.version;
    snprintf(r->intent, sizeof r->intent,
             "{\"epoch\":%lld,\"version\":%lld,\"at\":%lld,\"op\":%llu,\"by\":\"%s\"}",
             (long long)r->epoch, (long long)r->record.version + 1,
             (long long)machine_on_redis(r, env->now).ms, (unsigned long long)a->op, r->owner);
    r->intent_spent = false;
    r->attempt_epoch = r->epoch;
    a->intent = slice_of(r->intent);
    a->day = r->day;
    a->issued_today = r->issued_today;
    a->budget = r->config.daily_budget;
    a->force = r->force;
}

/* Plans the next attempt after one that failed for `err`. */
static void back_off(struct refresh *r, const struct refresh_env *env, enum err_class err)
{
    int64_t wait;
    r->failures++;
    if (err == ERR_OPERATOR || err == ERR_BUG)
        wait = timing_parked_ms(&r->config, r->failures, &r->prng);
    else if (err == ERR_QUOTA)
        wait = timing_quota_ms(machine_on_redis(r, env->now), &r->prng);
    else
        wait = timing_backoff_ms(&r->config, r->failures, record_remaining_ms(&r->record, env->now),
                                 &r->prng);
    r->retry_at = mono_after(env->now, wait);
}

static void settle(struct refresh *r, const struct refresh_env *env, enum err_class err,
                   int64_t errcode, bool issued_nothing, struct refresh_actions *out)
{
    struct refresh_action *a = machine_start(r, env, REFRESH_SETTLING, REFRESH_DO_SETTLE, out);
    a->epoch = r->attempt_epoch;
    a->intent = slice_of(r->intent);
    a->drop_intent = issued_nothing && !r->unresolved && !r->displaced;
    a->refund = issued_nothing;
    a->err = err;
    a->errcode = errcode;
    if (issued_nothing && r->issued_today > 0)
        r->issued_today--;
    r->intent_spent = !a->drop_intent;
    r->last_err = err;
    r->last_errcode = errcode;
}

static void quota_used_up(struct refresh *r)
{
    r->last_err = ERR_QUOTA;
    r->last_errcode = 0;
}

/* The token stays dead until force_refresh is allowed, unless the normal call gives a new one
 * meanwhile. */
static void force_refused(struct refresh *r, const struct refresh_env *env,
                          struct refresh_actions *out)
{
    if (r->force_refused != r->record.version)
        machine_note(r, REFRESH_NOTE_NO_FORCE, 0, out);
    r->force_refused = r->record.version;
    r->force = false;
    quota_used_up(r);
    r->retry_at = mono_after(env->now, FORCE_GAP_MS);
}

static void begin_refused(struct refresh *r, const struct refresh_env *env,
                          enum refresh_store store, struct refresh_actions *out)
{
    switch (store) {
    case REFRESH_STORE_OK:
        return;
    case REFRESH_STORE_FENCED:
        machine_fenced(r, r->attempt_epoch, env->now);
        return;
    case REFRESH_STORE_NEWER:
        r->read_at = env->now;
        return;
    case REFRESH_STORE_BUDGET:
        machine_note(r, REFRESH_NOTE_BUDGET, 0, out);
        quota_used_up(r);
        back_off(r, env, ERR_QUOTA);
        return;
    case REFRESH_STORE_FORCED:
        force_refused(r, env, out);
        return;
    case REFRESH_STORE_FAILED:
        machine_schedule_read_again(r, env->now);
        r->retry_at = r->read_at;
        return;
    }
}

void attempt_began(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
                   struct refresh_actions *out)
{
    if (ev->store != REFRESH_STORE_OK) {
        begin_refused(r, env, ev->store, out);
        machine_plan(r, env, out);
        return;
    }
    r->issued_today = ev->issued_today;
    if (!attempt_allowed(r, env)) {
        settle(r, env, ERR_RETRY, 0, true, out);
        return;
    }
    /* What is told from here on may have been issued after what we are about to fetch. */
    r->unresolved = r->unresolved || r->displaced;
    r->displaced = false;
    struct refresh_action *a = machine_start(r, env, REFRESH_FETCHING, REFRESH_DO_FETCH, out);
    r->attempt_mode = r->config.mode;
    a->mode = r->attempt_mode;
    a->force = r->force;
    a->timeout_ms = r->config.call_timeout_ms;
    r->intent_spent = true;
}

static void commit(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out)
{
    const struct record *rec = &r->record;
    struct pending *p = &r->pending;
    struct refresh_action *a = machine_start(r, env, REFRESH_COMMITTING, REFRESH_DO_COMMIT, out);
    a->epoch = r->attempt_epoch;
    a->intent = slice_of(r->intent);
    p->expires_at = machine_on_redis(r, p->expires);
    p->issued_at = wall_after(p->expires_at, -p->lifetime_ms);
    a->record = (struct refresh_written){
        .version = rec->version,
        .token = secret_reveal(&p->token),
        .mode = r->attempt_mode,
        .issued_at = p->issued_at,
        .expires_at = p->expires_at,
        .ttl_ms = mono_between(env->now, p->expires),
    };
    a->refund = secret_eq(&p->token, &rec->token);
    if (!p->previous_dies && !a->refund && record_live(rec, env->now)) {
        a->record.previous = secret_reveal(&rec->token);
        a->record.previous_until = machine_on_redis(r, rec->expires);
        a->record.previous_ttl_ms = record_remaining_ms(rec, env->now);
    }
}

/* The answer came, but so late that its token is over: as good as lost. */
static void drop_late_token(struct refresh *r, const struct refresh_env *env,
                            struct refresh_actions *out)
{
    secret_wipe(&r->pending.token);
    r->unresolved = true;
    back_off(r, env, ERR_UNKNOWN);
    settle(r, env, ERR_UNKNOWN, 0, false, out);
}

static bool of_other_family(const struct refresh *r)
{
    return r->attempt_mode != r->record.mode;
}

/* In stable mode WeChat gives a new token of itself only in the last minutes of the one before. One
 * that comes sooner was forced by another environment, nobody knows when: ours may be dead. */
static bool was_forced_away(const struct refresh *r)
{
    return r->attempt_mode == TOKEN_STABLE && !of_other_family(r) &&
           mono_between(r->asked_at, r->record.expires) > r->config.overlap_ms;
}

static void fetched_token(struct refresh *r, const struct refresh_env *env,
                          const struct refresh_event *ev, struct refresh_actions *out)
{
    struct pending *p = &r->pending;
    secret_set(&p->token, ev->token);
    p->expires = mono_after(r->asked_at, ev->expires_in_ms);
    p->lifetime_ms = ev->expires_in_ms;
    p->previous_dies =
        r->unresolved || r->displaced || r->dead_version == r->record.version || was_forced_away(r);
    if (mono_reached(env->now, p->expires)) {
        drop_late_token(r, env, out);
        return;
    }
    /* From the moment the request was sent WeChat may have replaced the token we held: it lives on
     * for the overlap at most. The two families do not replace each other's. */
    if (!secret_eq(&p->token, &r->record.token) && !of_other_family(r))
        r->record.expires =
            mono_min(r->record.expires, mono_after(r->asked_at, r->config.overlap_ms));
    commit(r, env, out);
}

void attempt_fetched(struct refresh *r, const struct refresh_env *env,
                     const struct refresh_event *ev, struct refresh_actions *out)
{
    if (ev->fetch != REFRESH_FETCH_TOKEN) /* the normal call gives what may have come of a force */
        r->force = false;
    switch (ev->fetch) {
    case REFRESH_FETCH_TOKEN:
        fetched_token(r, env, ev, out);
        return;
    case REFRESH_FETCH_REFUSED:
        back_off(r, env, ev->err);
        settle(r, env, ev->err, ev->errcode, true, out);
        return;
    case REFRESH_FETCH_NOT_SENT:
        back_off(r, env, ERR_BACKOFF);
        settle(r, env, ERR_BACKOFF, 0, true, out);
        return;
    case REFRESH_FETCH_UNKNOWN:
        r->unresolved = r->unresolved || r->attempt_mode == TOKEN_CLASSIC;
        back_off(r, env, ERR_UNKNOWN);
        settle(r, env, ERR_UNKNOWN, ev->errcode, false, out);
        return;
    }
}

/* WeChat gave the token that we already hold: no refresh, and no issuance. One proven dead is asked
 * for by force in stable mode, once; else WeChat's last minutes have not begun: ask again shortly.
 */
static void took_same(struct refresh *r, const struct refresh_env *env)
{
    bool dead = r->dead_version == r->record.version;
    bool forced = r->force;
    if (r->issued_today > 0)
        r->issued_today--;
    machine_schedule_refresh(r, env->now);
    r->force = dead && !forced && r->config.mode == TOKEN_STABLE;
    if (dead && !r->force)
        r->retry_at = mono_after(env->now, FORCE_GAP_MS);
    int64_t wait =
        timing_backoff_ms(&r->config, 2, record_remaining_ms(&r->record, env->now), &r->prng);
    if (mono_between(env->now, r->refresh_at) < wait)
        r->refresh_at = mono_after(env->now, wait);
}

static void took_new(struct refresh *r, const struct refresh_env *env)
{
    r->force = false;
    r->dead_version = 0;
    machine_schedule_refresh(r, env->now);
    probe_schedule(r, env->now);
}

/* The pending token becomes the record, as the commit script wrote it. */
static void take_pending(struct refresh *r, const struct refresh_env *env, int64_t version)
{
    struct record *rec = &r->record;
    struct pending *p = &r->pending;
    bool same = secret_eq(&p->token, &rec->token);
    if (!same) {
        bool keep = !p->previous_dies && record_live(rec, env->now);
        record_replace(rec);
        secret_set(&rec->previous, keep ? secret_reveal(&rec->token) : slice_of(NULL));
        rec->previous_until = rec->expires;
        secret_set(&rec->token, secret_reveal(&p->token));
    }
    secret_wipe(&p->token);
    if (rec->version <= version)
        rec->version = version;
    else /* told meanwhile that Redis has lost it: the next look puts that right */
        r->read_at = env->now;
    rec->mode = r->attempt_mode;
    rec->expires = p->expires;
    rec->issued_at = p->issued_at;
    rec->expires_at = p->expires_at;
    r->unresolved = false;
    r->ordered = false;
    if (same)
        took_same(r, env);
    else
        took_new(r, env);
}

/* Our token is not to be used, for another leader has been there; it must know that WeChat issued
 * one that it does not hold. */
static void give_up_pending(struct refresh *r, const struct refresh_env *env)
{
    secret_wipe(&r->pending.token);
    machine_owe_telling(r, env->now);
    r->read_at = env->now;
}

void attempt_committed(struct refresh *r, const struct refresh_env *env,
                       const struct refresh_event *ev, struct refresh_actions *out)
{
    switch (ev->store) {
    case REFRESH_STORE_OK:
        r->failures = 0;
        r->read_failures = 0;
        r->last_err = ERR_NONE;
        r->last_errcode = 0;
        r->retry_at = env->now;
        machine_schedule_read(r, env->now);
        take_pending(r, env, ev->version);
        break;
    case REFRESH_STORE_FENCED:
        machine_fenced(r, r->attempt_epoch, env->now);
        give_up_pending(r, env);
        break;
    case REFRESH_STORE_NEWER:
        give_up_pending(r, env);
        break;
    case REFRESH_STORE_BUDGET:
    case REFRESH_STORE_FORCED:
    case REFRESH_STORE_FAILED:
        r->read_failures++;
        machine_rest(
            r, REFRESH_RECOMMIT,
            mono_after(env->now, prng_between(&r->prng, 20, r->read_failures < 5 ? 100 : 500)));
        return;
    }
    machine_plan(r, env, out);
}

void attempt_recommit(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out)
{
    if (!mono_reached(env->now, r->pending.expires)) {
        commit(r, env, out);
        return;
    }
    r->unresolved = true;
    give_up_pending(r, env);
    machine_plan(r, env, out);
}

void attempt_settled(struct refresh *r, const struct refresh_env *env,
                     const struct refresh_event *ev, struct refresh_actions *out)
{
    if (ev->store == REFRESH_STORE_FENCED)
        machine_fenced(r, r->attempt_epoch, env->now);
    if (ev->store != REFRESH_STORE_OK && r->last_err == ERR_UNKNOWN)
        machine_owe_telling(r, env->now);
    machine_plan(r, env, out);
}
