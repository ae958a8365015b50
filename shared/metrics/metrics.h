/* metrics.h - counters, gauges and histograms for Prometheus.
 *
 * A program (or a floor) declares its families once, as an X-macro, and registers the table:
 *
 *   #define FOO_METRICS(X)                                                                     \
 *       X(COUNTER, FOO_REFRESHES, "foo_refreshes_total", "appid,outcome", "Refreshes by outcome") \
 *       X(HISTOGRAM, FOO_CALL_SECONDS, "foo_call_seconds", "", "Time of a call")
 *
 *   enum { FOO_METRICS(METRIC_ID) };
 *   static const struct metric_family foo_metrics[] = {FOO_METRICS(METRIC_FAMILY)};
 *
 *   metrics_register(m, foo_metrics, ARRAY_LEN(foo_metrics));
 *   counter_add(metrics_counter(m, &foo_metrics[FOO_REFRESHES], METRIC_LABELS(appid, "ok")), 1);
 *
 * A series comes into being when it is first asked for and its address stays the same as long as
 * the registry lives, so a hot path asks once, keeps the handle, and pays one add. The number of
 * series of a family is bounded: what does not fit is counted in the one whose labels all say
 * "other". Label values never hold a secret, an openid, a phone or anything else that a peer can
 * choose freely. Loop thread only; it knows no clock and no socket.
 *
 * Processes that serve one port share a board (board.h): each keeps its series there, and whichever
 * is asked writes the sum of all. A counter goes on where the process before left it. A gauge has a
 * rule for becoming one of several, its type:
 *
 *   GAUGE          the sum: what is under way, open, waiting
 *   GAUGE_LOWEST   the worst of them is the lowest: 1 while ready, life left
 *   GAUGE_HIGHEST  the worst, or the latest, is the highest: age, use of a limit of each */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/times.h"

enum metric_type {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_GAUGE_LOWEST,
    METRIC_GAUGE_HIGHEST,
    METRIC_HISTOGRAM,
};

static inline bool metric_is_gauge(enum metric_type type)
{
    return type != METRIC_COUNTER && type != METRIC_HISTOGRAM;
}

enum {
    METRIC_MAX_LABELS = 4,
    /* Of one family, "other" not counted: as many as there may be apps. */
    METRIC_MAX_SERIES = 10000,
    METRIC_MAX_LABEL_VALUE = 128,
};

struct metric_family {
    enum metric_type type;
    const char *name;   /* Prometheus's rules: unit last, counters end in _total; a counter whose
                           name ends in _seconds_total counts microseconds, written as seconds */
    const char *labels; /* their names, separated by commas; "" for none */
    const char *help;
};

#define METRIC_ID(type, id, name, labels, help)     id,
#define METRIC_FAMILY(type, id, name, labels, help) {METRIC_##type, (name), (labels), (help)},

/* ---- series ---- */

struct counter {
    uint64_t n;
};

struct gauge {
    double value;
};

/* Seconds, in the buckets 0.5 ms 1 2.5 5 10 25 50 100 250 500 ms 1 2.5 5 10 s and beyond. */
enum { HISTOGRAM_BUCKETS = 15 };
struct histogram {
    uint64_t in_bucket[HISTOGRAM_BUCKETS]; /* each on its own, the last one is "beyond" */
    uint64_t sum_us;
};

static inline void counter_add(struct counter *c, uint64_t n)
{
    c->n += n;
}

static inline void gauge_set(struct gauge *g, double value)
{
    g->value = value;
}

static inline void gauge_add(struct gauge *g, double delta)
{
    g->value += delta;
}

/* A duration in microseconds; a negative one counts as 0. */
void histogram_observe_us(struct histogram *h, int64_t us);

const char *histogram_bound(size_t bucket); /* in seconds, as a label's value */

/* ---- registry ---- */

struct metrics;    /* opaque */
struct board_slot; /* board.h */

struct metrics *metrics_new(void) MUST_CHECK;

/* Of one of several processes: its series stand in the slot, which it alone uses and which outlives
 * it. Before the first page all register the same tables. */
struct metrics *metrics_new_shared(struct board_slot *slot) MUST_CHECK;

void metrics_free(struct metrics *m); /* and the series of this process; NULL is allowed */

/* Adds a table, borrowed for the life of the registry; its families are written in this order. A
 * family without labels has its one series from now on. */
void metrics_register(struct metrics *m, const struct metric_family *table, size_t n);

/* The values of a family's labels, in their order; NULL for a family that has none. Values are
 * copied, cut after METRIC_MAX_LABEL_VALUE bytes. */
#define METRIC_LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The series of a registered family (of that type), made at the first call; owned by the registry.
 * A hash look-up: keep the result where it is hot. */
struct counter *metrics_counter(struct metrics *m, const struct metric_family *f,
                                const char *const *labels);
struct gauge *metrics_gauge(struct metrics *m, const struct metric_family *f,
                            const char *const *labels);
struct histogram *metrics_histogram(struct metrics *m, const struct metric_family *f,
                                    const char *const *labels);

/* A counter that somebody else keeps, from 0 at this process's start: it stands at n, or as much
 * higher as it stood when this process took it over. It never goes back. */
void metrics_follow(struct metrics *m, const struct metric_family *f, const char *const *labels,
                    uint64_t n);

/* Forgets the series whose first label has this value (an app that was removed). Handles to them
 * are dead. Of several processes each forgets its own, and the page knows them until all have;
 * counters that one left behind that died before it stay. */
void metrics_forget(struct metrics *m, const char *first_label, const char *value);

/* fn(arg) runs at the start of each metrics_text and metrics_publish, to set what is only read
 * then. */
void metrics_on_collect(struct metrics *m, void (*fn)(void *arg), void *arg);

/* Registers and keeps what every process tells: start time, CPU, memory, open files, and
 * `house_build_info{program,version}` with the value 1. */
void metrics_add_process(struct metrics *m, const char *program, const char *version);

/* ---- output ---- */

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Of a registry on a board, about once a second: collects for those who are asked in our stead, and
 * says that we are alive. Who is silent for BOARD_SILENT_MS counts for the past only: its gauges
 * are left out. */
void metrics_publish(struct metrics *m, mono_ms_t now);

/* Whether this process stands in for one that used its slot before. */
bool metrics_inherited(const struct metrics *m);

/* How many series found no room in the slot: no page shows them. */
uint64_t metrics_refused(const struct metrics *m);

/* All families of all processes as Prometheus text 0.0.4, NUL-terminated, *n its length; the caller
 * frees. */
char *metrics_text(struct metrics *m, size_t *n) MUST_CHECK;

#endif
