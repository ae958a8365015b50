#include "sim/climate.h"

#include <string.h>

#include "base/check.h"

static int64_t pick(struct prng *prng, const int64_t *from, size_t n)
{
    return from[prng_between(prng, 0, (int64_t)n - 1)];
}

#define PICK(prng, ...)                                                                            \
    pick((prng), (const int64_t[]){__VA_ARGS__}, ARRAY_LEN(((const int64_t[]){__VA_ARGS__})))

/* A token's life, and how long the one before lives on: in classic mode any part of it, for its
 * length is what a failure may last unnoticed. */
static void draw_tokens(struct climate *c, struct prng *prng)
{
    bool stable = prng_chance(prng, 0.25);
    c->lifetime_ms = PICK(prng, 5000, 20000, 20000, 60000, 60000, 600000);
    if (prng_chance(prng, 0.005)) /* as in life, and long to simulate */
        c->lifetime_ms = 7200000;
    if (stable && c->lifetime_ms < 20000) /* its expires_in are whole seconds */
        c->lifetime_ms = 20000;
    int64_t part = stable || c->lifetime_ms < 20000 ? 4 : PICK(prng, 1, 4, 4, 24);
    c->config.mode = stable ? TOKEN_STABLE : TOKEN_CLASSIC;
    c->config.overlap_ms = c->lifetime_ms / part < 300000 ? c->lifetime_ms / part : 300000;
}

static void draw_config(struct climate *c, struct prng *prng)
{
    draw_tokens(c, prng);
    c->lease_ttl_ms = PICK(prng, 2000, 10000);
    c->redis_timeout_ms = PICK(prng, 200, 1000);
    c->latency_ms = PICK(prng, 2, 20, 90);
    c->config = (struct refresh_config){
        .mode = c->config.mode,
        .lead_ms = PICK(prng, 5000, 60000, 1800000),
        .overlap_ms = c->config.overlap_ms,
        .retry_min_ms = PICK(prng, 100, 1000),
        .retry_max_ms = PICK(prng, 2000, 10000),
        .probe_interval_ms = PICK(prng, 0, 5000, 30000),
        .observe_interval_ms = PICK(prng, 2000, 5000),
        .call_timeout_ms = prng_chance(prng, 0.7) ? c->lease_ttl_ms / 2 : 2 * c->lease_ttl_ms,
        .lease_needed_ms = c->lease_ttl_ms / 2,
        .daily_budget = prng_chance(prng, 0.1) ? 20 : 100000,
    };
    c->duration_ms = c->lifetime_ms > 100000 ? c->lifetime_ms * 2 : 200000;
    c->fault_gap_ms = c->duration_ms / PICK(prng, 40, 40, 10, 4);
}

static void draw_faults(struct climate *c, struct prng *prng)
{
    static const double shares[] = {
#define X(name, function, share) share,
        FAULTS(X)
#undef X
    };
    for (int i = 0; i < FAULT_COUNT; i++)
        c->faults[i] = prng_chance(prng, shares[i]);
    c->lose = prng_chance(prng, 0.4) ? 0.01 : 0;
    c->late = prng_chance(prng, 0.4) ? 0.02 : 0;
    c->crash_at_action = prng_chance(prng, 0.3) ? 0.01 : 0;
    c->crash_at_hearing = 10 * c->crash_at_action;
    c->pause_at_action = prng_chance(prng, 0.3) ? 0.01 : 0;
    c->slow_wechat = prng_chance(prng, 0.3) ? 0.2 : 0;
}

void climate_draw(struct climate *c, struct prng *prng)
{
    memset(c, 0, sizeof *c);
    c->nodes = (int)prng_between(prng, 1, MAX_NODES);
    draw_config(c, prng);
    c->duplicate = 0.02;
    c->publishes = prng_chance(prng, 0.8);
    c->consumers = prng_chance(prng, 0.5);
    c->persistent = prng_chance(prng, 0.5);
    c->calm = prng_chance(prng, 0.05);
    c->gentle = !c->calm && prng_chance(prng, 0.1);
    if (c->gentle)
        c->faults[FAULT_AWAY] = c->faults[FAULT_EMPTY] = c->publishes = true;
    else if (!c->calm)
        draw_faults(c, prng);
}
