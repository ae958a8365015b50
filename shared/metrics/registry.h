/* registry.h - the inside of a registry, for metrics.c, which fills it, and page.c, which writes it
 * out.
 *
 * Series hang in the order of their making in a list of their family and are found by the text of
 * their labels as it is written out: one text serves as key and as output. Their cells are memory
 * of this process, or of a slot that others read too. */
#ifndef METRICS_REGISTRY_H
#define METRICS_REGISTRY_H

#include "base/list.h"
#include "base/map.h"
#include "metrics/board.h"

struct series {
    struct list node;
    struct cell *cell;
    bool on_board; /* the cell is of the registry's slot; else it is ours alone */
    uint64_t base; /* what a counter stood at when this process took it over */
};

struct family {
    const struct metric_family *about;
    struct slice label[METRIC_MAX_LABELS];
    size_t n_labels;
    struct list series;
    struct map *by_labels; /* to struct series */
};

struct table {
    struct list node;
    const struct metric_family *first;
    size_t n;
    struct family *families;
};

struct collector {
    struct list node;
    void (*fn)(void *arg);
    void *arg;
};

struct metrics {
    struct list tables;
    struct list collectors;
    struct board_slot *slot; /* NULL: nobody else reads these */
    bool inherited;          /* another process used the slot before */
};

/* A registry of the same tables, with no series at all, of this process alone. */
struct metrics *registry_like(const struct metrics *m) MUST_CHECK;

/* Adds a copy of a series of whatever process to the one with the same labels. */
void registry_merge(struct metrics *m, const struct cell *c);

void registry_collect(struct metrics *m); /* runs the collectors */

#endif
