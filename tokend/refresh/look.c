/* Looking at Redis: what it holds against what we know, and writing a lost record back. */
#include "tokend/refresh/machine.h"

#include <stdio.h>

void look_start(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out)
{
    struct refresh_action *a = machine_start(r, env, REFRESH_READING, REFRESH_DO_READ, out);
    a->epoch = r->leading ? r->epoch : 0;
    r->op_epoch = a->epoch;
    r->read_at = MONO_NEVER; /* unless news comes meanwhile, which this look may not show */
}

static bool other_token(const struct record *rec, const struct refresh_seen *seen)
{
    return seen->token.n > 0 && !slice_eq(seen->token, secret_reveal(&rec->token));
}

/* Redis has one that ours, or one before it, replaced: an old snapshot. */
static bool is_replaced(const struct record *rec, const struct refresh_seen *seen)
{
    return seen->version < rec->version && record_replaced(rec, seen->version, seen->issued_at);
}

/* Two tokens, and Redis is not ahead: it has lost data. Where its token was not plainly asked for
 * before ours, two leaders have each fetched one, and nobody can tell which came later. A plainly
 * older one is but an old snapshot. */
static bool in_conflict(const struct refresh *r, const struct refresh_seen *seen, mono_ms_t now)
{
    const struct record *rec = &r->record;
    if (!record_live(rec, now) || !other_token(rec, seen) || seen->version > rec->version)
        return false;
    if (is_replaced(rec, seen))
        return false;
    return seen->version == rec->version ||
           seen->issued_at.ms + r->config.call_timeout_ms >= rec->issued_at.ms;
}

/* Whether our record is to stand against what Redis holds. The higher version is right as long as
 * Redis never lost data; in a conflict the later request is, most likely. */
static bool ours_stands(const struct record *rec, const struct refresh_seen *seen, mono_ms_t now)
{
    if (!record_live(rec, now) || seen->version > rec->version)
        return false;
    return !other_token(rec, seen) || is_replaced(rec, seen) ||
           rec->issued_at.ms > seen->issued_at.ms;
}

/* The version never goes back: a token that comes under a version we have seen gets the next. */
static int64_t version_of(const struct record *rec, const struct refresh_seen *seen)
{
    if (seen->version > rec->version)
        return seen->version;
    return other_token(rec, seen) && secret_is_set(&rec->token) ? rec->version + 1 : rec->version;
}

static void take(struct refresh *r, const struct refresh_env *env, const struct refresh_seen *seen)
{
    struct record *rec = &r->record;
    if (other_token(rec, seen))
        record_replace(rec);
    if (seen->version > rec->version)
        r->ordered = false; /* another leader has done it */
    rec->version = version_of(rec, seen);
    secret_set(&rec->token, seen->token);
    secret_set(&rec->previous, seen->previous);
    rec->mode = seen->mode;
    rec->expires = mono_after(r->asked_at, seen->remaining_ms);
    rec->issued_at = seen->issued_at;
    rec->expires_at = seen->expires_at;
    rec->previous_until = mono_after(r->asked_at, seen->previous_remaining_ms);
    machine_schedule_refresh(r, env->now);
    probe_schedule(r, env->now);
}

static void leave_unresolved(struct refresh *r, struct slice intent)
{
    r->unresolved = true;
    r->intent_spent = true;
    if (intent.n == 0 || !slice_copy(intent, r->intent, sizeof r->intent))
        snprintf(r->intent, sizeof r->intent, "{}");
}

/* An intent that is not our own unspent one may have issued a token that nobody holds. Without an
 * intent, only a newer version tells that the open question was answered: a Redis that lost its
 * tail may have lost the intent too. */
static void weigh_intent(struct refresh *r, const struct refresh_seen *seen)
{
    bool own_unspent = slice_is(seen->intent, r->intent) && !r->intent_spent;
    if (seen->intent.n == 0) {
        if (seen->version > r->record.version)
            r->unresolved = false;
    } else if (!own_unspent) {
        leave_unresolved(r, seen->intent);
    }
}

/* Who does not lead, or not yet, knows of attempts only what Redis tells. */
static void learn_error(struct refresh *r, const struct refresh_seen *seen)
{
    if (r->leading && r->adopted_epoch == r->epoch)
        return;
    r->last_err = seen->last_err;
    r->last_errcode = seen->last_errcode;
}

static void count_budget(struct refresh *r, const struct refresh_seen *seen)
{
    machine_turn_day(r, seen->day);
    if (r->day == seen->day && r->issued_today < seen->issued_today)
        r->issued_today = seen->issued_today;
}

static void assert_record(struct refresh *r, const struct refresh_env *env,
                          struct refresh_actions *out)
{
    struct record *rec = &r->record;
    struct refresh_action *a = machine_start(r, env, REFRESH_ASSERTING, REFRESH_DO_ASSERT, out);
    a->record = (struct refresh_written){
        .version = rec->version,
        .token = secret_reveal(&rec->token),
        .mode = rec->mode,
        .issued_at = rec->issued_at,
        .expires_at = machine_on_redis(r, rec->expires),
        .ttl_ms = record_remaining_ms(rec, env->now),
    };
    if (record_previous_live(rec, env->now)) {
        a->record.previous = secret_reveal(&rec->previous);
        a->record.previous_until = machine_on_redis(r, rec->previous_until);
        a->record.previous_ttl_ms = mono_between(env->now, rec->previous_until);
    }
    a->day = r->day;
    a->issued_today = r->issued_today;
    if (r->unresolved)
        a->intent = slice_of(r->intent);
}

/* A leader that has never known our version cannot write it back: it is told to go on above it,
 * unless it puts that right by itself. */
static void mind_lost_version(struct refresh *r, const struct refresh_env *env,
                              const struct refresh_seen *seen)
{
    int64_t version = r->record.version;
    if (r->leading || seen->token.n == 0 || seen->version >= version) {
        r->lost_at = MONO_NEVER;
    } else if (r->lost_at.ms == MONO_NEVER.ms) {
        r->lost_at = env->now;
    } else if (r->lost_version != version &&
               mono_between(r->lost_at, env->now) >= r->config.observe_interval_ms) {
        r->lost_version = version;
        r->ordered = true;
        r->tell_at = env->now;
    }
}

/* A new leader finds probes overdue that were the old one's business: they are not made up for. */
static void adopt(struct refresh *r, mono_ms_t now)
{
    if (r->adopted_epoch == r->epoch)
        return;
    r->adopted_epoch = r->epoch;
    if (mono_reached(now, r->probe_at))
        probe_schedule(r, now);
}

void look_read(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
               struct refresh_actions *out)
{
    if (ev->store != REFRESH_STORE_OK) {
        if (ev->store == REFRESH_STORE_FENCED)
            machine_fenced(r, r->op_epoch, env->now);
        machine_schedule_read_again(r, env->now);
        machine_plan(r, env, out);
        return;
    }
    const struct refresh_seen *seen = &ev->seen;
    struct record *rec = &r->record;
    bool ours = ours_stands(rec, seen, env->now);
    weigh_intent(r, seen);
    count_budget(r, seen);
    learn_error(r, seen);
    if (in_conflict(r, seen, env->now)) /* WeChat may call the other one current */
        leave_unresolved(r, seen->intent);
    if (!ours)
        take(r, env, seen);
    else if (seen->version == rec->version && other_token(rec, seen))
        rec->version++; /* two tokens of one version: ours gets the next */
    mind_lost_version(r, env, seen);
    r->read_failures = 0;
    if (r->read_at.ms == MONO_NEVER.ms)
        machine_schedule_read(r, env->now);
    bool for_writing = r->leading && r->op_epoch == r->epoch;
    bool written = seen->token.n > 0 && seen->version == rec->version;
    if (for_writing)
        adopt(r, env->now);
    if (for_writing && !written && record_live(rec, env->now))
        assert_record(r, env, out);
    else
        machine_plan(r, env, out);
}

void look_asserted(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
                   struct refresh_actions *out)
{
    if (ev->store == REFRESH_STORE_OK)
        machine_note(r, REFRESH_NOTE_RESTORED, 0, out);
    else
        machine_schedule_read_again(r, env->now);
    if (ev->store == REFRESH_STORE_FENCED)
        machine_fenced(r, r->op_epoch, env->now);
    machine_plan(r, env, out);
}
