/* subscriber.h - messages that others publish in Redis.
 *
 * One connection of its own, kept up as client.h keeps its own, for any number of channels and
 * patterns. Redis forgets a message that nobody hears: what was published while the connection was
 * away is lost, so on_live tells each time when to load the truth again. Loop thread only; no
 * callback runs before the call that asked for it returned. */
#ifndef REDIS_SUBSCRIBER_H
#define REDIS_SUBSCRIBER_H

#include <stdbool.h>

#include "base/check.h"
#include "base/text.h"
#include "loop/loop.h"
#include "redis/options.h"
#include "redis/url.h"

struct redis_subscriber;   /* opaque */
struct redis_subscription; /* opaque, owned by the subscriber until redis_unsubscribe */

enum redis_channel_kind {
    REDIS_CHANNEL, /* SUBSCRIBE: the name itself */
    REDIS_PATTERN, /* PSUBSCRIBE: a glob */
};

struct redis_listener {
    /* One message; channel (the one it was published on) and payload are borrowed until return. */
    void (*on_message)(struct slice channel, struct slice payload, void *arg);
    /* Redis has confirmed the subscription, for the first time or again after the connection was
     * lost: messages arrive from now on, earlier ones may be missing. May be NULL. */
    void (*on_live)(void *arg);
};

/* Connects at once, also without a subscription. url and o are copied; o may be NULL. */
struct redis_subscriber *redis_subscriber_new(struct loop *l, const struct redis_url *url,
                                              const struct redis_options *o) MUST_CHECK;

/* Ends all subscriptions; no listener is called any more. Not from inside a callback of this
 * subscriber. NULL is allowed. */
void redis_subscriber_free(struct redis_subscriber *s);

bool redis_subscriber_ready(const struct redis_subscriber *s);

/* Hears `name`, which is copied. Several may hear the same one. *listener is copied. */
struct redis_subscription *redis_subscribe(struct redis_subscriber *s, enum redis_channel_kind kind,
                                           struct slice name, const struct redis_listener *listener,
                                           void *arg);

/* The listener is not called any more; also from inside its callbacks. NULL is allowed. */
void redis_unsubscribe(struct redis_subscription *sub);

/* Whether Redis has confirmed it on the present connection. */
bool redis_subscription_live(const struct redis_subscription *sub);

#endif
