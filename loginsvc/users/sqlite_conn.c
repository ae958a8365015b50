#include "loginsvc/users/sqlite_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loginsvc/users/turn.h"

/* SQLite's own handler sleeps up to 100 ms at a time. */
static int on_busy(void *arg, int times_before)
{
    const struct sqlite_conn *c = arg;
    return turn_pause(times_before, c->busy_until);
}

static enum err_class class_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
        return ERR_BACKOFF;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ERR_OPERATOR;
    default:
        return ERR_BUG;
    }
}

bool sqlite_conn_is_broken(int code)
{
    int primary = code & 0xff;
    return primary == SQLITE_IOERR || primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB ||
           primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY;
}

bool sqlite_conn_fail(const struct sqlite_conn *c, int code, struct db_error *e)
{
    const char *detail = c->raw ? sqlite3_errmsg(c->raw) : sqlite3_errstr(code);
    return db_fail(e, class_of(code), "sqlite: %s (%d)", detail, code);
}

bool sqlite_conn_exec(struct sqlite_conn *c, const char *sql, struct db_error *e)
{
    int code = sqlite3_exec(c->raw, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || sqlite_conn_fail(c, code, e);
}

/* Makes an empty file that nobody else may read. One that is there already is left alone and not
 * even opened: closing it would drop the locks that other connections of this process hold on it
 * (POSIX advisory locks). */
static bool create_file(const char *path, struct db_error *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        return close(fd) == 0 || db_fail(e, ERR_OPERATOR, "%s: %s", path, strerror(errno));
    if (errno == EEXIST)
        return true;
    const char *hint = errno == ENOENT ? " (the folder must be there: create it first)" : "";
    return db_fail(e, ERR_OPERATOR, "cannot create %s: %s%s", path, strerror(errno), hint);
}

/* Several processes that start at once on a new file get in each other's way here, and SQLite does
 * not wait by itself for a change of the journal mode. */
static bool set_wal(struct sqlite_conn *c, struct db_error *e)
{
    int code, times = 0;
    do {
        code = sqlite3_exec(c->raw, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    } while ((code & 0xff) == SQLITE_BUSY && on_busy(c, times++));
    return code == SQLITE_OK || sqlite_conn_fail(c, code, e);
}

static bool set_up(struct sqlite_conn *c, struct db_error *e)
{
    sqlite3_extended_result_codes(c->raw, 1);
    sqlite3_busy_handler(c->raw, on_busy, c);
    return set_wal(c, e) && sqlite_conn_exec(c,
                                             "PRAGMA synchronous = FULL;"
                                             "PRAGMA foreign_keys = ON;"
                                             "PRAGMA secure_delete = ON;"
                                             "PRAGMA wal_autocheckpoint = 0;"
                                             "PRAGMA journal_size_limit = 67108864;"
                                             "PRAGMA temp_store = MEMORY;"
                                             "PRAGMA trusted_schema = OFF;",
                                             e);
}

bool sqlite_conn_open(struct sqlite_conn *c, const char *path, enum sqlite_create create,
                      mono_ms_t busy_until, struct db_error *e)
{
    *c = (struct sqlite_conn){NULL, busy_until};
    if (create == SQLITE_FILE_MAY_CREATE && !create_file(path, e))
        return false;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int code = sqlite3_open_v2(path, &c->raw, flags, NULL);
    if (code != SQLITE_OK) {
        sqlite_conn_fail(c, code, e);
        sqlite_conn_close(c);
        return false;
    }
    if (set_up(c, e))
        return true;
    sqlite_conn_close(c);
    return false;
}

void sqlite_conn_close(struct sqlite_conn *c)
{
    if (c->raw)
        ASSERT(sqlite3_close(c->raw) == SQLITE_OK);
    c->raw = NULL;
}
