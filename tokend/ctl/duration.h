/* duration.h - how long, for people: "1h59m", "4m30s", "12s". Pure. */
#ifndef CTL_DURATION_H
#define CTL_DURATION_H

#include <stdint.h>

#include "base/text.h"

/* The two largest units of d, h, m, s that stand next to each other, cut and not rounded: never
 * longer than it is. The second one only when it is not 0. Less than a second, and less than none,
 * is "0s". */
void duration_write(struct text *out, int64_t seconds);

#endif
