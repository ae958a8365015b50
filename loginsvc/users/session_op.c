/* What operations do with sessions and revocations. */
#include "base/secret.h"
#include "loginsvc/users/operation.h"
#include "loginsvc/users/session_row.h"
#include "loginsvc/users/user_row.h"

static bool find_session(struct operation_context *r, struct session_row *row)
{
    return session_row_find(row, r->db, r->op->session_id, r->op->in.now, r->e);
}

bool session_op_check(struct operation_context *r)
{
    struct session_row row;
    if (!find_session(r, &row))
        return false;
    r->op->result.session = row.session;
    return operation_end(r, row.found ? STORE_OK : STORE_NOT_FOUND);
}

bool session_op_list(struct operation_context *r)
{
    return session_row_list(&r->op->result, r->db, r->op->user_id, r->op->in.now, r->e) &&
           operation_end(r, STORE_OK);
}

/* ---- rotation ---- */

/* The token is not the session's latest. */
static bool end_reused(struct operation_context *r, struct store_session *s)
{
    bool ended;
    if (!session_row_end(s, r->db, r->op->in.now, r->op->until, &ended, r->e))
        return false;
    r->op->result.session = *s;
    return operation_end(r, ended ? STORE_REUSED : STORE_NOT_FOUND);
}

/* *won says whether the row still was as it was read: another process may have rotated or ended it
 * since. */
static bool replace_hash(struct operation_context *r, bool *won)
{
    const struct store_login *in = &r->op->in;
    const struct db_value params[] = {
        db_blob(in->session.refresh_hash, sizeof in->session.refresh_hash),
        db_int(in->now.ms),
        db_int(in->session.expires_at.ms),
        db_text(r->op->session_id),
        db_blob(r->op->old_hash, sizeof r->op->old_hash),
        db_int(in->now.ms),
    };
    if (!db_run(r->db, QUERY_SESSION_ROTATE, params, NULL, NULL, r->e))
        return false;
    *won = db_changes(r->db) == 1;
    return true;
}

static bool give_rotated(struct operation_context *r, const struct store_session *s)
{
    struct store_result *result = &r->op->result;
    struct user_row row;
    const struct db_value params[] = {db_int(s->user_id)};
    result->session = *s;
    result->session.last_used_at = r->op->in.now;
    result->session.expires_at = r->op->in.session.expires_at;
    return user_row_find(&row, &result->user, r->db, r->vault, QUERY_USER_BY_ID, params, r->e) &&
           operation_end(r, row.found ? STORE_OK : STORE_NOT_FOUND);
}

bool session_op_rotate(struct operation_context *r)
{
    struct session_row row;
    bool won = false;
    if (!find_session(r, &row))
        return false;
    if (!row.found || !row.session.alive)
        return operation_end(r, STORE_NOT_FOUND);
    if (bytes_eq_constant_time(row.refresh_hash, r->op->old_hash, sizeof row.refresh_hash) &&
        !replace_hash(r, &won))
        return false;
    return won ? give_rotated(r, &row.session) : end_reused(r, &row.session);
}

/* ---- ends ---- */

bool session_op_end(struct operation_context *r)
{
    struct session_row row;
    bool ended = false;
    if (!find_session(r, &row))
        return false;
    if (row.found && row.session.user_id == r->op->user_id &&
        !session_row_end(&row.session, r->db, r->op->in.now, r->op->until, &ended, r->e))
        return false;
    if (ended)
        session_row_give(&r->op->result, &row.session);
    return operation_end(r, ended ? STORE_OK : STORE_NOT_FOUND);
}

bool session_op_end_all(struct operation_context *r)
{
    const struct operation *op = r->op;
    bool found;
    return user_row_lock(r->db, op->user_id, &found, r->e) &&
           session_row_end_all(&r->op->result, r->db, op->user_id, op->in.now, op->until, r->e) &&
           operation_end(r, STORE_OK);
}

/* ---- revocations ---- */

static void on_revocation(const struct db_value *columns, void *arg)
{
    struct store_result *result = arg;
    if (result->n_revocations == STORE_LIST_MAX) {
        result->more = true;
        return;
    }
    struct store_revocation *v = &result->revocations[result->n_revocations++];
    db_read_text(&columns[0], v->sid, sizeof v->sid);
    v->revoked_at.ms = columns[1].num;
    v->until.ms = columns[2].num;
}

bool session_op_revocations_after(struct operation_context *r)
{
    struct store_result *result = &r->op->result;
    const struct db_value params[] = {
        db_int(r->op->revoked_at.ms), db_int(r->op->revoked_at.ms), db_text(r->op->session_id),
        db_int(r->op->in.now.ms),     db_int(STORE_LIST_MAX + 1),
    };
    result->revocations = xcalloc(STORE_LIST_MAX, sizeof *result->revocations);
    return db_run(r->db, QUERY_REVOCATIONS_AFTER, params, on_revocation, result, r->e) &&
           operation_end(r, STORE_OK);
}
