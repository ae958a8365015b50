/* dialects.h - all endpoints of loginsvc that are for mini programs, made and ended together. */
#ifndef LOGINSVC_DIALECTS_DIALECTS_H
#define LOGINSVC_DIALECTS_DIALECTS_H

#include "base/check.h"
#include "loginsvc/dialects/dialect.h"

struct dialects; /* opaque */

/* Adds every route to parts->server. Borrowed. */
struct dialects *dialects_new(const struct dialect_parts *parts) MUST_CHECK;

/* When no answer can come any more. NULL is allowed. */
void dialects_free(struct dialects *d);

#endif
