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
    struct list told; /* among the items that multi_tell named and that are not yet reported */
    bool added;
};

/* What multi reports; a hook may add and remove items, its own too. */
struct multi_hooks {
    /* For an item that multi_tell named, in the same turn of the loop and before on_done. */
    void (*on_told)(struct multi_item *item, void *arg);
    /* Once for each added item, later than multi_add; the item is then free to be added again. */
    void (*on_done)(struct multi_item *item, void *arg);
    void *arg;
};

struct multi *multi_new(struct loop *l, size_t max_connections,
                        const struct multi_hooks *hooks) MUST_CHECK;

/* After all items have been removed or reported; closes the connections. NULL is allowed. */
void multi_free(struct multi *m);

/* Lets a new easy handle open and close its sockets with us; once per handle. */
void multi_prepare(struct multi *m, CURL *easy);

void multi_add(struct multi *m, struct multi_item *item);

/* Takes an item back, whether it runs or waits to be reported: no hook runs for it. */
void multi_remove(struct multi *m, struct multi_item *item);

/* From within one of curl's own callbacks, where nobody may be called: `item`, which runs, has
 * something to tell. */
void multi_tell(struct multi *m, struct multi_item *item);

#endif
