/* stream.h - replies without an end: who has one, and who is gone. Internal to the server; its
 * public face is in server.h. Loop thread only. */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include <stddef.h>

#include "base/check.h"
#include "http/connection.h"
#include "loop/loop.h"

struct streams; /* opaque */

struct streams *streams_new(struct loop *l, struct conns *conns, size_t max) MUST_CHECK;

/* Ends every stream, their on_close to run later, and lets none begin any more. */
void streams_close(struct streams *t);

/* After streams_close, before the connections go; runs what on_close is left. NULL is allowed. */
void streams_free(struct streams *t);

#endif
