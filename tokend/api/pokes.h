/* pokes.h - the apps of which there is news: what was heard of, and nobody was told yet.
 *
 * No more than there are apps. Pure. */
#ifndef API_POKES_H
#define API_POKES_H

#include <stddef.h>

#include "tokend/api/page.h"
#include "tokend/api/sweep.h"

struct pokes; /* opaque */

struct pokes *pokes_new(void) MUST_CHECK;
void pokes_free(struct pokes *p);
void pokes_clear(struct pokes *p);
size_t pokes_count(const struct pokes *p); /* apps */

/* There is an event of that id. */
void pokes_hear(struct pokes *p, const struct event_id *id);

/* Writes what is to be read so that those who were told all up to `place` are told all up to
 * `horizon`; also entries of these apps that were not heard of, and those that came late, with ids
 * up to `place`. `out` has room for pokes_count. Returns how many. */
size_t pokes_targets(const struct pokes *p, const struct event_id *place,
                     const struct event_id *horizon, struct sweep_target *out);

/* A reading begins, whether of these targets or of all apps: what is heard from now on may not be
 * in it. */
void pokes_begin(struct pokes *p);

/* What is in the page was told. */
void pokes_told(struct pokes *p, const struct page *page);

/* The reading went up to `horizon`: drops what it covered. */
void pokes_end(struct pokes *p, const struct event_id *horizon);

#endif
