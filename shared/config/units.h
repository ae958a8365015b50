/* units.h - durations and sizes as people write them: "500ms", "2s", "30d"; "512", "64k", "1m".
 *
 * Pure; any thread. */
#ifndef CONFIG_UNITS_H
#define CONFIG_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

/* A whole number and a unit: ms s m h d. 0 needs no unit. False (and *ms untouched) for all else,
 * beyond 10^15 too. */
bool units_parse_duration(struct slice s, int64_t *ms) MUST_CHECK;

/* A whole number of bytes, or of k m g (1024 each), either case. */
bool units_parse_size(struct slice s, int64_t *bytes) MUST_CHECK;

/* The shortest exact form: 1800000 is "30m", 1500 is "1500ms". */
void units_print_duration(struct text *t, int64_t ms);
void units_print_size(struct text *t, int64_t bytes);

#endif
