#include "loginsvc/users/key_check.h"

#include "sys/clock.h"

struct mark {
    const struct phone_vault *vault;
    bool found, known, current;
};

static void on_mark(const struct db_value *columns, void *arg)
{
    struct mark *m = arg;
    m->found = true;
    m->known = phone_vault_knows_mark(m->vault, columns[0].bytes);
    m->current = phone_vault_is_current(m->vault, columns[0].bytes);
}

static bool write_mark(struct db *db, const struct phone_vault *vault, enum query q,
                       struct db_error *e)
{
    uint8_t mark[PHONE_MARK_MAX];
    size_t n = phone_vault_mark(vault, mark);
    return db_run(db, q, (struct db_value[]){db_blob(mark, n)}, NULL, NULL, e);
}

static bool check(struct db *db, const struct phone_vault *vault, struct db_error *e)
{
    struct mark m = {.vault = vault};
    if (!db_run(db, QUERY_KEY_CHECK, NULL, on_mark, &m, e))
        return false;
    if (!m.found)
        return write_mark(db, vault, QUERY_KEY_CHECK_ADD, e);
    if (!m.known)
        return db_fail(e, ERR_OPERATOR,
                       "DATA_KEY is not the key that this database was written with");
    return m.current || write_mark(db, vault, QUERY_KEY_CHECK_UPDATE, e);
}

static bool check_once(struct db *db, const struct phone_vault *vault, mono_ms_t deadline,
                       struct db_error *e)
{
    if (!db_begin(db, true, deadline, e))
        return false;
    if (check(db, vault, e) && db_commit(db, e))
        return true;
    db_rollback(db);
    return false;
}

bool key_check(struct db *db, const struct phone_vault *vault, mono_ms_t deadline,
               struct db_error *e)
{
    bool good;
    do { /* several processes may leave the first mark at once */
        good = check_once(db, vault, deadline, e);
    } while (!good && e->again && !mono_reached(clock_mono(), deadline));
    return good;
}
