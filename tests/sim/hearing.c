#include "sim/hearing.h"

#include "sim/world.h"

void hearing_turn(struct world *w, struct node *n)
{
    if (n->reading || !node_leads(w, n))
        return;
    struct message *m = message_new(MESSAGE_REPORTS);
    m->id = ++n->readings;
    m->after = n->heard;
    n->reading = true;
    node_send(w, n, m);
}

static void drop(struct world *w, struct node *n)
{
    struct message *m = message_new(MESSAGE_DROP);
    m->id = n->dropping = n->heard;
    n->to_drop = false;
    node_send(w, n, m);
}

void hearing_drop(struct world *w, struct node *n)
{
    if (n->to_drop && !n->dropping && refresh_settled(n->refresh))
        drop(w, n);
}

void hearing_dropped(struct world *w, struct node *n, const struct message *m)
{
    if (m->id != n->dropping)
        return;
    n->dropping = 0;
    if (m->failed)
        n->to_drop = true;
    else
        hearing_drop(w, n);
}

/* The planted fault: gone before it is settled. */
static void forget(struct world *w, struct node *n)
{
    if (w->plant == PLANT_FORGET_REPORT && n->to_drop && !n->dropping)
        drop(w, n);
}

void hearing_take(struct world *w, struct node *n, const struct message *m)
{
    int incarnation = n->incarnation;
    if (m->id != n->readings || !n->reading)
        return;
    n->reading = false;
    if (m->failed || m->after > n->heard) /* what is to be heard again is not in it */
        return;
    for (int i = 0; i < m->n_reports && n->incarnation == incarnation; i++) {
        const struct redis_report *report = &m->reports[i];
        if (report->id <= n->heard || !node_status(w, n).adopted)
            continue;
        n->heard = report->id;
        n->to_drop = true;
        forget(w, n);
        if (world_chance(w, w->climate.crash_at_hearing)) {
            node_crash(w, n);
            return;
        }
        node_event(w, n,
                   &(struct refresh_event){
                       .kind = report->kind, .version = report->version, .errcode = 40001});
    }
}
