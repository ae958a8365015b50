/* A board's memory: what does not fit, what changes while it is read, and what is left of a process
 * that was killed. */
#include "town.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SMALL_TOWN(what_does_not_fit_is_told_and_harms_nobody),
        cmocka_unit_test(a_board_that_the_system_refuses_is_none),
        IN_SMALL_TOWN(a_copy_is_never_of_two_series),
        IN_SMALL_TOWN(processes_killed_at_any_moment_leave_whole_series_and_nothing_goes_back),
        IN_TOWN(what_was_counted_is_on_the_page_though_nothing_was_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
