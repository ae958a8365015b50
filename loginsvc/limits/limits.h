/* limits.h - what claims are held to. Plain values. */
#ifndef LIMITS_LIMITS_H
#define LIMITS_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "loginsvc/limits/window.h"

struct claims_limits {
    int64_t login_ms;               /* longest life of a request: its codes are held so long */
    int64_t kept_ms;                /* how long an answer is kept; 0: not at all */
    struct window_rule per_user;    /* phone exchanges */
    struct window_rule per_address; /* requests */
    int64_t under_way_max;          /* requests of one app; 0 = any */
    int64_t paid_max;               /* phone exchanges of one app and day; 0 = any */
    bool paid_stops;                /* beyond paid_max they are refused, not only warned about;
                                       those under way by then are not */
    int64_t redis_timeout_ms;       /* then this process decides alone */
};

#endif
