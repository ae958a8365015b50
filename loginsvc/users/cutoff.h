/* cutoff.h - cuts a socket off at a point in time, whatever a library that knows no such point
 * still does with it: a read or a wait under way ends at once.
 *
 * Has a thread of its own until it is freed: for what is rare, as connecting is. One thread at a
 * time. */
#ifndef USERS_CUTOFF_H
#define USERS_CUTOFF_H

#include <stdbool.h>

#include "base/check.h"
#include "base/times.h"

struct cutoff; /* opaque */

/* NULL when the system has no thread or descriptor left. */
struct cutoff *cutoff_new(mono_ms_t at) MUST_CHECK;

/* From now on it is this socket, which the library may close: it is not touched after that. Cuts at
 * once when the time has come, or no descriptor is left to hold it by. */
void cutoff_aim(struct cutoff *c, int fd);

/* True when it has cut. NULL is allowed: false. */
bool cutoff_free(struct cutoff *c);

#endif
