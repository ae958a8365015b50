/* Operations that serve nobody in particular: the sign of life, the purge. */
#include "loginsvc/users/operation.h"

enum { PURGE_STEP = 500 }; /* rows of each kind: a commit of some milliseconds */

bool upkeep_op_ping(struct operation_context *r)
{
    return db_run(r->db, QUERY_PING, NULL, NULL, NULL, r->e) && operation_end(r, STORE_OK);
}

/* Every ended session has a revocation, so those go by it, and before it. */
bool upkeep_op_purge(struct operation_context *r)
{
    static const enum query steps[] = {QUERY_PURGE_SESSIONS, QUERY_PURGE_ENDED,
                                       QUERY_PURGE_REVOCATIONS, QUERY_PURGE_TICKETS};
    const struct db_value params[] = {db_int(r->op->in.now.ms), db_int(PURGE_STEP)};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (!db_run(r->db, steps[i], params, NULL, NULL, r->e))
            return false;
        if (db_changes(r->db) >= PURGE_STEP)
            r->op->result.more = true;
    }
    return operation_end(r, STORE_OK);
}
