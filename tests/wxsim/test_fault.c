/* Ordered faults come when and as often as ordered; what came of calls is counted; parameters are
 * read as WeChat reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wxsim/fault.h"
#include "wxsim/query.h"
#include "wxsim/tally.h"

static struct fault fault_of(enum fault_kind kind, const char *path, int64_t times)
{
    struct fault f = {.kind = kind, .times = times};
    assert_true(slice_copy(slice_of(path), f.path, sizeof f.path));
    return f;
}

static void add(struct fault_rules *rules, enum fault_kind kind, const char *path, int64_t times)
{
    struct fault f = fault_of(kind, path, times);
    assert_true(fault_rules_add(rules, &f));
}

static enum fault_kind take(struct fault_rules *rules, const char *path)
{
    return fault_rules_take(rules, slice_of(path)).kind;
}

static void the_oldest_fault_that_fits_catches_until_it_is_used_up(void **state)
{
    (void)state;
    struct fault_rules *rules = fault_rules_new();
    add(rules, FAULT_busy, "/a", 2);
    add(rules, FAULT_hang, "*", 1);
    add(rules, FAULT_reset, "/a/b", 1);
    assert_int_equal(take(rules, "/c"), FAULT_hang);
    assert_int_equal(take(rules, "/c"), FAULT_NONE);
    assert_int_equal(take(rules, "/a/b"), FAULT_busy);
    assert_int_equal(take(rules, "/a"), FAULT_busy);
    assert_int_equal(take(rules, "/a"), FAULT_NONE);
    assert_int_equal(take(rules, "/a/b/c"), FAULT_reset);
    assert_int_equal(fault_rules_count(rules), 0);
    fault_rules_free(rules);
}

static void a_fault_for_ever_lasts_until_cleared(void **state)
{
    (void)state;
    struct fault_rules *rules = fault_rules_new();
    add(rules, FAULT_empty, "/a", FAULT_FOREVER);
    for (int i = 0; i < 100; i++)
        assert_int_equal(take(rules, "/a"), FAULT_empty);
    fault_rules_clear(rules);
    assert_int_equal(take(rules, "/a"), FAULT_NONE);
    fault_rules_free(rules);
}

static void faults_are_bounded(void **state)
{
    (void)state;
    struct fault_rules *rules = fault_rules_new();
    struct fault one = fault_of(FAULT_busy, "/a", 1), none = fault_of(FAULT_busy, "/a", 0);
    assert_true(fault_rules_add(rules, &none));
    assert_int_equal(fault_rules_count(rules), 0);
    for (int i = 0; i < FAULTS_MAX; i++)
        assert_true(fault_rules_add(rules, &one));
    assert_false(fault_rules_add(rules, &one));
    fault_rules_free(rules);
}

static void each_kind_has_its_name(void **state)
{
    (void)state;
    for (int kind = FAULT_NONE + 1; kind < FAULT_KINDS_END; kind++)
        assert_int_equal(fault_kind_of(slice_of(fault_name((enum fault_kind)kind))), kind);
    assert_int_equal(fault_kind_of(SLICE_LIT("none")), FAULT_NONE);
    assert_int_equal(fault_kind_of(SLICE_LIT("")), FAULT_NONE);
}

static void outcomes_are_counted_apart_and_bounded(void **state)
{
    (void)state;
    struct tally *t = tally_new();
    struct outcome o = {FAULT_NONE, 200, 0};
    char name[OUTCOME_NAME_SIZE];
    uint64_t count, total = 0;
    size_t at = 0;
    tally_count(t, 3, &o);
    for (o.errcode = 1; o.errcode <= 1000; o.errcode++)
        tally_count(t, 3, &o);
    assert_true(tally_next(t, 3, &at, &o, &count));
    assert_string_equal(outcome_name(&o, name), "ok");
    for (total = count; tally_next(t, 3, &at, &o, &count);)
        total += count;
    assert_int_equal(at, TALLY_OUTCOMES);
    assert_int_equal(total, 1001);
    tally_clear(t);
    at = 0;
    assert_false(tally_next(t, 3, &at, &o, &count));
    tally_free(t);
}

static void outcomes_have_the_names_that_tests_ask_for(void **state)
{
    (void)state;
    char name[OUTCOME_NAME_SIZE];
    const struct outcome refused = {FAULT_NONE, 200, 40001}, length = {FAULT_NONE, 412, 0},
                         hung = {FAULT_hang, 0, 0};
    assert_string_equal(outcome_name(&refused, name), "40001");
    assert_string_equal(outcome_name(&length, name), "http412");
    assert_string_equal(outcome_name(&hung, name), "hang");
}

static void check_query(const char *query, const char *expected)
{
    char out[16];
    struct slice value = query_get(slice_of(query), "a", out, sizeof out);
    assert_true(slice_is(value, expected));
}

static void a_parameter_is_found_and_decoded(void **state)
{
    (void)state;
    check_query("a=1", "1");
    check_query("b=2&a=1&a=3", "1");
    check_query("aa=2&a=x%2Fy+z%e4", "x/y z\xe4");
    check_query("a=1=2", "1=2");
}

static void what_cannot_be_read_is_missing(void **state)
{
    (void)state;
    check_query("", "");
    check_query("b=2", "");
    check_query("a", "");
    check_query("a=%", "");
    check_query("a=%4", "");
    check_query("a=%zz", "");
    check_query("a=x%00y", "");
    check_query("a=0123456789abcdef", "");
    check_query("a=0123456789abcde", "0123456789abcde");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_fault_that_fits_catches_until_it_is_used_up),
        cmocka_unit_test(a_fault_for_ever_lasts_until_cleared),
        cmocka_unit_test(faults_are_bounded),
        cmocka_unit_test(each_kind_has_its_name),
        cmocka_unit_test(outcomes_are_counted_apart_and_bounded),
        cmocka_unit_test(outcomes_have_the_names_that_tests_ask_for),
        cmocka_unit_test(a_parameter_is_found_and_decoded),
        cmocka_unit_test(what_cannot_be_read_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
