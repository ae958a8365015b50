/* What tokenctl prints: text of a peer, tables, JSON, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokend/ctl/event.h"
#include "tokend/ctl/json.h"
#include "tokend/ctl/plain.h"
#include "tokend/ctl/table.h"

/* ---- catching ---- */

struct sheet {
    char *text;
    size_t n;
    FILE *out;
};

static FILE *open_sheet(struct sheet *s)
{
    s->out = open_memstream(&s->text, &s->n);
    assert_non_null(s->out);
    return s->out;
}

static void assert_sheet(struct sheet *s, const char *want)
{
    assert_int_equal(fclose(s->out), 0);
    assert_string_equal(s->text, want);
    free(s->text);
}

static void assert_plain(struct slice text, const char *want)
{
    struct sheet s;
    plain_write(text, open_sheet(&s));
    assert_sheet(&s, want);
    assert_int_equal(plain_width(text), strlen(want));
}

/* ---- text ---- */

static void what_a_terminal_obeys_is_spelt_out(void **state)
{
    (void)state;
    assert_plain(SLICE_LIT("a\x1b[31mb\r\n\tc\x7f"), "a\\u001b[31mb\\u000d\\u000a\\u0009c\\u007f");
    assert_plain(SLICE_LIT("\xc2\x9b"
                           "31m"),
                 "\\u009b31m"); /* CSI in one character */
    assert_plain(SLICE_LIT("a\0b"), "a\\u0000b");
}

static void bytes_that_are_no_text_are_spelt_out(void **state)
{
    (void)state;
    assert_plain(SLICE_LIT("a\xff"
                           "b\xe4\xbf"),
                 "a\\xffb\\xe4\\xbf");
}

static void text_of_any_language_is_itself_and_chinese_is_wide(void **state)
{
    struct sheet s;
    (void)state;
    plain_write(SLICE_LIT("微信 é €"), open_sheet(&s));
    assert_sheet(&s, "微信 é €");
    assert_int_equal(plain_width(SLICE_LIT("微信")), 4);
    assert_int_equal(plain_width(SLICE_LIT("é €")), 3);
    assert_int_equal(plain_width(SLICE_LIT("。！")), 4);
}

/* ---- tables ---- */

static void columns_are_as_wide_as_their_widest_text(void **state)
{
    static const char *const headings[] = {"APP", "STATE", "LEADER"};
    static const char *const cells[] = {
        "wx0123456789abcdef", "waiting_for_quota", "a:1", "w", "fresh", "a:1"};
    struct table *t = table_new(headings, ARRAY_LEN(headings));
    struct sheet s;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cells); i++)
        table_add(t, slice_of(cells[i]));
    table_write(t, open_sheet(&s));
    assert_sheet(&s, "APP                 STATE              LEADER\n"
                     "wx0123456789abcdef  waiting_for_quota  a:1\n"
                     "w                   fresh              a:1\n");
    table_free(t);
}

static void columns_align_over_wide_and_hostile_texts(void **state)
{
    static const char *const headings[] = {"A", "B"};
    static const char *const cells[] = {"微信", "1", "\x1b[2J", "2", "\xff",
                                        "3",    "é", "4",       "",  "5"};
    struct table *t = table_new(headings, ARRAY_LEN(headings));
    struct sheet s;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cells); i++)
        table_add(t, slice_of(cells[i]));
    table_write(t, open_sheet(&s));
    assert_sheet(&s, "A          B\n"
                     "微信       1\n"
                     "\\u001b[2J  2\n"
                     "\\xff       3\n"
                     "é          4\n"
                     "-          5\n");
    table_free(t);
}

static void a_table_without_rows_has_its_headings(void **state)
{
    static const char *const headings[] = {"APP", "STATE"};
    struct table *t = table_new(headings, ARRAY_LEN(headings));
    struct sheet s;
    (void)state;
    table_write(t, open_sheet(&s));
    assert_sheet(&s, "APP  STATE\n");
    table_free(t);
}

static void a_table_grows_with_its_rows(void **state)
{
    static const char *const headings[] = {"N"};
    struct table *t = table_new(headings, 1);
    struct sheet s;
    (void)state;
    for (int i = 0; i < 10000; i++)
        table_add(t, SLICE_LIT("1"));
    table_write(t, open_sheet(&s));
    assert_int_equal(fclose(s.out), 0);
    assert_int_equal(s.n, 2 * 10001);
    free(s.text);
    table_free(t);
}

/* ---- JSON ---- */

static void json_is_one_line_that_means_the_same(void **state)
{
    json_t *value = json_pack("{s:s,s:I,s:[n]}", "b",
                              "\x1b\n\x7f"
                              "微\xc2\x9b\"",
                              "a", (json_int_t)1, "c");
    struct sheet s;
    (void)state;
    json_line(value, open_sheet(&s));
    fflush(s.out);
    json_t *again = json_loads(s.text, 0, NULL);
    assert_true(json_equal(value, again));
    assert_sheet(&s, "{\"b\":\"\\u001B\\n\\u007f微\\u009b\\\"\",\"a\":1,\"c\":[null]}\n");
    json_decref(again);
    json_decref(value);
}

/* ---- events ---- */

static void assert_event(const char *json, bool as_json, const char *want)
{
    json_t *event = json_loads(json, 0, NULL);
    struct sheet s;
    event_write(event, as_json, open_sheet(&s));
    assert_sheet(&s, want);
    json_decref(event);
}

static void an_event_is_a_line_in_columns(void **state)
{
    (void)state;
    assert_event("{\"id\":\"1709164800007-0\",\"at\":1709164800007,\"event\":\"refreshed\","
                 "\"version\":8,\"by\":\"host:1\",\"appid\":\"wx0123456789abcdef\"}",
                 false,
                 "2024-02-29T00:00:00.007Z  wx0123456789abcdef  refreshed       version=8 "
                 "by=host:1\n");
}

static void an_event_in_json_is_what_it_was(void **state)
{
    (void)state;
    assert_event("{\"id\": \"1-0\", \"event\": \"leader\"}", true,
                 "{\"id\":\"1-0\",\"event\":\"leader\"}\n");
}

static void an_event_that_lacks_everything_is_a_line_all_the_same(void **state)
{
    (void)state;
    assert_event("{}", false, "-  -                   -             \n");
}

static void an_event_cannot_draw_on_the_terminal(void **state)
{
    (void)state;
    assert_event("{\"at\":0,\"appid\":\"a\\u001b\",\"event\":\"e\\n\",\"b\\u001b\":\"c\\u0007\","
                 "\"d\":[\"\\u001b\"]}",
                 false,
                 "1970-01-01T00:00:00.000Z  a\\u001b             e\\u000a         "
                 "b\\u001b=c\\u0007 d=[\"\\u001B\"]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_terminal_obeys_is_spelt_out),
        cmocka_unit_test(bytes_that_are_no_text_are_spelt_out),
        cmocka_unit_test(text_of_any_language_is_itself_and_chinese_is_wide),
        cmocka_unit_test(columns_are_as_wide_as_their_widest_text),
        cmocka_unit_test(columns_align_over_wide_and_hostile_texts),
        cmocka_unit_test(a_table_without_rows_has_its_headings),
        cmocka_unit_test(a_table_grows_with_its_rows),
        cmocka_unit_test(json_is_one_line_that_means_the_same),
        cmocka_unit_test(an_event_is_a_line_in_columns),
        cmocka_unit_test(an_event_in_json_is_what_it_was),
        cmocka_unit_test(an_event_that_lacks_everything_is_a_line_all_the_same),
        cmocka_unit_test(an_event_cannot_draw_on_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
