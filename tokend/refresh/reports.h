/* reports.h - what consumers add to the apps' reports streams, handed to the leader's apps.
 *
 * Only while leading: reads the streams of all apps in turn, each at least about once a second. An
 * entry stays until its app drops it as settled, and is told again meanwhile; so a new leader finds
 * what the old one did not get to. Loop thread. */
#ifndef REFRESH_REPORTS_H
#define REFRESH_REPORTS_H

#include "loop/loop.h"
#include "tokend/refresh/store.h"

struct reports; /* opaque */

struct report {
    struct stream_id id;
    enum store_report kind;
    int64_t version, errcode; /* 0 where it says none */
};

struct reports_hooks {
    /* The appid whose turn is next, borrowed for the call, or NULL when there are no apps. */
    const char *(*next)(void *arg);
    size_t (*count)(void *arg);                                               /* of apps */
    void (*heard)(const char *appid, const struct report *report, void *arg); /* borrowed */
    void *arg;
};

struct reports *reports_new(struct loop *l, const struct store *store,
                            const struct reports_hooks *hooks) MUST_CHECK;
void reports_free(struct reports *r); /* NULL is allowed */

void reports_start(struct reports *r); /* we lead */
void reports_hurry(struct reports *r); /* there is something to read: the next turn is now */
void reports_stop(struct reports *r);

#endif
