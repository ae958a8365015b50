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

/* ---- helpers ---- */

static void assert_ends(const char *const *args, int exit_code, const char *out, const char *err)
{
    struct run r = fixture_run(&thing_program, args);
    assert_null(r.config);
    assert_int_equal(r.exit_code, exit_code);
    assert_string_equal(r.out, out);
    assert_string_equal(r.err, err);
    run_free(&r);
}

/* The line of --print-config for a setting; the caller frees. */
static char *printed(const char *const *args, const char *name)
{
    struct run r = fixture_run(&thing_program, args);
    assert_int_equal(r.exit_code, 0);
    assert_null(r.config);
    assert_string_equal(r.err, "");
    char *line = NULL;
    struct slice rest = slice_of(r.out);
    while (rest.p && !line) {
        struct slice l = slice_cut(&rest, '\n');
        if (slice_starts(l, name))
            line = slice_dup(l);
    }
    run_free(&r);
    assert_non_null(line);
    return line;
}

static void assert_printed(const char *const *args, const char *name, const char *value,
                           const char *where)
{
    char want[256], *line = printed(args, name);
    snprintf(want, sizeof want, "%-24s = %-32s # %s", name, value, where);
    assert_string_equal(line, want);
    free(line);
}

/* ---- actions ---- */

static void version_is_one_line(void **state)
{
    (void)state;
    char want[64];
    snprintf(want, sizeof want, "thing %s\n", config_version());
    assert_ends(ARGS("--version"), 0, want, "");
}

static void help_tells_every_setting_and_section(void **state)
{
    (void)state;
    struct run r = fixture_run(&thing_program, ARGS("--help", "--set", "thing_count=many"));
    assert_int_equal(r.exit_code, 0);
    assert_string_equal(r.err, "");
    for (size_t i = 0; i < thing_program.n_items; i++) {
        assert_non_null(strstr(r.out, thing_program.items[i].name));
        assert_non_null(strstr(r.out, thing_program.items[i].help));
    }
    assert_non_null(strstr(r.out, "THING_WAIT  (a duration from 500ms to 1h; default 2s)\n"));
    assert_non_null(strstr(r.out, "[part NAME]"));
    assert_non_null(strstr(r.out, "WAIT  (a duration from 500ms to 1h; as THING_WAIT)\n"));
    run_free(&r);
}

static void check_config_says_that_all_is_well_with_exit_code_0(void **state)
{
    (void)state;
    assert_ends(ARGS("--check-config"), 0, "thing: the settings are in order\n", "");
}

static void check_config_says_all_that_is_wrong_with_exit_code_1(void **state)
{
    (void)state;
    fixture_write("thing.ini", "thing_count = many\n[part a]\nweight = 0\n[zone b]\nnonsense\n");
    fixture_setenv("THING_LOUD", "perhaps");
    assert_ends(ARGS("-c", "thing.ini", "--check-config", "--set", "thing_room=1"), 1, "",
                "thing: thing.ini:1: thing_count = many: expected a whole number from -5 to 9\n"
                "thing: thing.ini:3: weight = 0: expected a whole number from 1 to 10\n"
                "thing: thing.ini:4: unknown section [zone]: expected [part NAME]\n"
                "thing: thing.ini:5: expected name = value\n"
                "thing: environment: THING_LOUD = perhaps: expected true or false\n"
                "thing: --set: thing_room = 1: expected a size from 512 to 1m, like 512 64k 1m\n");
}

static void a_start_says_the_first_fault_only_with_exit_code_2(void **state)
{
    (void)state;
    fixture_write("thing.ini", "thing_count = many\nthing_room = 1\n");
    assert_refused(&thing_program, ARGS("-c", "thing.ini"),
                   "thing.ini:1: thing_count = many: expected a whole number from -5 to 9");
    assert_refused(&thing_program, ARGS("-c", "thing.ini", "--print-config"),
                   "thing.ini:1: thing_count = many: expected a whole number from -5 to 9");
}

static void more_faults_than_anybody_reads_are_counted(void **state)
{
    (void)state;
    char ini[120 * 4 + 1] = "";
    struct text t = text_init(ini, sizeof ini);
    for (int i = 0; i < 120; i++)
        text_str(&t, "a=1\n");
    fixture_write("thing.ini", ini);
    struct run r = fixture_run(&thing_program, ARGS("-c", "thing.ini", "--check-config"));
    assert_int_equal(r.exit_code, 1);
    assert_non_null(strstr(r.err, "thing.ini:99: unknown"));
    assert_null(strstr(r.err, "thing.ini:100: unknown"));
    assert_non_null(strstr(r.err, "thing: and 21 more\n"));
    run_free(&r);
}

static void print_config_tells_values_and_where_they_come_from(void **state)
{
    (void)state;
    fixture_write("thing.ini", "thing_count = 2\n\n[part a]\nweight = 4\nsecret = verysecret\n");
    fixture_setenv("THING_WAIT", "1500ms");
    const char *args[] = {"-c", "thing.ini", "--print-config", "--set", "thing_loud=yes", NULL};
    assert_printed(args, "thing_name", "thing", "default");
    assert_printed(args, "thing_note", "", "not set");
    assert_printed(args, "thing_count", "2", "thing.ini:1");
    assert_printed(args, "thing_wait", "1500ms", "environment");
    assert_printed(args, "thing_loud", "yes", "--set");
    assert_printed(args, "weight", "4", "thing.ini:4");
    assert_printed(args, "wait", "1500ms", "environment");
    assert_printed(args, "secret", "******", "thing.ini:5");
    char *section = printed(args, "[part a]");
    assert_string_equal(section, "[part a] # thing.ini:3");
    free(section);
}

static void print_config_masks_what_may_be_secret(void **state)
{
    (void)state;
    fixture_write("key", "0123456789abcdef");
    const char *args[] = {"--print-config",
                          "--set",
                          "thing_url=thing://u:pass@host/1",
                          "--set",
                          "thing_pairs=a:pass,b:word",
                          NULL};
    assert_printed(args, "thing_url", "******", "--set");
    assert_printed(args, "thing_pairs", "******", "--set");
    assert_printed(args, "thing_key", "", "not set");
    assert_printed(ARGS("--print-config"), "thing_url", "thing://localhost/0", "default");
    assert_printed(ARGS("--print-config", "--set", "thing_key_file=key"), "thing_key", "******",
                   "--set");
}

/* ---- options ---- */

static void unknown_options_and_arguments_are_refused_in_one_line(void **state)
{
    (void)state;
    const char *tail = ": expected one that --help lists";
    char line[128];
    static const char *const options[] = {"--nosuch", "-x", "--thing-name", "-c5", "--helpme"};
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        snprintf(line, sizeof line, "unknown option %s%s", options[i], tail);
        assert_refused(&thing_program, ARGS(options[i]), line);
    }
    assert_refused(&thing_program, ARGS("--key=s3cret"),
                   "unknown option --key: expected one that --help lists");
    assert_refused(&thing_program, ARGS("start"),
                   "unexpected argument start: expected only options");
    assert_refused(&thing_program, ARGS("--", "--help"),
                   "unexpected argument --help: expected only options");
}

static void options_that_want_a_value_say_so(void **state)
{
    (void)state;
    assert_refused(&thing_program, ARGS("-c"), "-c: expected a value behind it");
    assert_refused(&thing_program, ARGS("--set"), "--set: expected a value behind it");
    assert_refused(&thing_program, ARGS("--set", "s3cret"), "--set: expected name=value");
    assert_refused(&thing_program, ARGS("--version=1"), "--version: expected no value");
}

static void both_forms_of_an_option_mean_the_same(void **state)
{
    (void)state;
    fixture_write("thing.ini", "thing_count = 2\n");
    const char *const forms[][3] = {
        {"-c", "thing.ini", NULL}, {"--config", "thing.ini", NULL}, {"--config=thing.ini", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct config *c = fixture_config(&thing_program, forms[i]);
        const struct thing_settings *s = config_values(c);
        assert_int_equal(s->count, 2);
        config_free(c);
    }
}

static void secrets_vanish_from_the_arguments(void **state)
{
    (void)state;
    struct run r = fixture_run(&thing_program,
                               ARGS("--set", "thing_key=s3cret", "--set=THING_URL=t://u:p@h/0",
                                    "--set", "thing_name=visible", "--set", "thing_pairs=a:b"));
    assert_non_null(r.config);
    assert_string_equal(r.argv[2], "thing_key=xxxxxx");
    assert_string_equal(r.argv[3], "--set=THING_URL=xxxxxxxxxxx");
    assert_string_equal(r.argv[5], "thing_name=visible");
    assert_string_equal(r.argv[7], "thing_pairs=xxx");
    run_free(&r);
    r = fixture_run(&thing_program, ARGS("--set", "thing_kye=s3cret"));
    assert_string_equal(r.argv[2], "thing_kye=xxxxxx");
    run_free(&r);
}

/* ---- a program whose settings are options ---- */

static void settings_are_options_where_the_program_says_so(void **state)
{
    (void)state;
    struct run r = fixture_run(&thing_tool, ARGS("--thing-wait", "3s", "--thing-key=s3cret",
                                                 "--thing-loud", "--thing-colour", "red",
                                                 "--thing-pairs", "a:x", "--thing-pairs=b:y,c:z"));
    assert_non_null(r.config);
    const struct thing_settings *s = config_values(r.config);
    assert_int_equal(s->wait_ms, 3000);
    assert_true(slice_is(secret_reveal(&s->key), "s3cret"));
    assert_true(s->loud);
    assert_int_equal(s->colour, THING_RED);
    assert_int_equal(s->pairs.n, 3);
    assert_string_equal(s->pairs.items[0], "a:x");
    assert_string_equal(s->pairs.items[2], "c:z");
    assert_string_equal(r.argv[3], "--thing-key=xxxxxx");
    assert_string_equal(r.argv[8], "xxx");
    run_free(&r);
}

static void a_setting_given_twice_is_the_last_unless_it_is_a_list(void **state)
{
    (void)state;
    struct config *c =
        fixture_config(&thing_tool, ARGS("--thing-count", "1", "--thing-count", "2", "--thing-tags",
                                         "a", "--set", "thing_tags=b"));
    const struct thing_settings *s = config_values(c);
    assert_int_equal(s->count, 2);
    assert_int_equal(s->tags.n, 2);
    config_free(c);
}

static void a_list_that_grows_beyond_its_most_is_refused_once(void **state)
{
    (void)state;
    assert_refused(&thing_tool,
                   ARGS("--thing-tags", "a,b,c", "--thing-tags", "d", "--thing-tags", "e"),
                   "command line: THING_TAGS = d: expected up to 3 texts, separated by commas");
}

static void a_boolean_option_may_be_given_a_value_by_equals_only(void **state)
{
    (void)state;
    struct config *c = fixture_config(&thing_tool, ARGS("--thing-loud=no", "get"));
    const struct thing_settings *s = config_values(c);
    assert_false(s->loud);
    assert_int_equal(config_arguments(c)->n, 1);
    config_free(c);
}

static void arguments_come_through_in_order_up_to_their_number(void **state)
{
    (void)state;
    struct config *c = fixture_config(&thing_tool, ARGS("get", "--thing-loud", "--", "--wx1"));
    const struct config_list *arguments = config_arguments(c);
    assert_int_equal(arguments->n, 2);
    assert_string_equal(arguments->items[0], "get");
    assert_string_equal(arguments->items[1], "--wx1");
    config_free(c);
    assert_refused(&thing_tool, ARGS("a", "b", "c"), "unexpected argument c: expected get THING");
}

static void a_bad_option_value_is_told_as_from_the_command_line(void **state)
{
    (void)state;
    assert_refused(&thing_tool, ARGS("--thing-count", "many"),
                   "command line: THING_COUNT = many: expected a whole number from -5 to 9");
    struct run r = fixture_run(&thing_tool, ARGS("--help"));
    assert_non_null(strstr(r.out, "usage: thingtool [options] get THING\n"));
    assert_non_null(strstr(r.out, "  --thing-wait  (a duration"));
    run_free(&r);
}

static void a_prefix_keeps_everyday_words_of_the_environment_away(void **state)
{
    (void)state;
    fixture_setenv("THING_COUNT", "many");
    fixture_setenv("TOOL_THING_COUNT", "1");
    fixture_setenv("TOOL_THING_KEY_FILE", "key");
    fixture_write("key", "s3cret");
    fixture_write(".env.local", "THING_NAME=no\nTOOL_THING_NAME=yes\nTOO=1\n");
    struct config *c = fixture_config(&thing_tool, NO_ARGS);
    const struct thing_settings *s = config_values(c);
    assert_int_equal(s->count, 1);
    assert_string_equal(s->name, "yes");
    assert_true(slice_is(secret_reveal(&s->key), "s3cret"));
    config_free(c);
    fixture_setenv("TOOL_THING_COUNT", "some");
    assert_refused(&thing_tool, NO_ARGS,
                   "environment: TOOL_THING_COUNT = some: expected a whole number from -5 to 9");
}

/* ---- generated texts ---- */

static char *generate(void (*write)(const struct config_program *const *, size_t, FILE *), size_t n)
{
    const struct config_program *const programs[] = {&thing_program, &thing_tool};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    write(programs, n, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void docs_have_a_row_for_each_setting(void **state)
{
    (void)state;
    char *text = generate(config_write_docs, 1);
    assert_non_null(strstr(text, "\n| `THING_WAIT` | `2s` | a duration from 500ms to 1h | yes | "
                                 "how long |\n"));
    assert_non_null(strstr(text, "\n| `THING_KEY` | - | text of 4 to 64 bytes, secret | yes | "));
    assert_non_null(strstr(text, "| a note \\| with a bar |\n"));
    assert_non_null(strstr(text, "\n### `[part NAME]`\n"));
    assert_non_null(strstr(text, "\n| `wait` | as `THING_WAIT` | "));
    free(text);
}

static void docs_have_what_all_programs_share_once(void **state)
{
    (void)state;
    char *text = generate(config_write_docs, 2);
    char *first = strstr(text, "| `THING_WAIT` |");
    assert_non_null(first);
    assert_null(strstr(first + 1, "| `THING_WAIT` |"));
    assert_non_null(strstr(text, "## thing and thingtool\n"));
    free(text);
}

static void the_example_is_an_env_file_that_sets_nothing(void **state)
{
    (void)state;
    char *text = generate(config_write_env_example, 1);
    assert_non_null(strstr(text, "\n# how long\n#THING_WAIT=2s\n"));
    assert_non_null(strstr(text, "\n#THING_KEY=\n"));
    for (struct slice rest = slice_of(text); rest.p;) {
        struct slice line = slice_cut(&rest, '\n');
        assert_true(line.n == 0 || line.p[0] == '#');
    }
    free(text);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_enter, fixture_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(version_is_one_line),
        IN_FOLDER(help_tells_every_setting_and_section),
        IN_FOLDER(check_config_says_that_all_is_well_with_exit_code_0),
        IN_FOLDER(check_config_says_all_that_is_wrong_with_exit_code_1),
        IN_FOLDER(a_start_says_the_first_fault_only_with_exit_code_2),
        IN_FOLDER(more_faults_than_anybody_reads_are_counted),
        IN_FOLDER(print_config_tells_values_and_where_they_come_from),
        IN_FOLDER(print_config_masks_what_may_be_secret),
        IN_FOLDER(unknown_options_and_arguments_are_refused_in_one_line),
        IN_FOLDER(options_that_want_a_value_say_so),
        IN_FOLDER(both_forms_of_an_option_mean_the_same),
        IN_FOLDER(secrets_vanish_from_the_arguments),
        IN_FOLDER(settings_are_options_where_the_program_says_so),
        IN_FOLDER(a_setting_given_twice_is_the_last_unless_it_is_a_list),
        IN_FOLDER(a_list_that_grows_beyond_its_most_is_refused_once),
        IN_FOLDER(a_boolean_option_may_be_given_a_value_by_equals_only),
        IN_FOLDER(arguments_come_through_in_order_up_to_their_number),
        IN_FOLDER(a_bad_option_value_is_told_as_from_the_command_line),
        IN_FOLDER(a_prefix_keeps_everyday_words_of_the_environment_away),
        IN_FOLDER(docs_have_a_row_for_each_setting),
        IN_FOLDER(docs_have_what_all_programs_share_once),
        IN_FOLDER(the_example_is_an_env_file_that_sets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
