/* paid.h - the calls of each app and day that WeChat is paid for: the count as far as it is known,
 * and what Redis still has to be told.
 *
 * The day is WeChat's (Asia/Shanghai). Warns in the log when an app reaches 80 and 100 per cent of
 * its budget. Time is an argument. One thread. */
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

/* Takes what Redis has not been told of this day; paid_put_back when it was not told after all. */
int64_t paid_take_untold(struct paid *p, struct slice appid, wall_ms_t now) MUST_CHECK;
void paid_put_back(struct paid *p, struct slice appid, wall_ms_t now, int64_t n);

/* What all processes together have counted, says Redis. */
void paid_learn(struct paid *p, struct slice appid, wall_ms_t now, int64_t total, int64_t budget);

int64_t paid_today(const struct paid *p, struct slice appid, wall_ms_t now) MUST_CHECK;
void paid_forget(struct paid *p, struct slice appid);

/* Until the next day begins, more than 0. */
int64_t paid_day_left_ms(wall_ms_t now) MUST_CHECK;

/* "20260131", of the day in which `now` is. */
enum { PAID_DAY_SIZE = 16 };
void paid_day(wall_ms_t now, char out[PAID_DAY_SIZE]);

#endif
