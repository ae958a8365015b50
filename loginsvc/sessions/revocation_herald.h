/* revocation_herald.h - tells the other processes which sessions were ended.
 *
 * Each message is published once. When it is not certain that Redis took one, or too many are under
 * way, "look into the database" is published in its place until Redis has taken that, so that
 * nobody who listens stays behind. Loop thread only. */
#ifndef SESSIONS_REVOCATION_HERALD_H
#define SESSIONS_REVOCATION_HERALD_H

#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "loop/loop.h"
#include "redis/client.h"

struct revocation_herald; /* opaque */

/* `client` is borrowed until free; the channel's name is copied. */
struct revocation_herald *revocation_herald_new(struct loop *l, struct redis_client *client,
                                                const char *channel) MUST_CHECK;
void revocation_herald_free(struct revocation_herald *h); /* NULL is allowed */

/* Publishes a message of revocation_news.h, which is copied. */
void revocation_herald_tell(struct revocation_herald *h, const char *message);

struct revocation_herald_stats {
    uint64_t told;   /* messages that Redis took */
    uint64_t failed; /* that it did not, or may not have taken */
};
struct revocation_herald_stats revocation_herald_stats(const struct revocation_herald *h);

#endif
