#include "loginsvc/users/operation.h"

#include <string.h>

#include "base/secret.h"
#include "loginsvc/users/user_row.h"

/* What every step of an operation needs. */
struct run {
    struct operation *op;
    struct db *db;
    const struct phone_vault *vault;
    struct db_error *e;
};

/* ---- steps ---- */

static bool find_by(struct run *r, struct user_row *row, enum query q,
                    const struct db_value *params)
{
    return user_row_find(row, &r->op->result.user, r->db, r->vault, q, params, r->e);
}

static bool find_phone_owner(struct run *r, struct user_row *row)
{
    const struct store_login *in = &r->op->in;
    return user_row_find_by_phone(row, &r->op->result.user, r->db, r->vault, in->appid,
                                  in->country_code, in->phone, r->e);
}

static bool find_openid_owner(struct run *r, struct user_row *row)
{
    const struct db_value params[] = {db_text(r->op->in.appid), db_text(r->op->in.openid)};
    return find_by(r, row, QUERY_USER_BY_OPENID, params);
}

static bool find_id(struct run *r, struct user_row *row)
{
    const struct db_value params[] = {db_int(r->op->user_id)};
    return find_by(r, row, QUERY_USER_BY_ID, params);
}

static bool bind_phone(struct run *r, struct user_row *row)
{
    const struct store_login *in = &r->op->in;
    return user_row_bind_phone(row, r->db, r->vault, in->country_code, in->phone, in->now, r->e);
}

/* Replaces a stored text by a given one; true when that changed it. */
static bool replace(char *stored, const char *given, size_t size)
{
    if (!given[0] || strcmp(stored, given) == 0)
        return false;
    return slice_copy(slice_of(given), stored, size);
}

/* What was given replaces what is stored. */
static bool take_profile(struct user *u, const struct store_login *in)
{
    bool unionid = replace(u->unionid, in->unionid, sizeof u->unionid);
    bool nickname = replace(u->nickname, in->nickname, sizeof u->nickname);
    bool avatar = replace(u->avatar, in->avatar, sizeof u->avatar);
    return unionid || nickname || avatar;
}

static bool add_user(struct run *r, struct user_row *row)
{
    const struct store_login *in = &r->op->in;
    struct user *u = row->user;
    *u = (struct user){.created_at = in->now, .updated_at = in->now, .last_login_at = in->now};
    memcpy(u->appid, in->appid, sizeof u->appid);
    memcpy(u->openid, in->openid, sizeof u->openid);
    take_profile(u, in);
    const struct db_value params[] = {
        db_text(u->appid),    db_text_or_null(u->openid), db_text_or_null(u->unionid),
        db_text(u->nickname), db_text(u->avatar),         db_int(in->now.ms),
        db_int(in->now.ms),   db_int(in->now.ms),
    };
    if (!db_run(r->db, QUERY_USER_ADD, params, NULL, NULL, r->e))
        return false;
    u->id = db_last_id(r->db);
    r->op->result.is_new = true;
    return true;
}

static bool update_user(struct run *r, struct user_row *row)
{
    const struct store_login *in = &r->op->in;
    struct user *u = row->user;
    if (take_profile(u, in))
        u->updated_at = in->now;
    u->last_login_at = in->now;
    const struct db_value params[] = {
        db_text_or_null(u->unionid), db_text(u->nickname),        db_text(u->avatar),
        db_int(u->updated_at.ms),    db_int(u->last_login_at.ms), db_int(u->id),
    };
    return db_run(r->db, QUERY_USER_UPDATE, params, NULL, NULL, r->e);
}

static bool add_session(struct run *r, int64_t user_id)
{
    const struct store_login *in = &r->op->in;
    const struct session *s = &in->session;
    const struct db_value params[] = {
        db_text(s->id),
        db_int(user_id),
        db_blob(s->refresh_hash, sizeof s->refresh_hash),
        db_text(in->device),
        db_int(in->now.ms),
        db_int(in->now.ms),
        db_int(s->expires_at.ms),
    };
    return db_run(r->db, QUERY_SESSION_ADD, params, NULL, NULL, r->e);
}

static bool end_with(struct run *r, bool found)
{
    r->op->result.status = found ? STORE_OK : STORE_NOT_FOUND;
    return true;
}

/* ---- operations, named in OPERATION_TABLE ---- */

static bool login(struct run *r)
{
    struct user_row row;
    bool by_openid = r->op->in.openid[0] != '\0';
    if (!(by_openid ? find_openid_owner(r, &row) : find_phone_owner(r, &row)))
        return false;
    if (!row.found && !by_openid)
        return end_with(r, false);
    if (!(row.found ? update_user(r, &row) : add_user(r, &row)))
        return false;
    if (r->op->in.phone[0] && !bind_phone(r, &row))
        return false;
    return add_session(r, row.user->id) && end_with(r, true);
}

static bool find_by_phone(struct run *r)
{
    struct user_row row;
    return find_phone_owner(r, &row) && end_with(r, row.found);
}

static bool get_user(struct run *r)
{
    struct user_row row;
    return find_id(r, &row) && end_with(r, row.found);
}

static bool set_phone(struct run *r)
{
    struct user_row row;
    if (!find_id(r, &row))
        return false;
    return (!row.found || bind_phone(r, &row)) && end_with(r, row.found);
}

static void on_session(const struct db_value *columns, void *arg)
{
    struct operation *op = arg;
    struct store_session *s = &op->result.session;
    memcpy(s->id, op->session_id, sizeof s->id);
    s->user_id = columns[0].num;
    s->created_at.ms = columns[1].num;
    s->expires_at.ms = columns[2].num;
    s->alive = columns[3].type == DB_NULL && op->in.now.ms < s->expires_at.ms;
    op->result.status = STORE_OK;
}

static bool session_check(struct run *r)
{
    const struct db_value params[] = {db_text(r->op->session_id)};
    r->op->result.status = STORE_NOT_FOUND;
    return db_run(r->db, QUERY_SESSION_BY_ID, params, on_session, r->op, r->e);
}

static bool ping(struct run *r)
{
    return db_run(r->db, QUERY_PING, NULL, NULL, NULL, r->e) && end_with(r, true);
}

/* ---- */

bool operation_writes(const struct operation *op)
{
    static const bool writes_of[OPERATION_COUNT] = {
#define X(name, writes, function) [name] = (writes),
        OPERATION_TABLE(X)
#undef X
    };
    return writes_of[op->kind];
}

bool operation_run(struct operation *op, struct db *db, const struct phone_vault *vault,
                   struct db_error *e)
{
    static bool (*const functions[OPERATION_COUNT])(struct run *) = {
#define X(name, writes, function) [name] = (function),
        OPERATION_TABLE(X)
#undef X
    };
    if (op->invalid)
        return db_fail(e, ERR_BUG, "an input does not fit its field");
    bytes_wipe(&op->result, sizeof op->result); /* of a run that was undone */
    return functions[op->kind](&(struct run){op, db, vault, e});
}

void operation_fail(struct operation *op, const struct db_error *e)
{
    ASSERT(e->class != ERR_NONE);
    bytes_wipe(&op->result, sizeof op->result);
    op->result.status = STORE_FAILED;
    op->result.class = e->class;
    op->result.err = e->line;
}
