#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "thing.h"

/* ---- helpers ---- */

static struct config *with(const char *setting)
{
    return fixture_config(&thing_program, ARGS("--set", setting));
}

static void assert_legal(const char *setting)
{
    config_free(with(setting));
}

/* expected: what stands behind "expected ". */
static void assert_illegal(const char *name, const char *value, const char *expected)
{
    char setting[256], line[512];
    snprintf(setting, sizeof setting, "%s=%s", name, value);
    snprintf(line, sizeof line, "--set: %s = %s: expected %s", name, value, expected);
    assert_refused(&thing_program, ARGS("--set", setting), line);
}

/* Checks `field` of the settings that `setting` gives. */
#define ASSERT_SETS(setting, condition)                                                            \
    do {                                                                                           \
        struct config *config = with(setting);                                                     \
        const struct thing_settings *s = config_values(config);                                    \
        assert_true(condition);                                                                    \
        config_free(config);                                                                       \
    } while (0)

/* ---- tests ---- */

static void without_any_source_the_defaults_hold(void **state)
{
    (void)state;
    struct config *c = fixture_config(&thing_program, NO_ARGS);
    const struct thing_settings *s = config_values(c);
    assert_string_equal(s->name, "thing");
    assert_null(s->note);
    assert_false(secret_is_set(&s->key));
    assert_true(slice_is(secret_reveal(&s->url), "thing://localhost/0"));
    assert_false(s->loud);
    assert_int_equal(s->count, 3);
    assert_int_equal(s->workers, 1);
    assert_int_equal(s->wait_ms, 2000);
    assert_int_equal(s->probe_ms, 600000);
    assert_int_equal(s->room, 65536);
    assert_int_equal(s->limit.count, 5);
    assert_int_equal(s->limit.per_ms, 60000);
    assert_string_equal(s->listen, "127.0.0.1:80");
    assert_int_equal(s->tags.n, 0);
    assert_int_equal(s->colour, THING_GREEN);
    assert_int_equal(s->rights, THING_READ);
    assert_int_equal(s->n_parts, 0);
    config_free(c);
}

static void a_text_has_its_bounds_in_bytes_and_no_control_bytes(void **state)
{
    (void)state;
    ASSERT_SETS("THING_NAME=a b;\"#", strcmp(s->name, "a b;\"#") == 0);
    assert_legal("THING_NAME=1234567890123456");
    assert_illegal("THING_NAME", "12345678901234567", "text of 2 to 16 bytes");
    assert_illegal("THING_NAME", "x", "text of 2 to 16 bytes");
    assert_refused(&thing_program, ARGS("--set", "THING_NAME=a\nb"),
                   "--set: THING_NAME = a?b: expected text of 2 to 16 bytes");
    ASSERT_SETS("THING_NOTE=", s->note == NULL);
}

static void a_secret_has_its_bounds_and_is_never_shown(void **state)
{
    (void)state;
    ASSERT_SETS("THING_KEY=1234", slice_is(secret_reveal(&s->key), "1234"));
    ASSERT_SETS("THING_KEY=", !secret_is_set(&s->key));
    assert_refused(&thing_program, ARGS("--set", "THING_KEY=abc"),
                   "--set: THING_KEY = (not shown): expected text of 4 to 64 bytes");
}

static void booleans_have_four_pairs_of_words(void **state)
{
    (void)state;
    ASSERT_SETS("THING_LOUD=true", s->loud);
    ASSERT_SETS("THING_LOUD=yes", s->loud);
    ASSERT_SETS("THING_LOUD=on", s->loud);
    ASSERT_SETS("THING_LOUD=1", s->loud);
    ASSERT_SETS("THING_LOUD=false", !s->loud);
    ASSERT_SETS("THING_LOUD=no", !s->loud);
    ASSERT_SETS("THING_LOUD=off", !s->loud);
    ASSERT_SETS("THING_LOUD=0", !s->loud);
    assert_illegal("THING_LOUD", "2", "true or false");
    assert_illegal("THING_LOUD", "TRUE", "true or false");
    assert_illegal("THING_LOUD", "", "true or false");
}

static void numbers_have_both_bounds_included(void **state)
{
    (void)state;
    ASSERT_SETS("THING_COUNT=-5", s->count == -5);
    ASSERT_SETS("THING_COUNT=4", s->count == 4);
    assert_illegal("THING_COUNT", "-6", "a whole number from -5 to 9");
    assert_illegal("THING_COUNT", "10", "a whole number from -5 to 9");
    assert_illegal("THING_COUNT", "3x", "a whole number from -5 to 9");
    assert_illegal("THING_COUNT", "1.0", "a whole number from -5 to 9");
    assert_illegal("THING_COUNT", " 3", "a whole number from -5 to 9");
    assert_illegal("THING_COUNT", "99999999999999999999", "a whole number from -5 to 9");
    assert_illegal("THING_COUNT", "", "a whole number from -5 to 9");
}

static void a_word_may_stand_for_zero(void **state)
{
    (void)state;
    ASSERT_SETS("THING_WORKERS=auto", s->workers == 0);
    ASSERT_SETS("THING_WORKERS=0", s->workers == 0);
    ASSERT_SETS("THING_WORKERS=8", s->workers == 8);
    assert_illegal("THING_WORKERS", "9", "a whole number from 1 to 8, or auto");
    assert_illegal("THING_WORKERS", "off", "a whole number from 1 to 8, or auto");
    ASSERT_SETS("THING_PROBE=off", s->probe_ms == 0);
    ASSERT_SETS("THING_PROBE=0", s->probe_ms == 0);
    ASSERT_SETS("THING_PROBE=100ms", s->probe_ms == 100);
    assert_illegal("THING_PROBE", "99ms",
                   "a duration from 100ms to 1d, or off, like 500ms 2s 5m 2h 30d");
}

static void durations_have_both_bounds_included(void **state)
{
    (void)state;
    ASSERT_SETS("THING_WAIT=500ms", s->wait_ms == 500);
    ASSERT_SETS("THING_WAIT=1h", s->wait_ms == 3600000);
    const char *expected = "a duration from 500ms to 1h, like 500ms 2s 5m 2h 30d";
    assert_illegal("THING_WAIT", "499ms", expected);
    assert_illegal("THING_WAIT", "3601s", expected);
    assert_illegal("THING_WAIT", "5", expected);
    assert_illegal("THING_WAIT", "-1s", expected);
}

static void sizes_have_both_bounds_included(void **state)
{
    (void)state;
    ASSERT_SETS("THING_ROOM=512", s->room == 512);
    ASSERT_SETS("THING_ROOM=1m", s->room == 1048576);
    assert_illegal("THING_ROOM", "511", "a size from 512 to 1m, like 512 64k 1m");
    assert_illegal("THING_ROOM", "1025k", "a size from 512 to 1m, like 512 64k 1m");
    assert_illegal("THING_ROOM", "1mb", "a size from 512 to 1m, like 512 64k 1m");
}

static void rates_are_a_count_per_duration(void **state)
{
    (void)state;
    ASSERT_SETS("THING_LIMIT=100/1h", s->limit.count == 100 && s->limit.per_ms == 3600000);
    ASSERT_SETS("THING_LIMIT=1/500ms", s->limit.count == 1 && s->limit.per_ms == 500);
    ASSERT_SETS("THING_LIMIT=off", s->limit.count == 0 && s->limit.per_ms == 0);
    const char *expected = "a rate, its count from 1 to 100, or off, like 5/1m";
    static const char *const bad[] = {"5", "5/", "/1m", "0/1m", "101/1m", "5/0", "5/1", "5/1m/2"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_illegal("THING_LIMIT", bad[i], expected);
}

static void addresses_are_a_host_and_a_port(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1:0", "[::1]:65535", ":8080", "localhost:80",
                                       "*:80"};
    static const char *const bad[] = {"127.0.0.1", "8080",     "::1:80",   "host:", "host:65536",
                                      "host:-1",   "host:80x", "host: 80", ""};
    char setting[64];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        snprintf(setting, sizeof setting, "THING_LISTEN=%s", good[i]);
        ASSERT_SETS(setting, strcmp(s->listen, good[i]) == 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_illegal("THING_LISTEN", bad[i],
                       "an address host:port, like 127.0.0.1:8081 [::1]:8081 :8081");
}

static void lists_are_cut_at_commas_and_trimmed(void **state)
{
    (void)state;
    ASSERT_SETS("THING_TAGS= a, b c ,,d,", s->tags.n == 3 && strcmp(s->tags.items[0], "a") == 0 &&
                                               strcmp(s->tags.items[1], "b c") == 0 &&
                                               strcmp(s->tags.items[2], "d") == 0);
    ASSERT_SETS("THING_TAGS=", s->tags.n == 0);
    assert_illegal("THING_TAGS", "a,b,c,d", "up to 3 texts, separated by commas");
}

static void a_choice_is_one_of_its_words(void **state)
{
    (void)state;
    ASSERT_SETS("THING_COLOUR=red", s->colour == THING_RED);
    ASSERT_SETS("THING_COLOUR=blue", s->colour == THING_BLUE);
    assert_illegal("THING_COLOUR", "Blue", "one of red, green, blue");
    assert_illegal("THING_COLOUR", "", "one of red, green, blue");
}

static void a_set_is_any_of_its_words(void **state)
{
    (void)state;
    ASSERT_SETS("THING_RIGHTS=admin read", s->rights == (THING_READ | THING_ADMIN));
    ASSERT_SETS("THING_RIGHTS=write,read", s->rights == (THING_READ | THING_WRITE));
    ASSERT_SETS("THING_RIGHTS= write ,\twrite ", s->rights == THING_WRITE);
    ASSERT_SETS("THING_RIGHTS=", s->rights == 0);
    assert_illegal("THING_RIGHTS", "read none", "any of read, write, admin");
}

static void a_long_value_is_cut_in_the_line_that_refuses_it(void **state)
{
    (void)state;
    char setting[512];
    snprintf(setting, sizeof setting, "THING_COUNT=%0300d", 1);
    struct run r = fixture_run(&thing_program, ARGS("--set", setting));
    assert_int_equal(r.exit_code, 2);
    assert_true(strlen(r.err) < 200);
    assert_non_null(strstr(r.err, "00...: expected a whole number"));
    run_free(&r);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_enter, fixture_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(without_any_source_the_defaults_hold),
        IN_FOLDER(a_text_has_its_bounds_in_bytes_and_no_control_bytes),
        IN_FOLDER(a_secret_has_its_bounds_and_is_never_shown),
        IN_FOLDER(booleans_have_four_pairs_of_words),
        IN_FOLDER(numbers_have_both_bounds_included),
        IN_FOLDER(a_word_may_stand_for_zero),
        IN_FOLDER(durations_have_both_bounds_included),
        IN_FOLDER(sizes_have_both_bounds_included),
        IN_FOLDER(rates_are_a_count_per_duration),
        IN_FOLDER(addresses_are_a_host_and_a_port),
        IN_FOLDER(lists_are_cut_at_commas_and_trimmed),
        IN_FOLDER(a_choice_is_one_of_its_words),
        IN_FOLDER(a_set_is_any_of_its_words),
        IN_FOLDER(a_long_value_is_cut_in_the_line_that_refuses_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
