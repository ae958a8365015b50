/* town.h - for the tests of several processes' metrics: three registries on one board. */
#ifndef TESTS_UNIT_METRICS_TOWN_H
#define TESTS_UNIT_METRICS_TOWN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
extern const struct metric_family table[];

enum { WORKERS = 3, SMALL = 4096 };

struct town {
    struct board *board;
    struct metrics *worker[WORKERS];
};

/* A test whose *state is a town; in a small one a slot has SMALL bytes. */
#define IN_TOWN(test)       cmocka_unit_test_setup_teardown(test, town_up, town_down)
#define IN_SMALL_TOWN(test) cmocka_unit_test_setup_teardown(test, town_up_small, town_down)
int town_up(void **state);
int town_up_small(void **state);
int town_down(void **state);

/* A process of that slot, of which nobody has heard yet. */
struct metrics *work_silently(struct board *b, int slot);
struct metrics *work(struct board *b, int slot); /* one that has published, at 0 ms */

/* The process of a slot ends, however, and another takes its place. */
void replace(struct town *t, int slot);

void publish(struct metrics *m, int64_t ms);
void add(struct metrics *m, const char *path, uint64_t n); /* to CALLS */
void set(struct metrics *m, int family, double value);
void set_life(struct metrics *m, const char *appid, double value);

bool page_has(struct metrics *m, const char *part);
void assert_all_write(const struct town *t, const char *line); /* whoever writes the page */
void assert_none_writes(const struct town *t, const char *part);

#endif
