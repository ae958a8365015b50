/* session_row.h - rows of the table sessions: read, listed, ended.
 *
 * An end and its revocation are written together, here and nowhere else. Worker threads. */
#ifndef USERS_SESSION_ROW_H
#define USERS_SESSION_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "loginsvc/users/db.h"
#include "loginsvc/users/store.h"

struct session_row {
    struct store_session session;
    uint8_t refresh_hash[SHA256_SIZE];
    bool found;
};

/* Reads the session `sid` as it is at `now`; when there is none, row->found is false. */
bool session_row_find(struct session_row *row, struct db *db, const char *sid, wall_ms_t now,
                      struct db_error *e) MUST_CHECK;

/* Adds the user's living sessions, newest first, to r->sessions; r->more when there are more than
 * STORE_LIST_MAX. */
bool session_row_list(struct store_result *r, struct db *db, int64_t user_id, wall_ms_t now,
                      struct db_error *e) MUST_CHECK;

/* Ends a session and writes its revocation; s->alive is false then. *ended says whether it was this
 * call that did: another process may have been faster. */
bool session_row_end(struct store_session *s, struct db *db, wall_ms_t now, wall_ms_t until,
                     bool *ended, struct db_error *e) MUST_CHECK;

/* Ends all living sessions of the user, whose row the caller has locked (user_row_lock: one
 * that was added meanwhile would end without a revocation), and adds them to r->sessions; r->more
 * when there were more than STORE_LIST_MAX. */
bool session_row_end_all(struct store_result *r, struct db *db, int64_t user_id, wall_ms_t now,
                         wall_ms_t until, struct db_error *e) MUST_CHECK;

/* Puts one behind the others of r->sessions. */
void session_row_give(struct store_result *r, const struct store_session *s);

#endif
