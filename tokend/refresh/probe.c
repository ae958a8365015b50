/* Reports of consumers, and the cheap call that tells whether they are right. */
#include "tokend/refresh/machine.h"

enum {
    COOLDOWN_MS = 500, /* between two probes for reports */
    RETRY_MS = 1000,   /* a reported token whose probe got no answer */
};

bool probe_is_owed(const struct refresh *r)
{
    return r->report_version != 0 || (r->dead_version != 0 && r->dead_version == r->record.version);
}

/* Reports cost no more than one probe in this time. */
static mono_ms_t soonest(const struct refresh *r, mono_ms_t now)
{
    mono_ms_t cool = mono_after(r->last_probe, COOLDOWN_MS);
    return cool.ms > now.ms ? cool : now;
}

void probe_schedule(struct refresh *r, mono_ms_t now)
{
    int64_t interval = r->config.probe_interval_ms;
    if (r->report_version != r->record.version)
        r->report_version = 0;
    if (r->report_version != 0)
        r->probe_at = soonest(r, now);
    else if (interval == 0)
        r->probe_at = MONO_NEVER;
    else
        r->probe_at =
            mono_after(now, interval + prng_between(&r->prng, -interval / 10, interval / 10));
}

void probe_start(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out)
{
    struct refresh_action *a = machine_start(r, env, REFRESH_PROBING, REFRESH_DO_PROBE, out);
    a->token = secret_reveal(&r->record.token);
    a->timeout_ms = r->config.call_timeout_ms;
    r->reported_again = false;
}

/* Whether consumers may be refused with that version: it is the current one, or will be as soon as
 * we know that it is committed. */
static bool is_in_use(const struct refresh *r, int64_t version, mono_ms_t now)
{
    return attempt_commits(r, version) ||
           (version == r->record.version && record_live(&r->record, now));
}

void probe_report(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
                  struct refresh_actions *out)
{
    if (!r->leading || !is_in_use(r, ev->version, env->now) || ev->version < r->report_version ||
        refresh_knows(r, ev->version))
        return;
    if (r->report_version != ev->version)
        machine_note(r, REFRESH_NOTE_REPORTED, ev->errcode, out)->version = ev->version;
    r->report_version = ev->version;
    r->reported_again = r->state == REFRESH_PROBING;
    r->probe_at = soonest(r, env->now);
}

static void found_dead(struct refresh *r, const struct refresh_env *env,
                       const struct refresh_event *ev, struct refresh_actions *out)
{
    enum refresh_note n =
        ev->probe == REFRESH_PROBE_EXPIRED ? REFRESH_NOTE_EXPIRED : REFRESH_NOTE_DISPLACED;
    machine_note(r, n, ev->errcode, out);
    r->dead_version = r->record.version;
    r->report_version = 0;
    r->retry_at = env->now;
    probe_schedule(r, env->now);
}

void probe_probed(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
                  struct refresh_actions *out)
{
    bool reported = r->report_version != 0;
    r->last_probe = env->now;
    switch (ev->probe) {
    case REFRESH_PROBE_LIVE:
        if (r->reported_again) { /* perhaps it died after WeChat looked at it */
            r->probe_at = soonest(r, env->now);
            break;
        }
        if (reported)
            machine_note(r, REFRESH_NOTE_FLAPPED, 0, out);
        r->report_version = 0;
        probe_schedule(r, env->now);
        break;
    case REFRESH_PROBE_DEAD:
    case REFRESH_PROBE_EXPIRED:
        found_dead(r, env, ev, out);
        break;
    case REFRESH_PROBE_UNKNOWN:
        if (reported)
            r->probe_at = mono_after(env->now, RETRY_MS);
        else
            probe_schedule(r, env->now);
        break;
    }
    machine_plan(r, env, out);
}
