/* query.h - one parameter out of a URL's query, without touching the heap.
 *
 * wxsim reads its input with code of its own, not with shared/http: a fault of that decoder must
 * not be cancelled out by the same fault here. Pure, any thread. */
#ifndef WXSIM_QUERY_H
#define WXSIM_QUERY_H

#include <stddef.h>

#include "base/text.h"

/* The first parameter of that name, decoded into `out` with a NUL. Empty when it is absent, its
 * escapes are wrong or it does not fit: WeChat calls all of these missing. */
struct slice query_get(struct slice query, const char *name, char *out, size_t size);

#endif
