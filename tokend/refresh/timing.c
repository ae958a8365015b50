#include "tokend/refresh/timing.h"

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* base doubled `times` times, at most cap. */
static int64_t doubled(int64_t base, int64_t times, int64_t cap)
{
    while (times-- > 0 && base < cap)
        base *= 2;
    return min64(base, cap);
}

int64_t timing_lead_ms(const struct refresh_config *c, enum token_mode mode, int64_t lifetime_ms,
                       struct prng *prng)
{
    switch (mode) {
    case TOKEN_CLASSIC: {
        int64_t lead = min64(c->lead_ms, lifetime_ms / 2);
        return lead - prng_between(prng, 0, lead / 20);
    }
    case TOKEN_STABLE: {
        int64_t window = min64(c->overlap_ms, lifetime_ms / 2);
        return window - prng_between(prng, 0, window / 10);
    }
    }
    return 0;
}

int64_t timing_backoff_ms(const struct refresh_config *c, int64_t failures, int64_t remaining_ms,
                          struct prng *prng)
{
    int64_t least = max64(c->retry_min_ms / 2, 1);
    int64_t most =
        doubled(max64(c->retry_min_ms, least), failures - 1, max64(c->retry_max_ms, least));
    if (remaining_ms > 0)
        most = max64(min64(most, remaining_ms / 4), least);
    return prng_between(prng, least, most);
}

int64_t timing_parked_ms(const struct refresh_config *c, int64_t failures, struct prng *prng)
{
    int64_t wait = doubled(2000, failures - 1, max64(60000, c->retry_max_ms));
    return wait + prng_between(prng, 0, wait / 4);
}

int64_t timing_quota_ms(wall_ms_t wall, struct prng *prng)
{
    const int64_t day_ms = 24LL * 3600 * 1000, shanghai_ms = 8LL * 3600 * 1000;
    int64_t left = day_ms - (wall.ms + shanghai_ms) % day_ms;
    return min64(left, 600000) + prng_between(prng, 1000, 5000);
}
