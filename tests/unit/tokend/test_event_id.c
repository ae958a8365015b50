/* Ids of events over all apps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tokend/api/event_id.h"

static struct event_id id_of(const char *text)
{
    struct event_id id;
    assert_true(event_id_parse(slice_of(text), &id));
    return id;
}

static void what_was_formatted_is_parsed_to_the_same(void **state)
{
    static const char *const texts[] = {"1700000000000-0:wx0123456789abcdef",
                                        "0-0:", "999999999999999999-999999999999999999:gh_a.b-c"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char text[EVENT_ID_SIZE];
        struct event_id id = id_of(texts[i]);
        event_id_format(&id, text);
        assert_string_equal(text, texts[i]);
    }
}

static void what_is_no_id_is_refused(void **state)
{
    static const char *const texts[] = {
        "",      ":",        "wx1",       "1",         "1-2",     "-:wx1",
        "1:wx1", "1-:wx1",   "-1-0:wx1",  "1-0-0:wx1", "a-0:wx1", "1000000000000000000-0:wx1",
        "$:wx1", "1-0:wx 1", "1-0:wx1\n", "1-0:\x7f",  " 1-0:wx1"};
    struct event_id untouched = id_of("5-6:wx7"), id = untouched;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(event_id_parse(slice_of(texts[i]), &id));
    char longer[8 + TOKEN_APPID_MAX] = "1-0:";
    memset(longer + 4, 'x', TOKEN_APPID_MAX + 1);
    assert_false(event_id_parse(slice_of(longer), &id));
    assert_int_equal(event_id_compare(&id, &untouched), 0);
}

static void ids_are_ordered_by_entry_then_by_app(void **state)
{
    static const char *const rising[] = {"0-0:",    "1-0:",     "1-0:wx1", "1-0:wx2",
                                         "1-9:wx1", "1-10:wx1", "2-0:",    "10-0:wx1"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rising); i++) {
        for (size_t k = 0; k < ARRAY_LEN(rising); k++) {
            struct event_id a = id_of(rising[i]), b = id_of(rising[k]);
            int order = event_id_compare(&a, &b);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
}

static void a_moment_comes_before_all_its_events(void **state)
{
    struct event_id moment = event_id_of_moment(7), before = id_of("6-999999999999999999:z"),
                    first = id_of("7-0:!");
    (void)state;
    assert_true(event_id_compare(&before, &moment) < 0);
    assert_true(event_id_compare(&moment, &first) < 0);
}

static void without_its_app_an_id_is_no_earlier_and_names_nobody(void **state)
{
    static const char *const cases[][2] = {
        {"7-0:", "7-0:"}, {"7-0:wx1", "7-1:"}, {"7-8:wx1", "7-9:"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[EVENT_ID_SIZE];
        struct event_id id = id_of(cases[i][0]), bare = event_id_without_app(&id);
        event_id_format(&bare, text);
        assert_string_equal(text, cases[i][1]);
    }
}

/* What comes next in the app's stream is the first entry that is behind the id. */
static void assert_next(const char *after, const char *appid, const char *entry)
{
    struct event_id id = id_of(after);
    char text[STREAM_ID_SIZE];
    stream_id_format(event_id_next(&id, appid), text);
    assert_string_equal(text, entry);
}

static void the_next_entry_of_an_app_may_have_the_same_stream_id(void **state)
{
    (void)state;
    assert_next("5-3:wx2", "wx1", "5-4");
    assert_next("5-3:wx2", "wx2", "5-4");
    assert_next("5-3:wx2", "wx3", "5-3");
    assert_next("5-3:", "wx1", "5-3");
    assert_next("5-999999999999999999:wx1", "wx1", "5-1000000000000000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_formatted_is_parsed_to_the_same),
        cmocka_unit_test(what_is_no_id_is_refused),
        cmocka_unit_test(ids_are_ordered_by_entry_then_by_app),
        cmocka_unit_test(a_moment_comes_before_all_its_events),
        cmocka_unit_test(without_its_app_an_id_is_no_earlier_and_names_nobody),
        cmocka_unit_test(the_next_entry_of_an_app_may_have_the_same_stream_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
