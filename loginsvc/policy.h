/* policy.h - what the settings mean for the parts of loginsvc. Pure; any thread. */
#ifndef LOGINSVC_POLICY_H
#define LOGINSVC_POLICY_H

#include "base/check.h"
#include "base/err.h"
#include "loginsvc/limits/claims.h"
#include "loginsvc/login/apps.h"
#include "loginsvc/login/driver.h"
#include "loginsvc/sessions/jwt.h"
#include "loginsvc/settings.h"

struct login_limits policy_login_limits(const struct loginsvc_settings *set);
struct claims_limits policy_claims_limits(const struct loginsvc_settings *set);

/* Signs and verifies with the keys of the settings. NULL with a line in *e. */
struct jwt_signer *policy_signer(const struct loginsvc_settings *set, struct err *e) MUST_CHECK;

/* `apps` are those of the settings from now on; else false with a line in *e, and as they were. */
bool policy_load_apps(const struct loginsvc_settings *set, struct apps *apps,
                      struct err *e) MUST_CHECK;

#endif
