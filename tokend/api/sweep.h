/* sweep.h - reads the earliest events of many apps out of Redis, a few apps at a time.
 *
 * One sweep at once. Loop thread. */
#ifndef API_SWEEP_H
#define API_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "tokend/api/page.h"
#include "tokend/refresh/store.h"

struct sweep; /* opaque */

/* An app, and the first entry of its stream that is wanted. */
struct sweep_target {
    char appid[TOKEN_APPID_MAX + 1];
    struct stream_id from;
};

/* What was found, borrowed until the next sweep_start or sweep_stop; NULL: Redis did not answer. */
typedef void sweep_done_fn(const struct page *page, void *arg);

/* The store is borrowed. */
struct sweep *sweep_new(const struct store *store, sweep_done_fn *done, void *arg) MUST_CHECK;
void sweep_free(struct sweep *s); /* NULL is allowed */

/* Begins to read up to `last`, that one too. `targets` (1 at least, from malloc) is taken.
 * done(page, arg) once, later, unless it is stopped before. */
void sweep_start(struct sweep *s, struct sweep_target *targets, size_t n,
                 const struct event_id *last);
void sweep_stop(struct sweep *s);

#endif
