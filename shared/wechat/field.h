/* field.h - the values in WeChat's JSON, which writes numbers as strings at times and the reverse.
 *
 * Each reader is false when the value is absent (NULL), of another kind or out of bounds. Pure, any
 * thread. */
#ifndef WECHAT_FIELD_H
#define WECHAT_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/check.h"
#include "base/text.h"

struct slice field_string(const json_t *value); /* empty unless a string; borrowed from it */

/* An integer within [min, max], or a string of one; false leaves *out alone. */
bool field_int(const json_t *value, int64_t min, int64_t max, int64_t *out) MUST_CHECK;

/* A string as it is, or an integer as its decimal digits, with a NUL. */
bool field_text(const json_t *value, char *out, size_t size) MUST_CHECK;

/* Wipes the member's text, if it is a string: for a secret in an object about to be freed. */
void field_wipe(json_t *object, const char *name);

#endif
