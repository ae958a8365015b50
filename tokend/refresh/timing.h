/* timing.h - when to refresh, and how long to wait after a failure. Pure arithmetic with jitter
 * from the caller's prng; all durations in milliseconds. */
#ifndef REFRESH_TIMING_H
#define REFRESH_TIMING_H

#include <stdint.h>

#include "base/prng.h"
#include "tokend/refresh/core.h"

/* How long before its end a token of this lifetime is to be refreshed. Classic: the configured lead
 * and a little jitter, so that many apps do not refresh in step. Stable: WeChat gives a new token
 * only in the last minutes (the overlap), so a little less than that. Always well under half of the
 * lifetime plus the jitter, never the whole of it. */
int64_t timing_lead_ms(const struct refresh_config *c, enum token_mode mode, int64_t lifetime_ms,
                       struct prng *prng);

/* Full-jitter back-off between half of retry_min and retry_max after `failures` (1, 2, ...) in a
 * row, but at most a quarter of what the token still lives, so that several tries fit in. */
int64_t timing_backoff_ms(const struct refresh_config *c, int64_t failures, int64_t remaining_ms,
                          struct prng *prng);

/* A slow wait for what only a person can mend: 2 s, doubling to a minute (or retry_max). */
int64_t timing_parked_ms(const struct refresh_config *c, int64_t failures, struct prng *prng);

/* Until the next day of WeChat's quota, or ten minutes, whichever is sooner: a quota may be raised.
 */
int64_t timing_quota_ms(wall_ms_t wall, struct prng *prng);

#endif
