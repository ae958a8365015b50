/* user_row.h - a row of the table users: read, and its phone bound.
 *
 * The sealed phone and its index stay in here; struct user carries the plain number. Worker
 * threads. */
#ifndef USERS_USER_ROW_H
#define USERS_USER_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "loginsvc/users/db.h"
#include "loginsvc/users/phone_vault.h"
#include "loginsvc/users/user.h"

struct user_row {
    struct user *user; /* filled when found */
    bool found;
    bool phone_current; /* sealed and indexed with the newest keys */
};

/* Reads the one row that query `q` gives for `params` into *user, borrowed as row->user. False with
 * *e when the database fails; when there is no such row, row->found is false and *user untouched.
 */
bool user_row_find(struct user_row *row, struct user *user, struct db *db,
                   const struct phone_vault *vault, enum query q, const struct db_value *params,
                   struct db_error *e) MUST_CHECK;

/* The same for the user who proved this phone last, sought under every key of the vault. */
bool user_row_find_by_phone(struct user_row *row, struct user *user, struct db *db,
                            const struct phone_vault *vault, const char *appid,
                            const char *country_code, const char *phone,
                            struct db_error *e) MUST_CHECK;

/* Until the end of the transaction nobody else changes the user or adds a session. *found: there is
 * such a user. */
bool user_row_lock(struct db *db, int64_t user_id, bool *found, struct db_error *e) MUST_CHECK;

/* Stores that WeChat proved this phone for the row's user, at `now`. */
bool user_row_bind_phone(struct user_row *row, struct db *db, const struct phone_vault *vault,
                         const char *country_code, const char *phone, wall_ms_t now,
                         struct db_error *e) MUST_CHECK;

#endif
