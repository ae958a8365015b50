/* session_claims.h - what an access token says of a session, whether a login or a refresh gives it.
 *
 * Any thread. */
#ifndef LOGIN_SESSION_CLAIMS_H
#define LOGIN_SESSION_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/times.h"
#include "loginsvc/sessions/jwt.h"
#include "loginsvc/users/user.h"

/* Issued now, for ttl_ms. False when a text of the user's does not fit. */
bool session_claims(struct jwt_claims *c, const struct user *u, const char *sid, wall_ms_t now,
                    int64_t ttl_ms) MUST_CHECK;

#endif
