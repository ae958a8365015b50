#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "thing.h"

static const char *const with_ini[] = {"-c", "thing.ini", NULL};

/* ---- helpers ---- */

static void assert_name(const char *const *args, const char *name)
{
    struct config *c = fixture_config(&thing_program, args);
    const struct thing_settings *s = config_values(c);
    assert_string_equal(s->name, name);
    config_free(c);
}

static void assert_key(const char *const *args, const char *key)
{
    struct config *c = fixture_config(&thing_program, args);
    const struct thing_settings *s = config_values(c);
    assert_true(slice_is(secret_reveal(&s->key), key));
    config_free(c);
}

static void assert_ini_refused(const char *ini, const char *line)
{
    fixture_write("thing.ini", ini);
    assert_refused(&thing_program, with_ini, line);
}

/* ---- precedence ---- */

static void each_source_wins_over_those_before_it(void **state)
{
    (void)state;
    assert_name(NO_ARGS, "thing");
    fixture_write("thing.ini", "thing_name = from ini\n");
    assert_name(with_ini, "from ini");
    fixture_write(".env.local", "THING_NAME='from env.local'\n");
    assert_name(with_ini, "from env.local");
    fixture_setenv("THING_NAME", "from environ");
    assert_name(with_ini, "from environ");
    assert_name(ARGS("-c", "thing.ini", "--set", "thing_name=from set"), "from set");
    assert_name(ARGS("--set", "THING_NAME=a one", "--set=Thing_Name=the last"), "the last");
}

static void an_empty_variable_is_not_set(void **state)
{
    (void)state;
    fixture_write("thing.ini", "thing_name = from ini\nthing_count = 2\n");
    fixture_write(".env.local", "THING_NAME=\nTHING_COUNT=''\n");
    fixture_setenv("THING_NAME", "");
    assert_name(with_ini, "from ini");
}

static void of_two_lines_in_env_local_the_last_wins(void **state)
{
    (void)state;
    fixture_write(".env.local", "THING_NAME=first\nexport THING_NAME=second\n");
    assert_name(NO_ARGS, "second");
}

static void names_of_other_programs_are_ignored_in_environment_and_env_local(void **state)
{
    (void)state;
    fixture_setenv("THING_NAM", "typo");
    fixture_setenv("thing_count", "many");
    fixture_write(".env.local", "THING_NAM=typo\nthing_count=many\nNEXT_PUBLIC_URL=\"never ends\n");
    assert_name(NO_ARGS, "thing");
}

static void a_bad_value_is_told_with_its_place(void **state)
{
    (void)state;
    fixture_write(".env.local", "# x\nTHING_COUNT=many\n");
    assert_refused(&thing_program, NO_ARGS,
                   ".env.local:2: THING_COUNT = many: expected a whole number from -5 to 9");
    fixture_write(".env.local", "THING_KEY='open\n");
    assert_refused(&thing_program, NO_ARGS, ".env.local:1: the quotes of a value do not end");
    fixture_write(".env.local", "");
    fixture_setenv("THING_COUNT", "some");
    assert_refused(&thing_program, NO_ARGS,
                   "environment: THING_COUNT = some: expected a whole number from -5 to 9");
}

static void a_bad_value_is_told_also_where_a_later_source_replaces_it(void **state)
{
    (void)state;
    fixture_write("thing.ini", "\n\nthing_count = many\n");
    assert_refused(&thing_program, ARGS("-c", "thing.ini", "--set", "thing_count=1"),
                   "thing.ini:3: thing_count = many: expected a whole number from -5 to 9");
}

/* ---- secrets from files ---- */

static void a_secret_may_stand_in_a_file_named_by_any_source(void **state)
{
    (void)state;
    fixture_write("key1", "from file 1\n");
    fixture_write("key2", "from file 2\r\n");
    fixture_write("key3", "line one\nline two");
    fixture_write("thing.ini", "thing_key_file = key1\n");
    assert_key(with_ini, "from file 1");
    fixture_setenv("THING_KEY_FILE", "key2");
    assert_key(with_ini, "from file 2");
    assert_key(ARGS("--set", "thing_key_file=key3"), "line one\nline two");
    assert_key(ARGS("--set", "thing_key=plain again"), "plain again");
}

static void a_file_that_is_replaced_by_a_later_source_is_not_read(void **state)
{
    (void)state;
    fixture_write("thing.ini", "thing_key_file = /nonexistent/key\n");
    assert_key(ARGS("-c", "thing.ini", "--set", "thing_key=from set"), "from set");
}

static void a_file_that_cannot_be_read_or_holds_no_legal_secret_is_told(void **state)
{
    (void)state;
    assert_refused(
        &thing_program, ARGS("--set", "thing_key_file=/nonexistent/key"),
        "--set: THING_KEY_FILE: cannot open /nonexistent/key: No such file or directory");
    fixture_write("short", "abc\n");
    assert_refused(&thing_program, ARGS("--set", "thing_key_file=short"),
                   "--set: THING_KEY_FILE = (not shown): expected text of 4 to 64 bytes");
    fixture_write_bytes("nul", "abc\0def", 7);
    assert_refused(&thing_program, ARGS("--set", "thing_key_file=nul"),
                   "--set: THING_KEY_FILE = (not shown): expected text of 4 to 64 bytes");
}

static void a_secret_and_its_file_in_one_source_are_refused(void **state)
{
    (void)state;
    assert_ini_refused("thing_key = 12345\nthing_key_file = key\n",
                       "thing.ini:2: THING_KEY and THING_KEY_FILE are both set: expected one of "
                       "this and thing.ini:1");
    fixture_setenv("THING_KEY", "12345");
    fixture_setenv("THING_KEY_FILE", "key");
    assert_refused(&thing_program, NO_ARGS,
                   "environment: THING_KEY and THING_KEY_FILE are both set: expected one of this "
                   "and environment");
}

static void only_secrets_may_stand_in_files(void **state)
{
    (void)state;
    assert_ini_refused("thing_name_file = name\n",
                       "thing.ini:1: unknown setting thing_name_file = name: "
                       "expected a name that --help lists");
}

/* ---- unknown names ---- */

static void an_unknown_name_is_refused_with_its_value(void **state)
{
    (void)state;
    assert_ini_refused("nosuch = 17\n", "thing.ini:1: unknown setting nosuch = 17: "
                                        "expected a name that --help lists");
    assert_refused(&thing_program, ARGS("--set", "nosuch=17"),
                   "--set: unknown setting nosuch = 17: expected a name that --help lists");
}

static void the_value_of_an_unknown_name_that_may_be_secret_is_not_shown(void **state)
{
    (void)state;
    static const char *const names[] = {"appsecret", "my_key",   "redis_password", "pw",
                                        "thing_kay", "thing_ul", "THING_PEARS",    "Access_Token"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char setting[64];
        snprintf(setting, sizeof setting, "%s=hidden", names[i]);
        struct run r = fixture_run(&thing_program, ARGS("--set", setting));
        assert_int_equal(r.exit_code, 2);
        assert_non_null(strstr(r.err, names[i]));
        assert_null(strstr(r.err, "hidden"));
        run_free(&r);
    }
}

static void a_misspelt_name_is_told_what_it_may_have_been(void **state)
{
    (void)state;
    assert_ini_refused(
        "thing_cuont = 1\n",
        "thing.ini:1: unknown setting thing_cuont = 1: expected perhaps thing_count");
    assert_refused(&thing_program, ARGS("--set", "THING_KEYS=s3cret"),
                   "--set: unknown setting THING_KEYS = (not shown): expected perhaps THING_KEY");
}

static void a_name_in_upper_case_is_unknown_in_the_ini_file(void **state)
{
    (void)state;
    assert_ini_refused(
        "THING_COUNT = 1\n",
        "thing.ini:1: unknown setting THING_COUNT = 1: expected perhaps thing_count");
}

/* ---- the INI file ---- */

static void a_name_twice_in_the_ini_file_is_refused(void **state)
{
    (void)state;
    assert_ini_refused("thing_count = 1\nthing_name = ab\nthing_count = 1\n",
                       "thing.ini:3: THING_COUNT is set twice: expected one of this and "
                       "thing.ini:1");
    assert_ini_refused("[part a]\nweight = 1\n[part b]\nweight = 1\nweight = 2\n",
                       "thing.ini:5: WEIGHT is set twice: expected one of this and thing.ini:4");
}

static void a_missing_ini_file_is_refused(void **state)
{
    (void)state;
    assert_refused(&thing_program, ARGS("-c", "gone.ini"),
                   "cannot open gone.ini: No such file or directory");
}

static void an_ini_file_without_bound_is_refused(void **state)
{
    (void)state;
    assert_refused(&thing_program, ARGS("-c", "/dev/zero"),
                   "/dev/zero is longer than 8388608 bytes");
}

static void a_secret_with_a_semicolon_is_never_cut(void **state)
{
    (void)state;
    fixture_write("thing.ini", "thing_key = ab;cd;ef\n");
    assert_key(with_ini, "ab;cd;ef");
    fixture_write("thing.ini", "thing_key = ab ;cd\n");
    struct run r = fixture_run(&thing_program, with_ini);
    assert_null(r.config);
    assert_non_null(strstr(r.err, "thing.ini:1: \" ;\" would begin a comment here"));
    assert_null(strstr(r.err, "cd"));
    run_free(&r);
}

static void an_indented_line_belongs_to_no_value(void **state)
{
    (void)state;
    fixture_write("thing.ini", "thing_key = 1234\n   thing_name = inner\n");
    assert_key(with_ini, "1234");
    assert_name(with_ini, "inner");
}

/* ---- sections ---- */

static void sections_become_structs_in_the_order_of_the_file(void **state)
{
    (void)state;
    fixture_write("key", "from a file\n");
    fixture_write(
        "thing.ini",
        "thing_wait = 7s\n[part wx1]\nsecret = 12345\n[part wx2]\n[part wx3]\nweight = 9\n"
        "wait = 1s\nsecret_file = key\n");
    struct config *c = fixture_config(&thing_program, with_ini);
    const struct thing_settings *s = config_values(c);
    assert_int_equal(s->n_parts, 3);
    assert_string_equal(s->parts[0].id, "wx1");
    assert_true(slice_is(secret_reveal(&s->parts[0].secret), "12345"));
    assert_int_equal(s->parts[0].weight, 1);
    assert_string_equal(s->parts[1].id, "wx2");
    assert_false(secret_is_set(&s->parts[1].secret));
    assert_int_equal(s->parts[2].weight, 9);
    assert_true(slice_is(secret_reveal(&s->parts[2].secret), "from a file"));
    config_free(c);
}

static void a_section_takes_from_the_program_what_it_does_not_say(void **state)
{
    (void)state;
    fixture_write("thing.ini", "[part a]\n[part b]\nwait = 1s\n");
    struct config *c =
        fixture_config(&thing_program, ARGS("-c", "thing.ini", "--set", "thing_wait=7s"));
    const struct thing_settings *s = config_values(c);
    assert_int_equal(s->parts[0].wait_ms, 7000);
    assert_int_equal(s->parts[1].wait_ms, 1000);
    assert_null(s->parts[0].gap);
    config_free(c);
}

static void sections_that_are_wrong_are_refused(void **state)
{
    (void)state;
    assert_ini_refused("[parts a]\n", "thing.ini:1: unknown section [parts]: expected [part NAME]");
    assert_ini_refused("[part]\n",
                       "thing.ini:1: [part ]: expected a name of 1 to 64 bytes without blanks");
    assert_ini_refused("[part a b]\n",
                       "thing.ini:1: [part a b]: expected a name of 1 to 64 bytes without blanks");
    assert_ini_refused("[part a]\n[part b]\n[part a]\nweight = 2\n",
                       "thing.ini:3: [part a] stands there twice: expected once");
    assert_ini_refused("[part a]\nthing_count = 2\n",
                       "thing.ini:2: unknown setting thing_count = 2: expected a name that --help "
                       "lists");
    assert_ini_refused("[part a]\nweight = 11\n",
                       "thing.ini:2: weight = 11: expected a whole number from 1 to 10");
}

static void settings_of_sections_are_only_in_the_ini_file(void **state)
{
    (void)state;
    fixture_write("thing.ini", "[part a]\n");
    fixture_setenv("WEIGHT", "7");
    fixture_write(".env.local", "WEIGHT=7\n");
    struct config *c = fixture_config(&thing_program, with_ini);
    const struct thing_settings *s = config_values(c);
    assert_int_equal(s->parts[0].weight, 1);
    config_free(c);
}

static void ten_thousand_sections_are_read_and_one_more_is_refused(void **state)
{
    (void)state;
    char *ini = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&ini, &n);
    for (int i = 0; i < 10000; i++)
        fprintf(out, "[part wx%016d]\nsecret = 0123456789abcdef0123456789abcdef\nweight = 3\n", i);
    fflush(out);
    fixture_write("thing.ini", ini);
    struct config *c = fixture_config(&thing_program, with_ini);
    const struct thing_settings *s = config_values(c);
    assert_int_equal(s->n_parts, 10000);
    assert_string_equal(s->parts[9999].id, "wx0000000000009999");
    config_free(c);
    fprintf(out, "[part more]\n");
    assert_int_equal(fclose(out), 0);
    assert_ini_refused(ini, "thing.ini:30001: [part more]: expected at most 10000 such sections");
    free(ini);
}

/* ---- the whole ---- */

static void what_is_wrong_between_settings_is_told_with_the_place_of_one(void **state)
{
    (void)state;
    fixture_write("thing.ini", "thing_count = 5\n");
    assert_refused(&thing_program, with_ini,
                   "thing.ini:1: THING_COUNT: 5: expected less than letters in THING_NAME");
    assert_refused(&thing_program, ARGS("--set", "thing_name=ab"),
                   "THING_COUNT: 3: expected less than letters in THING_NAME");
    fixture_write("thing.ini", "[part bad]\n");
    assert_refused(&thing_program, with_ini, "[part bad]: expected no bad part");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_enter, fixture_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(each_source_wins_over_those_before_it),
        IN_FOLDER(an_empty_variable_is_not_set),
        IN_FOLDER(of_two_lines_in_env_local_the_last_wins),
        IN_FOLDER(names_of_other_programs_are_ignored_in_environment_and_env_local),
        IN_FOLDER(a_bad_value_is_told_with_its_place),
        IN_FOLDER(a_bad_value_is_told_also_where_a_later_source_replaces_it),
        IN_FOLDER(a_secret_may_stand_in_a_file_named_by_any_source),
        IN_FOLDER(a_file_that_is_replaced_by_a_later_source_is_not_read),
        IN_FOLDER(a_file_that_cannot_be_read_or_holds_no_legal_secret_is_told),
        IN_FOLDER(a_secret_and_its_file_in_one_source_are_refused),
        IN_FOLDER(only_secrets_may_stand_in_files),
        IN_FOLDER(an_unknown_name_is_refused_with_its_value),
        IN_FOLDER(the_value_of_an_unknown_name_that_may_be_secret_is_not_shown),
        IN_FOLDER(a_misspelt_name_is_told_what_it_may_have_been),
        IN_FOLDER(a_name_in_upper_case_is_unknown_in_the_ini_file),
        IN_FOLDER(a_name_twice_in_the_ini_file_is_refused),
        IN_FOLDER(a_missing_ini_file_is_refused),
        IN_FOLDER(an_ini_file_without_bound_is_refused),
        IN_FOLDER(a_secret_with_a_semicolon_is_never_cut),
        IN_FOLDER(an_indented_line_belongs_to_no_value),
        IN_FOLDER(sections_become_structs_in_the_order_of_the_file),
        IN_FOLDER(a_section_takes_from_the_program_what_it_does_not_say),
        IN_FOLDER(sections_that_are_wrong_are_refused),
        IN_FOLDER(settings_of_sections_are_only_in_the_ini_file),
        IN_FOLDER(ten_thousand_sections_are_read_and_one_more_is_refused),
        IN_FOLDER(what_is_wrong_between_settings_is_told_with_the_place_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
