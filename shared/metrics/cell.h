/* cell.h - one series: its numbers and its labels, in one piece of memory that another process may
 * read while they change.
 *
 * One process writes a cell. Its numbers are aligned words, which no reader sees half-written, so
 * the writer adds to them as to any others. What else is in a cell changes only while the cell is
 * empty; a reader copies all and looks whether it was the same series before and after. A writer
 * that is killed leaves a cell that stands or one that is empty, nothing between. */
#ifndef METRICS_CELL_H
#define METRICS_CELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "metrics/metrics.h"

enum {
    CELL_UNIT = 64, /* sizes are multiples of it, so that few are told apart */
    CELL_UNITS_MAX = 24,
    /* Every byte of a value may need a backslash; the names are ours. */
    CELL_LABELS_MAX = METRIC_MAX_LABELS * (2 * METRIC_MAX_LABEL_VALUE + 64),
};

struct cell {
    _Atomic uint32_t life;             /* odd: stands; even: empty; never the same again */
    uint32_t size;                     /* in bytes, of the whole; fixed */
    const struct metric_family *about; /* at the same address in all forks of one program */
    struct cell *next;                 /* of the board's empty ones */
    uint64_t numbers[];                /* a counter, gauge or histogram; the labels behind it */
};

/* How large a cell such a series needs: a multiple of CELL_UNIT, CELL_UNITS_MAX of it at most. */
size_t cell_size(const struct metric_family *about, struct slice labels);

/* Makes an empty cell of the right size that series, its numbers 0. */
void cell_fill(struct cell *c, const struct metric_family *about, struct slice labels);

void cell_clear(struct cell *c); /* empties one that stands */
bool cell_stands(const struct cell *c);

void *cell_value(struct cell *c);              /* of a cell that stands: the struct of its type */
const char *cell_labels(const struct cell *c); /* likewise: appid="wx1",outcome="ok" */

/* Copies a cell of whatever process to `copy`, which has room for it. False: it is empty, or became
 * empty meanwhile. */
bool cell_copy(const struct cell *c, struct cell *copy) MUST_CHECK;

void cell_set(struct cell *to, const struct cell *c); /* its numbers, of the same family */

/* Makes one of two series of a family, by the rule of its type. */
void cell_merge(struct cell *into, const struct cell *c);

#endif
