#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tokend/ctl/sse.h"

/* ---- a reader that writes down what it reads ---- */

struct notes {
    struct text text; /* "type|data;" of each event, newlines of the data as / */
    char bytes[4096];
};

static void on_event(const struct sse_event *e, void *arg)
{
    struct notes *n = arg;
    text_add(&n->text, e->type);
    text_char(&n->text, '|');
    for (size_t i = 0; i < e->data.n; i++)
        text_char(&n->text, e->data.p[i] == '\n' ? '/' : e->data.p[i]);
    text_char(&n->text, ';');
}

static void feed(struct sse *s, struct notes *n, struct slice piece)
{
    assert_true(sse_feed(s, piece, on_event, n));
}

static void clear(struct notes *n)
{
    n->text = text_init(n->bytes, sizeof n->bytes);
}

/* Reads `stream`; the id in the end must be `id`. */
static void assert_read(struct slice stream, const char *want, const char *id)
{
    struct sse *s = sse_new();
    struct notes n;
    clear(&n);
    feed(s, &n, stream);
    assert_string_equal(n.bytes, want);
    assert_string_equal(sse_last_id(s), id);
    sse_free(s);
}
#define READ(stream, want, id) assert_read(SLICE_LIT(stream), want, id)

/* ---- what the standard says ---- */

static void an_event_has_type_data_and_id(void **state)
{
    (void)state;
    READ("id: 7\nevent: refreshed\ndata: {\"version\":8}\n\n", "refreshed|{\"version\":8};", "7");
    READ("data: x\n\n", "message|x;", "");
    READ("data:x\n\ndata:  y\n\n", "message|x;message| y;", "");
}

static void lines_of_data_are_joined(void **state)
{
    (void)state;
    READ("data: a\ndata\ndata: b\n\n", "message|a//b;", "");
    READ("data\n\n", "message|;", "");
    READ("data:\ndata:\n\n", "message|/;", "");
}

static void lines_end_in_any_way(void **state)
{
    (void)state;
    READ("data: a\r\rdata: b\r\n\r\ndata: c\n\ndata: d\n\r\n",
         "message|a;message|b;message|c;message|d;", "");
    READ("data: a\r\ndata: b\n\rdata: c\r\n\r\n", "message|a/b;message|c;", "");
}

static void comments_and_unknown_fields_are_nothing(void **state)
{
    (void)state;
    READ(": hello\n\n:\ndata: a\nnosuch: b\nDATA: c\n data: d\n\n", "message|a;", "");
}

static void an_event_without_data_is_none_but_its_id_counts(void **state)
{
    (void)state;
    READ("event: a\n\ndata: b\n\n", "message|b;", "");
    READ("id: 5\n\n", "", "5");
    READ("id: 5\ndata: a\n\nid\n\n", "message|a;", "");
}

static void an_id_lasts_until_the_next_and_counts_from_its_blank_line(void **state)
{
    (void)state;
    READ("id: 1\ndata: a\n\ndata: b\n\n", "message|a;message|b;", "1");
    READ("id: 1\ndata: a\n\nid: 2\ndata: b\n", "message|a;", "1");
}

static void an_id_that_no_header_can_carry_is_ignored(void **state)
{
    (void)state;
    READ("id: 1\n\nid: 2\0\n\nid: 3\x01\n\n", "", "1");
}

static void a_byte_order_mark_is_skipped_at_the_start_only(void **state)
{
    (void)state;
    READ("\xef\xbb\xbf"
         "data: a\n\n",
         "message|a;", "");
    READ("data: a\n\n\xef\xbb\xbf"
         "data: b\n\n",
         "message|a;", "");
}

static void the_wish_for_a_pause_is_a_number(void **state)
{
    struct sse *s = sse_new();
    struct notes n;
    (void)state;
    clear(&n);
    assert_int_equal(sse_retry_ms(s), 0);
    feed(s, &n, SLICE_LIT("retry: 1500\n"));
    assert_int_equal(sse_retry_ms(s), 1500);
    feed(s, &n, SLICE_LIT("retry: -1\nretry: soon\nretry: 99999999999999999999\nretry\n"));
    assert_int_equal(sse_retry_ms(s), 1500);
    sse_free(s);
}

/* ---- a stream ends ---- */

static void what_is_unfinished_goes_with_its_stream(void **state)
{
    struct sse *s = sse_new();
    struct notes n;
    (void)state;
    clear(&n);
    feed(s, &n, SLICE_LIT("id: 1\ndata: a\n\nid: 2\nevent: x\ndata: b\nda"));
    sse_reset(s);
    feed(s, &n,
         SLICE_LIT("\xef\xbb\xbf"
                   "data: c\n\n"));
    assert_string_equal(n.bytes, "message|a;message|c;");
    assert_string_equal(sse_last_id(s), "1");
    sse_free(s);
}

/* ---- limits ---- */

static bool can_read(const char *head, size_t n_filler)
{
    struct sse *s = sse_new();
    struct notes *n = calloc(1, sizeof *n);
    char *filler = malloc(n_filler);
    memset(filler, 'x', n_filler);
    clear(n);
    bool ok = sse_feed(s, slice_of(head), on_event, n) &&
              sse_feed(s, (struct slice){filler, n_filler}, on_event, n) &&
              sse_feed(s, SLICE_LIT("\n\n"), on_event, n);
    free(filler);
    free(n);
    sse_free(s);
    return ok;
}

static void what_is_too_long_ends_the_reading(void **state)
{
    (void)state;
    assert_true(can_read("data:", SSE_MAX - 5));
    assert_false(can_read("data:", SSE_MAX - 4));
    assert_true(can_read("data: a\ndata:", SSE_MAX - 5));
    assert_false(can_read("data: a\ndata: b\ndata: c\ndata:", SSE_MAX - 5));
    assert_false(can_read(":", SSE_MAX));
    assert_true(can_read("id:", SSE_ID_MAX));
    assert_false(can_read("id:", SSE_ID_MAX + 1));
    assert_true(can_read("event:", SSE_TYPE_MAX));
    assert_false(can_read("event:", SSE_TYPE_MAX + 1));
}

/* ---- pieces ---- */

static const char *const words[] = {
    "data: a", "data: {\"b\": 1}", "data",      "id: 1", "id: 22", "id", "event: e",
    ": c",     "retry: 7",         "nosuch: d", "",      "",       "",   "data:微信"};
static const char *const line_ends[] = {"\n", "\r", "\r\n"};

static void add_random_stream(struct text *t, struct prng *r)
{
    for (int64_t i = prng_between(r, 1, 30); i > 0; i--) {
        text_str(t, words[prng_between(r, 0, ARRAY_LEN(words) - 1)]);
        text_str(t, line_ends[prng_between(r, 0, ARRAY_LEN(line_ends) - 1)]);
    }
    ASSERT(!t->cut);
}

static void assert_same_when_cut_at(struct slice stream, size_t at, const char *want,
                                    const char *id)
{
    struct sse *s = sse_new();
    struct notes n;
    clear(&n);
    feed(s, &n, (struct slice){stream.p, at});
    feed(s, &n, (struct slice){stream.p + at, stream.n - at});
    assert_string_equal(n.bytes, want);
    assert_string_equal(sse_last_id(s), id);
    sse_free(s);
}

static void assert_same_byte_by_byte(struct slice stream, const char *want)
{
    struct sse *s = sse_new();
    struct notes n;
    clear(&n);
    for (size_t i = 0; i < stream.n; i++)
        feed(s, &n, (struct slice){stream.p + i, 1});
    assert_string_equal(n.bytes, want);
    sse_free(s);
}

static void a_stream_cut_anywhere_gives_the_same_events(void **state)
{
    char bytes[2048];
    struct prng r;
    (void)state;
    prng_seed(&r, 1);
    for (int round = 0; round < 40; round++) {
        struct text t = text_init(bytes, sizeof bytes);
        add_random_stream(&t, &r);
        struct slice stream = {t.p, t.n};
        struct sse *whole = sse_new();
        struct notes n;
        clear(&n);
        feed(whole, &n, stream);
        for (size_t at = 0; at <= stream.n; at++)
            assert_same_when_cut_at(stream, at, n.bytes, sse_last_id(whole));
        assert_same_byte_by_byte(stream, n.bytes);
        sse_free(whole);
    }
}

static void any_bytes_are_read_without_harm(void **state)
{
    char bytes[512];
    struct prng r;
    (void)state;
    prng_seed(&r, 2);
    for (int round = 0; round < 300; round++) {
        struct sse *s = sse_new();
        struct notes n;
        clear(&n);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = prng_chance(&r, 0.3) ? "\r\n: adeitv\0"[prng_between(&r, 0, 10)]
                                            : (char)prng_between(&r, -128, 127);
        (void)!sse_feed(s, (struct slice){bytes, sizeof bytes}, on_event, &n);
        assert_true(strlen(sse_last_id(s)) <= SSE_ID_MAX);
        sse_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_type_data_and_id),
        cmocka_unit_test(lines_of_data_are_joined),
        cmocka_unit_test(lines_end_in_any_way),
        cmocka_unit_test(comments_and_unknown_fields_are_nothing),
        cmocka_unit_test(an_event_without_data_is_none_but_its_id_counts),
        cmocka_unit_test(an_id_lasts_until_the_next_and_counts_from_its_blank_line),
        cmocka_unit_test(an_id_that_no_header_can_carry_is_ignored),
        cmocka_unit_test(a_byte_order_mark_is_skipped_at_the_start_only),
        cmocka_unit_test(the_wish_for_a_pause_is_a_number),
        cmocka_unit_test(what_is_unfinished_goes_with_its_stream),
        cmocka_unit_test(what_is_too_long_ends_the_reading),
        cmocka_unit_test(a_stream_cut_anywhere_gives_the_same_events),
        cmocka_unit_test(any_bytes_are_read_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
