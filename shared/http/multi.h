/* multi.h - libcurl's multi interface, driven by the loop.
 *
 * Knows transfers only as easy handles that begin and end. Nothing of ours that may call out runs
 * inside of curl: what curl finishes is taken off it first and reported afterwards. A socket stays
 * with epoll for as long as its connection lives, not for as long as a transfer does. Internal to
 * the client; loop thread only. */
#ifndef HTTP_MULTI_H
#define HTTP_MULTI_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "base/check.h"
#include "base/list.h"
#include "loop/loop.h"

struct multi; /* opaque */

/* Embedded in a transfer. */
struct multi_item {
    CURL *easy;
    CURLcode result;  /* when done */
    struct list node; /* among the items that are done and not yet reported */
    bool added;
};

/* on_done(item, arg) runs once for each added item, later than multi_add; the item is then free to
 * be added again, and the hook may add and remove others. */
struct multi *multi_new(struct loop *l, size_t max_connections,
                        void (*on_done)(struct multi_item *item, void *arg), void *arg) MUST_CHECK;

/* After all items have been removed or reported; closes the connections. NULL is allowed. */
void multi_free(struct multi *m);

/* Lets a new easy handle open and close its sockets with us; once per handle. */
void multi_prepare(struct multi *m, CURL *easy);

void multi_add(struct multi *m, struct multi_item *item);

/* Takes an item back, whether it runs or waits to be reported: on_done does not run. */
void multi_remove(struct multi *m, struct multi_item *item);

#endif
