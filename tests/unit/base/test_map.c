#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/prng.h"

/* The model: an array over the small world of keys "k0".."k199". */
enum { KEYS = 200, STEPS = 50000 };

static char values[KEYS * 3];

static struct slice key_of(int i)
{
    static char key[8];
    int n = snprintf(key, sizeof key, "k%d", i);
    return (struct slice){key, (size_t)n};
}

static int index_of(struct slice key)
{
    for (int i = 0; i < KEYS; i++) {
        if (slice_eq(key, key_of(i)))
            return i;
    }
    return -1;
}

static size_t model_count(void *const *model)
{
    size_t n = 0;
    for (int i = 0; i < KEYS; i++)
        n += model[i] != NULL;
    return n;
}

static void assert_walk_meets_each_entry_once(const struct map *m, void *const *model)
{
    bool met[KEYS] = {false};
    struct slice key;
    void *value;
    size_t at = 0, n = 0;
    while (map_next(m, &at, &key, &value)) {
        int i = index_of(key);
        assert_in_range(i, 0, KEYS - 1);
        assert_false(met[i]);
        met[i] = true;
        assert_ptr_equal(value, model[i]);
        n++;
    }
    assert_int_equal(n, model_count(model));
}

static void step(struct map *m, void **model, struct prng *r)
{
    int i = (int)prng_between(r, 0, KEYS - 1);
    void *before = model[i];
    switch (prng_between(r, 0, 4)) {
    case 0:
    case 1:
        model[i] = &values[prng_between(r, 0, (int64_t)sizeof values - 1)];
        assert_ptr_equal(map_put(m, key_of(i), model[i]), before);
        break;
    case 2:
    case 3:
        model[i] = NULL;
        assert_ptr_equal(map_remove(m, key_of(i)), before);
        break;
    case 4:
        assert_ptr_equal(map_get(m, key_of(i)), before);
        break;
    }
}

static void run_against_the_model(uint64_t seed)
{
    void *model[KEYS] = {NULL};
    struct map *m = map_new(seed);
    struct prng r;
    prng_seed(&r, seed);
    for (int i = 0; i < STEPS; i++) {
        step(m, model, &r);
        if (i % 1000 == 0)
            assert_walk_meets_each_entry_once(m, model);
    }
    assert_int_equal(map_count(m), model_count(model));
    for (int i = 0; i < KEYS; i++)
        assert_ptr_equal(map_get(m, key_of(i)), model[i]);
    map_free(m);
}

static void test_random_operations_agree_with_a_plain_array(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++)
        run_against_the_model(seed);
}

static void test_keys_are_copied_and_may_hold_any_byte(void **state)
{
    char key[] = {'a', '\0', 'b'};
    struct map *m = map_new(7);
    (void)state;
    assert_null(map_put(m, (struct slice){key, sizeof key}, &values[0]));
    key[2] = 'c';
    assert_null(map_get(m, (struct slice){key, sizeof key}));
    assert_ptr_equal(map_get(m, SLICE_LIT("a\0b")), &values[0]);
    assert_null(map_get(m, SLICE_LIT("a")));
    assert_null(map_put(m, slice_of(NULL), &values[1]));
    assert_ptr_equal(map_get(m, SLICE_LIT("")), &values[1]);
    map_free(m);
}

static void test_an_empty_map_has_nothing(void **state)
{
    struct map *m = map_new(0);
    struct slice key;
    void *value;
    size_t at = 0;
    (void)state;
    assert_null(map_get(m, SLICE_LIT("a")));
    assert_null(map_remove(m, SLICE_LIT("a")));
    assert_int_equal(map_count(m), 0);
    assert_false(map_next(m, &at, &key, &value));
    map_free(m);
    map_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations_agree_with_a_plain_array),
        cmocka_unit_test(test_keys_are_copied_and_may_hold_any_byte),
        cmocka_unit_test(test_an_empty_map_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
