/* An app's state in a word, and its events as JSON. */
#include "desk.h"

#include <stdlib.h>
#include <string.h>

#include "tokend/api/view.h"

/* ---- states ---- */

static const char *word(bool leading, enum refresh_reason reason, enum err_class last_err)
{
    struct refresh_status s = {.leading = leading, .reason = reason, .last_err = last_err};
    return view_state(&s);
}

static void whoever_does_not_lead_follows_whatever_else(void **state)
{
    (void)state;
    for (int err = ERR_NONE; err <= ERR_BUG; err++)
        assert_string_equal(word(false, REFRESH_REASON_NO_TOKEN, (enum err_class)err), "following");
}

static void without_a_reason_to_refresh_it_is_fresh(void **state)
{
    (void)state;
    for (int err = ERR_NONE; err <= ERR_BUG; err++)
        assert_string_equal(word(true, REFRESH_REASON_NONE, (enum err_class)err), "fresh");
}

static void a_refresh_that_is_wanted_says_what_it_waits_for(void **state)
{
    (void)state;
    static const char *const words[] = {
        [ERR_NONE] = "refreshing",         [ERR_RETRY] = "refreshing", [ERR_BACKOFF] = "retrying",
        [ERR_UNKNOWN] = "retrying",        [ERR_TOKEN] = "retrying",   [ERR_USER] = "retrying",
        [ERR_QUOTA] = "waiting_for_quota", [ERR_OPERATOR] = "parked",  [ERR_BUG] = "parked",
    };
    for (size_t err = 0; err < ARRAY_LEN(words); err++)
        for (int r = REFRESH_REASON_NO_TOKEN; r <= REFRESH_REASON_DUE; r++)
            assert_string_equal(word(true, (enum refresh_reason)r, (enum err_class)err),
                                words[err]);
}

/* ---- events ---- */

struct listing {
    struct desk *desk;
    json_t *events;
    char *lines; /* of the first */
};

static void on_entries(const struct redis_result *r, void *arg)
{
    struct listing *l = arg;
    assert_int_equal(r->outcome, REDIS_REPLIED);
    l->events = view_events(r->value);
    if (redis_value_count(r->value) > 0)
        l->lines = view_event_lines(redis_value_at(r->value, 0), "wx1");
    loop_stop(l->desk->loop);
}

/* What XREVRANGE of that stream looks like. */
static struct listing list(struct desk *d, const char *key)
{
    struct listing l = {.desk = d};
    redis_command(d->client, REDIS_NOW, 5000,
                  REDIS_ARGV(SLICE_LIT("XREVRANGE"), slice_of(key), SLICE_LIT("+"), SLICE_LIT("-")),
                  on_entries, &l);
    while (!l.events)
        loop_run(d->loop);
    return l;
}

/* The caller drops it. */
static json_t *events_of(struct desk *d, const char *key)
{
    struct listing l = list(d, key);
    free(l.lines);
    return l.events;
}

/* The newest as a server-sent event; the caller frees it. */
static char *lines_of(struct desk *d, const char *key)
{
    struct listing l = list(d, key);
    json_decref(l.events);
    return l.lines;
}

static void assert_json(json_t *actual, const char *expected)
{
    char *text = json_dumps(actual, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
    json_decref(actual);
}

static void no_events_are_an_empty_list(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    assert_json(events_of(d, "nothing"), "[]");
    assert_json(view_events(NULL), "[]");
    desk_close(d);
}

static void events_come_newest_first_with_their_time_and_numbers_as_numbers(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    server_do(d->server, "XADD e 1700000000001-0 event refreshed version 7 by one");
    server_do(d->server, "XADD e 1700000000002-5 event refresh_failed class operator errcode -1");
    assert_json(events_of(d, "e"), "[{\"at\":1700000000002,\"class\":\"operator\",\"errcode\":-1,"
                                   "\"event\":\"refresh_failed\",\"id\":\"1700000000002-5\"},"
                                   "{\"at\":1700000000001,\"by\":\"one\",\"event\":\"refreshed\","
                                   "\"id\":\"1700000000001-0\",\"version\":7}]");
    desk_close(d);
}

/* The streams are in Redis, where anybody may add to them. */
static void what_is_no_json_text_does_not_break_the_list(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    server_do(d->server, "XADD e 1-1 event \xff\xfe by \"x\"");
    server_do(d->server, "XADD e 1-2 \xff\xfe x event fine");
    json_t *events = events_of(d, "e");
    assert_int_equal(json_array_size(events), 2);
    assert_json(json_incref(json_array_get(events, 0)),
                "{\"at\":1,\"event\":\"fine\",\"id\":\"1-2\"}");
    assert_json(json_incref(json_array_get(events, 1)),
                "{\"at\":1,\"by\":\"\\\"x\\\"\",\"id\":\"1-1\"}");
    json_decref(events);
    desk_close(d);
}

static void assert_lines(struct desk *d, const char *key, const char *expected)
{
    char *lines = lines_of(d, key);
    assert_string_equal(lines, expected);
    free(lines);
}

static void a_server_sent_event_is_the_same_object_with_its_app_in_one_line(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    server_do(d->server, "XADD e 1700000000001-2 event refreshed version 7 by a\nb");
    assert_lines(d, "e",
                 "event: refreshed\ndata: {\"id\":\"1700000000001-2\",\"at\":1700000000001,"
                 "\"event\":\"refreshed\",\"version\":7,\"by\":\"a\\nb\",\"appid\":\"wx1\"}\n\n");
    desk_close(d);
}

static void a_name_that_is_no_word_forges_no_line(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    server_do(d->server, "XADD e 1-1 event x\nid:9-9:wx9\n\ndata:forged");
    assert_lines(d, "e",
                 "data: {\"id\":\"1-1\",\"at\":1,\"event\":\"x\\nid:9-9:wx9\\n\\ndata:forged\","
                 "\"appid\":\"wx1\"}\n\n");
    desk_close(d);
}

static void an_event_longer_than_any_of_ours_is_cut_to_what_it_is_called(void **state)
{
    (void)state;
    struct desk *d = desk_open();
    char command[8192] = "XADD e 1-1 event reported note ";
    size_t n = strlen(command);
    memset(command + n, 'x', sizeof command - n - 1);
    server_do(d->server, command);
    assert_lines(d, "e",
                 "event: reported\ndata: {\"id\":\"1-1\",\"at\":1,\"event\":\"reported\","
                 "\"appid\":\"wx1\"}\n\n");
    desk_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_does_not_lead_follows_whatever_else),
        cmocka_unit_test(without_a_reason_to_refresh_it_is_fresh),
        cmocka_unit_test(a_refresh_that_is_wanted_says_what_it_waits_for),
        cmocka_unit_test(no_events_are_an_empty_list),
        cmocka_unit_test(events_come_newest_first_with_their_time_and_numbers_as_numbers),
        cmocka_unit_test(what_is_no_json_text_does_not_break_the_list),
        cmocka_unit_test(a_server_sent_event_is_the_same_object_with_its_app_in_one_line),
        cmocka_unit_test(a_name_that_is_no_word_forges_no_line),
        cmocka_unit_test(an_event_longer_than_any_of_ours_is_cut_to_what_it_is_called),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
