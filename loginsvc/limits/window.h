/* window.h - "so many in so long" for many names, in memory: what limits fall back to without
 * Redis.
 *
 * Exact: the n-th last event decides. Bounded: beyond its size the name that was quiet for longest
 * is forgotten, which lets its owner begin anew. Time is an argument. One thread. */
#ifndef LIMITS_WINDOW_H
#define LIMITS_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"

struct windows; /* opaque */

/* count 0: no limit. */
struct window_rule {
    int64_t count;
    int64_t per_ms;
};

struct windows *windows_new(size_t max_names) MUST_CHECK;
void windows_free(struct windows *w); /* NULL is allowed */

/* How long the name must wait for its next event; 0: it may happen now. Counts nothing. */
int64_t windows_wait_ms(const struct windows *w, struct slice name, struct window_rule rule,
                        mono_ms_t now) MUST_CHECK;

/* It happened. A rule may differ from that of the last time: what is remembered stays. */
void windows_count(struct windows *w, struct slice name, struct window_rule rule, mono_ms_t now);

#endif
