/* Several processes and one page: what stands on it, whoever writes it, and what is left of a
 * process that was killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/board.h"
#include "metrics/metrics.h"

#define TEST_METRICS(X)                                                                            \
    X(COUNTER, LOGINS, "test_logins_total", "", "Logins")                                          \
    X(COUNTER, CALLS, "test_calls_total", "path,outcome", "Calls")                                 \
    X(COUNTER, BUSY, "test_busy_seconds_total", "", "Time at work")                                \
    X(GAUGE, OPEN, "test_open", "", "Connections")                                                 \
    X(GAUGE_LOWEST, LIFE, "test_life_seconds", "appid", "Life of a token")                         \
    X(GAUGE_LOWEST, READY, "test_ready", "", "1 while ready")                                      \
    X(GAUGE_HIGHEST, AGE, "test_age_seconds", "", "Age of what is known")                          \
    X(HISTOGRAM, TOOK, "test_took_seconds", "path", "Time of a call")

enum { TEST_METRICS(METRIC_ID) };
static const struct metric_family table[] = {TEST_METRICS(METRIC_FAMILY)};

enum { WORKERS = 3, SMALL = 4096 };

struct town {
    struct board *board;
    struct metrics *worker[WORKERS];
};

static struct metrics *work(struct board *b, int slot)
{
    struct metrics *m = metrics_new_shared(board_slot(b, slot));
    metrics_register(m, table, ARRAY_LEN(table));
    return m;
}

static struct town *town_of(size_t slot_size)
{
    struct town *t = xcalloc(1, sizeof *t);
    t->board = board_new(WORKERS, slot_size);
    assert_non_null(t->board);
    for (int i = 0; i < WORKERS; i++)
        t->worker[i] = work(t->board, i);
    return t;
}

static int start(void **state)
{
    *state = town_of(BOARD_SLOT_SIZE);
    return 0;
}

static int start_small(void **state)
{
    *state = town_of(SMALL);
    return 0;
}

static int stop(void **state)
{
    struct town *t = *state;
    for (int i = 0; i < WORKERS; i++)
        metrics_free(t->worker[i]);
    board_free(t->board);
    free(t);
    return 0;
}

/* The process of a slot ends, however, and another takes its place. */
static void replace(struct town *t, int slot)
{
    metrics_free(t->worker[slot]);
    t->worker[slot] = work(t->board, slot);
}

static void add(struct metrics *m, const char *path, uint64_t n)
{
    counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS(path, "done")), n);
}

static void set(struct metrics *m, int family, double value)
{
    gauge_set(metrics_gauge(m, &table[family], NULL), value);
}

static void set_life(struct metrics *m, const char *appid, double value)
{
    gauge_set(metrics_gauge(m, &table[LIFE], METRIC_LABELS(appid)), value);
}

static bool page_has(struct metrics *m, const char *part)
{
    size_t n;
    char *text = metrics_text(m, &n);
    bool has = strstr(text, part) != NULL;
    free(text);
    return has;
}

/* Whoever writes the page, it holds this line. */
static void assert_all_write(const struct town *t, const char *line)
{
    char whole[512];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    for (int i = 0; i < WORKERS; i++) {
        if (!page_has(t->worker[i], whole))
            fail_msg("worker %d does not write: %s", i, line);
    }
}

static void assert_none_writes(const struct town *t, const char *part)
{
    for (int i = 0; i < WORKERS; i++)
        assert_false(page_has(t->worker[i], part));
}

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

static void publish(const struct town *t, int worker, int64_t ms)
{
    metrics_publish(t->worker[worker], (mono_ms_t){1000000 + ms});
}

static void one_that_is_silent_counts_for_the_past_only(void **state)
{
    struct town *t = *state;
    for (int i = 0; i < WORKERS; i++) {
        set(t->worker[i], OPEN, 10);
        set(t->worker[i], READY, i == 2 ? 0 : 1);
        counter_add(metrics_counter(t->worker[i], &table[LOGINS], NULL), 5);
        publish(t, i, 0);
    }
    publish(t, 0, BOARD_SILENT_MS);
    publish(t, 1, BOARD_SILENT_MS);
    assert_all_write(t, "test_open 30");
    publish(t, 0, BOARD_SILENT_MS + 1);
    publish(t, 1, BOARD_SILENT_MS + 1);
    assert_true(page_has(t->worker[0], "\ntest_open 20\n"));
    assert_true(page_has(t->worker[0], "\ntest_ready 1\n"));
    assert_true(page_has(t->worker[0], "\ntest_logins_total 15\n"));
    publish(t, 2, BOARD_SILENT_MS + 1);
    assert_all_write(t, "test_open 30");
    assert_all_write(t, "test_ready 0");
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
    publish(t, 1, 0);
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

/* ---- limits ---- */

static void what_does_not_fit_is_told_and_harms_nobody(void **state)
{
    struct town *t = *state;
    add(t->worker[0], "/first", 1);
    assert_int_equal(metrics_refused(t->worker[0]), 0);
    for (int i = 0; i < 100; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", i);
        add(t->worker[0], path, 1);
        add(t->worker[0], path, 1);
    }
    uint64_t refused = metrics_refused(t->worker[0]);
    assert_in_range(refused, 1, 99); /* each once, though asked for twice */
    add(t->worker[0], "/first", 1);
    add(t->worker[1], "/99", 5);
    assert_all_write(t, "test_calls_total{path=\"/first\",outcome=\"done\"} 2");
    assert_all_write(t, "test_calls_total{path=\"/0\",outcome=\"done\"} 2");
    assert_all_write(t, "test_calls_total{path=\"/99\",outcome=\"done\"} 5");
    metrics_forget(t->worker[0], "path", "/0");
    add(t->worker[0], "/late", 3);
    assert_all_write(t, "test_calls_total{path=\"/late\",outcome=\"done\"} 3");
    metrics_forget(t->worker[0], "path", "/99");
    assert_all_write(t, "test_calls_total{path=\"/99\",outcome=\"done\"} 5");
}

static void a_board_that_the_system_refuses_is_none(void **state)
{
    (void)state;
    assert_null(board_new(2, (size_t)1 << 62));
}

/* ---- changed while it is read ---- */

enum { LETTERS = 20, NAME = METRIC_MAX_LABEL_VALUE };

/* A series named by one letter alone, which is its gauge's value too. */
static struct cell *take_letter(struct board_slot *s, int i)
{
    char labels[NAME + 16], name[NAME + 1] = "";
    memset(name, 'a' + i % LETTERS, NAME);
    snprintf(labels, sizeof labels, "appid=\"%s\"", name);
    struct cell *c = board_take(s, &table[LIFE], slice_of(labels));
    gauge_set(cell_value(c), 'a' + i % LETTERS);
    return c;
}

/* It has the name of one letter, which it shows, or has not shown yet. */
static void assert_whole(const struct cell *copy)
{
    static const char head[] = "appid=\"";
    const char *labels = cell_labels(copy), *name = labels + sizeof head - 1;
    const void *value = copy->numbers;
    double letter = ((const struct gauge *)value)->value;
    assert_memory_equal(labels, head, sizeof head - 1);
    assert_int_equal(strspn(name, (char[]){name[0], '\0'}), NAME);
    assert_string_equal(name + NAME, "\"");
    assert_true(letter == 0 || letter == name[0]);
}

static struct board_slot *changing;
static struct cell *changed;
static volatile sig_atomic_t changes;

static void change(int signum)
{
    (void)signum;
    board_drop(changing, changed);
    changed = take_letter(changing, ++changes);
}

/* The reader is interrupted anywhere, most of all in the middle of a copy, by one who makes another
 * series of the same cell. */
static void a_copy_is_never_of_two_series(void **state)
{
    struct town *t = *state;
    struct sigaction action = {.sa_handler = change};
    const struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    union {
        struct cell cell;
        uint64_t words[CELL_UNIT * CELL_UNITS_MAX / sizeof(uint64_t)];
    } copy;
    changing = board_slot(t->board, 1);
    changed = take_letter(changing, 0);
    const struct cell *c = changed;
    long torn = 0;
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    while (changes < 1000) {
        if (cell_copy(c, &copy.cell))
            assert_whole(&copy.cell);
        else
            torn++;
    }
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_ptr_equal(changed, c);
    assert_in_range(torn, 1, 1000);
}

/* ---- killed ---- */

enum { ROUNDS = 50, LOOKS = 200 };

/* Makes, changes and drops series without pause, all in one cell. */
static _Noreturn void work_for_ever(struct board *b, int slot)
{
    struct metrics *m = work(b, slot);
    struct histogram *took = metrics_histogram(m, &table[TOOK], METRIC_LABELS("/a"));
    struct counter *logins = metrics_counter(m, &table[LOGINS], NULL);
    for (int i = 0;; i = (i + 1) % LETTERS) {
        struct cell *c = take_letter(board_slot(b, slot), i);
        metrics_publish(m, (mono_ms_t){1});
        counter_add(logins, 1);
        histogram_observe_us(took, 100);
        board_drop(board_slot(b, slot), c);
    }
}

struct seen {
    uint64_t logins, took, lives;
};

static uint64_t in_all(const struct histogram *h)
{
    uint64_t n = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        n += h->in_bucket[i];
    return n;
}

static void look_at(const struct cell *c, bool silent, void *arg)
{
    struct seen *seen = arg;
    const void *value = c->numbers;
    (void)silent;
    if (c->about == &table[LOGINS])
        seen->logins += ((const struct counter *)value)->n;
    if (c->about == &table[TOOK])
        seen->took += in_all(value);
    if (c->about == &table[LIFE]) {
        assert_whole(c);
        seen->lives++;
    }
}

/* From slot 0. */
static struct seen look(const struct town *t, const struct seen *before)
{
    struct seen now = {.lives = before->lives};
    board_read(board_slot(t->board, 0), look_at, &now);
    assert_true(now.logins >= before->logins && now.took >= before->took);
    return now;
}

static void end(pid_t pid)
{
    int status;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void processes_killed_at_any_moment_leave_whole_series_and_nothing_goes_back(void **state)
{
    struct town *t = *state;
    struct seen seen = {0};
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t before = seen.logins;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            work_for_ever(t->board, 1);
        for (int looks = 0; looks < LOOKS || seen.logins == before; looks++)
            seen = look(t, &seen);
        end(pid);
        seen = look(t, &seen);
    }
    assert_true(seen.lives > 0 && seen.took >= ROUNDS);
    assert_true(page_has(t->worker[2], "\n# TYPE test_logins_total counter\n"));
    replace(t, 1);
    assert_none_writes(t, "test_life_seconds{");
    assert_int_equal(metrics_refused(t->worker[1]), 0);
}

static void what_was_counted_is_on_the_page_though_nothing_was_published(void **state)
{
    struct town *t = *state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct metrics *m = work(t->board, 1);
        add(m, "/a", 1234);
        (void)raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_true(page_has(t->worker[0], "test_calls_total{path=\"/a\",outcome=\"done\"} 1234\n"));
}

#define IN_TOWN(test)       cmocka_unit_test_setup_teardown(test, start, stop)
#define IN_SMALL_TOWN(test) cmocka_unit_test_setup_teardown(test, start_small, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TOWN(counters_and_histograms_are_added_up_whoever_is_asked),
        IN_TOWN(a_series_that_only_one_made_is_on_every_page),
        IN_TOWN(odd_label_values_meet_their_like),
        IN_TOWN(what_is_beyond_the_limit_is_in_other_also_together),
        IN_TOWN(each_gauge_has_its_rule),
        IN_TOWN(one_that_is_silent_counts_for_the_past_only),
        IN_TOWN(publishing_collects_for_those_who_are_asked),
        IN_TOWN(who_comes_next_goes_on_counting_and_starts_its_gauges_anew),
        IN_TOWN(a_counter_that_somebody_else_keeps_goes_on_from_where_it_was),
        IN_TOWN(who_comes_next_knows_it),
        IN_SMALL_TOWN(ends_and_starts_do_not_use_the_room_up),
        IN_TOWN(an_app_goes_when_all_have_forgotten_it),
        IN_SMALL_TOWN(forgotten_room_is_used_again),
        IN_SMALL_TOWN(what_does_not_fit_is_told_and_harms_nobody),
        cmocka_unit_test(a_board_that_the_system_refuses_is_none),
        IN_SMALL_TOWN(a_copy_is_never_of_two_series),
        IN_SMALL_TOWN(processes_killed_at_any_moment_leave_whole_series_and_nothing_goes_back),
        IN_TOWN(what_was_counted_is_on_the_page_though_nothing_was_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
