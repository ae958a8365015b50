/* reports.h - what consumers add to the apps' reports streams, handed to the leader's apps.
 *
 * Only while leading: reads the streams of all apps in turn, each at least about once a second,
 * from where its app has heard them. An entry stays until its app drops it as settled; so a new
 * leader finds what the old one did not get to. Loop thread. */
#ifndef REFRESH_REPORTS_H
#define REFRESH_REPORTS_H

#include "loop/loop.h"
#include "tokend/refresh/store.h"

struct reports; /* opaque */

/* A stream that is read. */
struct report_source {
    const char *appid;      /* borrowed for the call */
    struct stream_id heard; /* up to here */
};

struct report {
    struct stream_id id;
    struct stream_id from; /* all entries from here on are told: what the app had not heard then */
    enum store_report kind;
    int64_t version, errcode; /* 0 where it says none */
    struct slice by;          /* who told it; borrowed */
};

struct reports_hooks {
    struct report_source (*next)(void *arg); /* whose turn it is */
    size_t (*count)(void *arg);              /* of apps */
    /* The report is borrowed. False: not heard, to be told again. */
    bool (*heard)(const char *appid, const struct report *report, void *arg);
    void *arg;
};

struct reports *reports_new(struct loop *l, const struct store *store,
                            const struct reports_hooks *hooks) MUST_CHECK;
void reports_free(struct reports *r); /* NULL is allowed */

void reports_start(struct reports *r); /* we lead */
void reports_hurry(struct reports *r); /* there is something to read: the next turn is now */
void reports_stop(struct reports *r);

#endif
