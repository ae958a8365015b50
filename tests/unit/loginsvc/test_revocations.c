/* sessions: the set of ended sessions, against a plain list and at its limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "loginsvc/sessions/revocations.h"
#include "loginsvc/sessions/session.h"

#define AT(ms) ((wall_ms_t){ms})

/* The i-th of many ids, which look random. */
static struct slice id(uint64_t i)
{
    static char text[4][SESSION_ID_SIZE];
    static unsigned turn;
    struct prng r;
    char *out = text[turn++ % 4];
    prng_seed(&r, i);
    snprintf(out, SESSION_ID_SIZE, "%016llx%016llx", (unsigned long long)prng_next(&r),
             (unsigned long long)prng_next(&r));
    return slice_of(out);
}

static void add(struct revocations *r, uint64_t i, int64_t until_ms)
{
    assert_true(revocations_add(r, id(i), AT(until_ms)));
}

static void what_was_added_is_in_it_and_nothing_else(void **state)
{
    (void)state;
    struct revocations *r = revocations_new(10000, 1);
    for (uint64_t i = 0; i < 10000; i++)
        add(r, i, 1000 + (int64_t)i);
    assert_int_equal(revocations_count(r), 10000);
    for (uint64_t i = 0; i < 10000; i++) {
        assert_true(revocations_has(r, id(i)));
        assert_false(revocations_has(r, id(i + 10000)));
    }
    assert_int_equal(revocations_lost(r), 0);
    revocations_free(r);
}

static void of_two_times_the_later_counts(void **state)
{
    (void)state;
    struct revocations *r = revocations_new(10, 1);
    add(r, 1, 2000);
    add(r, 1, 1000);
    add(r, 2, 1000);
    add(r, 2, 2000);
    assert_int_equal(revocations_count(r), 2);
    revocations_purge(r, AT(1999));
    assert_true(revocations_has(r, id(1)) && revocations_has(r, id(2)));
    revocations_purge(r, AT(2000));
    assert_int_equal(revocations_count(r), 0);
    revocations_free(r);
}

static void what_is_over_is_purged_and_what_is_not_stays(void **state)
{
    (void)state;
    struct revocations *r = revocations_new(5000, 7);
    for (uint64_t i = 0; i < 5000; i++)
        add(r, i, 1 + (int64_t)(i % 50));
    for (int64_t now = 0; now <= 50; now++) {
        revocations_purge(r, AT(now));
        assert_int_equal(revocations_count(r), 5000 - 100 * now);
        for (uint64_t i = 0; i < 5000; i++)
            assert_int_equal(revocations_has(r, id(i)), 1 + (int64_t)(i % 50) > now);
    }
    revocations_free(r);
}

static void what_is_no_session_id_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "short",
                                        "0123456789ABCDEF0123456789abcdef",
                                        "g123456789abcdef0123456789abcdef",
                                        "0123456789abcdef0123456789abcde",
                                        "0123456789abcdef0123456789abcdef0"};
    struct revocations *r = revocations_new(10, 1);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_false(revocations_add(r, slice_of(wrong[i]), AT(1000)));
        assert_false(revocations_has(r, slice_of(wrong[i])));
    }
    assert_int_equal(revocations_count(r), 0);
    revocations_free(r);
}

static void a_time_long_past_is_nothing_to_remember(void **state)
{
    (void)state;
    struct revocations *r = revocations_new(10, 1);
    add(r, 1, 0);
    add(r, 2, -5);
    assert_int_equal(revocations_count(r), 0);
    revocations_free(r);
}

/* ---- at the limit ---- */

static void a_full_set_stays_within_its_limit_and_keeps_the_newest(void **state)
{
    (void)state;
    enum { LIMIT = 1000 };
    struct revocations *r = revocations_new(LIMIT, 3);
    for (uint64_t i = 0; i < 2 * LIMIT; i++) {
        add(r, i, 1000 + (int64_t)i);
        assert_true(revocations_has(r, id(i)));
        assert_true(revocations_count(r) <= LIMIT);
    }
    size_t kept_late = 0;
    for (uint64_t i = LIMIT; i < 2 * LIMIT; i++)
        kept_late += revocations_has(r, id(i));
    assert_int_equal(revocations_count(r), LIMIT);
    assert_int_equal(revocations_lost(r), LIMIT);
    assert_true(kept_late > LIMIT * 85 / 100); /* one of a few gives way: nearly the soonest */
    revocations_free(r);
}

static void a_full_set_does_not_give_up_one_that_matters_longer(void **state)
{
    (void)state;
    enum { LIMIT = 20 };
    struct revocations *r = revocations_new(LIMIT, 3);
    for (uint64_t i = 0; i < LIMIT; i++)
        add(r, i, 2000);
    add(r, 100, 1000);
    assert_false(revocations_has(r, id(100)));
    assert_int_equal(revocations_lost(r), 1);
    add(r, 5, 3000); /* one that is there needs no room */
    assert_int_equal(revocations_lost(r), 1);
    for (uint64_t i = 0; i < LIMIT; i++)
        assert_true(revocations_has(r, id(i)));
    revocations_free(r);
}

static void a_set_of_one_holds_one(void **state)
{
    (void)state;
    struct revocations *r = revocations_new(1, 3);
    add(r, 1, 1000);
    add(r, 2, 1001);
    assert_false(revocations_has(r, id(1)));
    assert_true(revocations_has(r, id(2)));
    assert_int_equal(revocations_count(r), 1);
    revocations_free(r);
}

/* ---- against a plain list ---- */

enum { IDS = 300, STEPS = 20000, TIMES = 1000 };

static void assert_same(const struct revocations *r, const int64_t until[IDS])
{
    size_t count = 0;
    for (uint64_t i = 0; i < IDS; i++) {
        count += until[i] > 0;
        assert_int_equal(revocations_has(r, id(i)), until[i] > 0);
    }
    assert_int_equal(revocations_count(r), count);
}

static void any_order_of_steps_leaves_what_a_plain_list_has(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        int64_t until[IDS] = {0}, now = 0;
        struct prng rand;
        struct revocations *r = revocations_new(IDS, seed);
        prng_seed(&rand, seed);
        for (int step = 0; step < STEPS; step++) {
            uint64_t i = (uint64_t)prng_between(&rand, 0, IDS - 1);
            int64_t when = now + prng_between(&rand, 1, TIMES);
            add(r, i, when);
            until[i] = when > until[i] ? when : until[i];
            if (prng_chance(&rand, 0.02)) {
                now += prng_between(&rand, 0, TIMES / 2);
                revocations_purge(r, AT(now));
                for (size_t k = 0; k < IDS; k++)
                    until[k] = until[k] <= now ? 0 : until[k];
                assert_same(r, until);
            }
        }
        assert_same(r, until);
        revocations_free(r);
    }
}

/* Those who send ids can choose them so that a hash of the id alone would put all at one place. */
static void ids_that_look_alike_do_not_slow_it_down(void **state)
{
    (void)state;
    enum { ALIKE = 200000 };
    char sid[SESSION_ID_SIZE];
    struct revocations *r = revocations_new(ALIKE, 12345);
    for (int i = 0; i < ALIKE; i++) {
        snprintf(sid, sizeof sid, "0000000000000000%016x", (unsigned)i << 8);
        assert_true(revocations_add(r, slice_of(sid), AT(1000)));
    }
    assert_int_equal(revocations_count(r), ALIKE);
    revocations_purge(r, AT(1000));
    assert_int_equal(revocations_count(r), 0);
    revocations_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_in_it_and_nothing_else),
        cmocka_unit_test(of_two_times_the_later_counts),
        cmocka_unit_test(what_is_over_is_purged_and_what_is_not_stays),
        cmocka_unit_test(what_is_no_session_id_is_refused),
        cmocka_unit_test(a_time_long_past_is_nothing_to_remember),
        cmocka_unit_test(a_full_set_stays_within_its_limit_and_keeps_the_newest),
        cmocka_unit_test(a_full_set_does_not_give_up_one_that_matters_longer),
        cmocka_unit_test(a_set_of_one_holds_one),
        cmocka_unit_test(any_order_of_steps_leaves_what_a_plain_list_has),
        cmocka_unit_test(ids_that_look_alike_do_not_slow_it_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
