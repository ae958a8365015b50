/* reports.h - what consumers add to the apps' reports streams, handed to the leader's apps.
 *
 * Only while leading: reads the streams of all apps in turn, each at least about once a second, and
 * deletes an entry once its app has heard it; so a new leader finds what the old one did not get
 * to. Loop thread. */
#ifndef REFRESH_REPORTS_H
#define REFRESH_REPORTS_H

#include "loop/loop.h"
#include "tokend/refresh/store.h"

struct reports; /* opaque */

struct reports_hooks {
    /* The appid whose turn is next, borrowed for the call, or NULL when there are no apps. */
    const char *(*next)(void *arg);
    size_t (*count)(void *arg); /* of apps */
    /* False: the app cannot weigh it yet; it stays and is told again. */
    bool (*heard)(const char *appid, enum store_report kind, int64_t version, int64_t errcode,
                  void *arg);
    void *arg;
};

struct reports *reports_new(struct loop *l, const struct store *store,
                            const struct reports_hooks *hooks) MUST_CHECK;
void reports_free(struct reports *r); /* NULL is allowed */

void reports_start(struct reports *r); /* we lead */
void reports_stop(struct reports *r);

#endif
