/* slots.h - ids for objects that may be gone when somebody asks for them.
 *
 * What crosses an asynchronous gap holds an id instead of a pointer; the id of a removed object
 * finds nothing, also when its slot has been taken by another one since. Finding is one index and
 * one comparison. Grows with the objects in it: their maker bounds how many there are. One thread.
 */
#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

struct slots; /* opaque */

struct slots *slots_new(void) MUST_CHECK;
void slots_free(struct slots *s); /* the objects stay the caller's; NULL is allowed */

/* Takes a slot for `object` (not NULL) and returns its id: never 0, and not given again before its
 * slot has been taken four thousand million times. */
uint64_t slots_put(struct slots *s, void *object) MUST_CHECK;

void *slots_get(const struct slots *s, uint64_t id); /* NULL when removed; any id may be asked */
void *slots_remove(struct slots *s, uint64_t id);    /* returns what stood there or NULL */
size_t slots_count(const struct slots *s);

#endif
