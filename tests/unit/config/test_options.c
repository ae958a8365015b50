/* A command-line tool: settings that last beside options of one run. */
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

#define KNOCK_SETTINGS(X, S)                                                                       \
    X(S, STRING, url, KNOCK_URL, "door:1", CONFIG_ANY, 0, "whose door")                            \
    X(S, SECRET, key, KNOCK_KEY, NULL, CONFIG_RANGE(1, 64), CONFIG_NO_ARGUMENT, "its key")         \
    X(S, BOOL, loud, LOUD, "no", CONFIG_ANY, CONFIG_OPTION, "whether it is loud")                  \
    X(S, INT, version, VERSION, "0", CONFIG_RANGE(0, 99), CONFIG_OPTION, "of the door")            \
    X(S, SECRET, word, WORD, NULL, CONFIG_ANY, CONFIG_OPTION | CONFIG_NO_ARGUMENT, "the password")

struct knock_settings {
    KNOCK_SETTINGS(CONFIG_FIELD, )
};

static const struct config_item items[] = {KNOCK_SETTINGS(CONFIG_ITEM, struct knock_settings)};

static const struct config_program knock = {
    .name = "knock",
    .summary = "knocks at a door",
    .items = items,
    .n_items = ARRAY_LEN(items),
    .size = sizeof(struct knock_settings),
    .items_are_options = true,
    .arguments = "once | twice",
    .max_arguments = 1,
};

/* ---- options of one run ---- */

static void options_come_from_the_command_line(void **state)
{
    (void)state;
    fixture_write("word", "open up\n");
    struct config *c =
        fixture_config(&knock, ARGS("once", "--loud", "--version", "7", "--word-file", "word"));
    const struct knock_settings *s = config_values(c);
    assert_true(s->loud);
    assert_int_equal(s->version, 7);
    assert_true(slice_is(secret_reveal(&s->word), "open up"));
    config_free(c);
}

static void options_come_from_nowhere_else(void **state)
{
    (void)state;
    fixture_setenv("LOUD", "perhaps");
    fixture_setenv("WORD_FILE", "nosuch");
    fixture_write(".env.local", "VERSION=one\nKNOCK_URL=door:2\n");
    struct config *c = fixture_config(&knock, NO_ARGS);
    const struct knock_settings *s = config_values(c);
    assert_false(s->loud);
    assert_int_equal(s->version, 0);
    assert_string_equal(s->url, "door:2");
    config_free(c);
    fixture_write("knock.ini", "loud = yes\n");
    assert_refused(&knock, ARGS("-c", "knock.ini"),
                   "knock.ini:1: LOUD: expected it on the command line only");
}

static void an_option_of_a_command_stands_behind_it(void **state)
{
    (void)state;
    struct run r = fixture_run(&knock, ARGS("--version"));
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(r.out, "knock "));
    run_free(&r);
    r = fixture_run(&knock, ARGS("once", "--help"));
    assert_non_null(strstr(r.out, "usage: knock [options] once | twice\n"));
    run_free(&r);
    assert_refused(&knock, ARGS("once", "--version"), "--version: expected a value behind it");
    assert_refused(&knock, ARGS("--version=7", "once"), "--version: expected no value");
}

/* ---- secrets ---- */

static void a_secret_that_must_be_no_argument_is_refused_and_hidden(void **state)
{
    (void)state;
    const char *line = "KNOCK_KEY: expected a file that holds it, never the text itself on a "
                       "command line";
    char want[160];
    snprintf(want, sizeof want, "command line: %s", line);
    assert_refused(&knock, ARGS("--knock-key", "s3cret"), want);
    snprintf(want, sizeof want, "--set: %s", line);
    assert_refused(&knock, ARGS("--set", "knock_key=s3cret"), want);
    struct run r = fixture_run(&knock, ARGS("--knock-key", "s3cret"));
    assert_string_equal(r.argv[2], "xxxxxx");
    run_free(&r);
}

static void such_a_secret_comes_from_a_file_or_the_environment(void **state)
{
    (void)state;
    fixture_write("key", "s3cret\n");
    struct config *c = fixture_config(&knock, ARGS("--knock-key-file", "key"));
    const struct knock_settings *s = config_values(c);
    assert_true(slice_is(secret_reveal(&s->key), "s3cret"));
    config_free(c);
    fixture_setenv("KNOCK_KEY", "other");
    c = fixture_config(&knock, NO_ARGS);
    s = config_values(c);
    assert_true(slice_is(secret_reveal(&s->key), "other"));
    config_free(c);
}

/* ---- texts ---- */

static void help_names_options_as_they_are_given(void **state)
{
    (void)state;
    struct run r = fixture_run(&knock, ARGS("--help"));
    assert_non_null(strstr(r.out, "\n  --knock-url  ("));
    assert_non_null(strstr(r.out, "\n  --knock-key-file  ("));
    assert_non_null(strstr(r.out, "\n  --loud  ("));
    run_free(&r);
}

static void only_settings_are_printed(void **state)
{
    (void)state;
    struct run r = fixture_run(&knock, ARGS("--loud", "--print-config"));
    assert_non_null(strstr(r.out, "knock_url"));
    assert_null(strstr(r.out, "loud"));
    run_free(&r);
}

static void docs_give_a_stranger_a_chapter_of_its_own_without_options(void **state)
{
    (void)state;
    const struct config_program *const programs[] = {&thing_program, &thing_tool, &knock};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    config_write_docs(programs, ARRAY_LEN(programs), out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "\n## thing and thingtool\n"));
    char *chapter = strstr(text, "\n## knock\n");
    assert_non_null(chapter);
    assert_non_null(strstr(chapter, "| `KNOCK_URL` |"));
    assert_null(strstr(chapter, "LOUD"));
    assert_null(strstr(chapter, "THING_"));
    free(text);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_enter, fixture_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(options_come_from_the_command_line),
        IN_FOLDER(options_come_from_nowhere_else),
        IN_FOLDER(an_option_of_a_command_stands_behind_it),
        IN_FOLDER(a_secret_that_must_be_no_argument_is_refused_and_hidden),
        IN_FOLDER(such_a_secret_comes_from_a_file_or_the_environment),
        IN_FOLDER(help_names_options_as_they_are_given),
        IN_FOLDER(only_settings_are_printed),
        IN_FOLDER(docs_give_a_stranger_a_chapter_of_its_own_without_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
