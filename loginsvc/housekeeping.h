/* housekeeping.h - what loginsvc does to its database besides logins: a sign of life while it is
 * away, and the removal of what is over. Loop thread only. */
#ifndef LOGINSVC_HOUSEKEEPING_H
#define LOGINSVC_HOUSEKEEPING_H

#include "base/check.h"
#include "loginsvc/users/store.h"
#include "loop/loop.h"

struct housekeeping; /* opaque */

/* The store is borrowed and closed before the housekeeping is freed. */
struct housekeeping *housekeeping_new(struct loop *l, struct store *s) MUST_CHECK;
void housekeeping_free(struct housekeeping *h); /* NULL is allowed */

#endif
