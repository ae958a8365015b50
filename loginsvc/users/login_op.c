/* One login: whose it is, and what it writes. */
#include <string.h>

#include "loginsvc/users/operation.h"
#include "loginsvc/users/user_row.h"

/* ---- ticket ---- */

static void on_ticket(const struct db_value *columns, void *arg)
{
    (void)columns;
    *(bool *)arg = true;
}

/* One registration after the other: of two tickets for one phone at the same time the later one
 * must find the user of the first. Where rows are locked one by one, this waits until the one
 * before has committed. */
static bool take_turn(struct operation_context *r)
{
    return db_run(r->db, QUERY_REGISTRATION_TURN, NULL, NULL, NULL, r->e);
}

/* *used becomes true when it was. */
static bool find_ticket(struct operation_context *r, bool *used)
{
    const struct db_value params[] = {db_text(r->op->in.ticket)};
    return db_run(r->db, QUERY_TICKET, params, on_ticket, used, r->e);
}

/* Writes down that the ticket was used, unless that was done before: then *before is true. */
static bool use_ticket(struct operation_context *r, bool *before)
{
    const struct store_login *in = &r->op->in;
    const struct db_value params[] = {db_text(in->ticket), db_int(in->ticket_expires_at.ms)};
    if (!find_ticket(r, before))
        return false;
    return *before || db_run(r->db, QUERY_TICKET_USE, params, NULL, NULL, r->e);
}

bool login_op_check_ticket(struct operation_context *r)
{
    bool used = false;
    return find_ticket(r, &used) && operation_end(r, used ? STORE_REUSED : STORE_OK);
}

/* ---- whose login it is ---- */

static bool find_phone_owner(struct operation_context *r, struct user_row *row)
{
    const struct store_login *in = &r->op->in;
    return user_row_find_by_phone(row, &r->op->result.user, r->db, r->vault, in->appid,
                                  in->country_code, in->phone, r->e);
}

static bool find_openid_owner(struct operation_context *r, struct user_row *row)
{
    const struct db_value params[] = {db_text(r->op->in.appid), db_text(r->op->in.openid)};
    return user_row_find(row, &r->op->result.user, r->db, r->vault, QUERY_USER_BY_OPENID, params,
                         r->e);
}

/* The owner of the phone, if no openid is known of that user. */
static bool find_adoptable(struct operation_context *r, struct user_row *row)
{
    if (!find_phone_owner(r, row))
        return false;
    row->found = row->found && !row->user->openid[0];
    return true;
}

static bool find_user(struct operation_context *r, struct user_row *row)
{
    const struct store_login *in = &r->op->in;
    if (!in->openid[0])
        return find_phone_owner(r, row);
    if (!find_openid_owner(r, row))
        return false;
    return row->found || !in->phone[0] || find_adoptable(r, row);
}

/* ---- what it writes ---- */

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

static bool add_user(struct operation_context *r, struct user_row *row)
{
    const struct store_login *in = &r->op->in;
    struct user *u = row->user;
    *u = (struct user){.created_at = in->now, .updated_at = in->now, .last_login_at = in->now};
    row->phone_current = false;
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

/* Where rows are locked one by one, another process may have been there since the row was read. */
static bool must_have_changed(struct operation_context *r)
{
    return db_changes(r->db) == 1 ||
           db_fail(r->e, ERR_RETRY, "the user was changed by another process meanwhile");
}

/* Gives a user who registered by phone alone the openid. */
static bool adopt(struct operation_context *r, struct user *u)
{
    const struct store_login *in = &r->op->in;
    const struct db_value params[] = {db_text(in->openid), db_int(in->now.ms), db_int(u->id)};
    memcpy(u->openid, in->openid, sizeof u->openid);
    u->updated_at = in->now;
    return db_run(r->db, QUERY_USER_ADOPT, params, NULL, NULL, r->e) && must_have_changed(r);
}

static bool update_user(struct operation_context *r, struct user_row *row)
{
    const struct store_login *in = &r->op->in;
    struct user *u = row->user;
    if (in->openid[0] && !u->openid[0] && !adopt(r, u))
        return false;
    bool changed = take_profile(u, in);
    if (changed)
        u->updated_at = in->now;
    u->last_login_at = in->now;
    const struct db_value params[] = {
        db_text_or_null(in->unionid), db_text_or_null(in->nickname),
        db_text_or_null(in->avatar),  changed ? db_int(in->now.ms) : db_null(),
        db_int(in->now.ms),           db_int(u->id),
    };
    return db_run(r->db, QUERY_USER_LOGGED_IN, params, NULL, NULL, r->e) && must_have_changed(r);
}

static bool bind_phone(struct operation_context *r, struct user_row *row)
{
    const struct store_login *in = &r->op->in;
    return !in->phone[0] ||
           user_row_bind_phone(row, r->db, r->vault, in->country_code, in->phone, in->now, r->e);
}

static bool add_session(struct operation_context *r, int64_t user_id)
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

/* ---- */

bool login_op_run(struct operation_context *r)
{
    const struct store_login *in = &r->op->in;
    struct user_row row;
    bool used_before = false;
    if (in->ticket[0] && !(take_turn(r) && use_ticket(r, &used_before)))
        return false;
    if (used_before)
        return operation_end(r, STORE_REUSED);
    if (!find_user(r, &row))
        return false;
    if (!row.found && !in->openid[0] && !in->ticket[0])
        return operation_end(r, STORE_NOT_FOUND);
    if (!(row.found ? update_user(r, &row) : add_user(r, &row)))
        return false;
    return bind_phone(r, &row) && add_session(r, row.user->id) && operation_end(r, STORE_OK);
}
