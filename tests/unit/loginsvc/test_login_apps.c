/* The list of apps: found by id, replaced as a whole, kept for those who still use one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "loginsvc/login/apps.h"

/* The first n of wxa and wxb. */
static void fill(struct apps *all, size_t n)
{
    const struct app_entry both[] = {{SLICE_LIT("wxa"), SLICE_LIT("secret-a")},
                                     {SLICE_LIT("wxb"), SLICE_LIT("secret-b")}};
    assert_true(apps_replace(all, both, n, NULL));
}

static struct apps *apps_of(size_t n)
{
    struct apps *all = apps_new();
    fill(all, n);
    return all;
}

static void an_app_is_found_by_its_id(void **state)
{
    struct apps *all = apps_of(2);
    (void)state;
    assert_true(slice_is(app_secret(apps_find(all, SLICE_LIT("wxb"))), "secret-b"));
    assert_null(apps_find(all, SLICE_LIT("wx")));
    assert_null(apps_find(all, SLICE_LIT("")));
    assert_int_equal(apps_count(all), 2);
    assert_true(slice_is(app_id(apps_at(all, 0)), "wxa"));
    apps_free(all);
}

static void only_a_single_app_is_the_only_one(void **state)
{
    struct apps *all = apps_of(2);
    (void)state;
    assert_null(apps_only(all));
    fill(all, 1);
    assert_ptr_equal(apps_only(all), apps_find(all, SLICE_LIT("wxa")));
    fill(all, 0);
    assert_null(apps_only(all));
    apps_free(all);
}

static void an_app_in_use_outlives_its_removal(void **state)
{
    struct apps *all = apps_of(2);
    struct app *used = app_ref(apps_find(all, SLICE_LIT("wxb")));
    (void)state;
    fill(all, 1);
    assert_null(apps_find(all, SLICE_LIT("wxb")));
    assert_true(slice_is(app_secret(used), "secret-b"));
    app_unref(used);
    apps_free(all);
}

static void a_new_secret_is_for_logins_to_come(void **state)
{
    const struct app_entry renewed = {SLICE_LIT("wxa"), SLICE_LIT("secret-of-today")};
    struct apps *all = apps_of(2);
    struct app *used = app_ref(apps_find(all, SLICE_LIT("wxa")));
    (void)state;
    assert_true(apps_replace(all, &renewed, 1, NULL));
    assert_true(slice_is(app_secret(used), "secret-a"));
    assert_true(slice_is(app_secret(apps_find(all, SLICE_LIT("wxa"))), "secret-of-today"));
    assert_int_equal(apps_count(all), 1);
    app_unref(used);
    apps_free(all);
}

static void an_appid_too_long_for_a_user_is_refused_and_changes_nothing(void **state)
{
    struct apps *all = apps_of(1);
    struct app_entry bad = {SLICE_LIT("wx0123456789012345678901234567890123456789"),
                            SLICE_LIT("secret")};
    struct err e;
    (void)state;
    assert_false(apps_replace(all, &bad, 1, &e));
    assert_non_null(strstr(e.text, "wx0123456789012345678901234567890123456789"));
    assert_null(strstr(e.text, "secret"));
    assert_non_null(apps_find(all, SLICE_LIT("wxa")));
    apps_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_app_is_found_by_its_id),
        cmocka_unit_test(only_a_single_app_is_the_only_one),
        cmocka_unit_test(an_app_in_use_outlives_its_removal),
        cmocka_unit_test(a_new_secret_is_for_logins_to_come),
        cmocka_unit_test(an_appid_too_long_for_a_user_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
