#include "base/secret.h"
#include "log/log.h"
#include "loginsvc/login/live.h"
#include "loginsvc/login/session_claims.h"
#include "sys/clock.h"

static bool sign(struct live *l)
{
    const struct store_login *r = &l->record;
    struct jwt_claims c;
    bool fits =
        session_claims(&c, &l->outcome.user, r->session.id, r->now, l->d->limits.jwt_ttl_ms);
    l->outcome.expires_in_s = c.exp_s - c.iat_s;
    return fits && jwt_signer_sign(l->d->parts.signer, &c, l->outcome.access_token);
}

bool ending_take_user(struct live *l, const struct store_result *r)
{
    l->outcome.user = r->user;
    l->outcome.is_new = r->is_new;
    if (l->core.kind == LOGIN_BIND_PHONE || sign(l))
        return true;
    log_error("login.unsigned", LOG_SLICE("appid", app_id(l->app)));
    return false;
}

static void keep_session_key(const struct live *l)
{
    const struct login_outcome *o = &l->outcome;
    if (o->user.id != 0)
        session_keys_put(l->d->parts.session_keys, app_id(l->app), o->user.id,
                         slice_of(o->session_key), l->d->limits.session_key_ttl_ms);
}

/* WeChat gave it, but too late: a repeat goes by the answer that was given without it. */
static void drop_late_phone(struct live *l)
{
    struct login_outcome *o = &l->outcome;
    if (l->core.exchange[LOGIN_PHONE].state == EXCHANGE_DONE)
        return;
    bytes_wipe(o->phone, sizeof o->phone);
    bytes_wipe(o->country_code, sizeof o->country_code);
}

/* What goes with the core's result. */
static void complete(struct live *l)
{
    struct login_outcome *o = &l->outcome;
    o->result = l->core.result;
    if (!l->core.exchanged_before) { /* else it came with what was kept */
        o->phone_result = l->core.phone;
        drop_late_phone(l);
    }
    if (o->result.ending != LOGIN_OK) {
        bytes_wipe(o->access_token, sizeof o->access_token);
        bytes_wipe(o->refresh_token, sizeof o->refresh_token);
    }
    if (o->result.ending == LOGIN_NOT_REGISTERED)
        register_ticket_make(l->d->ticket_ring, l->record.appid, o->phone, o->country_code,
                             clock_wall(), o->register_ticket);
}

void ending_finish(struct live *l)
{
    struct login_driver *d = l->d;
    if (l->core.result.ending != LOGIN_REPEATED)
        complete(l);
    if (l->core.mine) {
        claiming_settle(l);
        keep_session_key(l);
    }
    const struct login_answer answer = {.outcome = &l->outcome,
                                        .took_us = clock_mono_us() - l->started_us,
                                        .appid = app_id(l->app)};
    slots_remove(d->live, l->id);
    l->caller.done(l->caller.owner, l->caller.id, &answer);
    live_free(l);
}
