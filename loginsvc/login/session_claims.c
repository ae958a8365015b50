#include "loginsvc/login/session_claims.h"

bool session_claims(struct jwt_claims *c, const struct user *u, const char *sid, wall_ms_t now,
                    int64_t ttl_ms)
{
    *c = (struct jwt_claims){
        .user_id = u->id,
        .iat_s = now.ms / 1000,
        .exp_s = wall_after(now, ttl_ms).ms / 1000,
    };
    return slice_copy(slice_of(u->openid), c->openid, sizeof c->openid) &&
           slice_copy(slice_of(u->appid), c->appid, sizeof c->appid) &&
           slice_copy(slice_of(sid), c->sid, sizeof c->sid);
}
