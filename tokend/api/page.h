/* page.h - the earliest of many events, in the order of their ids: what is told at a time.
 *
 * Takes events in any order and keeps no more than a page holds; the rest is for the next page.
 * Pure. Owns the texts in it. */
#ifndef API_PAGE_H
#define API_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "tokend/api/event_id.h"

enum {
    PAGE_EVENTS = 128,
    PAGE_BYTES = 16 * 1024, /* of the texts; but one event is always taken */
};

struct page_event {
    struct event_id id;
    char *text;
    size_t n;
};

struct page {
    struct page_event list[PAGE_EVENTS];
    size_t n, bytes;
    bool cut; /* there is more behind the last one */
};

void page_clear(struct page *p); /* to an empty one; a zeroed page is one, too */

/* Whether an event of that id would stay: ask before its text is made. When not, the page is
 * cut. */
bool page_wants(struct page *p, const struct event_id *id) MUST_CHECK;

/* Puts it in its place; the text, from malloc, is taken. Events behind it may have to leave. */
void page_add(struct page *p, const struct event_id *id, char *text);

#endif
