#include "loginsvc/users/reseal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "loginsvc/users/database_url.h"
#include "loginsvc/users/key_check.h"
#include "loginsvc/users/mysql.h"
#include "loginsvc/users/sqlite.h"
#include "sys/clock.h"

enum {
    STEP = 100,      /* phones of one look and of one commit */
    WAIT_MS = 30000, /* for other processes: there is time */
};

/* A phone that must change, as it was read and as it shall be. */
struct change {
    int64_t user_id;
    uint8_t old[PHONE_SEALED_MAX], new[PHONE_SEALED_MAX], index[PHONE_INDEX_SIZE];
    size_t old_n, new_n;
};

/* Of one step, whose transactions may run more than once. */
struct step {
    int64_t last_id; /* of the users looked at */
    size_t read, unreadable, written;
    struct change changes[STEP];
    size_t n;
};

struct reseal {
    struct database_url url;
    struct mysql_tls tls;
    const struct reseal_options *options;
    struct phone_vault *vault;
    struct db *db;
    struct reseal_progress progress;
    int64_t done_id; /* of the last user of the steps before this one */
    struct step step;
};

/* ---- reading ---- */

static void on_count(const struct db_value *columns, void *arg)
{
    struct reseal *r = arg;
    r->progress.total = (uint64_t)columns[0].num;
}

static void seal_anew(struct reseal *r, int64_t user_id, const char *appid,
                      const char *country_code, const char *phone, struct slice old)
{
    ASSERT(r->step.n < STEP && old.n <= PHONE_SEALED_MAX);
    struct change *c = &r->step.changes[r->step.n++];
    c->user_id = user_id;
    memcpy(c->old, old.p, old.n);
    c->old_n = old.n;
    c->new_n = phone_vault_seal(r->vault, appid, user_id, phone, c->new);
    phone_vault_index(r->vault, 0, appid, country_code, phone, c->index);
}

/* Columns: id, appid, country_code, phone, phone_index. */
static void on_phone(const struct db_value *columns, void *arg)
{
    struct reseal *r = arg;
    char appid[USER_APPID_SIZE], country_code[USER_COUNTRY_CODE_SIZE], phone[USER_PHONE_SIZE] = "";
    struct slice sealed = columns[3].bytes;
    int64_t user_id = columns[0].num;
    r->step.last_id = user_id;
    r->step.read++;
    if (sealed.n > PHONE_SEALED_MAX || !slice_copy(columns[1].bytes, appid, sizeof appid) ||
        !slice_copy(columns[2].bytes, country_code, sizeof country_code) ||
        phone_vault_open(r->vault, appid, user_id, sealed, phone) != AEAD_OK)
        r->step.unreadable++;
    else if (!phone_vault_is_current_pair(r->vault, appid, country_code, phone, sealed,
                                          columns[4].bytes))
        seal_anew(r, user_id, appid, country_code, phone, sealed);
    bytes_wipe(phone, sizeof phone);
}

static bool try_transaction(struct reseal *r, bool writes,
                            bool (*run)(struct reseal *, struct db_error *), mono_ms_t deadline,
                            struct db_error *e)
{
    if (!db_begin(r->db, writes, deadline, e))
        return false;
    if (run(r, e) && db_commit(r->db, e))
        return true;
    db_rollback(r->db);
    return false;
}

static bool in_transaction(struct reseal *r, bool writes,
                           bool (*run)(struct reseal *, struct db_error *), struct db_error *e)
{
    mono_ms_t deadline = mono_after(clock_mono(), WAIT_MS);
    bool done;
    do {
        done = try_transaction(r, writes, run, deadline, e);
    } while (!done && e->again && !mono_reached(clock_mono(), deadline));
    return done;
}

static bool count(struct reseal *r, struct db_error *e)
{
    return db_run(r->db, QUERY_PHONES_COUNT, NULL, on_count, r, e);
}

static bool read_some(struct reseal *r, struct db_error *e)
{
    const struct db_value params[] = {db_int(r->done_id), db_int(STEP)};
    r->step = (struct step){.last_id = r->done_id};
    return db_run(r->db, QUERY_PHONES_AFTER, params, on_phone, r, e);
}

/* ---- writing ---- */

/* A phone that was bound since it was read stays: its login sealed it. */
static bool write_one(struct reseal *r, const struct change *c, struct db_error *e)
{
    const struct db_value params[] = {
        db_blob(c->new, c->new_n),
        db_blob(c->index, sizeof c->index),
        db_int(c->user_id),
        db_blob(c->old, c->old_n),
    };
    if (!db_run(r->db, QUERY_PHONE_RESEAL, params, NULL, NULL, e))
        return false;
    r->step.written += (size_t)db_changes(r->db);
    return true;
}

static bool write_all(struct reseal *r, struct db_error *e)
{
    r->step.written = 0;
    for (size_t i = 0; i < r->step.n; i++) {
        if (!write_one(r, &r->step.changes[i], e))
            return false;
    }
    return true;
}

/* ---- all of it ---- */

static bool stopped(const struct reseal *r)
{
    return r->options->stop && *r->options->stop;
}

static void pause_for_others(const struct reseal *r)
{
    int64_t ms = r->options->pause_ms;
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* The files are looked after here, as there may be no daemon to do it. */
static bool write_step(struct reseal *r, struct db_error *e)
{
    return in_transaction(r, true, write_all, e) && db_maintain(r->db, e);
}

static void count_step(struct reseal *r)
{
    r->done_id = r->step.last_id;
    r->progress.seen += r->step.read;
    r->progress.resealed += r->step.written;
    r->progress.unreadable += r->step.unreadable;
    if (r->options->progress)
        r->options->progress(&r->progress, r->options->arg);
}

/* Reads without a lock, seals, and takes the write lock only when there is something to write. */
static bool do_step(struct reseal *r, struct db_error *e)
{
    if (!in_transaction(r, false, read_some, e) || (r->step.n > 0 && !write_step(r, e)))
        return false;
    count_step(r);
    if (r->step.n > 0 && r->step.read == STEP)
        pause_for_others(r);
    return true;
}

static bool run(struct reseal *r, struct db_error *e)
{
    if (!key_check(r->db, r->vault, mono_after(clock_mono(), WAIT_MS), e) ||
        !in_transaction(r, false, count, e))
        return false;
    do {
        if (stopped(r))
            return db_fail(e, ERR_RETRY, "stopped before the end: run it again to go on");
        if (!do_step(r, e))
            return false;
    } while (r->step.read == STEP);
    return true;
}

static bool open_database(struct reseal *r, struct err *e)
{
    struct err why;
    struct db_error failure;
    if (!database_url_parse(slice_of(r->options->url), &r->url, &why))
        return err_set(e, "DATABASE_URL: %.200s", why.text);
    if (r->options->tls && !mysql_tls_init(&r->tls, r->options->tls_ca, &why))
        return err_set(e, "TLS to the database: %.200s", why.text);
    r->db = r->url.kind == DATABASE_SQLITE
                ? sqlite_open(r->url.path, SQLITE_FILE_MUST_EXIST, &failure)
                : mysql_open(&r->url, &r->tls, &failure);
    return r->db || err_set(e, "DATABASE_URL: %.200s", failure.line.text);
}

bool reseal_run(const struct reseal_options *o, struct err *e)
{
    struct reseal *r = xcalloc(1, sizeof *r);
    struct db_error failure;
    r->options = o;
    r->vault = phone_vault_new(o->master);
    bool done =
        open_database(r, e) && (run(r, &failure) || err_set(e, "%.250s", failure.line.text));
    phone_vault_free(r->vault);
    db_close(r->db);
    database_url_wipe(&r->url);
    free(r);
    return done;
}
