#include "loginsvc/users/mysql_gate.h"

#include "sys/clock.h"

enum { PAUSE_MS = 1000 };

void mysql_gate_init(struct mysql_gate *g)
{
    *g = (struct mysql_gate){.open_at = MONO_PAST};
    ASSERT(pthread_mutex_init(&g->lock, NULL) == 0);
}

void mysql_gate_deinit(struct mysql_gate *g)
{
    pthread_mutex_destroy(&g->lock);
}

bool mysql_gate_is_open(struct mysql_gate *g, struct db_error *e)
{
    pthread_mutex_lock(&g->lock);
    bool open = mono_reached(clock_mono(), g->open_at);
    if (!open)
        *e = g->why;
    pthread_mutex_unlock(&g->lock);
    return open;
}

void mysql_gate_open(struct mysql_gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open_at = MONO_PAST;
    pthread_mutex_unlock(&g->lock);
}

void mysql_gate_close(struct mysql_gate *g, const struct db_error *why)
{
    pthread_mutex_lock(&g->lock);
    g->open_at = mono_after(clock_mono(), PAUSE_MS);
    g->why = *why;
    g->why.again = false; /* not at once */
    pthread_mutex_unlock(&g->lock);
}
