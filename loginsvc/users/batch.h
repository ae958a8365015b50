/* batch.h - several operations in one commit.
 *
 * Each stands in a savepoint of its own, so one that fails fails alone; what fails the transaction
 * fails them all. Worker threads. */
#ifndef USERS_BATCH_H
#define USERS_BATCH_H

#include <stddef.h>

#include "loginsvc/users/db.h"
#include "loginsvc/users/operation.h"
#include "loginsvc/users/phone_vault.h"

enum { BATCH_MAX = 64 };

/* Carries out up to BATCH_MAX operations, in order, and leaves a result in each. When it returns,
 * what is told as done is on the disk. What meets another process's transaction (db_error.again) is
 * run again, a few times: all of them together, then each by itself. One whose deadline passed is
 * not begun (ERR_RETRY); one that waits for another process's lock gives up at its own deadline
 * (ERR_BACKOFF). */
void batch_run(struct db *db, const struct phone_vault *vault, struct operation *const *ops,
               size_t n);

#endif
