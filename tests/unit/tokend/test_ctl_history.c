#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/prng.h"
#include "tokend/ctl/history.h"

static bool add(struct history *h, const char *id)
{
    json_t *event = json_pack("{s:s}", "id", id);
    bool added = history_add(h, event);
    json_decref(event);
    return added;
}

static const char *id_at(const struct history *h, size_t i)
{
    return json_string_value(json_object_get(history_at(h, i), "id"));
}

static void events_stand_in_the_order_of_their_ids(void **state)
{
    struct history *h = history_new(10);
    static const char *const ids[] = {"20-0", "3-10", "3-9", "100-0", "3-0"};
    static const char *const sorted[] = {"3-0", "3-9", "3-10", "20-0", "100-0"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_true(add(h, ids[i]));
    assert_int_equal(history_count(h), ARRAY_LEN(sorted));
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
        assert_string_equal(id_at(h, i), sorted[i]);
    history_free(h);
}

static void events_of_the_same_moment_stay_in_the_order_they_came(void **state)
{
    struct history *h = history_new(3);
    (void)state;
    for (int i = 0; i < 3; i++) {
        json_t *event = json_pack("{s:s,s:i}", "id", "5-0", "n", i);
        assert_true(history_add(h, event));
        json_decref(event);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(json_integer_value(json_object_get(history_at(h, (size_t)i), "n")), i);
    history_free(h);
}

static void a_full_history_keeps_the_latest(void **state)
{
    struct history *h = history_new(2);
    (void)state;
    assert_true(add(h, "5-0") && add(h, "7-0"));
    assert_false(add(h, "4-0"));
    assert_true(add(h, "6-0"));
    assert_string_equal(id_at(h, 0), "6-0");
    assert_string_equal(id_at(h, 1), "7-0");
    assert_true(add(h, "8-0"));
    assert_string_equal(id_at(h, 0), "7-0");
    assert_string_equal(id_at(h, 1), "8-0");
    assert_int_equal(history_count(h), 2);
    history_free(h);
}

static void what_has_no_id_is_no_event(void **state)
{
    struct history *h = history_new(2);
    json_t *none = json_object();
    (void)state;
    assert_false(history_add(h, none));
    assert_false(add(h, "") || add(h, "5") || add(h, "a-b") || add(h, "-1-0"));
    assert_false(history_add(h, NULL));
    assert_int_equal(history_count(h), 0);
    json_decref(none);
    history_free(h);
}

static void any_order_of_coming_gives_the_same_history(void **state)
{
    struct prng r;
    (void)state;
    prng_seed(&r, 1);
    for (int round = 0; round < 50; round++) {
        struct history *h = history_new(20);
        int64_t most = -1;
        for (int i = 0; i < 100; i++) {
            char id[48];
            int64_t ms = prng_between(&r, 0, 1000);
            snprintf(id, sizeof id, "%" PRId64 "-0", ms);
            most = ms > most ? ms : most;
            (void)add(h, id);
        }
        char latest[48];
        snprintf(latest, sizeof latest, "%" PRId64 "-0", most);
        assert_string_equal(id_at(h, 19), latest);
        history_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_stand_in_the_order_of_their_ids),
        cmocka_unit_test(events_of_the_same_moment_stay_in_the_order_they_came),
        cmocka_unit_test(a_full_history_keeps_the_latest),
        cmocka_unit_test(what_has_no_id_is_no_event),
        cmocka_unit_test(any_order_of_coming_gives_the_same_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
