/* What a leader owes the next one: its call may have issued a token that is not the one in Redis,
 * and with each issuance WeChat lets go of an older one. It tells until Redis has it. */
#include "tokend/refresh/machine.h"

void machine_owe_telling(struct refresh *r, mono_ms_t now)
{
    if (r->leading)
        r->displaced = true;
    else
        r->tell_at = now;
}

void tell_self(struct refresh *r)
{
    r->displaced = r->displaced || r->tell_at.ms != MONO_NEVER.ms;
    r->tell_at = MONO_NEVER;
}

void tell_start(struct refresh *r, const struct refresh_env *env, struct refresh_actions *out)
{
    machine_start(r, env, REFRESH_TELLING, REFRESH_DO_TELL, out);
    r->tell_at = MONO_NEVER;
}

void tell_told(struct refresh *r, const struct refresh_env *env, const struct refresh_event *ev,
               struct refresh_actions *out)
{
    if (ev->store != REFRESH_STORE_OK) {
        if (!r->leading)
            machine_schedule_read_again(r, env->now);
        machine_owe_telling(r, r->read_at);
    }
    machine_plan(r, env, out);
}
