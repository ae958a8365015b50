#include "loginsvc/users/batch.h"

#include "base/check.h"
#include "sys/clock.h"

/* When other transactions are met. */
enum { TRIES_TOGETHER = 2, TRIES_ALONE = 6 };

struct batch {
    struct db *db;
    const struct phone_vault *vault;
    struct operation *ops[BATCH_MAX]; /* those that have no result yet, or none that is committed */
    size_t n;
};

static void fail_all(struct batch *b, const struct db_error *e)
{
    for (size_t i = 0; i < b->n; i++)
        operation_fail(b->ops[i], e);
    b->n = 0;
}

/* Takes out those whose deadline has come; returns how many. */
static size_t drop_expired(struct batch *b, const struct db_error *e)
{
    mono_ms_t now = clock_mono();
    size_t kept = 0, before = b->n;
    for (size_t i = 0; i < before; i++) {
        if (mono_reached(now, b->ops[i]->deadline))
            operation_fail(b->ops[i], e);
        else
            b->ops[kept++] = b->ops[i];
    }
    b->n = kept;
    return before - kept;
}

static bool any_writes(const struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        if (operation_writes(b->ops[i]))
            return true;
    }
    return false;
}

static mono_ms_t first_deadline(const struct batch *b)
{
    mono_ms_t first = MONO_NEVER;
    for (size_t i = 0; i < b->n; i++)
        first = mono_min(first, b->ops[i]->deadline);
    return first;
}

/* Waits for the database as long as someone still waits. False: all have failed. */
static bool begin(struct batch *b)
{
    struct db_error e;
    while (b->n > 0) {
        if (db_begin(b->db, any_writes(b), first_deadline(b), &e))
            return true;
        if (e.class != ERR_BACKOFF || drop_expired(b, &e) == 0)
            fail_all(b, &e);
    }
    return false;
}

/* False: the transaction is lost, *e says why. */
static bool run_one(struct batch *b, struct operation *op, struct db_error *e)
{
    if (!db_savepoint(b->db, e))
        return false;
    if (operation_run(op, b->db, b->vault, e))
        return db_release(b->db, e);
    if (e->again)
        return false;
    operation_fail(op, e);
    struct db_error second; /* what came first says more */
    return db_rollback_to(b->db, &second);
}

static bool run_all(struct batch *b, struct db_error *e)
{
    for (size_t i = 0; i < b->n; i++) {
        if (!run_one(b, b->ops[i], e))
            return false;
    }
    return db_commit(b->db, e);
}

/* Runs and commits what there is time for. Those that are left met other transactions each time:
 * they have not been done. *e says what was met last. */
static void run_together(struct batch *b, int tries_max, struct db_error *e)
{
    for (int tries = 0; tries < tries_max; tries++) {
        struct db_error late = *e;
        late.class = ERR_BACKOFF;
        drop_expired(b, &late);
        if (!begin(b))
            return;
        if (run_all(b, e)) {
            b->n = 0;
            return;
        }
        db_rollback(b->db);
        if (!e->again)
            fail_all(b, e);
    }
}

/* What meets others again and again in a long transaction may well pass in a short one, and if one
 * of them is to blame, it fails alone. */
static void run_each(struct batch *b, struct db_error *e)
{
    for (size_t i = 0; i < b->n; i++) {
        struct batch one = {.db = b->db, .vault = b->vault, .ops = {b->ops[i]}, .n = 1};
        run_together(&one, TRIES_ALONE, e);
        fail_all(&one, e);
    }
}

void batch_run(struct db *db, const struct phone_vault *vault, struct operation *const *ops,
               size_t n)
{
    ASSERT(n <= BATCH_MAX);
    struct batch b = {.db = db, .vault = vault, .n = n};
    for (size_t i = 0; i < n; i++)
        b.ops[i] = ops[i];
    struct db_error e;
    db_fail(&e, ERR_RETRY, "waited too long for the database's turn");
    drop_expired(&b, &e);
    run_together(&b, TRIES_TOGETHER, &e);
    run_each(&b, &e);
}
