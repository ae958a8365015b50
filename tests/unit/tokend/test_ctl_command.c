#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tokend/ctl/command.h"

static const struct ctl_settings nothing;

/* With up to two arguments; NULL ends them. */
static bool find(const char *name, const char *appid, const struct ctl_settings *options,
                 struct command *out, struct err *e)
{
    char *items[] = {(char *)name, (char *)appid};
    const struct config_list arguments = {items, name ? appid ? 2u : 1u : 0u};
    return command_find(&arguments, options, out, e);
}

static void assert_refused(const char *name, const char *appid, const struct ctl_settings *options,
                           const char *want)
{
    struct command c;
    struct err e;
    assert_false(find(name, appid, options, &c, &e));
    assert_string_equal(e.text, want);
}

static void assert_found(const char *name, const char *appid, ctl_command_fn *run)
{
    struct command c;
    struct err e;
    assert_true(find(name, appid, &nothing, &c, &e));
    assert_ptr_equal(c.run, run);
    assert_ptr_equal(c.appid, appid);
}

static void each_command_is_found_by_its_name(void **state)
{
    (void)state;
    assert_found("status", NULL, ctl_status);
    assert_found("get", "wx1", ctl_get);
    assert_found("refresh", "wx1", ctl_refresh);
    assert_found("report", "wx1", ctl_report);
    assert_found("events", NULL, ctl_events);
    assert_found("events", "wx1", ctl_events);
}

#define ALL "status | get APPID | refresh APPID | report APPID | events [APPID]"

static void no_command_and_an_unknown_one_are_refused(void **state)
{
    (void)state;
    assert_refused(NULL, NULL, &nothing, "expected a command: " ALL);
    assert_refused("stat", NULL, &nothing, "unknown command stat: expected " ALL);
}

static void an_appid_stands_where_it_is_needed_and_is_one(void **state)
{
    (void)state;
    assert_refused("get", NULL, &nothing, "get: expected an APPID behind it");
    assert_refused("report", NULL, &nothing, "report: expected an APPID behind it");
    assert_refused("status", "wx1", &nothing, "unexpected argument wx1: status takes none");
    assert_refused("get", "../x", &nothing, "../x: expected an APPID, 1 to 64 of A-Z a-z 0-9 _ -");
    assert_refused("events", "", &nothing, ": expected an APPID, 1 to 64 of A-Z a-z 0-9 _ -");
}

static void options_of_another_command_are_refused(void **state)
{
    const struct ctl_settings follow = {.follow = true}, limit = {.limit = 5};
    const struct ctl_settings version = {.version = 7}, errcode = {.errcode = 42001};
    struct command c;
    struct err e;
    (void)state;
    assert_refused("status", NULL, &follow, "--follow: status has no such option");
    assert_refused("get", "wx1", &limit, "--limit: get has no such option");
    assert_refused("refresh", "wx1", &version, "--version: refresh has no such option");
    assert_refused("events", NULL, &errcode, "--errcode: events has no such option");
    assert_true(find("report", "wx1", &version, &c, &e));
    assert_true(find("report", "wx1", &errcode, &c, &e));
    assert_true(find("events", NULL, &limit, &c, &e));
    assert_true(find("events", "wx1", &follow, &c, &e));
}

static void options_that_contradict_each_other_are_refused(void **state)
{
    const struct ctl_settings both = {.follow = true, .limit = 5};
    struct ctl_settings two = {.version = 7};
    (void)state;
    secret_set(&two.token, SLICE_LIT("T"));
    assert_refused("events", NULL, &both, "--limit: expected without --follow, which begins now");
    assert_refused("report", "wx1", &two, "--version, --token-file: expected one of them");
    secret_wipe(&two.token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_is_found_by_its_name),
        cmocka_unit_test(no_command_and_an_unknown_one_are_refused),
        cmocka_unit_test(an_appid_stands_where_it_is_needed_and_is_one),
        cmocka_unit_test(options_of_another_command_are_refused),
        cmocka_unit_test(options_that_contradict_each_other_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
