/* revocations.h - the sessions that were ended while JWTs of theirs are still about.
 *
 * A bounded set in memory: the id of each ended session and the time until which that matters,
 * which is when its last JWT is over. Asks nobody and knows no clock; where the ids come from is
 * revocation_watch.h. Some 24 bytes an entry and a third more. One thread. */
#ifndef SESSIONS_REVOCATIONS_H
#define SESSIONS_REVOCATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"

struct revocations; /* opaque */

/* Holds `limit` ids at most (1 to 100 million) and grows as they come. `seed` is a random number:
 * where an id is put must not be foreseeable to those who send them. */
struct revocations *revocations_new(size_t limit, uint64_t seed) MUST_CHECK;
void revocations_free(struct revocations *r); /* NULL is allowed */

/* Remembers until then; of two times for one id the later counts. When the set is full, of a random
 * few the one that matters least long gives way (which may be the new one), and revocations_lost
 * counts it. False, and nothing done, when sid is no session id. */
bool revocations_add(struct revocations *r, struct slice sid, wall_ms_t until);

/* Is it in the set? Until the next purge also when its time is over. */
bool revocations_has(const struct revocations *r, struct slice sid);

/* Forgets what is over (until <= now). Looks at every place, so call it now and then: a few
 * milliseconds for a million. Memory that was needed once is kept. */
void revocations_purge(struct revocations *r, wall_ms_t now);

size_t revocations_count(const struct revocations *r);
uint64_t revocations_lost(const struct revocations *r); /* gave way to others, or never came in */

#endif
