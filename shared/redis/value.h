/* value.h - a look at what Redis answered.
 *
 * Never made or freed by its reader: it is borrowed until the callback that was given it returns,
 * and so are the slices taken from it. Every function takes NULL for the nil value, so that a chain
 * of redis_value_at needs no checks between. Loop thread only. */
#ifndef REDIS_VALUE_H
#define REDIS_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

struct redis_value; /* opaque */

enum redis_type {
    REDIS_TYPE_NIL,
    REDIS_TYPE_INT,
    REDIS_TYPE_TEXT, /* a string or a status such as OK */
    REDIS_TYPE_ARRAY,
    REDIS_TYPE_ERROR, /* inside an array (EXEC); an error alone is a refusal, see client.h */
    REDIS_TYPE_OTHER, /* what only RESP3 has; we never ask for it */
};

enum redis_type redis_value_type(const struct redis_value *v);
bool redis_value_is_nil(const struct redis_value *v);

/* The bytes of a text or an error; the empty slice for all else. */
struct slice redis_value_slice(const struct redis_value *v);

/* An integer, or a text that is wholly a decimal number. False leaves *out alone. */
bool redis_value_int(const struct redis_value *v, int64_t *out) MUST_CHECK;

size_t redis_value_count(const struct redis_value *v); /* elements of an array, else 0 */

/* Element i of an array, or NULL (nil) when there is none. */
const struct redis_value *redis_value_at(const struct redis_value *v, size_t i);

#endif
