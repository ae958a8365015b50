/* native.h - our own dialect: /v1, HTTP's own status numbers, errors as RFC 9457. */
#ifndef LOGINSVC_DIALECTS_NATIVE_H
#define LOGINSVC_DIALECTS_NATIVE_H

#include "loginsvc/dialects/dialect.h"

struct native; /* opaque */

/* Adds everything under /v1 and /.well-known/jwks.json to parts->server. Borrowed. */
struct native *native_new(const struct dialect_parts *parts) MUST_CHECK;

/* When no answer of store, Redis or driver can come any more. NULL is allowed. */
void native_free(struct native *n);

#endif
