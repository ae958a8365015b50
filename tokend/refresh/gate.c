#include "tokend/refresh/gate.h"

#include <stdlib.h>

struct gate {
    struct loop *loop;
    struct loop_timer *timer;
    struct pace pace;
    void (*admit)(struct pace_turn *t);
};

static void wait_for_next(struct gate *g)
{
    loop_timer_at(g->timer, pace_deadline(&g->pace));
}

static void on_turn(void *arg)
{
    struct gate *g = arg;
    mono_ms_t now = loop_now(g->loop);
    struct pace_turn *t;
    while ((t = pace_next(&g->pace, now)) != NULL)
        g->admit(t);
    wait_for_next(g);
}

struct gate *gate_new(struct loop *l, const struct pace_limits *limits,
                      void (*admit)(struct pace_turn *t))
{
    struct gate *g = xcalloc(1, sizeof *g);
    g->loop = l;
    g->admit = admit;
    g->timer = loop_timer_new(l, on_turn, g);
    pace_init(&g->pace, limits);
    return g;
}

void gate_free(struct gate *g)
{
    if (!g)
        return;
    ASSERT(g->pace.waiting == 0 && g->pace.taken == 0);
    loop_timer_free(g->timer);
    free(g);
}

void gate_limit(struct gate *g, const struct pace_limits *limits)
{
    pace_limit(&g->pace, limits);
    wait_for_next(g);
}

void gate_enter(struct gate *g, struct pace_turn *t, enum pace_class class)
{
    pace_ask(&g->pace, t, class, loop_now(g->loop));
    wait_for_next(g);
}

void gate_hurry(struct gate *g, struct pace_turn *t, enum pace_class class)
{
    pace_hurry(&g->pace, t, class);
}

void gate_leave(struct gate *g, struct pace_turn *t)
{
    pace_leave(&g->pace, t);
    wait_for_next(g);
}

int64_t gate_waited_ms(const struct gate *g, const struct pace_turn *t)
{
    return mono_between(t->since, loop_now(g->loop));
}

size_t gate_waiting(const struct gate *g)
{
    return g->pace.waiting;
}

size_t gate_inside(const struct gate *g)
{
    return g->pace.taken;
}
