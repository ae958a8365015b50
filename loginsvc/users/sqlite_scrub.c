#include "loginsvc/users/sqlite_scrub.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sys/clock.h"

enum {
    TRY_MS = 50,   /* writers wait that long for a reader that is in the way */
    PAUSE_MS = 20, /* then it is their turn */
    FILE_HEADER_SIZE = 100,
    PAGE_MAX = 65536,
    PAGES_AT_ONCE = 16,
};

static const uint8_t zeros[PAGE_MAX];

/* The database file, as SQLite itself has it open: to open it a second time and close it would drop
 * the locks of this process on it (POSIX advisory locks). */
struct pages {
    sqlite3_file *file;
    size_t size; /* of a page */
    size_t usable;
    int64_t count;
    uint8_t *buffer; /* PAGES_AT_ONCE */
    bool wrote;
};

static size_t number_at(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

/* ---- one page (https://sqlite.org/fileformat2.html#b_tree_pages) ---- */

/* Finds the bytes between the page's list of cells and its first cell: nothing stands there. False
 * for a page that is not of a tree. */
static bool find_gap(const struct pages *p, const uint8_t *page, bool first, size_t *from,
                     size_t *to)
{
    size_t header = first ? FILE_HEADER_SIZE : 0;
    uint8_t kind = page[header];
    bool leaf = kind == 10 || kind == 13;
    if (!leaf && kind != 2 && kind != 5)
        return false;
    size_t cells = number_at(page + header + 3), content = number_at(page + header + 5);
    *from = header + (leaf ? 8 : 12) + 2 * cells;
    *to = content ? content : PAGE_MAX;
    return *from < *to && *to <= p->usable;
}

static int clean_page(struct pages *p, uint8_t *page, int64_t number)
{
    size_t from, to;
    if (!find_gap(p, page, number == 0, &from, &to) || memcmp(page + from, zeros, to - from) == 0)
        return SQLITE_OK;
    p->wrote = true;
    return p->file->pMethods->xWrite(p->file, zeros, (int)(to - from),
                                     number * (int64_t)p->size + (int64_t)from);
}

/* ---- all pages ---- */

static int read_header(struct pages *p)
{
    uint8_t header[FILE_HEADER_SIZE];
    sqlite3_int64 size = 0;
    int code = p->file->pMethods->xRead(p->file, header, sizeof header, 0);
    if (code == SQLITE_OK)
        code = p->file->pMethods->xFileSize(p->file, &size);
    if (code != SQLITE_OK)
        return code;
    size_t page_size = number_at(header + 16);
    p->size = page_size == 1 ? PAGE_MAX : page_size;
    if (p->size < 512 || p->size > PAGE_MAX)
        return SQLITE_CORRUPT;
    p->usable = p->size - header[20];
    p->count = size / (int64_t)p->size;
    /* A page that is not of a tree begins with the number of another one: its first byte could be
     * taken for a kind of tree page from this number on (128 GiB). */
    return p->count < 2 << 24 ? SQLITE_OK : SQLITE_TOOBIG;
}

static int clean_pages(struct pages *p)
{
    int code = SQLITE_OK;
    for (int64_t at = 0; at < p->count && code == SQLITE_OK; at += PAGES_AT_ONCE) {
        int64_t n = p->count - at < PAGES_AT_ONCE ? p->count - at : PAGES_AT_ONCE;
        code = p->file->pMethods->xRead(p->file, p->buffer, (int)(n * (int64_t)p->size),
                                        at * (int64_t)p->size);
        for (int64_t i = 0; i < n && code == SQLITE_OK; i++)
            code = clean_page(p, p->buffer + i * (int64_t)p->size, at + i);
    }
    if (code == SQLITE_OK && p->wrote)
        code = p->file->pMethods->xSync(p->file, SQLITE_SYNC_NORMAL);
    return code;
}

static int clean_file(struct sqlite_conn *c, bool *wrote)
{
    struct pages p = {.file = NULL};
    int code = sqlite3_file_control(c->raw, "main", SQLITE_FCNTL_FILE_POINTER, &p.file);
    if (code == SQLITE_OK)
        code = read_header(&p);
    if (code != SQLITE_OK)
        return code;
    p.buffer = xcalloc(PAGES_AT_ONCE, p.size);
    code = clean_pages(&p);
    free(p.buffer);
    *wrote = p.wrote;
    return code;
}

/* ---- the moment at which it may be done ---- */

/* Without frames in the WAL the file is all there is. */
static int check_wal_is_empty(struct sqlite_conn *c)
{
    sqlite3_file *wal = NULL;
    sqlite3_int64 size = 0;
    int code = sqlite3_file_control(c->raw, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (code == SQLITE_OK && wal && wal->pMethods)
        code = wal->pMethods->xFileSize(wal, &size);
    return code == SQLITE_OK && size > 0 ? SQLITE_BUSY : code;
}

/* Other connections may hold pages in memory as they were; any commit makes them read anew before
 * they write. */
static int make_others_read_anew(struct sqlite_conn *c)
{
    return sqlite3_exec(c->raw, "UPDATE heartbeat SET beats = beats + 1 WHERE id = 1; COMMIT", NULL,
                        NULL, NULL);
}

static int clean_locked(struct sqlite_conn *c)
{
    bool wrote = false;
    int code = check_wal_is_empty(c);
    if (code == SQLITE_OK)
        code = clean_file(c, &wrote);
    if (wrote) {
        int told = make_others_read_anew(c);
        code = code == SQLITE_OK ? told : code;
    }
    if (!sqlite3_get_autocommit(c->raw))
        sqlite3_exec(c->raw, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

/* Our writers wait for the turn, so none comes between the two steps. */
static int empty_wal_and_lock(struct sqlite_conn *c, struct turn *t)
{
    if (!turn_take(t, c->busy_until))
        return SQLITE_BUSY;
    int code = sqlite3_wal_checkpoint_v2(c->raw, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(c->raw, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    turn_pass(t);
    return code;
}

static int try_once(struct sqlite_conn *c, struct turn *t)
{
    c->busy_until = mono_after(clock_mono(), TRY_MS);
    int code = empty_wal_and_lock(c, t);
    return code == SQLITE_OK ? clean_locked(c) : code;
}

int sqlite_scrub_run(struct sqlite_conn *c, struct turn *t, mono_ms_t deadline)
{
    int code = try_once(c, t);
    while ((code & 0xff) == SQLITE_BUSY && !mono_reached(clock_mono(), deadline)) {
        sqlite3_sleep(PAUSE_MS);
        code = try_once(c, t);
    }
    return code;
}
