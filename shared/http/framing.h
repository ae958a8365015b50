/* framing.h - refuses requests that evhttp reads in one way and a proxy may read in another.
 *
 * Where a body ends must not be a matter of opinion, or bytes of one client's request become the
 * beginning of another's (request smuggling, RFC 9112 section 11.2). Internal to the server. */
#ifndef HTTP_FRAMING_H
#define HTTP_FRAMING_H

#include <stdbool.h>

#include <event2/http.h>

#include "base/check.h"

/* True when the head leaves no doubt. `has_body` says whether evhttp read a body for this method.
 * A request that is refused must be the last one on its connection. */
bool framing_is_clear(const struct evkeyvalq *headers, bool has_body) MUST_CHECK;

#endif
