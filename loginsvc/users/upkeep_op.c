/* Operations that serve nobody in particular: the sign of life, the purge. */
#include "loginsvc/users/operation.h"

enum { PURGE_STEP = 500 }; /* rows of each kind: a commit of some milliseconds */

bool upkeep_op_ping(struct operation_context *r)
{
    return db_run(r->db, QUERY_PING, NULL, NULL, NULL, r->e) && operation_end(r, STORE_OK);
}

/* The row that a step ends before. */
struct end {
    int64_t time_ms;
    char id[STORE_TICKET_SIZE];
    bool found; /* else the step takes all that is over */
};

_Static_assert((int)SESSION_ID_SIZE <= (int)STORE_TICKET_SIZE, "any id fits");

static void on_end(const struct db_value *columns, void *arg)
{
    struct end *end = arg;
    end->time_ms = columns[0].num;
    end->found = slice_copy(columns[1].bytes, end->id, sizeof end->id);
}

static bool purge_table(struct operation_context *r, enum query find_end, enum query purge)
{
    const int64_t now_ms = r->op->in.now.ms;
    struct end end = {.time_ms = now_ms};
    const struct db_value step[] = {db_int(now_ms), db_int(PURGE_STEP)};
    if (!db_run(r->db, find_end, step, on_end, &end, r->e))
        return false;
    const struct db_value before[] = {db_int(end.time_ms), db_int(end.time_ms), db_text(end.id)};
    r->op->result.more = r->op->result.more || end.found;
    return db_run(r->db, purge, before, NULL, NULL, r->e);
}

bool upkeep_op_purge(struct operation_context *r)
{
    return purge_table(r, QUERY_PURGE_SESSIONS_END, QUERY_PURGE_SESSIONS) &&
           purge_table(r, QUERY_PURGE_REVOCATIONS_END, QUERY_PURGE_REVOCATIONS) &&
           purge_table(r, QUERY_PURGE_TICKETS_END, QUERY_PURGE_TICKETS) &&
           operation_end(r, STORE_OK);
}
