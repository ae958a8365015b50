/* clock.h - the only place that asks the system what time it is. Any thread. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include "base/times.h"

/* Milliseconds since boot, sleep of the machine included (CLOCK_BOOTTIME): never goes back. */
mono_ms_t clock_mono(void);

/* Unix time in milliseconds; may jump. */
wall_ms_t clock_wall(void);

/* Microseconds of the same clock as clock_mono, for measuring. */
int64_t clock_mono_us(void);

#endif
