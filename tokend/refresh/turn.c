#include "tokend/refresh/turn.h"

#include <stdlib.h>

enum { LOOKS_AT_ONCE = 256 }; /* what keeps Redis busy, and no burst that fills the memory */

/* ---- the gates ---- */

void gates_open(struct gates *g, struct loop *l, const struct pace_limits *fetches,
                void (*admit)(struct pace_turn *t))
{
    const struct pace_limits looks = {.at_once = LOOKS_AT_ONCE};
    const struct pace_limits probes = {.at_once = GATES_PROBES_AT_ONCE};
    g->looks = gate_new(l, &looks, admit);
    g->fetches = gate_new(l, fetches, admit);
    g->probes = gate_new(l, &probes, admit);
}

void gates_close(struct gates *g)
{
    gate_free(g->looks);
    gate_free(g->fetches);
    gate_free(g->probes);
}

/* The gate whose inside a state is. A token that waits to be written again keeps nobody else from
 * fetching. */
static struct gate *gate_of(const struct gates *g, enum refresh_state s)
{
    switch (s) {
    case REFRESH_READING:
    case REFRESH_ASSERTING:
        return g->looks;
    case REFRESH_PROBING:
        return g->probes;
    case REFRESH_BEGINNING:
    case REFRESH_FETCHING:
    case REFRESH_COMMITTING:
    case REFRESH_SETTLING:
        return g->fetches;
    case REFRESH_FOLLOWING:
    case REFRESH_HOLDING:
    case REFRESH_WAITING:
    case REFRESH_RECOMMIT:
    case REFRESH_TELLING:
        return NULL;
    }
    return NULL;
}

/* ---- one turn ---- */

static enum pace_class class_of(enum refresh_reason reason)
{
    switch (reason) {
    case REFRESH_REASON_UNRESOLVED:
    case REFRESH_REASON_DEAD:
    case REFRESH_REASON_ORDERED:
        return PACE_URGENT;
    case REFRESH_REASON_NO_TOKEN:
        return PACE_WANTING;
    case REFRESH_REASON_DUE:
    case REFRESH_REASON_NONE:
        return PACE_ROUTINE;
    }
    return PACE_ROUTINE;
}

static void enter(struct turn *t, struct gate *gate, enum pace_class class)
{
    t->gate = gate;
    gate_enter(gate, &t->at, class);
}

struct turn *turn_of(struct pace_turn *at)
{
    return CONTAINER_OF(at, struct turn, at);
}

void turn_ask(struct turn *t, const struct gates *g, const struct refresh_action *action,
              enum refresh_reason reason, bool reported)
{
    turn_leave(t); /* after one attempt the next one is behind all who wait */
    t->asked = xcalloc(1, sizeof *t->asked);
    *t->asked = *action;
    if (action->kind == REFRESH_DO_BEGIN)
        enter(t, g->fetches, class_of(reason));
    else if (action->kind == REFRESH_DO_PROBE)
        enter(t, g->probes, reported ? PACE_URGENT : PACE_ROUTINE);
    else
        enter(t, g->looks, PACE_ROUTINE);
}

struct refresh_action *turn_take(struct turn *t)
{
    struct refresh_action *action = t->asked;
    ASSERT(action != NULL);
    t->asked = NULL;
    return action;
}

void turn_follow(struct turn *t, const struct gates *g, enum refresh_state s,
                 enum refresh_reason reason)
{
    if (t->gate && t->gate != gate_of(g, s))
        turn_leave(t);
    else if (turn_waits_for(t, REFRESH_DO_BEGIN))
        gate_hurry(t->gate, &t->at, class_of(reason));
}

void turn_hurry(struct turn *t)
{
    if (t->gate)
        gate_hurry(t->gate, &t->at, PACE_URGENT);
}

bool turn_waits_for(const struct turn *t, enum refresh_action_kind kind)
{
    return t->asked && t->asked->kind == kind;
}

int64_t turn_waited_ms(const struct turn *t)
{
    return gate_waited_ms(t->gate, &t->at);
}

void turn_leave(struct turn *t)
{
    if (t->gate)
        gate_leave(t->gate, &t->at);
    free(t->asked);
    *t = (struct turn){.gate = NULL};
}
