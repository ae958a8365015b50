/* map.h - hash map from strings to pointers.
 *
 * Keys are copied, values are the caller's. Iteration order is unspecified. One thread. The hash is
 * seeded by the caller where a peer chooses the keys; 0 will do where we choose them. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct map; /* opaque */

struct map *map_new(uint64_t seed) MUST_CHECK;
void map_free(struct map *m); /* the values stay the caller's; NULL is allowed */

void *map_get(const struct map *m, struct slice key);        /* NULL when absent */
void *map_put(struct map *m, struct slice key, void *value); /* returns what stood there or NULL */
void *map_remove(struct map *m, struct slice key);           /* returns what stood there or NULL */
size_t map_count(const struct map *m);

/* Walks all entries: start with *at = 0; false at the end. Do not put or remove meanwhile. */
bool map_next(const struct map *m, size_t *at, struct slice *key, void **value);

#endif
