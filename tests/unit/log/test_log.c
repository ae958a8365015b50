#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "log/log.h"

/* ---- catching stderr ---- */

static int real_stderr = -1;
static int caught = -1;

static int catch_stderr(void **state)
{
    (void)state;
    real_stderr = dup(STDERR_FILENO);
    caught = memfd_create("log", 0);
    assert_true(real_stderr >= 0 && caught >= 0);
    assert_true(dup2(caught, STDERR_FILENO) >= 0);
    return fcntl(STDERR_FILENO, F_SETFL, O_APPEND);
}

static int restore_stderr(void **state)
{
    (void)state;
    assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
    close(real_stderr);
    close(caught);
    return 0;
}

/* All that was written so far; the caller frees. */
static char *written(void)
{
    off_t n = lseek(caught, 0, SEEK_END);
    char *all = test_calloc((size_t)n + 1, 1);
    assert_int_equal(pread(caught, all, (size_t)n, 0), n);
    return all;
}

/* The one line that was written, as a JSON object; the caller decrefs. */
static json_t *written_object(void)
{
    char *all = written();
    size_t n = strlen(all);
    assert_true(n > 0 && all[n - 1] == '\n');
    assert_ptr_equal(strchr(all, '\n'), all + n - 1);
    json_error_t error;
    json_t *o = json_loads(all, JSON_REJECT_DUPLICATES, &error);
    if (!o)
        print_error("not JSON: %s\n%s", error.text, all);
    assert_non_null(o);
    test_free(all);
    return o;
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));
    assert_non_null(s);
    return s;
}

/* ---- tests ---- */

static void a_json_line_is_an_object_with_time_level_program_event_and_fields(void **state)
{
    (void)state;
    log_init("tokend", LOG_INFO, LOG_JSON);
    log_warn("refresh.failed", LOG_STR("appid", "wx1"), LOG_INT("version", -7),
             LOG_BOOL("leader", true), LOG_SLICE("part", ((struct slice){"abcdef", 3})));
    json_t *o = written_object();
    assert_string_equal(text_of(o, "level"), "warn");
    assert_string_equal(text_of(o, "program"), "tokend");
    assert_string_equal(text_of(o, "event"), "refresh.failed");
    assert_string_equal(text_of(o, "appid"), "wx1");
    assert_string_equal(text_of(o, "part"), "abc");
    assert_int_equal(json_integer_value(json_object_get(o, "version")), -7);
    assert_true(json_is_true(json_object_get(o, "leader")));
    assert_int_equal(json_integer_value(json_object_get(o, "pid")), getpid());
    json_decref(o);
}

static void the_time_is_rfc3339_utc_with_milliseconds(void **state)
{
    (void)state;
    log_init("tokend", LOG_INFO, LOG_JSON);
    log_info("time", LOG_INT("n", 1));
    json_t *o = written_object();
    const char *ts = text_of(o, "ts");
    int y, mo, d, h, mi, s, ms, end = 0;
    assert_int_equal(
        sscanf(ts, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &y, &mo, &d, &h, &mi, &s, &ms, &end), 7);
    assert_int_equal(end, (int)strlen(ts));
    assert_true(y >= 2024);
    json_decref(o);
}

static void a_text_line_shows_plain_values_bare_and_others_quoted(void **state)
{
    (void)state;
    log_init("loginsvc", LOG_INFO, LOG_TEXT);
    log_error("login.failed", LOG_STR("plain", "wx-1"), LOG_STR("blank", "a b"),
              LOG_STR("empty", ""), LOG_STR("null", NULL), LOG_STR("equals", "a=b"),
              LOG_INT("n", 3), LOG_BOOL("ok", false));
    char *all = written();
    assert_non_null(strstr(all, "Z ERROR loginsvc["));
    assert_non_null(strstr(all, " plain=wx-1 blank=\"a b\" empty=\"\" null=\"\" equals=\"a=b\" "
                                "n=3 ok=false\n"));
    test_free(all);
}

static void control_bytes_never_reach_the_line(void **state)
{
    (void)state;
    enum log_format forms[] = {LOG_TEXT, LOG_JSON};
    for (size_t i = 0; i < 2; i++) {
        log_init("tokend", LOG_INFO, forms[i]);
        for (int c = 1; c < 256; c++) {
            char value[] = {'<', (char)c, '>', '\0'};
            log_info("byte", LOG_STR("value", value));
        }
        log_info("c1", LOG_STR("value", "\xc2\x9b[31m \xe2\x80\xa8 \xe2\x80\xa9"));
    }
    char *all = written();
    int lines = 0;
    for (const char *p = all; *p; p++) {
        lines += *p == '\n';
        assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
    }
    assert_int_equal(lines, 2 * 256);
    test_free(all);
}

static void control_characters_survive_in_json_as_escapes(void **state)
{
    (void)state;
    log_init("tokend", LOG_INFO, LOG_JSON);
    const char *value = "a\tb\nc\x01 \"quoted\" \\ \xc2\x9b \xe2\x80\xa8 \x7f";
    log_info("escape", LOG_STR("value", value));
    json_t *o = written_object();
    assert_string_equal(text_of(o, "value"), value);
    json_decref(o);
}

static void a_nul_in_a_slice_is_escaped(void **state)
{
    (void)state;
    log_init("tokend", LOG_INFO, LOG_TEXT);
    log_info("nul", LOG_SLICE("value", ((struct slice){"a\0b", 3})));
    char *all = written();
    assert_non_null(strstr(all, "value=\"a\\u0000b\"\n"));
    test_free(all);
}

static void broken_utf8_is_shown_byte_by_byte_and_the_line_stays_json(void **state)
{
    (void)state;
    log_init("tokend", LOG_INFO, LOG_JSON);
    log_info("utf8", LOG_STR("good", "微信 🙂"), LOG_STR("lone", "a\xff\xfe"),
             LOG_STR("overlong", "\xc0\xaf"), LOG_STR("surrogate", "\xed\xa0\x80"),
             LOG_STR("short", "\xe5\xbe"));
    json_t *o = written_object();
    assert_string_equal(text_of(o, "good"), "微信 🙂");
    assert_string_equal(text_of(o, "lone"), "a\\xff\\xfe");
    assert_string_equal(text_of(o, "overlong"), "\\xc0\\xaf");
    assert_string_equal(text_of(o, "surrogate"), "\\xed\\xa0\\x80");
    assert_string_equal(text_of(o, "short"), "\\xe5\\xbe");
    json_decref(o);
}

static void a_long_text_is_cut_at_a_character_and_marked(void **state)
{
    (void)state;
    log_init("tokend", LOG_INFO, LOG_JSON);
    char text[1601] = "x";
    for (size_t i = 1; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "信", 3);
    log_info("long", LOG_STR("text", text), LOG_INT("after", 1));
    json_t *o = written_object();
    const char *got = text_of(o, "text");
    size_t kept = strlen(got) - strlen("…");
    assert_true(kept > 1000 && kept <= 1024);
    assert_memory_equal(got, text, kept);
    assert_string_equal(got + kept, "…");
    assert_int_equal(json_integer_value(json_object_get(o, "after")), 1);
    json_decref(o);
}

static void fields_beyond_the_line_are_left_out_whole_and_the_line_says_so(void **state)
{
    (void)state;
    log_init("tokend", LOG_INFO, LOG_JSON);
    char text[1025];
    memset(text, '\x01', sizeof text - 1); /* each byte takes six */
    text[sizeof text - 1] = '\0';
    log_info("flood", LOG_INT("first", 1), LOG_STR("huge", text), LOG_INT("last", 2));
    json_t *o = written_object();
    assert_int_equal(json_integer_value(json_object_get(o, "first")), 1);
    assert_null(json_object_get(o, "huge"));
    assert_true(json_is_true(json_object_get(o, "line_cut")));
    json_decref(o);
}

static void lines_below_the_level_are_not_written_and_cost_no_formatting(void **state)
{
    (void)state;
    log_init("tokend", LOG_WARN, LOG_JSON);
    int evaluated = 0;
    log_info("quiet", LOG_INT("n", ++evaluated));
    assert_int_equal(evaluated, 0);
    log_warn("loud", LOG_INT("n", ++evaluated));
    json_t *o = written_object();
    assert_string_equal(text_of(o, "event"), "loud");
    json_decref(o);
}

static void auto_means_json_where_stderr_is_no_terminal(void **state)
{
    (void)state;
    log_init("tokend", LOG_INFO, LOG_AUTO);
    log_info("auto", LOG_INT("n", 1));
    json_decref(written_object());
}

enum { THREADS = 4, LINES = 200 };

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_info("thread", LOG_INT("n", i), LOG_STR("pad", arg));
    return NULL;
}

static void lines_of_several_threads_never_mix(void **state)
{
    (void)state;
    log_init("tokend", LOG_INFO, LOG_JSON);
    static char pad[601];
    memset(pad, 'p', sizeof pad - 1);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, pad), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    char *all = written(), *rest = all;
    int lines = 0;
    for (char *end; (end = strchr(rest, '\n')) != NULL; rest = end + 1, lines++) {
        json_t *o = json_loadb(rest, (size_t)(end - rest), 0, NULL);
        assert_non_null(o);
        json_decref(o);
    }
    assert_int_equal(lines, THREADS * LINES);
    test_free(all);
}

static void a_limit_lets_a_burst_pass_and_then_tells_how_many_it_swallowed(void **state)
{
    (void)state;
    struct log_limit l = LOG_LIMIT_INIT(3600 * 1000, 2);
    int64_t swallowed = -1;
    assert_true(log_limit_pass(&l, &swallowed));
    assert_int_equal(swallowed, 0);
    assert_true(log_limit_pass(&l, &swallowed));
    assert_false(log_limit_pass(&l, &swallowed));
    assert_false(log_limit_pass(&l, &swallowed));
    l.window_start_ms -= l.period_ms; /* as if the period were over */
    assert_true(log_limit_pass(&l, &swallowed));
    assert_int_equal(swallowed, 2);
    assert_true(log_limit_pass(&l, &swallowed));
    assert_int_equal(swallowed, 0);
}

#define CAUGHT(test) cmocka_unit_test_setup_teardown(test, catch_stderr, restore_stderr)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAUGHT(a_json_line_is_an_object_with_time_level_program_event_and_fields),
        CAUGHT(the_time_is_rfc3339_utc_with_milliseconds),
        CAUGHT(a_text_line_shows_plain_values_bare_and_others_quoted),
        CAUGHT(control_bytes_never_reach_the_line),
        CAUGHT(control_characters_survive_in_json_as_escapes),
        CAUGHT(a_nul_in_a_slice_is_escaped),
        CAUGHT(broken_utf8_is_shown_byte_by_byte_and_the_line_stays_json),
        CAUGHT(a_long_text_is_cut_at_a_character_and_marked),
        CAUGHT(fields_beyond_the_line_are_left_out_whole_and_the_line_says_so),
        CAUGHT(lines_below_the_level_are_not_written_and_cost_no_formatting),
        CAUGHT(auto_means_json_where_stderr_is_no_terminal),
        CAUGHT(lines_of_several_threads_never_mix),
        cmocka_unit_test(a_limit_lets_a_burst_pass_and_then_tells_how_many_it_swallowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
