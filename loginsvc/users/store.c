#include "loginsvc/users/store.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/secret.h"
#include "log/log.h"
#include "loginsvc/users/batch.h"
#include "loginsvc/users/database_url.h"
#include "loginsvc/users/key_check.h"
#include "loginsvc/users/mysql.h"
#include "loginsvc/users/sqlite.h"
#include "sys/clock.h"
#include "workers/workers.h"

enum {
    QUEUE_MAX = 1024,
    OP_TIMEOUT_MS = 3000,
    OPEN_TIMEOUT_MS = 10000,
    CONNECTIONS = 4,
    UPKEEP_PAUSE_MS = 1000, /* from the first write to the checkpoint that it calls for */
};

struct job {
    struct workers_job in_queue;
    struct operation op;
    struct store_caller caller;
};

struct store {
    struct phone_vault *vault;
    struct database_url url;
    int64_t op_timeout_ms;
    struct store_stats stats;

    struct workers *workers;
    struct db *dbs[STORE_CONNECTIONS_MAX]; /* a worker thread's each, once they run */
    size_t n_dbs;
    atomic_size_t dbs_taken;

    /* SQLite only: checkpoints, on a thread and a connection of their own: they take 10 to 20 ms.
     */
    struct workers *upkeep;
    struct db *upkeep_db; /* the upkeep thread's, once it runs */
    struct loop_timer *upkeep_timer;
    struct workers_job upkeep_job;
    bool upkeep_due; /* the timer is armed or the job under way */
};

/* ---- worker threads ---- */

static void *take_connection(void *arg)
{
    struct store *s = arg;
    return s->dbs[atomic_fetch_add(&s->dbs_taken, 1)];
}

static void run_jobs(void *state, struct workers_job *const *jobs, size_t n, void *arg)
{
    struct store *s = arg;
    struct operation *ops[BATCH_MAX];
    for (size_t i = 0; i < n; i++)
        ops[i] = &CONTAINER_OF(jobs[i], struct job, in_queue)->op;
    batch_run(state, s->vault, ops, n);
}

static void run_upkeep(void *state, struct workers_job *const *jobs, size_t n, void *arg)
{
    struct store *s = arg;
    struct db_error e;
    (void)state, (void)jobs, (void)n;
    if (!db_maintain(s->upkeep_db, &e))
        log_warn("store.upkeep_failed", LOG_STR("error", e.line.text));
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

static void on_upkeep_done(struct workers_job *job, void *arg)
{
    struct store *s = arg;
    (void)job;
    s->upkeep_due = false;
}

static void call_for_upkeep(struct store *s)
{
    if (!s->upkeep || s->upkeep_due)
        return;
    s->upkeep_due = true;
    loop_timer_after(s->upkeep_timer, UPKEEP_PAUSE_MS);
}

static void on_job_done(struct workers_job *node, void *arg)
{
    struct store *s = arg;
    struct job *job = CONTAINER_OF(node, struct job, in_queue);
    struct store_caller caller = job->caller;
    struct store_result result = job->op.result;
    bool wrote = operation_writes(&job->op);
    if (wrote)
        call_for_upkeep(s);
    bytes_wipe(job, sizeof *job);
    free(job);
    count_result(s, &result, wrote);
    caller.done(caller.owner, caller.id, &result);
    bytes_wipe(&result, sizeof result);
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
static bool open_mysql(struct store *s, size_t connections, struct db_error *e)
{
    s->dbs[0] = mysql_open(&s->url, e);
    if (!s->dbs[0])
        return false;
    for (s->n_dbs = 1; s->n_dbs < connections; s->n_dbs++)
        s->dbs[s->n_dbs] = mysql_open_another(s->dbs[0]);
    return true;
}

static bool open_database(struct store *s, const struct store_config *c, struct err *e)
{
    struct err why;
    if (!database_url_parse(slice_of(c->url), &s->url, &why))
        return err_set(e, "DATABASE_URL: %.200s", why.text);
    struct db_error failure;
    size_t connections = c->connections ? c->connections : CONNECTIONS;
    ASSERT(connections <= STORE_CONNECTIONS_MAX);
    bool open = s->url.kind == DATABASE_SQLITE ? open_sqlite(s, &failure)
                                               : open_mysql(s, connections, &failure);
    mono_ms_t deadline = mono_after(clock_mono(), OPEN_TIMEOUT_MS);
    open = open && key_check(s->dbs[0], s->vault, deadline, &failure);
    return open || err_set(e, "DATABASE_URL: %.200s", failure.line.text);
}

static struct workers *start_workers(struct loop *l, struct store *s, size_t queue_max)
{
    return workers_new(l, &(struct workers_options){.threads = s->n_dbs,
                                                    .queue_max = queue_max,
                                                    .max_batch = BATCH_MAX,
                                                    .thread_start = take_connection,
                                                    .run = run_jobs,
                                                    .done = on_job_done,
                                                    .arg = s});
}

static struct workers *start_upkeep(struct loop *l, struct store *s)
{
    return workers_new(l, &(struct workers_options){.threads = 1,
                                                    .queue_max = 1,
                                                    .max_batch = 1,
                                                    .run = run_upkeep,
                                                    .done = on_upkeep_done,
                                                    .arg = s});
}

struct store *store_open(struct loop *l, const struct store_config *c, struct err *e)
{
    struct store *s = xcalloc(1, sizeof *s);
    s->vault = phone_vault_new(c->master);
    s->op_timeout_ms = c->op_timeout_ms ? c->op_timeout_ms : OP_TIMEOUT_MS;
    s->stats.healthy = true;
    if (!open_database(s, c, e)) {
        store_close(s);
        return NULL;
    }
    s->workers = start_workers(l, s, c->queue_max ? c->queue_max : QUEUE_MAX);
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
    workers_free(s->upkeep);
    loop_timer_free(s->upkeep_timer);
    db_close(s->upkeep_db);
    while (s->n_dbs > 0) /* the first one last */
        db_close(s->dbs[--s->n_dbs]);
    database_url_wipe(&s->url);
    phone_vault_free(s->vault);
    free(s);
}

/* ---- operations ---- */

static struct job *job_new(const struct store *s, enum operation_kind kind, struct store_caller c)
{
    struct job *job = xcalloc(1, sizeof *job);
    job->op.kind = kind;
    job->op.deadline = mono_after(clock_mono(), s->op_timeout_ms);
    job->caller = c;
    return job;
}

static void take(struct job *job, struct slice text, char *out, size_t size)
{
    if (!slice_copy(text, out, size))
        job->op.invalid = true;
}

static bool submit(struct store *s, struct job *job)
{
    if (workers_submit(s->workers, &job->in_queue)) {
        s->stats.accepted++;
        return true;
    }
    s->stats.refused++;
    bytes_wipe(job, sizeof *job);
    free(job);
    return false;
}

bool store_login(struct store *s, const struct store_login *in, struct store_caller c)
{
    ASSERT(in->appid[0] && (in->openid[0] || in->phone[0]) && in->session.id[0]);
    struct job *job = job_new(s, OPERATION_LOGIN, c);
    job->op.in = *in;
    return submit(s, job);
}

bool store_find_by_phone(struct store *s, struct slice appid, struct slice phone,
                         struct slice country_code, struct store_caller c)
{
    struct job *job = job_new(s, OPERATION_FIND_BY_PHONE, c);
    struct store_login *in = &job->op.in;
    take(job, appid, in->appid, sizeof in->appid);
    take(job, phone, in->phone, sizeof in->phone);
    take(job, country_code, in->country_code, sizeof in->country_code);
    return submit(s, job);
}

bool store_get_user(struct store *s, int64_t user_id, struct store_caller c)
{
    struct job *job = job_new(s, OPERATION_GET_USER, c);
    job->op.user_id = user_id;
    return submit(s, job);
}

bool store_set_phone(struct store *s, int64_t user_id, struct slice phone,
                     struct slice country_code, wall_ms_t now, struct store_caller c)
{
    struct job *job = job_new(s, OPERATION_SET_PHONE, c);
    struct store_login *in = &job->op.in;
    job->op.user_id = user_id;
    in->now = now;
    take(job, phone, in->phone, sizeof in->phone);
    take(job, country_code, in->country_code, sizeof in->country_code);
    return submit(s, job);
}

bool store_session_check(struct store *s, struct slice session_id, wall_ms_t now,
                         struct store_caller c)
{
    struct job *job = job_new(s, OPERATION_SESSION_CHECK, c);
    job->op.in.now = now;
    take(job, session_id, job->op.session_id, sizeof job->op.session_id);
    return submit(s, job);
}

bool store_ping(struct store *s, struct store_caller c)
{
    return submit(s, job_new(s, OPERATION_PING, c));
}

struct store_stats store_stats(const struct store *s)
{
    struct store_stats stats = s->stats;
    stats.under_way = workers_pending(s->workers);
    return stats;
}
