/* page.h - the earliest of many events, in the order of their ids: what one reading of Redis gives.
 *
 * Takes events in any order and keeps no more than a page holds; the rest is for the next page.
 * Pure. Owns the events in it. */
#ifndef API_PAGE_H
#define API_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "tokend/api/event_id.h"

enum {
    PAGE_EVENTS = 2048,
    PAGE_BYTES = 512 * 1024, /* of the texts; but one event is always taken */
};

struct page_event {
    struct event_id id;
    char *text;
    size_t n;
};

struct page {
    struct page_event *list[PAGE_EVENTS + 1]; /* one has to leave at once */
    size_t n, bytes;
    bool is_cut;         /* there may be more ... */
    struct event_id end; /* ... behind this one */
};

void page_clear(struct page *p); /* to an empty one; a zeroed page is one, too */

/* Whether an event of that id would stay: ask before its text is made. When not, the page is cut
 * before it. */
bool page_wants(struct page *p, const struct event_id *id) MUST_CHECK;

/* Puts it in its place; the text, from malloc, is taken. Events behind it may have to leave. */
void page_add(struct page *p, const struct event_id *id, char *text);

/* Nothing behind `end`, which is in the page or was not wanted, is to be in it. */
void page_cut(struct page *p, const struct event_id *end);

/* The index of the first event behind `id`; n when there is none. */
size_t page_find(const struct page *p, const struct event_id *id);

#endif
