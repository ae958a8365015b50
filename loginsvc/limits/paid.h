/* paid.h - the calls of each app and day that WeChat is paid for: the count as far as it is known,
 * and what Redis still has to be told.
 *
 * The day is WeChat's (Asia/Shanghai) and goes by its number, wall_quota_day; a count that was not
 * told before midnight is told after it, for its own day. Warns in the log when an app reaches 80
 * and 100 per cent of its budget. Time is an argument. One thread. */
#ifndef LIMITS_PAID_H
#define LIMITS_PAID_H

#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"

struct paid; /* opaque */

struct paid *paid_new(void) MUST_CHECK;
void paid_free(struct paid *p); /* NULL is allowed */

/* One more; budget 0 = none. */
void paid_add(struct paid *p, struct slice appid, wall_ms_t now, int64_t budget);

/* What Redis has not been told of a day. */
struct paid_untold {
    int64_t day;
    int64_t n;        /* to be added; may be 0 */
    int64_t at_least; /* what the day's count is with them, as far as is known here: a Redis that
                         lost its count learns it back */
};

/* Takes it: of the day before as long as there is any, else of today. To be put back when Redis was
 * not told after all. */
struct paid_untold paid_take_untold(struct paid *p, struct slice appid, wall_ms_t now) MUST_CHECK;
void paid_put_back(struct paid *p, struct slice appid, struct paid_untold untold);

/* What all processes together have counted on that day, says Redis. */
void paid_learn(struct paid *p, struct slice appid, int64_t day, int64_t total, int64_t budget);

int64_t paid_today(const struct paid *p, struct slice appid, wall_ms_t now) MUST_CHECK;
void paid_forget(struct paid *p, struct slice appid);

/* Until the next day begins, more than 0. */
int64_t paid_day_left_ms(wall_ms_t now) MUST_CHECK;

/* "20260131". */
enum { PAID_DAY_SIZE = 16 };
void paid_day_name(int64_t day, char out[PAID_DAY_SIZE]);

#endif
