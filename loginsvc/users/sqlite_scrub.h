/* sqlite_scrub.h - takes what was deleted out of the files of an SQLite database.
 *
 * secure_delete overwrites a deleted row where it stands, but not everywhere it stood: when SQLite
 * moves rows between the pages of a tree, copies can stay behind in the unused middle of a page,
 * and the WAL keeps every older version of a page. So the WAL is emptied into the file and
 * truncated; then, while nobody may write, the unused middle of each page is overwritten. That
 * reads the whole file: some 0.2 s for each 500 MB. Blocking; one thread at a time. */
#ifndef USERS_SQLITE_SCRUB_H
#define USERS_SQLITE_SCRUB_H

#include "base/check.h"
#include "loginsvc/users/sqlite_conn.h"
#include "loginsvc/users/turn.h"

/* Outside transactions. Tries again while other connections read or write, until `deadline`, and
 * lets writers through in between. SQLITE_OK, SQLITE_BUSY, or what went wrong. */
int sqlite_scrub_run(struct sqlite_conn *c, struct turn *t, mono_ms_t deadline) MUST_CHECK;

#endif
