/* board.h - the memory in which the series of several processes stand, so that each can read all.
 *
 * One process makes a board and forks; each child attaches to a slot of its own and alone writes
 * there, as cell.h describes. Nothing is sent, copied or locked: whoever reads sees what the others
 * count at that moment. A slot outlives its process, however that ended: who is started in its
 * place goes on with its counters and histograms; gauges tell of a process and end with it.
 *
 * What does not fit in a slot is refused and counted. The slots are the caller's to hand out: two
 * living processes never share one. Any process, one thread of each; it knows no clock. */
#ifndef METRICS_BOARD_H
#define METRICS_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/times.h"
#include "metrics/cell.h"

enum {
    /* Room for about 60,000 series, as of 10,000 apps and more; takes memory as it fills. */
    BOARD_SLOT_SIZE = 4 * 1024 * 1024,
    /* Who was silent this long before the latest sign of life of all is dead or frozen. */
    BOARD_SILENT_MS = 5000,
};

struct board;      /* opaque */
struct board_slot; /* opaque */

/* `slot_size` in bytes, BOARD_SLOT_SIZE but for tests. NULL, with errno, when the system has no
 * such memory. */
struct board *board_new(int slots, size_t slot_size) MUST_CHECK;
void board_free(struct board *b); /* for this process; NULL is allowed */

struct board_slot *board_slot(struct board *b, int i); /* borrowed, as long as the board */

/* ---- for the one process of a slot ---- */

/* Before all else: ends what a process before this one left there, but counters and histograms.
 * False: there was none. */
bool board_attach(struct board_slot *s);

/* A new series; NULL when it does not fit. */
struct cell *board_take(struct board_slot *s, const struct metric_family *about,
                        struct slice labels);
void board_drop(struct board_slot *s, struct cell *c); /* of this slot; its room is used again */

uint64_t board_refused(const struct board_slot *s); /* since board_attach: what did not fit */

/* A sign of life. */
void board_beat(struct board_slot *s, mono_ms_t now);

/* Walks the cells of our own slot that stand: NULL first, NULL in the end. */
struct cell *board_next(struct board_slot *s, const struct cell *after);

/* ---- for all of them ---- */

/* fn(copy, silent, arg) for each series of all slots; silent: it is not of `self`, and its process
 * is not heard of any more, or not yet, so its gauges are old or not set. */
void board_read(const struct board_slot *self,
                void (*fn)(const struct cell *copy, bool silent, void *arg), void *arg);

#endif
