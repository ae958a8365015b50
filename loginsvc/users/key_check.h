/* key_check.h - refuses a DATA_KEY that is not the one this database was written with.
 *
 * Without it a wrong key would show only user by user: phones that do not open, owners that are not
 * found. The first start leaves a sealed mark; after a rotation the mark moves on to the newest
 * key. Blocking, for the start of the daemon. */
#ifndef USERS_KEY_CHECK_H
#define USERS_KEY_CHECK_H

#include "base/check.h"
#include "base/times.h"
#include "loginsvc/users/db.h"
#include "loginsvc/users/phone_vault.h"

bool key_check(struct db *db, const struct phone_vault *vault, mono_ms_t deadline,
               struct db_error *e) MUST_CHECK;

#endif
