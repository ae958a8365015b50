/* pace.h - whose turn it is: of all who want to begin something, so many at once, so many in a
 * second, and in which order.
 *
 * Pure: time is an argument. It knows neither what is begun nor who waits; a turn is embedded in
 * whoever wants one, so that nothing is allocated and the line is bounded by how many there are.
 * One thread. */
#ifndef REFRESH_PACE_H
#define REFRESH_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/list.h"
#include "base/times.h"

/* In which order: each goes before those below it, and first come, first served, within one. So
 * that none waits for ever, every fourth turn goes to whoever has waited longest. */
enum pace_class {
    PACE_URGENT,  /* somebody is being refused meanwhile */
    PACE_WANTING, /* somebody has nothing meanwhile */
    PACE_ROUTINE, /* nobody notices yet */
    PACE_CLASSES
};

enum { PACE_EVERY_FOURTH = 4 };

struct pace_limits {
    size_t at_once;     /* turns taken and not yet over; at least 1 */
    int64_t per_second; /* turns taken in one second; 0: any number */
};

enum pace_state {
    PACE_AWAY,    /* in no line */
    PACE_WAITING, /* in line */
    PACE_TAKEN,   /* has its turn, until pace_leave */
};

/* All zero at first, and AWAY again before its memory goes. For its owner to read only. */
struct pace_turn {
    struct list node; /* in the line of its class, while WAITING */
    enum pace_state state;
    enum pace_class class;
    mono_ms_t since; /* in line */
};

struct pace {
    struct pace_limits limits;
    struct list lines[PACE_CLASSES]; /* turns, first come first */
    size_t waiting, taken;
    unsigned turns; /* counts up to the fourth */
    int64_t next_us;
};

void pace_init(struct pace *p, const struct pace_limits *limits);

/* In force from the next turn on; turns that are taken stay so. */
void pace_limit(struct pace *p, const struct pace_limits *limits);

/* Stands in line; the turn is AWAY. */
void pace_ask(struct pace *p, struct pace_turn *t, enum pace_class class, mono_ms_t now);

/* Moves a turn that waits in a later class behind those of this one; else does nothing. */
void pace_hurry(struct pace *p, struct pace_turn *t, enum pace_class class);

/* Goes out of the line, or gives the place back; a turn that is AWAY stays so. */
void pace_leave(struct pace *p, struct pace_turn *t);

/* Whose turn it is now: TAKEN from here on. NULL: nobody's, until pace_deadline or a pace_leave. */
struct pace_turn *pace_next(struct pace *p, mono_ms_t now);

/* When pace_next may give one if nobody leaves before; MONO_NEVER when nobody waits, or all places
 * are taken. */
mono_ms_t pace_deadline(const struct pace *p);

#endif
