#include "sys/clock.h"

#include <time.h>

#include "base/check.h"

static struct timespec read_clock(clockid_t id)
{
    struct timespec ts;
    ASSERT(clock_gettime(id, &ts) == 0);
    return ts;
}

mono_ms_t clock_mono(void)
{
    struct timespec ts = read_clock(CLOCK_BOOTTIME);
    return (mono_ms_t){(int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000};
}

wall_ms_t clock_wall(void)
{
    struct timespec ts = read_clock(CLOCK_REALTIME);
    return (wall_ms_t){(int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000};
}

int64_t clock_mono_us(void)
{
    struct timespec ts = read_clock(CLOCK_BOOTTIME);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
