/* When to refresh and how long to wait: the bounds, over a grid of settings and situations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tokend/refresh/timing.h"

enum { DRAWS = 20 };

static const int64_t durations[] = {1, 2, 10, 999, 1000, 1500, 60000, 300000, 1800000, 43200000};

static struct refresh_config config_of(int64_t lead, int64_t overlap, int64_t min, int64_t max)
{
    return (struct refresh_config){
        .lead_ms = lead, .overlap_ms = overlap, .retry_min_ms = min, .retry_max_ms = max};
}

#define FOR_EACH_DURATION(d)                                                                       \
    for (const int64_t *d = durations; d < durations + ARRAY_LEN(durations); d++)

static struct prng seeded(void)
{
    struct prng prng;
    prng_seed(&prng, 1);
    return prng;
}

static void the_lead_is_never_more_than_half_of_the_lifetime_nor_than_what_is_set(void **state)
{
    (void)state;
    struct prng prng = seeded();
    FOR_EACH_DURATION(life)
    FOR_EACH_DURATION(set)
    for (int i = 0; i < DRAWS; i++) {
        struct refresh_config c = config_of(*set, *set, 1000, 60000);
        int64_t most = *set < *life / 2 ? *set : *life / 2;
        int64_t classic = timing_lead_ms(&c, TOKEN_CLASSIC, *life, &prng);
        int64_t stable = timing_lead_ms(&c, TOKEN_STABLE, *life, &prng);
        assert_true(classic <= most && classic >= most - most / 20);
        assert_true(stable <= most && stable >= most - most / 10);
        assert_true(classic < *life && stable < *life);
    }
}

static void stable_mode_takes_its_lead_from_the_overlap_and_classic_from_the_setting(void **state)
{
    (void)state;
    struct prng prng = seeded();
    struct refresh_config c = config_of(1800000, 300000, 1000, 60000);
    assert_in_range(timing_lead_ms(&c, TOKEN_CLASSIC, 7200000, &prng), 1710000, 1800000);
    assert_in_range(timing_lead_ms(&c, TOKEN_STABLE, 7200000, &prng), 270000, 300000);
}

static void leads_differ_so_that_apps_do_not_refresh_in_step(void **state)
{
    (void)state;
    struct prng prng = seeded();
    struct refresh_config c = config_of(1800000, 300000, 1000, 60000);
    for (int mode = TOKEN_CLASSIC; mode <= TOKEN_STABLE; mode++) {
        int64_t first = timing_lead_ms(&c, (enum token_mode)mode, 7200000, &prng);
        bool differs = false;
        for (int i = 0; i < DRAWS; i++)
            differs |= timing_lead_ms(&c, (enum token_mode)mode, 7200000, &prng) != first;
        assert_true(differs);
    }
}

static void back_off_is_never_zero_and_keeps_to_its_limits(void **state)
{
    (void)state;
    struct prng prng = seeded();
    FOR_EACH_DURATION(min)
    FOR_EACH_DURATION(max)
    for (int64_t failures = 1; failures <= 100; failures++) {
        struct refresh_config c = config_of(1000, 1000, *min, *max);
        int64_t least = *min / 2 > 1 ? *min / 2 : 1;
        int64_t wait = timing_backoff_ms(&c, failures, 0, &prng);
        assert_true(wait >= least);
        assert_true(wait <= (*max > least ? *max : least));
    }
}

static void back_off_leaves_time_for_several_tries_before_the_end(void **state)
{
    (void)state;
    struct prng prng = seeded();
    FOR_EACH_DURATION(remaining)
    for (int64_t failures = 1; failures <= 100; failures++) {
        struct refresh_config c = config_of(1000, 1000, 1000, 60000);
        int64_t wait = timing_backoff_ms(&c, failures, *remaining, &prng);
        assert_true(wait >= 500);
        assert_true(wait <= (*remaining / 4 > 500 ? *remaining / 4 : 500));
    }
}

static void parking_starts_at_two_seconds_and_never_gets_shorter_than_its_doubling(void **state)
{
    (void)state;
    struct prng prng = seeded();
    FOR_EACH_DURATION(max)
    for (int64_t failures = 1; failures <= 100; failures++) {
        struct refresh_config c = config_of(1000, 1000, 1, *max);
        int64_t cap = *max > 60000 ? *max : 60000, base = 2000;
        for (int64_t i = 1; i < failures && base < cap; i++)
            base *= 2;
        base = base < cap ? base : cap;
        assert_in_range(timing_parked_ms(&c, failures, &prng), base, base + base / 4);
    }
}

static void a_used_up_quota_waits_for_the_day_of_shanghai_but_ten_minutes_at_most(void **state)
{
    (void)state;
    const int64_t day = 24LL * 3600 * 1000, midnight = 1700064000000; /* 16:00 UTC */
    struct prng prng = seeded();
    assert_int_equal(wall_quota_day((wall_ms_t){midnight}),
                     wall_quota_day((wall_ms_t){midnight - 1}) + 1);
    for (int64_t before = 1; before <= day; before = before * 3 / 2 + 1) {
        int64_t wait = timing_quota_ms((wall_ms_t){midnight - before}, &prng);
        int64_t least = before < 600000 ? before : 600000;
        assert_in_range(wait, least + 1000, least + 5000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lead_is_never_more_than_half_of_the_lifetime_nor_than_what_is_set),
        cmocka_unit_test(stable_mode_takes_its_lead_from_the_overlap_and_classic_from_the_setting),
        cmocka_unit_test(leads_differ_so_that_apps_do_not_refresh_in_step),
        cmocka_unit_test(back_off_is_never_zero_and_keeps_to_its_limits),
        cmocka_unit_test(back_off_leaves_time_for_several_tries_before_the_end),
        cmocka_unit_test(parking_starts_at_two_seconds_and_never_gets_shorter_than_its_doubling),
        cmocka_unit_test(a_used_up_quota_waits_for_the_day_of_shanghai_but_ten_minutes_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
