#include "metrics/cell.h"

#include <string.h>

/* A word of a cell, whatever its type. */
typedef uint64_t __attribute__((may_alias)) word;

static size_t value_size(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER:
        return sizeof(struct counter);
    case METRIC_GAUGE:
    case METRIC_GAUGE_LOWEST:
    case METRIC_GAUGE_HIGHEST:
        return sizeof(struct gauge);
    case METRIC_HISTOGRAM:
        return sizeof(struct histogram);
    }
    UNREACHABLE("no such type");
}

size_t cell_size(const struct metric_family *about, struct slice labels)
{
    size_t n = sizeof(struct cell) + value_size(about->type) + labels.n + 1;
    return (n + CELL_UNIT - 1) / CELL_UNIT * CELL_UNIT;
}

void *cell_value(struct cell *c)
{
    return c->numbers;
}

static char *labels_of(const struct cell *c)
{
    return (char *)c->numbers + value_size(c->about->type);
}

const char *cell_labels(const struct cell *c)
{
    return labels_of(c);
}

bool cell_stands(const struct cell *c)
{
    return atomic_load_explicit(&c->life, memory_order_acquire) & 1;
}

static void next_life(struct cell *c)
{
    atomic_fetch_add_explicit(&c->life, 1, memory_order_release);
}

void cell_fill(struct cell *c, const struct metric_family *about, struct slice labels)
{
    ASSERT(!cell_stands(c) && c->size >= cell_size(about, labels));
    /* No reader takes what is written from here on for the series that stood here before. */
    atomic_thread_fence(memory_order_seq_cst);
    c->about = about;
    memset(c->numbers, 0, value_size(about->type));
    memcpy(labels_of(c), labels.p, labels.n);
    labels_of(c)[labels.n] = '\0';
    next_life(c);
}

void cell_clear(struct cell *c)
{
    ASSERT(cell_stands(c));
    next_life(c);
}

bool cell_copy(const struct cell *c, struct cell *copy)
{
    uint32_t life = atomic_load_explicit(&c->life, memory_order_acquire);
    if (!(life & 1))
        return false;
    const word *from = (const word *)c;
    word *to = (word *)copy;
    for (size_t i = 0; i < c->size / sizeof *to; i++)
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&c->life, memory_order_relaxed) == life;
}

void cell_set(struct cell *to, const struct cell *c)
{
    ASSERT(to->about == c->about);
    memcpy(to->numbers, c->numbers, value_size(c->about->type));
}

static void merge_histogram(struct histogram *into, const struct histogram *h)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->in_bucket[i] += h->in_bucket[i];
    into->sum_us += h->sum_us;
}

static void merge_gauge(enum metric_type type, struct gauge *into, double value)
{
    if (type == METRIC_GAUGE)
        gauge_add(into, value);
    else if (type == METRIC_GAUGE_LOWEST ? value < into->value : value > into->value)
        gauge_set(into, value);
}

void cell_merge(struct cell *into, const struct cell *c)
{
    const void *value = c->numbers;
    ASSERT(into->about == c->about);
    switch (c->about->type) {
    case METRIC_COUNTER:
        counter_add(cell_value(into), ((const struct counter *)value)->n);
        return;
    case METRIC_GAUGE:
    case METRIC_GAUGE_LOWEST:
    case METRIC_GAUGE_HIGHEST:
        merge_gauge(c->about->type, cell_value(into), ((const struct gauge *)value)->value);
        return;
    case METRIC_HISTOGRAM:
        merge_histogram(cell_value(into), value);
        return;
    }
    UNREACHABLE("no such type");
}
