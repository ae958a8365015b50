/* kept.h - the outcome of a login as it is kept for a repeat: sealed.
 *
 * Under DATA_KEY and bound to its claim: what is put in another one's place does not open. Of the
 * user only what an answer shows is kept. Any thread. */
#ifndef LOGINSVC_LOGIN_KEPT_H
#define LOGINSVC_LOGIN_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/keyring.h"
#include "loginsvc/limits/claim.h"
#include "loginsvc/login/outcome.h"

#define KEPT_LABEL "loginsvc kept answers" /* what to derive its keyring for */

enum { KEPT_MAX = 8 * 1024 }; /* bytes, sealed */

/* Returns how many bytes it wrote. */
size_t kept_seal(const struct keyring *ring, const struct claim *c, const struct login_outcome *o,
                 uint8_t out[KEPT_MAX]);

/* False, with nothing in *o, for what is none of ours. */
bool kept_open(const struct keyring *ring, const struct claim *c, struct slice sealed,
               struct login_outcome *o) MUST_CHECK;

#endif
