/* operation.h - one operation of the store: its input, its result, and what it does to a database.
 *
 * Not the threads (store.c), not the commit (batch.h). Here are the table of all operations and
 * what they have in common; what each does is in the file of its noun (login_op.c, user_op.c,
 * session_op.c, upkeep_op.c). An operation is a value that its maker fills and clears; one thread
 * at a time. */
#ifndef USERS_OPERATION_H
#define USERS_OPERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/times.h"
#include "loginsvc/users/db.h"
#include "loginsvc/users/phone_vault.h"
#include "loginsvc/users/store.h"

/* X(name, writes, function) */
#define OPERATION_TABLE(X)                                                                         \
    X(OPERATION_LOGIN, true, login_op_run)                                                         \
    X(OPERATION_CHECK_TICKET, false, login_op_check_ticket)                                        \
    X(OPERATION_FIND_BY_PHONE, false, user_op_find_by_phone)                                       \
    X(OPERATION_GET_USER, false, user_op_get)                                                      \
    X(OPERATION_SET_PHONE, true, user_op_set_phone)                                                \
    X(OPERATION_USER_UPDATE, true, user_op_update)                                                 \
    X(OPERATION_USER_ERASE, true, user_op_erase)                                                   \
    X(OPERATION_SESSION_CHECK, false, session_op_check)                                            \
    X(OPERATION_SESSION_ROTATE, true, session_op_rotate)                                           \
    X(OPERATION_SESSIONS_LIST, false, session_op_list)                                             \
    X(OPERATION_SESSION_END, true, session_op_end)                                                 \
    X(OPERATION_SESSIONS_END_ALL, true, session_op_end_all)                                        \
    X(OPERATION_REVOCATIONS_AFTER, false, session_op_revocations_after)                            \
    X(OPERATION_PURGE, true, upkeep_op_purge)                                                      \
    X(OPERATION_PING, true, upkeep_op_ping)

enum operation_kind {
#define X(name, writes, function) name,
    OPERATION_TABLE(X)
#undef X
        OPERATION_COUNT
};

struct operation {
    enum operation_kind kind;
    mono_ms_t deadline; /* it is not begun after this */
    bool invalid;       /* an input did not fit: it fails with ERR_BUG */
    /* The input; each kind reads what store.h says of it. A login carries most of what the others
     * need: appid, phone, country_code, nickname, avatar, now and the session's new values are in
     * there for all of them. */
    struct store_login in;
    int64_t user_id;
    char session_id[SESSION_ID_SIZE];
    uint8_t old_hash[SHA256_SIZE];
    bool has_nickname, has_avatar;
    wall_ms_t until;      /* of revocations that it makes */
    wall_ms_t revoked_at; /* of the last revocation that is known */
    struct store_result result;
};

bool operation_writes(const struct operation *op);

/* Carries it out inside a transaction. True: the result says how it ended, anything but
 * STORE_FAILED. False: *e says why it could not; what it wrote so far is to be undone, and then it
 * may be run again. */
bool operation_run(struct operation *op, struct db *db, const struct phone_vault *vault,
                   struct db_error *e) MUST_CHECK;

/* Makes the result STORE_FAILED and forgets what it held of a person. */
void operation_fail(struct operation *op, const struct db_error *e);

/* Frees what the operation holds and wipes all of it. */
void operation_clear(struct operation *op);

/* ---- for the files of the nouns ---- */

/* What every step of an operation needs. */
struct operation_context {
    struct operation *op;
    struct db *db;
    const struct phone_vault *vault;
    struct db_error *e;
};

/* Sets the status; always true, for `return operation_end(...)`. */
bool operation_end(struct operation_context *r, enum store_status status);

/* The functions of the table, each in the file that its name begins with. */
#define X(name, writes, function) bool function(struct operation_context *r) MUST_CHECK;
OPERATION_TABLE(X)
#undef X

#endif
