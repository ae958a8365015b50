#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/metrics.h"
#include "sys/clock.h"

#define TEST_METRICS(X)                                                                            \
    X(COUNTER, LOGINS, "test_logins_total", "", "Logins")                                          \
    X(COUNTER, CALLS, "test_calls_total", "path,outcome", "Calls,\nwith a \\ and two lines")       \
    X(COUNTER, BUSY, "test_busy_seconds_total", "", "Time at work")                                \
    X(GAUGE, LIFE, "test_life_seconds", "appid", "Life of a token")                                \
    X(HISTOGRAM, TOOK, "test_took_seconds", "", "Time of a call")                                  \
    X(HISTOGRAM, TOOK_BY, "test_took_by_seconds", "path", "Time of a call by path")

enum { TEST_METRICS(METRIC_ID) };
static const struct metric_family table[] = {TEST_METRICS(METRIC_FAMILY)};

static int start(void **state)
{
    struct metrics *m = metrics_new();
    metrics_register(m, table, ARRAY_LEN(table));
    *state = m;
    return 0;
}

static int stop(void **state)
{
    metrics_free(*state);
    return 0;
}

/* The whole page holds these lines, one after the other. */
static void assert_written(struct metrics *m, const char *lines)
{
    size_t n = 0;
    char *text = metrics_text(m, &n);
    assert_int_equal(n, strlen(text));
    if (!strstr(text, lines))
        print_error("missing:\n%s\nin:\n%s", lines, text);
    assert_non_null(strstr(text, lines));
    free(text);
}

static void assert_not_written(struct metrics *m, const char *part)
{
    size_t n = 0;
    char *text = metrics_text(m, &n);
    assert_null(strstr(text, part));
    free(text);
}

static void a_family_without_labels_stands_there_from_the_start(void **state)
{
    assert_written(*state, "# HELP test_logins_total Logins\n"
                           "# TYPE test_logins_total counter\n"
                           "test_logins_total 0\n");
}

static void a_family_with_labels_is_silent_until_it_has_a_series(void **state)
{
    assert_not_written(*state, "test_calls_total");
}

static void a_counter_adds_up_and_help_is_escaped(void **state)
{
    struct metrics *m = *state;
    counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS("/a", "done")), 2);
    counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS("/b", "done")), 1);
    counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS("/a", "done")), 40);
    assert_written(m, "# HELP test_calls_total Calls,\\nwith a \\\\ and two lines\n"
                      "# TYPE test_calls_total counter\n"
                      "test_calls_total{path=\"/a\",outcome=\"done\"} 42\n"
                      "test_calls_total{path=\"/b\",outcome=\"done\"} 1\n");
}

static void a_handle_stays_the_same_while_series_are_added(void **state)
{
    struct metrics *m = *state;
    struct counter *first = metrics_counter(m, &table[CALLS], METRIC_LABELS("/first", "done"));
    for (int i = 0; i < 500; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", i);
        counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS(path, "done")), 1);
    }
    assert_ptr_equal(metrics_counter(m, &table[CALLS], METRIC_LABELS("/first", "done")), first);
}

static void a_seconds_counter_takes_microseconds(void **state)
{
    counter_add(metrics_counter(*state, &table[BUSY], NULL), 1500007);
    assert_written(*state, "# TYPE test_busy_seconds_total counter\n"
                           "test_busy_seconds_total 1.500007\n");
}

static void a_gauge_shows_whole_and_broken_numbers_as_they_are(void **state)
{
    struct metrics *m = *state;
    gauge_set(metrics_gauge(m, &table[LIFE], METRIC_LABELS("wx1")), 7200);
    gauge_set(metrics_gauge(m, &table[LIFE], METRIC_LABELS("wx2")), -0.25);
    gauge_set(metrics_gauge(m, &table[LIFE], METRIC_LABELS("wx3")), 1795000000123);
    gauge_add(metrics_gauge(m, &table[LIFE], METRIC_LABELS("wx1")), -100);
    assert_written(m, "# TYPE test_life_seconds gauge\n"
                      "test_life_seconds{appid=\"wx1\"} 7100\n"
                      "test_life_seconds{appid=\"wx2\"} -0.25\n"
                      "test_life_seconds{appid=\"wx3\"} 1795000000123\n");
}

static void label_values_are_escaped_and_always_utf8(void **state)
{
    struct metrics *m = *state;
    counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS("a\"b\\c\nd", "微信")), 1);
    counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS("\xff\xe5\xbe", "")), 1);
    assert_written(m, "{path=\"a\\\"b\\\\c\\nd\",outcome=\"微信\"} 1\n");
    assert_written(m, "{path=\"???\",outcome=\"\"} 1\n");
}

static void values_that_differ_only_in_where_a_label_ends_are_two_series(void **state)
{
    struct metrics *m = *state;
    counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS("a\",outcome=\"b", "c")), 1);
    assert_ptr_not_equal(metrics_counter(m, &table[CALLS], METRIC_LABELS("a", "b\",outcome=\"c")),
                         metrics_counter(m, &table[CALLS], METRIC_LABELS("a\",outcome=\"b", "c")));
}

static void a_long_label_value_is_cut(void **state)
{
    struct metrics *m = *state;
    char path[1000];
    memset(path, '"', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    struct counter *c = metrics_counter(m, &table[CALLS], METRIC_LABELS(path, path));
    path[METRIC_MAX_LABEL_VALUE] = '\0';
    assert_ptr_equal(metrics_counter(m, &table[CALLS], METRIC_LABELS(path, path)), c);
}

static void series_beyond_the_limit_are_counted_in_other(void **state)
{
    struct metrics *m = *state;
    for (int i = 0; i < METRIC_MAX_SERIES + 25; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", i);
        counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS(path, "done")), 1);
    }
    counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS("/0", "done")), 6);
    assert_written(m, "test_calls_total{path=\"/0\",outcome=\"done\"} 7\n");
    assert_written(m, "test_calls_total{path=\"other\",outcome=\"other\"} 25\n");
}

static void a_histogram_counts_up_to_each_bound_inclusively(void **state)
{
    struct metrics *m = *state;
    struct histogram *h = metrics_histogram(m, &table[TOOK], NULL);
    const int64_t us[] = {-5, 500, 501, 1000, 200000, 10000000, 10000001, 3600000000};
    for (size_t i = 0; i < ARRAY_LEN(us); i++)
        histogram_observe_us(h, us[i]);
    assert_written(m, "# TYPE test_took_seconds histogram\n"
                      "test_took_seconds_bucket{le=\"0.0005\"} 2\n"
                      "test_took_seconds_bucket{le=\"0.001\"} 4\n"
                      "test_took_seconds_bucket{le=\"0.0025\"} 4\n"
                      "test_took_seconds_bucket{le=\"0.005\"} 4\n"
                      "test_took_seconds_bucket{le=\"0.01\"} 4\n"
                      "test_took_seconds_bucket{le=\"0.025\"} 4\n"
                      "test_took_seconds_bucket{le=\"0.05\"} 4\n"
                      "test_took_seconds_bucket{le=\"0.1\"} 4\n"
                      "test_took_seconds_bucket{le=\"0.25\"} 5\n"
                      "test_took_seconds_bucket{le=\"0.5\"} 5\n"
                      "test_took_seconds_bucket{le=\"1\"} 5\n"
                      "test_took_seconds_bucket{le=\"2.5\"} 5\n"
                      "test_took_seconds_bucket{le=\"5\"} 5\n"
                      "test_took_seconds_bucket{le=\"10\"} 6\n"
                      "test_took_seconds_bucket{le=\"+Inf\"} 8\n"
                      "test_took_seconds_sum 3620.202002\n"
                      "test_took_seconds_count 8\n");
}

static void a_histogram_with_labels_has_le_behind_them(void **state)
{
    struct metrics *m = *state;
    histogram_observe_us(metrics_histogram(m, &table[TOOK_BY], METRIC_LABELS("/a")), 1);
    assert_written(m, "test_took_by_seconds_bucket{path=\"/a\",le=\"0.0005\"} 1\n");
    assert_written(m, "test_took_by_seconds_sum{path=\"/a\"} 0.000001\n"
                      "test_took_by_seconds_count{path=\"/a\"} 1\n");
}

static void a_forgotten_app_leaves_its_families_and_only_it(void **state)
{
    struct metrics *m = *state;
    gauge_set(metrics_gauge(m, &table[LIFE], METRIC_LABELS("wx1")), 1);
    gauge_set(metrics_gauge(m, &table[LIFE], METRIC_LABELS("wx12")), 2);
    counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS("wx1", "done")), 1);
    metrics_forget(m, "appid", "wx1");
    assert_not_written(m, "appid=\"wx1\"");
    assert_written(m, "test_life_seconds{appid=\"wx12\"} 2\n");
    assert_written(m, "test_calls_total{path=\"wx1\",outcome=\"done\"} 1\n");
}

static void count_and_set(void *arg)
{
    struct metrics *m = arg;
    gauge_add(metrics_gauge(m, &table[LIFE], METRIC_LABELS("wx9")), 1);
}

static void collectors_run_before_each_page(void **state)
{
    struct metrics *m = *state;
    metrics_on_collect(m, count_and_set, m);
    assert_written(m, "test_life_seconds{appid=\"wx9\"} 1\n");
    assert_written(m, "test_life_seconds{appid=\"wx9\"} 2\n");
}

static double value_of(struct metrics *m, const char *name)
{
    size_t n = 0;
    char *text = metrics_text(m, &n), *at = strstr(text, name);
    assert_non_null(at);
    double v = strtod(at + strlen(name), NULL);
    free(text);
    return v;
}

static void a_process_tells_of_itself(void **state)
{
    struct metrics *m = *state;
    metrics_add_process(m, "tokend", "1.2.3");
    assert_written(m, "house_build_info{program=\"tokend\",version=\"1.2.3\"} 1\n");
    double now = (double)clock_wall().ms / 1000;
    double started = value_of(m, "\nprocess_start_time_seconds ");
    assert_true(started > now - 600 && started <= now + 1);
    assert_true(value_of(m, "\nprocess_resident_memory_bytes ") > 100e3);
    double files = value_of(m, "\nprocess_open_fds ");
    FILE *one_more = fopen("/dev/null", "re");
    assert_non_null(one_more);
    assert_true(value_of(m, "\nprocess_open_fds ") == files + 1);
    fclose(one_more);
    double cpu = value_of(m, "\nprocess_cpu_seconds_total ");
    assert_true(value_of(m, "\nprocess_cpu_seconds_total ") >= cpu);
}

#define WITH_METRICS(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_METRICS(a_family_without_labels_stands_there_from_the_start),
        WITH_METRICS(a_family_with_labels_is_silent_until_it_has_a_series),
        WITH_METRICS(a_counter_adds_up_and_help_is_escaped),
        WITH_METRICS(a_handle_stays_the_same_while_series_are_added),
        WITH_METRICS(a_seconds_counter_takes_microseconds),
        WITH_METRICS(a_gauge_shows_whole_and_broken_numbers_as_they_are),
        WITH_METRICS(label_values_are_escaped_and_always_utf8),
        WITH_METRICS(values_that_differ_only_in_where_a_label_ends_are_two_series),
        WITH_METRICS(a_long_label_value_is_cut),
        WITH_METRICS(series_beyond_the_limit_are_counted_in_other),
        WITH_METRICS(a_histogram_counts_up_to_each_bound_inclusively),
        WITH_METRICS(a_histogram_with_labels_has_le_behind_them),
        WITH_METRICS(a_forgotten_app_leaves_its_families_and_only_it),
        WITH_METRICS(collectors_run_before_each_page),
        WITH_METRICS(a_process_tells_of_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
