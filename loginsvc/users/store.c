#include "loginsvc/users/store.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "log/log.h"
#include "loginsvc/users/batch.h"
#include "loginsvc/users/database_url.h"
#include "loginsvc/users/key_check.h"
#include "loginsvc/users/mysql.h"
#include "loginsvc/users/sqlite.h"
#include "loginsvc/users/store_job.h"
#include "sys/clock.h"
#include "workers/workers.h"

enum {
    QUEUE_MAX = 1024,
    OP_TIMEOUT_MS = 3000,
    OPEN_TIMEOUT_MS = 10000,
    CONNECTIONS = 4,
    UPKEEP_PAUSE_MS = 1000, /* from the first write to the checkpoint that it calls for */
    SCRUB_WAIT_MS = 2000,   /* an erasure's, for readers */
};

/* Is what was erased out of the files? Nobody knows at the start: the process before may have been
 * killed in the middle. */
enum scrub_state {
    SCRUB_DUE,    /* not done yet */
    SCRUB_FAILED, /* an erasure was told as done before it was, and the log said so */
    SCRUB_DONE,
};

struct store {
    struct phone_vault *vault;
    struct database_url url;
    struct mysql_tls tls;
    size_t queue_max;
    int64_t op_timeout_ms;
    struct store_stats stats;

    struct workers *workers;
    struct db *dbs[STORE_CONNECTIONS_MAX]; /* a worker thread's each, once they run */
    size_t n_dbs;
    atomic_size_t dbs_taken;
    atomic_bool checked; /* key_check has passed, which a server that is away at the start delays */

    /* SQLite only: checkpoints, on a thread and a connection of their own: they take 10 to 20 ms.
     */
    struct workers *upkeep;
    struct db *upkeep_db;   /* the upkeep thread's, once it runs */
    enum scrub_state scrub; /* the same */
    bool upkeep_again;      /* the upkeep thread's while the job is under way */
    struct loop_timer *upkeep_timer;
    struct workers_job upkeep_job;
    bool upkeep_due;  /* the timer is armed or the job under way */
    size_t scrubbing; /* jobs that wait there for what they erased to be gone from the files */
};

static void job_free(struct store_job *job)
{
    operation_clear(&job->op);
    free(job);
}

/* ---- worker threads ---- */

static void *take_connection(void *arg)
{
    struct store *s = arg;
    return s->dbs[atomic_fetch_add(&s->dbs_taken, 1)];
}

/* Nothing is read or written under a DATA_KEY that is another database's. */
static bool check_key(struct store *s, struct db *db, int64_t wait_ms, struct db_error *e)
{
    if (!atomic_load(&s->checked) && !key_check(db, s->vault, mono_after(clock_mono(), wait_ms), e))
        return false;
    atomic_store(&s->checked, true);
    return true;
}

static void run_jobs(void *state, struct workers_job *const *jobs, size_t n, void *arg)
{
    struct store *s = arg;
    struct operation *ops[BATCH_MAX];
    struct db_error e;
    bool checked = check_key(s, state, OP_TIMEOUT_MS, &e);
    for (size_t i = 0; i < n; i++) {
        ops[i] = &CONTAINER_OF(jobs[i], struct store_job, in_queue)->op;
        if (!checked)
            operation_fail(ops[i], &e);
    }
    if (checked)
        batch_run(state, s->vault, ops, n);
}

/* An erasure that it does not finish is logged once, and once when it is finished after all. */
static void scrub(struct store *s, bool erased)
{
    struct db_error e;
    mono_ms_t deadline = mono_after(clock_mono(), erased ? SCRUB_WAIT_MS : 0);
    bool clean = db_scrub(s->upkeep_db, deadline, &e);
    if (clean && s->scrub == SCRUB_FAILED)
        log_info("store.erasure_finished", LOG_BOOL("clean", true));
    if (!clean && erased && s->scrub != SCRUB_FAILED)
        log_warn("store.erasure_unfinished", LOG_STR("error", e.line.text));
    if (clean)
        s->scrub = SCRUB_DONE;
    else if (erased)
        s->scrub = SCRUB_FAILED;
}

static void maintain(struct store *s)
{
    struct db_error e;
    if (!db_maintain(s->upkeep_db, &e))
        log_warn("store.upkeep_failed", LOG_STR("error", e.line.text));
}

static void run_upkeep(void *state, struct workers_job *const *jobs, size_t n, void *arg)
{
    struct store *s = arg;
    bool erased = n > 1 || jobs[0] != &s->upkeep_job;
    (void)state;
    if (erased || s->scrub != SCRUB_DONE)
        scrub(s, erased);
    maintain(s);
    for (size_t i = 0; i < n; i++) {
        if (jobs[i] == &s->upkeep_job)
            s->upkeep_again = s->scrub != SCRUB_DONE;
    }
}

/* ---- results, on the loop thread ---- */

static void set_healthy(struct store *s, bool healthy, const char *why)
{
    if (s->stats.healthy == healthy)
        return;
    s->stats.healthy = healthy;
    if (healthy)
        log_info("store.recovered", LOG_BOOL("healthy", true));
    else
        log_error("store.failing", LOG_STR("error", why));
}

static void count_result(struct store *s, const struct store_result *r, bool wrote)
{
    if (r->status != STORE_FAILED) {
        if (wrote) /* a full disk can still be read */
            set_healthy(s, true, "");
        return;
    }
    s->stats.failed++;
    /* A full queue or a bug of ours says nothing about the database. */
    if (r->class != ERR_RETRY && r->class != ERR_BUG)
        set_healthy(s, false, r->err.text);
}

static void on_upkeep_timer(void *arg)
{
    struct store *s = arg;
    s->upkeep_due = workers_submit(s->upkeep, &s->upkeep_job);
}

static void call_for_upkeep(struct store *s)
{
    if (!s->upkeep || s->upkeep_due)
        return;
    s->upkeep_due = true;
    loop_timer_after(s->upkeep_timer, UPKEEP_PAUSE_MS);
}

static void answer(struct store *s, struct store_job *job)
{
    struct store_caller caller = job->caller;
    struct operation *op = &job->op;
    count_result(s, &op->result, operation_writes(op));
    caller.done(caller.owner, caller.id, &op->result);
    job_free(job);
}

static bool erased_someone(const struct operation *op)
{
    return op->kind == OPERATION_USER_ERASE && op->result.status == STORE_OK;
}

static void on_job_done(struct workers_job *node, void *arg)
{
    struct store *s = arg;
    struct store_job *job = CONTAINER_OF(node, struct store_job, in_queue);
    if (operation_writes(&job->op))
        call_for_upkeep(s);
    if (!s->upkeep || !erased_someone(&job->op)) { /* elsewhere the server looks after its files */
        answer(s, job);
        return;
    }
    s->scrubbing++;
    if (!workers_submit(s->upkeep, node))
        UNREACHABLE("there is room for as many as may be under way");
}

static void on_upkeep_done(struct workers_job *node, void *arg)
{
    struct store *s = arg;
    if (node != &s->upkeep_job) {
        s->scrubbing--;
        answer(s, CONTAINER_OF(node, struct store_job, in_queue));
        return;
    }
    s->upkeep_due = false;
    if (s->upkeep_again)
        call_for_upkeep(s);
}

/* ---- open and close ---- */

static bool open_sqlite(struct store *s, struct db_error *e)
{
    s->dbs[0] = sqlite_open(s->url.path, SQLITE_FILE_MAY_CREATE, e);
    if (!s->dbs[0])
        return false;
    s->n_dbs = 1; /* one writer at a time, whatever we do */
    s->upkeep_db = sqlite_open(s->url.path, SQLITE_FILE_MUST_EXIST, e);
    return s->upkeep_db != NULL;
}

/* The first connection finds out whether everything is in order, the others follow when needed. */
static void open_mysql(struct store *s, size_t connections)
{
    s->dbs[0] = mysql_open_later(&s->url, &s->tls);
    for (s->n_dbs = 1; s->n_dbs < connections; s->n_dbs++)
        s->dbs[s->n_dbs] = mysql_open_another(s->dbs[0]);
}

/* A server that is away is waited for, like Redis. */
static bool is_away(const struct store *s, const struct db_error *e)
{
    return s->url.kind != DATABASE_SQLITE && e->class != ERR_OPERATOR && e->class != ERR_BUG;
}

static bool open_database(struct store *s, const struct store_config *c, struct err *e)
{
    struct err why;
    if (!database_url_parse(slice_of(c->url), &s->url, &why))
        return err_set(e, "DATABASE_URL: %.200s", why.text);
    if (c->tls && !mysql_tls_init(&s->tls, c->tls_ca, &why))
        return err_set(e, "TLS to the database: %.200s", why.text);
    struct db_error failure;
    size_t connections = c->connections ? c->connections : CONNECTIONS;
    ASSERT(connections <= STORE_CONNECTIONS_MAX);
    bool open = true;
    if (s->url.kind == DATABASE_SQLITE)
        open = open_sqlite(s, &failure);
    else
        open_mysql(s, connections);
    if (open && check_key(s, s->dbs[0], OPEN_TIMEOUT_MS, &failure))
        return true;
    if (!is_away(s, &failure))
        return err_set(e, "DATABASE_URL: %.200s", failure.line.text);
    set_healthy(s, false, failure.line.text);
    return true;
}

static struct workers *start_workers(struct loop *l, struct store *s)
{
    return workers_new(l, &(struct workers_options){.threads = s->n_dbs,
                                                    .queue_max = s->queue_max,
                                                    .max_batch = BATCH_MAX,
                                                    .thread_start = take_connection,
                                                    .run = run_jobs,
                                                    .done = on_job_done,
                                                    .arg = s});
}

/* With room for every erasure and for the upkeep itself. */
static struct workers *start_upkeep(struct loop *l, struct store *s)
{
    return workers_new(l, &(struct workers_options){.threads = 1,
                                                    .queue_max = s->queue_max + 1,
                                                    .max_batch = BATCH_MAX,
                                                    .run = run_upkeep,
                                                    .done = on_upkeep_done,
                                                    .arg = s});
}

struct store *store_open(struct loop *l, const struct store_config *c, struct err *e)
{
    struct store *s = xcalloc(1, sizeof *s);
    s->vault = phone_vault_new(c->master);
    s->queue_max = c->queue_max ? c->queue_max : QUEUE_MAX;
    s->op_timeout_ms = c->op_timeout_ms ? c->op_timeout_ms : OP_TIMEOUT_MS;
    s->stats.healthy = true;
    if (!open_database(s, c, e)) {
        store_close(s);
        return NULL;
    }
    s->workers = start_workers(l, s);
    if (s->upkeep_db) {
        s->upkeep_timer = loop_timer_new(l, on_upkeep_timer, s);
        s->upkeep = start_upkeep(l, s);
    }
    return s;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    workers_free(s->workers);
    s->workers = NULL; /* an erasure's callback may still come, and call */
    workers_free(s->upkeep);
    loop_timer_free(s->upkeep_timer);
    db_close(s->upkeep_db);
    while (s->n_dbs > 0) /* the first one last */
        db_close(s->dbs[--s->n_dbs]);
    database_url_wipe(&s->url);
    phone_vault_free(s->vault);
    free(s);
}

/* ---- jobs ---- */

struct store_job *store_job_new(const struct store *s, enum operation_kind kind,
                                struct store_caller c)
{
    struct store_job *job = xcalloc(1, sizeof *job);
    job->op.kind = kind;
    job->op.deadline = mono_after(clock_mono(), s->op_timeout_ms);
    job->caller = c;
    return job;
}

static size_t under_way(const struct store *s)
{
    return (s->workers ? workers_pending(s->workers) : 0) + s->scrubbing;
}

bool store_job_submit(struct store *s, struct store_job *job)
{
    if (s->workers && under_way(s) < s->queue_max && workers_submit(s->workers, &job->in_queue)) {
        s->stats.accepted++;
        return true;
    }
    s->stats.refused++;
    job_free(job);
    return false;
}

struct store_stats store_stats(const struct store *s)
{
    struct store_stats stats = s->stats;
    stats.under_way = under_way(s);
    return stats;
}
