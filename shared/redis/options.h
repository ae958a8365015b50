/* options.h - the limits of a connection to Redis, for client.h and subscriber.h. */
#ifndef REDIS_OPTIONS_H
#define REDIS_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

struct redis_options {
    int64_t connect_timeout_ms; /* from the first packet until ready */
    int64_t silence_ms;         /* a server that says nothing for so long is given up; it is PINGed
                                   after half of it */
    int64_t backoff_min_ms;     /* the first retry comes within this, ... */
    int64_t backoff_max_ms;     /* ... doubling up to this; each with full jitter */
    size_t max_pending;         /* commands waiting or under way; one more is NOT_SENT */
    size_t max_pending_bytes;   /* what they and their arguments take */
    size_t max_reply_bytes;     /* a longer answer ends the connection */
};

#define REDIS_OPTIONS_DEFAULT                                                                      \
    ((struct redis_options){                                                                       \
        .connect_timeout_ms = 3000,                                                                \
        .silence_ms = 6000,                                                                        \
        .backoff_min_ms = 100,                                                                     \
        .backoff_max_ms = 5000,                                                                    \
        .max_pending = 8192,                                                                       \
        .max_pending_bytes = 16 << 20,                                                             \
        .max_reply_bytes = 64 << 20,                                                               \
    })

#endif
