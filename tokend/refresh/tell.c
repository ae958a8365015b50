/* What a leader that leads no more owes the next one. Its call may have issued a token that is not
 * the one in Redis, and with each issuance WeChat lets go of an older one. It was told what it did
 * not settle, and Redis may have lost that since. It tells until Redis has it. */
#include "tokend/refresh/machine.h"

enum { RETRY_MS = 400 }; /* where Redis did not answer */

void machine_owe_telling(struct refresh *r, mono_ms_t now)
{
    r->displaced = true;
    r->tell_at = now;
}

bool tell_owes(const struct refresh *r)
{
    return !r->leading && (r->displaced || r->ordered || probe_is_owed(r));
}

void tell_start(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out)
{
    struct refresh_action *a = machine_start(r, env, REFRESH_TELLING, REFRESH_DO_TELL, out);
    r->telling = r->displaced ? REFRESH_DISPLACED : r->ordered ? REFRESH_ORDER : REFRESH_REPORT;
    a->tell = r->telling;
    if (r->telling == REFRESH_REPORT && r->report_version != 0)
        a->version = r->report_version;
}

static void forget_told(struct refresh *r)
{
    if (r->telling == REFRESH_DISPLACED)
        r->displaced = false;
    else if (r->telling == REFRESH_ORDER)
        r->ordered = false;
    else
        r->report_version = r->dead_version = 0;
}

void tell_told(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
               struct refresh_actions *out)
{
    if (ev->store == REFRESH_STORE_OK)
        forget_told(r);
    else
        r->tell_at = mono_after(env->now, prng_between(&r->prng, RETRY_MS / 2, RETRY_MS));
    machine_plan(r, env, out);
}
