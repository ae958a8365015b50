/* Looking at Redis: what it holds against what we know, and writing a lost record back. */
#include "refresh/machine.h"

#include <stdio.h>

enum look {
    LOOK_SAME,
    LOOK_TAKE,   /* Redis knows better */
    LOOK_ASSERT, /* we know better */
};

void look_start(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out)
{
    struct refresh_action *a = machine_start(r, env, REFRESH_READING, REFRESH_DO_READ, out);
    a->epoch = r->leading ? r->epoch : 0;
    r->op_epoch = a->epoch;
}

/* The higher version is right; at the same version the later issuance. What ran out is no match. */
static enum look compare(const struct refresh *r, const struct refresh_seen *seen, mono_ms_t now)
{
    const struct record *rec = &r->record;
    bool live = record_live(rec, now);
    if (seen->version != rec->version)
        return seen->version > rec->version || !live ? LOOK_TAKE : LOOK_ASSERT;
    if (seen->token.n == 0)
        return live ? LOOK_ASSERT : LOOK_SAME;
    if (slice_eq(seen->token, secret_reveal(&rec->token)))
        return LOOK_SAME;
    return live && rec->issued_at.ms > seen->issued_at.ms ? LOOK_ASSERT : LOOK_TAKE;
}

/* Takes what Redis holds; the version never goes back, also when an old snapshot came back. */
static void take(struct refresh *r, const struct refresh_env *env, const struct refresh_seen *seen)
{
    struct record *rec = &r->record;
    secret_set(&rec->token, seen->token);
    secret_set(&rec->previous, seen->previous);
    rec->version = seen->version > rec->version ? seen->version : rec->version;
    rec->mode = seen->mode;
    rec->expires = mono_after(r->asked_at, seen->remaining_ms);
    rec->issued_at = seen->issued_at;
    rec->expires_at = seen->expires_at;
    rec->previous_until = mono_after(r->asked_at, seen->previous_remaining_ms);
    machine_schedule_refresh(r, env->now);
    probe_schedule(r, env->now);
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
        r->unresolved = true;
        if (!slice_copy(seen->intent, r->intent, sizeof r->intent))
            snprintf(r->intent, sizeof r->intent, "{}");
        r->intent_spent = true;
    }
}

static void count_budget(struct refresh *r, const struct refresh_env *env,
                         const struct refresh_seen *seen)
{
    if (seen->day != wall_quota_day(env->wall))
        return;
    if (r->day != seen->day || r->issued_today < seen->issued_today)
        r->issued_today = seen->issued_today;
    r->day = seen->day;
}

static void assert_record(struct refresh *r, const struct refresh_env *env,
                          struct refresh_actions *out)
{
    struct record *rec = &r->record;
    struct refresh_action *a = machine_start(r, env, REFRESH_ASSERTING, REFRESH_DO_ASSERT, out);
    a->record = (struct refresh_written){
        .version = rec->version,
        .token = secret_reveal(&rec->token),
        .ttl_ms = record_remaining_ms(rec, env->now),
        .mode = rec->mode,
        .issued_at = rec->issued_at,
        .expires_at = rec->expires_at,
    };
    if (record_previous_live(rec, env->now)) {
        a->record.previous = secret_reveal(&rec->previous);
        a->record.previous_ttl_ms = mono_between(env->now, rec->previous_until);
        a->record.previous_until = wall_after(env->wall, a->record.previous_ttl_ms);
    }
    if (r->unresolved)
        a->intent = slice_of(r->intent);
}

void look_read(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
               struct refresh_actions *out)
{
    if (ev->store != REFRESH_STORE_OK) {
        if (ev->store == REFRESH_STORE_FENCED)
            r->leading = false;
        machine_schedule_read_again(r, env->now);
        machine_plan(r, env, out);
        return;
    }
    const struct refresh_seen *seen = &ev->seen;
    enum look look = compare(r, seen, env->now);
    bool conflict = look == LOOK_ASSERT && seen->version == r->record.version && seen->token.n > 0;
    weigh_intent(r, seen);
    count_budget(r, env, seen);
    if (look == LOOK_TAKE)
        take(r, env, seen);
    r->read_failures = 0;
    machine_schedule_read(r, env->now);
    bool for_writing = r->leading && r->op_epoch == r->epoch;
    if (for_writing)
        r->adopted_epoch = r->epoch;
    if (for_writing && look == LOOK_ASSERT) {
        if (conflict) /* two tokens of one version: ours gets its own, so that consumers notice */
            r->record.version++;
        assert_record(r, env, out);
    } else {
        machine_plan(r, env, out);
    }
}

void look_asserted(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
                   struct refresh_actions *out)
{
    if (ev->store == REFRESH_STORE_OK)
        machine_note(r, REFRESH_NOTE_RESTORED, 0, out);
    else
        machine_schedule_read_again(r, env->now);
    if (ev->store == REFRESH_STORE_FENCED)
        r->leading = false;
    machine_plan(r, env, out);
}
