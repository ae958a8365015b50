#include "tokend/refresh/pace.h"

enum {
    US_PER_MS = 1000,
    US_PER_S = 1000 * 1000,
    CATCH_UP_US = 20 * 1000, /* by how much a late loop may make up for what it missed */
};

static void set_limits(struct pace *p, const struct pace_limits *limits)
{
    ASSERT(limits->at_once > 0 && limits->per_second >= 0 && limits->per_second <= US_PER_S);
    p->limits = *limits;
}

void pace_init(struct pace *p, const struct pace_limits *limits)
{
    *p = (struct pace){.waiting = 0};
    set_limits(p, limits);
    for (size_t i = 0; i < PACE_CLASSES; i++)
        list_init(&p->lines[i]);
}

/* What the former rate kept apart is not kept apart by it any longer. */
void pace_limit(struct pace *p, const struct pace_limits *limits)
{
    set_limits(p, limits);
    p->next_us = 0;
}

/* ---- the line ---- */

static void stand_in_line(struct pace *p, struct pace_turn *t, enum pace_class class)
{
    t->class = class;
    list_push_back(&p->lines[class], &t->node);
}

void pace_ask(struct pace *p, struct pace_turn *t, enum pace_class class, mono_ms_t now)
{
    ASSERT(t->state == PACE_AWAY && class < PACE_CLASSES);
    t->state = PACE_WAITING;
    t->since = now;
    stand_in_line(p, t, class);
    p->waiting++;
}

void pace_hurry(struct pace *p, struct pace_turn *t, enum pace_class class)
{
    if (t->state != PACE_WAITING || t->class <= class)
        return;
    list_remove(&t->node);
    stand_in_line(p, t, class);
}

static void leave_line(struct pace *p, struct pace_turn *t)
{
    list_remove(&t->node);
    p->waiting--;
}

void pace_leave(struct pace *p, struct pace_turn *t)
{
    if (t->state == PACE_WAITING)
        leave_line(p, t);
    else if (t->state == PACE_TAKEN)
        p->taken--;
    t->state = PACE_AWAY;
}

/* ---- the next ---- */

static struct pace_turn *head_of(const struct pace *p, enum pace_class class)
{
    const struct list *line = &p->lines[class];
    return list_empty(line) ? NULL : LIST_ENTRY(line->next, struct pace_turn, node);
}

static struct pace_turn *first_in_order(const struct pace *p)
{
    struct pace_turn *t = NULL;
    for (size_t i = 0; i < PACE_CLASSES && !t; i++)
        t = head_of(p, (enum pace_class)i);
    return t;
}

static struct pace_turn *longest_waiting(const struct pace *p)
{
    struct pace_turn *longest = NULL;
    for (size_t i = 0; i < PACE_CLASSES; i++) {
        struct pace_turn *t = head_of(p, (enum pace_class)i);
        if (t && (!longest || t->since.ms < longest->since.ms))
            longest = t;
    }
    return longest;
}

/* How far turns are apart, in the mean: as much more than their share of a second as makes up for
 * what is caught up, so that no second ever sees more of them than the limit says. */
static int64_t apart_us(const struct pace *p)
{
    int64_t n = p->limits.per_second;
    return n > 0 ? (US_PER_S + CATCH_UP_US + n - 1) / n : 0;
}

static void count_turn(struct pace *p, mono_ms_t now)
{
    int64_t earliest = now.ms * US_PER_MS - CATCH_UP_US;
    p->turns++;
    p->taken++;
    if (p->next_us < earliest)
        p->next_us = earliest;
    p->next_us += apart_us(p);
}

struct pace_turn *pace_next(struct pace *p, mono_ms_t now)
{
    if (!mono_reached(now, pace_deadline(p)))
        return NULL;
    bool fourth = p->turns % PACE_EVERY_FOURTH == PACE_EVERY_FOURTH - 1;
    struct pace_turn *t = fourth ? longest_waiting(p) : first_in_order(p);
    leave_line(p, t);
    count_turn(p, now);
    t->state = PACE_TAKEN;
    return t;
}

mono_ms_t pace_deadline(const struct pace *p)
{
    if (p->waiting == 0 || p->taken >= p->limits.at_once)
        return MONO_NEVER;
    return (mono_ms_t){p->next_us / US_PER_MS + (p->next_us % US_PER_MS > 0)};
}
