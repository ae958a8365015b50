/* times.h - two kinds of time that never meet.
 *
 * mono_ms_t counts milliseconds since some moment of this machine's life and only ever grows:
 * durations and deadlines. wall_ms_t is Unix time in milliseconds, may jump, and is only for what
 * people and other machines read. Both are values; a function that needs one takes it as an
 * argument (only sys/clock.h asks the system). */
#ifndef BASE_TIMES_H
#define BASE_TIMES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t ms;
} mono_ms_t;

typedef struct {
    int64_t ms;
} wall_ms_t;

#define MONO_NEVER ((mono_ms_t){INT64_MAX})     /* a deadline that does not come */
#define MONO_PAST  ((mono_ms_t){INT64_MIN / 4}) /* before anything that happened */

static inline mono_ms_t mono_after(mono_ms_t t, int64_t ms)
{
    return t.ms == INT64_MAX ? t : (mono_ms_t){t.ms + ms};
}

/* Milliseconds from `from` to `to`; negative when `to` is earlier. */
static inline int64_t mono_between(mono_ms_t from, mono_ms_t to)
{
    return to.ms == INT64_MAX ? INT64_MAX : to.ms - from.ms;
}

static inline bool mono_reached(mono_ms_t now, mono_ms_t deadline)
{
    return now.ms >= deadline.ms;
}

static inline mono_ms_t mono_min(mono_ms_t a, mono_ms_t b)
{
    return a.ms < b.ms ? a : b;
}

static inline wall_ms_t wall_after(wall_ms_t t, int64_t ms)
{
    return (wall_ms_t){t.ms + ms};
}

static inline int64_t wall_between(wall_ms_t from, wall_ms_t to)
{
    return to.ms - from.ms;
}

/* "2026-01-02T03:04:05.678Z" (RFC 3339, UTC); "?" for what is no year of four digits. Returns out.
 */
#define WALL_TEXT_SIZE 32
const char *wall_format(wall_ms_t t, char out[WALL_TEXT_SIZE]);

/* The number of the day that WeChat counts quotas by (midnight in Asia/Shanghai, UTC+8). */
static inline int64_t wall_quota_day(wall_ms_t t)
{
    return (t.ms + 8LL * 3600 * 1000) / (24LL * 3600 * 1000);
}

#endif
