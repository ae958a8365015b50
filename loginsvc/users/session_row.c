#include "loginsvc/users/session_row.h"

#include <stdlib.h>
#include <string.h>

/* In the order of SESSION_COLUMNS. */
enum column {
    COLUMN_ID,
    COLUMN_USER_ID,
    COLUMN_DEVICE,
    COLUMN_CREATED_AT,
    COLUMN_LAST_USED_AT,
    COLUMN_EXPIRES_AT,
    COLUMN_ENDED_AT,
    COLUMN_REFRESH_HASH,
};

/* ---- reading ---- */

static void read_session(const struct db_value *columns, wall_ms_t now, struct store_session *s)
{
    db_read_text(&columns[COLUMN_ID], s->id, sizeof s->id);
    s->user_id = columns[COLUMN_USER_ID].num;
    db_read_text(&columns[COLUMN_DEVICE], s->device, sizeof s->device);
    s->created_at.ms = columns[COLUMN_CREATED_AT].num;
    s->last_used_at.ms = columns[COLUMN_LAST_USED_AT].num;
    s->expires_at.ms = columns[COLUMN_EXPIRES_AT].num;
    s->alive = columns[COLUMN_ENDED_AT].type == DB_NULL && now.ms < s->expires_at.ms;
}

struct finding {
    struct session_row *row;
    wall_ms_t now;
};

static void on_found(const struct db_value *columns, void *arg)
{
    struct finding *f = arg;
    struct slice hash = columns[COLUMN_REFRESH_HASH].bytes;
    read_session(columns, f->now, &f->row->session);
    if (hash.n == sizeof f->row->refresh_hash)
        memcpy(f->row->refresh_hash, hash.p, hash.n);
    f->row->found = true;
}

bool session_row_find(struct session_row *row, struct db *db, const char *sid, wall_ms_t now,
                      struct db_error *e)
{
    const struct db_value params[] = {db_text(sid)};
    *row = (struct session_row){.found = false};
    return db_run(db, QUERY_SESSION_BY_ID, params, on_found, &(struct finding){row, now}, e);
}

/* ---- lists ---- */

void session_row_give(struct store_result *r, const struct store_session *s)
{
    size_t n = r->n_sessions;
    ASSERT(n < STORE_LIST_MAX);
    if ((n & (n - 1)) == 0) /* as many as there is room for: 0, 1, 2, 4, 8 */
        r->sessions = xrealloc(r->sessions, (n ? 2 * n : 1) * sizeof *s);
    r->sessions[r->n_sessions++] = *s;
}

struct listing {
    struct store_result *result;
    wall_ms_t now;
};

static void on_listed(const struct db_value *columns, void *arg)
{
    struct listing *l = arg;
    struct store_session s;
    if (l->result->n_sessions == STORE_LIST_MAX) {
        l->result->more = true;
        return;
    }
    read_session(columns, l->now, &s);
    session_row_give(l->result, &s);
}

bool session_row_list(struct store_result *r, struct db *db, int64_t user_id, wall_ms_t now,
                      struct db_error *e)
{
    const struct db_value params[] = {db_int(user_id), db_int(now.ms), db_int(STORE_LIST_MAX + 1)};
    return db_run(db, QUERY_SESSIONS_ALIVE, params, on_listed, &(struct listing){r, now}, e);
}

/* ---- ends ---- */

bool session_row_end(struct store_session *s, struct db *db, wall_ms_t now, wall_ms_t until,
                     bool *ended, struct db_error *e)
{
    const struct db_value end[] = {db_int(now.ms), db_int(until.ms), db_int(until.ms),
                                   db_text(s->id), db_int(now.ms)};
    const struct db_value revocation[] = {db_text(s->id), db_int(now.ms), db_int(until.ms)};
    if (!db_run(db, QUERY_SESSION_END, end, NULL, NULL, e))
        return false;
    s->alive = false;
    *ended = db_changes(db) == 1;
    return !*ended || db_run(db, QUERY_REVOCATION_ADD, revocation, NULL, NULL, e);
}

bool session_row_end_all(struct store_result *r, struct db *db, int64_t user_id, wall_ms_t now,
                         wall_ms_t until, struct db_error *e)
{
    const struct db_value revocations[] = {db_int(now.ms), db_int(until.ms), db_int(user_id),
                                           db_int(now.ms)};
    const struct db_value end[] = {db_int(now.ms), db_int(until.ms), db_int(until.ms),
                                   db_int(user_id), db_int(now.ms)};
    if (!session_row_list(r, db, user_id, now, e))
        return false;
    for (size_t i = 0; i < r->n_sessions; i++)
        r->sessions[i].alive = false;
    return db_run(db, QUERY_REVOCATIONS_ADD, revocations, NULL, NULL, e) &&
           db_run(db, QUERY_SESSIONS_END, end, NULL, NULL, e);
}
