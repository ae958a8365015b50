#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/slots.h"

static int objects[1000];

static void an_object_is_found_by_its_id_until_it_is_removed(void **state)
{
    struct slots *s = slots_new();
    uint64_t id = slots_put(s, &objects[0]);
    (void)state;
    assert_true(id != 0);
    assert_ptr_equal(slots_get(s, id), &objects[0]);
    assert_int_equal(slots_count(s), 1);
    assert_ptr_equal(slots_remove(s, id), &objects[0]);
    assert_null(slots_get(s, id));
    assert_null(slots_remove(s, id));
    assert_int_equal(slots_count(s), 0);
    slots_free(s);
}

static void an_old_id_does_not_find_the_next_object_in_its_slot(void **state)
{
    struct slots *s = slots_new();
    (void)state;
    uint64_t before = slots_put(s, &objects[0]);
    slots_remove(s, before);
    uint64_t after = slots_put(s, &objects[1]);
    assert_int_equal((uint32_t)before, (uint32_t)after); /* the same slot */
    assert_null(slots_get(s, before));
    assert_null(slots_remove(s, before));
    assert_ptr_equal(slots_get(s, after), &objects[1]);
    slots_free(s);
}

static void any_number_may_be_asked(void **state)
{
    struct slots *s = slots_new();
    (void)state;
    assert_null(slots_get(s, 0));
    assert_null(slots_get(s, 1));
    uint64_t id = slots_put(s, &objects[0]);
    assert_null(slots_get(s, 0));
    assert_null(slots_get(s, id + 1));
    assert_null(slots_get(s, id + ((uint64_t)1 << 32)));
    assert_null(slots_get(s, UINT64_MAX));
    slots_free(s);
    slots_free(NULL);
}

/* The model: what each object's id is, 0 when it is not in. */
static void a_long_mixture_agrees_with_a_model(void **state)
{
    struct slots *s = slots_new();
    static uint64_t ids[1000], gone[1000];
    struct prng r;
    size_t count = 0;
    (void)state;
    prng_seed(&r, 1);
    for (int step = 0; step < 100000; step++) {
        int64_t i = prng_between(&r, 0, 999);
        if (ids[i]) {
            assert_ptr_equal(slots_remove(s, ids[i]), &objects[i]);
            gone[i] = ids[i];
            ids[i] = 0;
            count--;
        } else {
            ids[i] = slots_put(s, &objects[i]);
            count++;
        }
        int64_t k = prng_between(&r, 0, 999);
        assert_ptr_equal(slots_get(s, ids[k]), ids[k] ? &objects[k] : NULL);
        assert_null(slots_get(s, gone[k]));
        assert_int_equal(slots_count(s), count);
    }
    slots_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_found_by_its_id_until_it_is_removed),
        cmocka_unit_test(an_old_id_does_not_find_the_next_object_in_its_slot),
        cmocka_unit_test(any_number_may_be_asked),
        cmocka_unit_test(a_long_mixture_agrees_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
