/* Several processes and one page: what stands on it, whoever writes it. */
#include "town.h"

#include <stdio.h>
#include <string.h>

/* ---- what is added up ---- */

static void counters_and_histograms_are_added_up_whoever_is_asked(void **state)
{
    struct town *t = *state;
    for (int i = 0; i < WORKERS; i++) {
        add(t->worker[i], "/a", 10);
        counter_add(metrics_counter(t->worker[i], &table[BUSY], NULL), 500001);
        histogram_observe_us(metrics_histogram(t->worker[i], &table[TOOK], METRIC_LABELS("/a")),
                             i * 1000 + 500);
    }
    assert_all_write(t, "test_calls_total{path=\"/a\",outcome=\"done\"} 30");
    assert_all_write(t, "test_busy_seconds_total 1.500003");
    assert_all_write(t, "test_took_seconds_bucket{path=\"/a\",le=\"0.0005\"} 1");
    assert_all_write(t, "test_took_seconds_bucket{path=\"/a\",le=\"0.0025\"} 3");
    assert_all_write(t, "test_took_seconds_sum{path=\"/a\"} 0.004500");
    assert_all_write(t, "test_took_seconds_count{path=\"/a\"} 3");
}

static void a_series_that_only_one_made_is_on_every_page(void **state)
{
    struct town *t = *state;
    add(t->worker[2], "/only", 7);
    set_life(t->worker[1], "wx1", 5);
    assert_all_write(t, "test_calls_total{path=\"/only\",outcome=\"done\"} 7");
    assert_all_write(t, "test_life_seconds{appid=\"wx1\"} 5");
}

static void odd_label_values_meet_their_like(void **state)
{
    struct town *t = *state;
    static const char *const odd[] = {"a\"b\\c\nd", "微信", "\xff\xe5\xbe", "", "x\",outcome=\"y"};
    char long_one[1000];
    memset(long_one, '"', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    for (int i = 0; i < WORKERS; i++) {
        for (size_t j = 0; j < ARRAY_LEN(odd); j++)
            add(t->worker[i], odd[j], j + 1);
        add(t->worker[i], long_one, 100);
    }
    assert_all_write(t, "test_calls_total{path=\"a\\\"b\\\\c\\nd\",outcome=\"done\"} 3");
    assert_all_write(t, "test_calls_total{path=\"微信\",outcome=\"done\"} 6");
    assert_all_write(t, "test_calls_total{path=\"???\",outcome=\"done\"} 9");
    assert_all_write(t, "test_calls_total{path=\"\",outcome=\"done\"} 12");
    assert_all_write(t, "test_calls_total{path=\"x\\\",outcome=\\\"y\",outcome=\"done\"} 15");
    assert_true(page_has(t->worker[0], "\\\"\",outcome=\"done\"} 300\n"));
}

static void what_is_beyond_the_limit_is_in_other_also_together(void **state)
{
    struct town *t = *state;
    for (int i = 0; i < METRIC_MAX_SERIES; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d/%d", i % 2, i);
        add(t->worker[i % 2], path, 1);
    }
    add(t->worker[0], "/0/0", 1);
    add(t->worker[2], "/new", 5);
    add(t->worker[2], "/newer", 6);
    assert_all_write(t, "test_calls_total{path=\"/0/0\",outcome=\"done\"} 2");
    assert_all_write(t, "test_calls_total{path=\"other\",outcome=\"other\"} 11");
}

/* ---- gauges ---- */

static void each_gauge_has_its_rule(void **state)
{
    struct town *t = *state;
    static const double open[] = {3, 0, 4}, ready[] = {1, 0, 1}, age[] = {10, 2, 7},
                        life[] = {70, 80, 60};
    for (int i = 0; i < WORKERS; i++) {
        set(t->worker[i], OPEN, open[i]);
        set(t->worker[i], READY, ready[i]);
        set(t->worker[i], AGE, age[i]);
        set_life(t->worker[i], "wx1", life[i]);
    }
    assert_all_write(t, "test_open 7");
    assert_all_write(t, "test_ready 0");
    assert_all_write(t, "test_age_seconds 10");
    assert_all_write(t, "test_life_seconds{appid=\"wx1\"} 60");
    set(t->worker[1], READY, 1);
    assert_all_write(t, "test_ready 1");
}

static void one_that_is_silent_counts_for_the_past_only(void **state)
{
    struct town *t = *state;
    for (int i = 0; i < WORKERS; i++) {
        set(t->worker[i], OPEN, 10);
        set(t->worker[i], READY, i == 2 ? 0 : 1);
        counter_add(metrics_counter(t->worker[i], &table[LOGINS], NULL), 5);
        publish(t->worker[i], 0);
    }
    publish(t->worker[0], BOARD_SILENT_MS);
    publish(t->worker[1], BOARD_SILENT_MS);
    assert_all_write(t, "test_open 30");
    publish(t->worker[0], BOARD_SILENT_MS + 1);
    publish(t->worker[1], BOARD_SILENT_MS + 1);
    assert_true(page_has(t->worker[0], "\ntest_open 20\n"));
    assert_true(page_has(t->worker[0], "\ntest_ready 1\n"));
    assert_true(page_has(t->worker[0], "\ntest_logins_total 15\n"));
    publish(t->worker[2], BOARD_SILENT_MS + 1);
    assert_all_write(t, "test_open 30");
    assert_all_write(t, "test_ready 0");
}

static void who_was_not_heard_of_yet_shows_no_gauges_but_its_own(void **state)
{
    struct town *t = *state;
    set(t->worker[0], OPEN, 1);
    set(t->worker[1], OPEN, 2);
    metrics_free(t->worker[2]);
    t->worker[2] = work_silently(t->board, 2);
    set(t->worker[2], OPEN, 4);
    assert_true(page_has(t->worker[0], "\ntest_open 3\n"));
    assert_true(page_has(t->worker[2], "\ntest_open 7\n"));
    publish(t->worker[0], BOARD_SILENT_MS + 1);
    assert_true(page_has(t->worker[0], "\ntest_open 1\n"));
    assert_true(page_has(t->worker[2], "\ntest_open 5\n"));
    publish(t->worker[2], BOARD_SILENT_MS + 1);
    assert_true(page_has(t->worker[0], "\ntest_open 5\n"));
}

static void count_and_set(void *arg)
{
    struct metrics *m = arg;
    gauge_add(metrics_gauge(m, &table[OPEN], NULL), 1);
}

static void publishing_collects_for_those_who_are_asked(void **state)
{
    struct town *t = *state;
    metrics_on_collect(t->worker[1], count_and_set, t->worker[1]);
    assert_true(page_has(t->worker[0], "\ntest_open 0\n"));
    publish(t->worker[1], 0);
    assert_true(page_has(t->worker[0], "\ntest_open 1\n"));
}

/* ---- one after the other ---- */

static void who_comes_next_goes_on_counting_and_starts_its_gauges_anew(void **state)
{
    struct town *t = *state;
    add(t->worker[1], "/a", 40);
    set(t->worker[1], OPEN, 9);
    set_life(t->worker[1], "wx1", 3);
    histogram_observe_us(metrics_histogram(t->worker[1], &table[TOOK], METRIC_LABELS("/a")), 700);
    replace(t, 1);
    assert_all_write(t, "test_calls_total{path=\"/a\",outcome=\"done\"} 40");
    assert_all_write(t, "test_took_seconds_count{path=\"/a\"} 1");
    assert_all_write(t, "test_open 0");
    assert_none_writes(t, "wx1");
    add(t->worker[1], "/a", 2);
    histogram_observe_us(metrics_histogram(t->worker[1], &table[TOOK], METRIC_LABELS("/a")), 900);
    assert_all_write(t, "test_calls_total{path=\"/a\",outcome=\"done\"} 42");
    assert_all_write(t, "test_took_seconds_sum{path=\"/a\"} 0.001600");
}

static void a_counter_that_somebody_else_keeps_goes_on_from_where_it_was(void **state)
{
    struct town *t = *state;
    metrics_follow(t->worker[0], &table[LOGINS], NULL, 100);
    metrics_follow(t->worker[1], &table[LOGINS], NULL, 20);
    metrics_follow(t->worker[1], &table[LOGINS], NULL, 10);
    assert_all_write(t, "test_logins_total 120");
    replace(t, 0);
    metrics_follow(t->worker[0], &table[LOGINS], NULL, 0);
    assert_all_write(t, "test_logins_total 120");
    metrics_follow(t->worker[0], &table[LOGINS], NULL, 3);
    metrics_follow(t->worker[0], &table[LOGINS], NULL, 4);
    assert_all_write(t, "test_logins_total 124");
}

static void who_comes_next_knows_it(void **state)
{
    struct town *t = *state;
    assert_false(metrics_inherited(t->worker[1]));
    replace(t, 1);
    assert_true(metrics_inherited(t->worker[1]));
    struct metrics *alone = metrics_new();
    assert_false(metrics_inherited(alone));
    metrics_free(alone);
}

static void ends_and_starts_do_not_use_the_room_up(void **state)
{
    struct town *t = *state;
    for (int i = 0; i < 200; i++) {
        for (int app = 0; app < 8; app++) {
            char appid[16];
            snprintf(appid, sizeof appid, "wx%d", i * 8 + app + 1000000);
            set_life(t->worker[0], appid, app);
        }
        replace(t, 0);
    }
    assert_int_equal(metrics_refused(t->worker[0]), 0);
}

/* ---- forgetting ---- */

static void an_app_goes_when_all_have_forgotten_it(void **state)
{
    struct town *t = *state;
    for (int i = 0; i < WORKERS; i++) {
        set_life(t->worker[i], "wx1", 1 + i);
        set_life(t->worker[i], "wx12", 2);
    }
    metrics_forget(t->worker[0], "appid", "wx1");
    assert_all_write(t, "test_life_seconds{appid=\"wx1\"} 2");
    metrics_forget(t->worker[1], "appid", "wx1");
    metrics_forget(t->worker[2], "appid", "wx1");
    assert_none_writes(t, "\"wx1\"");
    assert_all_write(t, "test_life_seconds{appid=\"wx12\"} 2");
}

static void forgotten_room_is_used_again(void **state)
{
    struct town *t = *state;
    for (int i = 0; i < 1000; i++) {
        char appid[16];
        snprintf(appid, sizeof appid, "wx%d", i);
        set_life(t->worker[0], appid, i);
        if (i > 0) {
            snprintf(appid, sizeof appid, "wx%d", i - 1);
            metrics_forget(t->worker[0], "appid", appid);
        }
    }
    assert_all_write(t, "test_life_seconds{appid=\"wx999\"} 999");
    assert_none_writes(t, "wx998");
    assert_int_equal(metrics_refused(t->worker[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TOWN(counters_and_histograms_are_added_up_whoever_is_asked),
        IN_TOWN(a_series_that_only_one_made_is_on_every_page),
        IN_TOWN(odd_label_values_meet_their_like),
        IN_TOWN(what_is_beyond_the_limit_is_in_other_also_together),
        IN_TOWN(each_gauge_has_its_rule),
        IN_TOWN(one_that_is_silent_counts_for_the_past_only),
        IN_TOWN(who_was_not_heard_of_yet_shows_no_gauges_but_its_own),
        IN_TOWN(publishing_collects_for_those_who_are_asked),
        IN_TOWN(who_comes_next_goes_on_counting_and_starts_its_gauges_anew),
        IN_TOWN(a_counter_that_somebody_else_keeps_goes_on_from_where_it_was),
        IN_TOWN(who_comes_next_knows_it),
        IN_SMALL_TOWN(ends_and_starts_do_not_use_the_room_up),
        IN_TOWN(an_app_goes_when_all_have_forgotten_it),
        IN_SMALL_TOWN(forgotten_room_is_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
