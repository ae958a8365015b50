/* spelling.h - which known name somebody meant who wrote one that is unknown. Pure; any thread. */
#ifndef CONFIG_SPELLING_H
#define CONFIG_SPELLING_H

#include "base/text.h"

enum { SPELLING_MAX = 64 }; /* longer names are never near */

/* How many letters must be put in, left out or changed to make one of the other, case aside. */
size_t spelling_distance(struct slice a, struct slice b);

/* Whether b is what somebody who wrote a is likely to have meant. */
bool spelling_is_near(struct slice a, struct slice b);

/* Whether `part` stands somewhere in s, case aside. */
bool spelling_contains(struct slice s, const char *part);

bool spelling_has_upper(struct slice s);
bool spelling_has_lower(struct slice s);

#endif
