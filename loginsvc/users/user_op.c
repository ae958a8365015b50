/* What operations do with a user, but for the login itself. */
#include <string.h>

#include "loginsvc/users/operation.h"
#include "loginsvc/users/session_row.h"
#include "loginsvc/users/user_row.h"

static bool find_id(struct operation_context *r, struct user_row *row)
{
    const struct db_value params[] = {db_int(r->op->user_id)};
    return user_row_find(row, &r->op->result.user, r->db, r->vault, QUERY_USER_BY_ID, params, r->e);
}

static bool end_with(struct operation_context *r, bool found)
{
    return operation_end(r, found ? STORE_OK : STORE_NOT_FOUND);
}

bool user_op_find_by_phone(struct operation_context *r)
{
    const struct store_login *in = &r->op->in;
    struct user_row row;
    return user_row_find_by_phone(&row, &r->op->result.user, r->db, r->vault, in->appid,
                                  in->country_code, in->phone, r->e) &&
           end_with(r, row.found);
}

bool user_op_get(struct operation_context *r)
{
    struct user_row row;
    return find_id(r, &row) && end_with(r, row.found);
}

bool user_op_set_phone(struct operation_context *r)
{
    const struct store_login *in = &r->op->in;
    struct user_row row;
    if (!find_id(r, &row))
        return false;
    if (!row.found)
        return end_with(r, false);
    return user_row_bind_phone(&row, r->db, r->vault, in->country_code, in->phone, in->now, r->e) &&
           end_with(r, db_changes(r->db) == 1); /* else erased meanwhile */
}

/* ---- profile ---- */

/* Replaces a text of the user that was read; true when that changed it. */
static bool replace(char *stored, const char *given, size_t size)
{
    bool same = strcmp(stored, given) == 0;
    memcpy(stored, given, size);
    return !same;
}

static bool take_profile(struct user *u, const struct operation *op)
{
    bool nickname = op->has_nickname && replace(u->nickname, op->in.nickname, sizeof u->nickname);
    bool avatar = op->has_avatar && replace(u->avatar, op->in.avatar, sizeof u->avatar);
    return nickname || avatar;
}

bool user_op_update(struct operation_context *r)
{
    const struct operation *op = r->op;
    struct user_row row;
    if (!find_id(r, &row))
        return false;
    if (!row.found)
        return end_with(r, false);
    bool changed = take_profile(row.user, op);
    if (changed)
        row.user->updated_at = op->in.now;
    const struct db_value params[] = {
        op->has_nickname ? db_text(op->in.nickname) : db_null(),
        op->has_avatar ? db_text(op->in.avatar) : db_null(),
        changed ? db_int(op->in.now.ms) : db_null(),
        db_int(op->user_id),
    };
    return db_run(r->db, QUERY_USER_PROFILE, params, NULL, NULL, r->e) &&
           end_with(r, db_changes(r->db) == 1);
}

/* ---- erasure ---- */

bool user_op_erase(struct operation_context *r)
{
    const struct operation *op = r->op;
    const struct db_value id[] = {db_int(op->user_id)};
    struct user_row row;
    bool found;
    if (!user_row_lock(r->db, op->user_id, &found, r->e))
        return false;
    if (!found)
        return end_with(r, false);
    return find_id(r, &row) &&
           session_row_end_all(&r->op->result, r->db, op->user_id, op->in.now, op->until, r->e) &&
           db_run(r->db, QUERY_SESSIONS_DELETE, id, NULL, NULL, r->e) &&
           db_run(r->db, QUERY_USER_DELETE, id, NULL, NULL, r->e) && end_with(r, true);
}
