#include "wxsim/tally.h"

#include <stdio.h>
#include <stdlib.h>

struct cell {
    struct outcome outcome;
    uint64_t count; /* 0: this cell and those behind it are empty */
};

struct tally {
    struct cell cells[TALLY_ROWS][TALLY_OUTCOMES];
};

struct tally *tally_new(void)
{
    return xcalloc(1, sizeof(struct tally));
}

void tally_free(struct tally *t)
{
    free(t);
}

void tally_clear(struct tally *t)
{
    *t = (struct tally){0};
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    return a->fault == b->fault && a->http_status == b->http_status && a->errcode == b->errcode;
}

void tally_count(struct tally *t, size_t row, const struct outcome *o)
{
    ASSERT(row < TALLY_ROWS);
    struct cell *cell = t->cells[row], *last = cell + TALLY_OUTCOMES - 1;
    while (cell < last && cell->count > 0 && !same(&cell->outcome, o))
        cell++;
    if (cell->count == 0)
        cell->outcome = *o;
    cell->count++;
}

bool tally_next(const struct tally *t, size_t row, size_t *at, struct outcome *o, uint64_t *count)
{
    const struct cell *cell = &t->cells[row][*at];
    if (*at == TALLY_OUTCOMES || cell->count == 0)
        return false;
    *o = cell->outcome;
    *count = cell->count;
    (*at)++;
    return true;
}

const char *outcome_name(const struct outcome *o, char out[OUTCOME_NAME_SIZE])
{
    if (o->fault != FAULT_NONE)
        snprintf(out, OUTCOME_NAME_SIZE, "%s", fault_name(o->fault));
    else if (o->http_status != 200)
        snprintf(out, OUTCOME_NAME_SIZE, "http%d", o->http_status);
    else if (o->errcode != 0)
        snprintf(out, OUTCOME_NAME_SIZE, "%d", o->errcode);
    else
        snprintf(out, OUTCOME_NAME_SIZE, "ok");
    return out;
}
