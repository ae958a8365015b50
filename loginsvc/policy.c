#include "loginsvc/policy.h"

#include <stdlib.h>

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct login_limits policy_login_limits(const struct loginsvc_settings *set)
{
    bool longer = set->session_ttl_ms > set->jwt_ttl_ms;
    return (struct login_limits){
        .timeout_ms = set->login_timeout_ms,
        .jwt_ttl_ms = set->jwt_ttl_ms,
        .session_ttl_ms = longer ? set->session_ttl_ms : set->jwt_ttl_ms,
        .session_key_ttl_ms = set->session_key_ttl_ms,
        .max_logins = (size_t)set->login_max,
        .store_queue = (size_t)set->database_queue,
    };
}

static struct window_rule rule_of(struct config_rate rate)
{
    return (struct window_rule){rate.count, rate.per_ms};
}

/* A Redis that hangs may take an eighth of a login's time, not more. */
struct claims_limits policy_claims_limits(const struct loginsvc_settings *set)
{
    return (struct claims_limits){
        .login_ms = set->login_timeout_ms,
        .kept_ms = set->login_replay_window_ms,
        .per_user = rule_of(set->phone_limit),
        .per_address = rule_of(set->address_limit),
        .under_way_max = set->app_max,
        .paid_max = set->phone_budget,
        .paid_stops = set->phone_budget_action == BUDGET_STOPS,
        .redis_timeout_ms = min_of(set->redis_timeout_ms, set->login_timeout_ms / 8),
    };
}

struct jwt_signer *policy_signer(const struct loginsvc_settings *set, struct err *e)
{
    struct jwt_signer *j = secret_is_set(&set->jwt_private_key)
                               ? jwt_signer_new_pem(&set->jwt_private_key, set->jwt_issuer, e)
                               : jwt_signer_new_hs256(&set->jwt_secret, set->jwt_issuer, e);
    if (j && !jwt_signer_add_previous(j, &set->jwt_previous_keys, e)) {
        jwt_signer_free(j);
        return NULL;
    }
    return j;
}

bool policy_load_apps(const struct loginsvc_settings *set, struct apps *apps, struct err *e)
{
    struct app_entry *entries = xcalloc(set->n_apps + 1, sizeof *entries);
    for (size_t i = 0; i < set->n_apps; i++)
        entries[i] =
            (struct app_entry){slice_of(set->apps[i].id), secret_reveal(&set->apps[i].secret)};
    bool ok = apps_replace(apps, entries, set->n_apps, e);
    free(entries);
    return ok;
}
