/* bearer.h - is the token that a call carries one of ours, and does its session still live?
 *
 * No round trip: the signature is checked here, and ended sessions are known in memory. Loop thread
 * only. */
#ifndef LOGINSVC_DIALECTS_BEARER_H
#define LOGINSVC_DIALECTS_BEARER_H

#include "base/check.h"
#include "loginsvc/dialects/dialect.h"

/* Once for all dialects. */
void bearer_metrics_register(struct metrics *m);

/* True with *claims when the call carries a good token. Else the dialect's failure has been
 * replied: UNAUTHORIZED (there is none), INVALID_TOKEN, or, in the first moment of the process,
 * OVERLOADED. */
bool bearer_authorize(const struct dialect_parts *p, const struct dialect *d,
                      struct http_call *call, struct jwt_claims *claims) MUST_CHECK;

/* The claims of a call that was let in by the above a moment ago; false when its token has ended
 * meanwhile. Replies nothing. */
bool bearer_claims(const struct dialect_parts *p, const struct dialect *d,
                   const struct http_call *call, struct jwt_claims *claims) MUST_CHECK;

#endif
