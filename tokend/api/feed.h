/* feed.h - the events of all apps in one order, out of Redis, for whoever listens at this tokend.
 *
 * The streams P:{A}:events are the truth; the message that comes with each entry only says where to
 * look. Nothing is told before its millisecond is over and every message of that time has been
 * heard (a mark, published among the messages, shows it), so whoever was told up to an id knows all
 * that comes before it. A message that was lost with the connection is made up for by looking at
 * all apps. Should Redis's clock be set back, events come with ids that were passed already: they
 * are told when they come, out of order, to those who are not behind. Closed, it costs nothing.
 * Loop thread. */
#ifndef API_FEED_H
#define API_FEED_H

#include "loop/loop.h"
#include "redis/subscriber.h"
#include "tokend/api/page.h"
#include "tokend/refresh/fleet.h"

struct feed; /* opaque */

/* Everything behind `after` up to `upto`, borrowed, in order. What has an id at or before `after`
 * came late. */
struct feed_news {
    struct page_event *const *list;
    size_t n; /* FEED_NEWS_MAX at most, with FEED_NEWS_BYTES of text at most */
    struct event_id after, upto;
};
enum { FEED_NEWS_MAX = 128, FEED_NEWS_BYTES = 16 * 1024 };

/* May be called from within feed_look; they may not close the feed. */
struct feed_hooks {
    void (*found)(void *arg); /* feed_place is known from now on */
    void (*told)(const struct feed_news *news, void *arg);
    /* Whether somebody who can take news now has been told less than feed_place, and the least that
     * anyone of those has. Telling him goes on from there, until this says false. */
    bool (*behind)(struct event_id *least, void *arg);
    void *arg;
};

/* All borrowed; they outlive the feed. */
struct feed_parts {
    struct loop *loop;
    struct redis_subscriber *subscriber;
    struct fleet *fleet;
    const struct store *store;
    struct feed_hooks hooks;
};

struct feed *feed_new(const struct feed_parts *parts) MUST_CHECK; /* closed */
void feed_free(struct feed *f);                                   /* NULL is allowed */

/* Begins to listen, from the moment of the call on. Harmless when open. */
void feed_open(struct feed *f);
void feed_close(struct feed *f);

/* How far it has told, NULL while that is not known: it is closed, or has not reached Redis since
 * it was opened. Borrowed until control returns to the loop. */
const struct event_id *feed_place(const struct feed *f);

/* Somebody may be behind, or able to take more. */
void feed_look(struct feed *f);

#endif
