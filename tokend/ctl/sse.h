/* sse.h - reads server-sent events out of a stream of bytes.
 *
 * Source: WHATWG HTML, section 9.2.6 (interpreting an event stream). Takes the bytes in pieces cut
 * anywhere. Knows no connection: whoever has one asks for the place to go on from. Pure; one
 * thread. */
#ifndef CTL_SSE_H
#define CTL_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

struct sse; /* opaque */

/* Borrowed until the hook returns. */
struct sse_event {
    struct slice type; /* of its `event:` line; "message" without one */
    struct slice data; /* of its `data:` lines, "\n" between them */
};

/* May not feed, reset or free the reader. */
typedef void sse_event_fn(const struct sse_event *event, void *arg);

enum {
    SSE_MAX = 256 * 1024, /* bytes of a line, and of an event's data */
    SSE_ID_MAX = 255,     /* bytes of an id */
    SSE_TYPE_MAX = 255,   /* bytes of a type */
};

struct sse *sse_new(void) MUST_CHECK;
void sse_free(struct sse *s); /* NULL is allowed */

/* Calls fn for each event that ends in this piece, in order. False when something is longer than
 * its maximum: the stream cannot be read on. */
bool sse_feed(struct sse *s, struct slice piece, sse_event_fn *fn, void *arg) MUST_CHECK;

/* A new stream begins; what the last one left unfinished is dropped. The last id and the retry
 * time stay. */
void sse_reset(struct sse *s);

/* For the header Last-Event-ID; "" when there is none. Borrowed until the next sse_feed. */
const char *sse_last_id(const struct sse *s);

/* The server's wish for the time before another connection, in ms; 0 when it has none. */
int64_t sse_retry_ms(const struct sse *s);

#endif
