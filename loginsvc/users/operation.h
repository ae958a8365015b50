/* operation.h - one operation of the store: its input, its result, and what it does to a database.
 *
 * Not the threads (store.c), not the commit (batch.h). An operation is a value that its maker fills
 * and frees; one thread at a time. */
#ifndef USERS_OPERATION_H
#define USERS_OPERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/times.h"
#include "loginsvc/users/db.h"
#include "loginsvc/users/phone_vault.h"
#include "loginsvc/users/store.h"

/* X(name, writes, function in operation.c) */
#define OPERATION_TABLE(X)                                                                         \
    X(OPERATION_LOGIN, true, login)                                                                \
    X(OPERATION_FIND_BY_PHONE, false, find_by_phone)                                               \
    X(OPERATION_GET_USER, false, get_user)                                                         \
    X(OPERATION_SET_PHONE, true, set_phone)                                                        \
    X(OPERATION_SESSION_CHECK, false, session_check)                                               \
    X(OPERATION_PING, true, ping)

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
     * need: appid, phone, country_code and now are in there for all of them. */
    struct store_login in;
    int64_t user_id;
    char session_id[SESSION_ID_SIZE];
    struct store_result result;
};

bool operation_writes(const struct operation *op);

/* Carries it out inside a transaction. True: the result says how it ended, STORE_OK or
 * STORE_NOT_FOUND. False: *e says why it could not; what it wrote so far is to be undone, and then
 * it may be run again. */
bool operation_run(struct operation *op, struct db *db, const struct phone_vault *vault,
                   struct db_error *e) MUST_CHECK;

/* Makes the result STORE_FAILED and forgets what it held of a person. */
void operation_fail(struct operation *op, const struct db_error *e);

#endif
