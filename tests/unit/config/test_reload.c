#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "fixture.h"
#include "thing.h"

static struct config *start(const char *ini)
{
    fixture_write("thing.ini", ini);
    return fixture_config(&thing_program, ARGS("-c", "thing.ini"));
}

static struct config *reload(const struct config *old, const char *ini)
{
    fixture_write("thing.ini", ini);
    struct config_faults *faults = NULL;
    struct config *c = config_reload(old, &faults);
    assert_non_null(c);
    assert_null(faults);
    return c;
}

static void a_reload_gives_a_new_object_and_leaves_the_old_one(void **state)
{
    (void)state;
    struct config *old = start("thing_count = 1\n[part a]\n");
    struct config *new = reload(old, "thing_count = 2\n[part a]\nsecret = 12345\n[part b]\n");
    const struct thing_settings *before = config_values(old), *now = config_values(new);
    assert_int_equal(before->count, 1);
    assert_int_equal(before->n_parts, 1);
    assert_int_equal(now->count, 2);
    assert_int_equal(now->n_parts, 2);
    assert_true(slice_is(secret_reveal(&now->parts[0].secret), "12345"));
    assert_int_equal(config_needs_restart(new)->n, 0);
    config_free(old);
    assert_string_equal(now->parts[1].id, "b");
    config_free(new);
}

static void a_bad_reload_tells_all_faults_and_gives_nothing(void **state)
{
    (void)state;
    struct config *old = start("thing_count = 1\n");
    fixture_write("thing.ini", "thing_count = many\nnosuch = 1\n");
    struct config_faults *faults = NULL;
    assert_null(config_reload(old, &faults));
    assert_int_equal(config_faults_count(faults), 2);
    assert_string_equal(config_faults_line(faults, 0),
                        "thing.ini:1: thing_count = many: expected a whole number from -5 to 9");
    config_faults_free(faults);
    const struct thing_settings *s = config_values(old);
    assert_int_equal(s->count, 1);
    config_free(old);
}

static void a_reload_that_fails_the_whole_is_refused_too(void **state)
{
    (void)state;
    struct config *old = start("");
    fixture_write("thing.ini", "thing_count = 9\n");
    struct config_faults *faults = NULL;
    assert_null(config_reload(old, &faults));
    assert_int_equal(config_faults_count(faults), 1);
    config_faults_free(faults);
    config_free(old);
}

static void what_needs_a_restart_keeps_its_value_and_is_named_each_time(void **state)
{
    (void)state;
    struct config *first = start("thing_listen = :80\nthing_note = x\n");
    struct config *second = reload(first, "thing_listen = :81\nthing_loud = on\n");
    const struct thing_settings *s = config_values(second);
    assert_string_equal(s->listen, ":80");
    assert_string_equal(s->note, "x");
    assert_true(s->loud);
    const struct config_list *names = config_needs_restart(second);
    assert_int_equal(names->n, 2);
    assert_string_equal(names->items[0], "THING_NOTE");
    assert_string_equal(names->items[1], "THING_LISTEN");
    struct config *third = reload(second, "thing_listen = :81\nthing_note = x\n");
    assert_int_equal(config_needs_restart(third)->n, 1);
    struct config *fourth = reload(third, "thing_listen = :80\nthing_note = x\n");
    assert_int_equal(config_needs_restart(fourth)->n, 0);
    config_free(first);
    config_free(second);
    config_free(third);
    config_free(fourth);
}

static void a_fixed_secret_that_moved_into_a_file_is_no_change(void **state)
{
    (void)state;
    fixture_write("url", "thing://elsewhere\n");
    struct config *old = start("thing_url = thing://elsewhere\n");
    struct config *new = reload(old, "thing_url_file = url\n");
    assert_int_equal(config_needs_restart(new)->n, 0);
    config_free(old);
    config_free(new);
}

static void the_command_line_still_wins_after_a_reload(void **state)
{
    (void)state;
    fixture_write("thing.ini", "thing_name = ini\n");
    struct config *old =
        fixture_config(&thing_program, ARGS("-c", "thing.ini", "--set", "thing_name=given", "--set",
                                            "thing_key=k3y5"));
    struct config *new = reload(old, "thing_name = other\n");
    config_free(old);
    const struct thing_settings *s = config_values(new);
    assert_string_equal(s->name, "given");
    assert_true(slice_is(secret_reveal(&s->key), "k3y5"));
    config_free(new);
}

static void secret_files_and_env_local_are_read_again(void **state)
{
    (void)state;
    fixture_write("key", "key one\n");
    fixture_write(".env.local", "THING_COUNT=1\n");
    struct config *old = start("thing_key_file = key\n");
    fixture_write("key", "key two\n");
    fixture_write(".env.local", "THING_COUNT=2\n");
    struct config *new = reload(old, "thing_key_file = key\n");
    const struct thing_settings *s = config_values(new);
    assert_true(slice_is(secret_reveal(&s->key), "key two"));
    assert_int_equal(s->count, 2);
    config_free(old);
    config_free(new);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_enter, fixture_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_reload_gives_a_new_object_and_leaves_the_old_one),
        IN_FOLDER(a_bad_reload_tells_all_faults_and_gives_nothing),
        IN_FOLDER(a_reload_that_fails_the_whole_is_refused_too),
        IN_FOLDER(what_needs_a_restart_keeps_its_value_and_is_named_each_time),
        IN_FOLDER(a_fixed_secret_that_moved_into_a_file_is_no_change),
        IN_FOLDER(the_command_line_still_wins_after_a_reload),
        IN_FOLDER(secret_files_and_env_local_are_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
