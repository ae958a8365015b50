/* db.h - one connection to a database, as the store's operations see it.
 *
 * A driver (sqlite.h, mysql.h) implements struct db_driver; everything above knows only the calls
 * below. Blocking: worker threads, and the start of the daemon. One thread at
 * a time for each connection. */
#ifndef USERS_DB_H
#define USERS_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "base/times.h"
#include "loginsvc/users/query.h"

enum db_type { DB_NULL, DB_INT, DB_TEXT, DB_BLOB };

/* A parameter or a column. Bytes are borrowed: parameters for the call, columns for the row. */
struct db_value {
    enum db_type type;
    int64_t num;
    struct slice bytes;
};

struct db_value db_null(void);
struct db_value db_int(int64_t num);
struct db_value db_text(const char *s);
struct db_value db_text_or_null(const char *s); /* the empty text is NULL */
struct db_value db_blob(const void *bytes, size_t n);

/* Copies a column's text with a NUL. NULL, and what no version of this program would have written,
 * reads as the empty text. */
void db_read_text(const struct db_value *column, char *out, size_t size);

/* What store_result tells: class and line. */
struct db_error {
    enum err_class class;
    /* The transaction met another one, or its connection was lost before the commit: nothing is
     * changed once it is rolled back, and run again from its begin it may succeed at once. The
     * class holds when it does not; ERR_RETRY is always so. */
    bool again;
    struct err line;
};

/* Fills *e, `again` for ERR_RETRY alone; always false, for `return db_fail(...)`. */
bool db_fail(struct db_error *e, enum err_class class, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Called for each row, with the columns in the order of the statement's text. */
typedef void db_row_fn(const struct db_value *columns, void *arg);

struct db; /* the driver's own struct begins with it */

struct db_driver {
    bool (*begin)(struct db *db, bool writes, mono_ms_t deadline, struct db_error *e);
    bool (*commit)(struct db *db, struct db_error *e);
    void (*rollback)(struct db *db);
    bool (*savepoint)(struct db *db, struct db_error *e);
    bool (*release)(struct db *db, struct db_error *e);
    bool (*rollback_to)(struct db *db, struct db_error *e);
    bool (*run)(struct db *db, enum query q, const struct db_value *params, db_row_fn *on_row,
                void *arg, struct db_error *e);
    int64_t (*last_id)(struct db *db);
    int64_t (*changes)(struct db *db);
    bool (*scrub)(struct db *db, mono_ms_t deadline, struct db_error *e); /* may be NULL */
    bool (*maintain)(struct db *db, struct db_error *e);
    void (*close)(struct db *db);
};

struct db {
    const struct db_driver *driver;
};

/* Begins a transaction. For writing, other writers are kept out from here on (SQLite; waits for
 * them until `deadline`, then ERR_BACKOFF), or go on beside it, and where two meet one is told to
 * run again (MySQL): what was read may then have changed before it is written. ERR_BACKOFF also
 * when the database is away. Connects again where that is needed and not tried just before. */
static inline bool db_begin(struct db *db, bool writes, mono_ms_t deadline, struct db_error *e)
{
    return db->driver->begin(db, writes, deadline, e);
}

/* True: everything since db_begin is on the disk. False: roll back; ERR_UNKNOWN when it may be
 * there all the same (then never `again`). */
static inline bool db_commit(struct db *db, struct db_error *e)
{
    return db->driver->commit(db, e);
}

/* Ends the transaction, if one is open, as if it had not been. */
static inline void db_rollback(struct db *db)
{
    db->driver->rollback(db);
}

/* A mark inside the transaction: release keeps what was done since, rollback_to undoes that alone.
 * False: the transaction is lost, db_rollback is all that is left. */
static inline bool db_savepoint(struct db *db, struct db_error *e)
{
    return db->driver->savepoint(db, e);
}

static inline bool db_release(struct db *db, struct db_error *e)
{
    return db->driver->release(db, e);
}

static inline bool db_rollback_to(struct db *db, struct db_error *e)
{
    return db->driver->rollback_to(db, e);
}

/* Runs one statement inside a transaction: `params` as many as it has, on_row (may be NULL) for
 * each row. False with *e when it failed; the transaction may live on, see db_rollback_to, unless
 * e->again. */
static inline bool db_run(struct db *db, enum query q, const struct db_value *params,
                          db_row_fn *on_row, void *arg, struct db_error *e)
{
    return db->driver->run(db, q, params, on_row, arg, e);
}

/* The id that the last INSERT into a table with generated ids got. */
static inline int64_t db_last_id(struct db *db)
{
    return db->driver->last_id(db);
}

/* How many rows the last UPDATE or DELETE matched, also those that it left as they were. */
static inline int64_t db_changes(struct db *db)
{
    return db->driver->changes(db);
}

/* Makes what was deleted unreadable in the database's files, as far as they are ours to look after:
 * a driver without it leaves that to its server. Waits for other users of the files until
 * `deadline`, then ERR_BACKOFF. Outside transactions. */
static inline bool db_scrub(struct db *db, mono_ms_t deadline, struct db_error *e)
{
    return !db->driver->scrub || db->driver->scrub(db, deadline, e);
}

/* Housekeeping that would stall a commit; on a connection of its own, outside transactions. */
static inline bool db_maintain(struct db *db, struct db_error *e)
{
    return db->driver->maintain(db, e);
}

static inline void db_close(struct db *db) /* NULL is allowed */
{
    if (db)
        db->driver->close(db);
}

#endif
