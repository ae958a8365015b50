/* usage.h - what this process takes from the machine, for metrics. Reads /proc. Any thread. */
#ifndef SYS_USAGE_H
#define SYS_USAGE_H

#include <stdint.h>

#include "base/times.h"

struct usage {
    wall_ms_t started_at;
    int64_t cpu_us; /* user and system, all threads */
    int64_t resident_bytes;
    int64_t open_files;
    int64_t max_open_files; /* -1: no limit */
};

/* What cannot be found out is 0. */
struct usage usage_read(void);

#endif
