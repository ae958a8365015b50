/* bench_users: what a login costs in the store, by how many share a commit, and what a JWT costs.
 *
 *   bench_users FOLDER [LOGINS]
 *
 * FOLDER (an absolute path) is on the disk to be measured; the database in it is made anew for each
 * row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loginsvc/sessions/jwt.h"
#include "loginsvc/users/batch.h"
#include "loginsvc/users/sqlite.h"
#include "loginsvc/users/store.h"
#include "loop/loop.h"
#include "sys/clock.h"

enum { LOGINS = 8000, JWTS = 50000, OPENIDS = 4000, IN_FLIGHT = 128 };

static const wall_ms_t now = {1800000000000};

struct meter {
    int64_t wall_us, cpu_us;
};

static int64_t cpu_us(void)
{
    struct rusage u;
    ASSERT(getrusage(RUSAGE_SELF, &u) == 0);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

static struct meter meter_start(void)
{
    return (struct meter){clock_mono_us(), cpu_us()};
}

static void meter_print(struct meter m, const char *what, int times)
{
    double wall = (double)(clock_mono_us() - m.wall_us) / times;
    double cpu = (double)(cpu_us() - m.cpu_us) / times;
    printf("%-44s %8.1f us wall %8.1f us CPU\n", what, wall, cpu);
}

/* ---- store ---- */

static void fill_login(struct operation *op, int number)
{
    char refresh_token[SESSION_REFRESH_TOKEN_SIZE];
    struct store_login *in = &op->in;
    *op = (struct operation){.kind = OPERATION_LOGIN, .deadline = MONO_NEVER};
    in->now = now;
    snprintf(in->appid, sizeof in->appid, "wx0123456789abcdef");
    snprintf(in->openid, sizeof in->openid, "oABCDEFGHIJKLMNOPQRST-%06d", number % OPENIDS);
    snprintf(in->phone, sizeof in->phone, "138%08d", number % OPENIDS);
    snprintf(in->country_code, sizeof in->country_code, "86");
    session_start(&in->session, now, 30LL * 24 * 3600 * 1000, refresh_token);
}

static void run_logins(struct db *db, const struct phone_vault *vault, int logins, int in_commit)
{
    static struct operation ops[BATCH_MAX];
    struct operation *batch[BATCH_MAX];
    for (int done = 0; done < logins; done += in_commit) {
        for (int i = 0; i < in_commit; i++) {
            fill_login(&ops[i], done + i);
            batch[i] = &ops[i];
        }
        batch_run(db, vault, batch, (size_t)in_commit);
        for (int i = 0; i < in_commit; i++)
            ASSERT(ops[i].result.status == STORE_OK);
    }
}

static void remove_database(const char *path)
{
    char name[512];
    static const char *const suffixes[] = {"", "-wal", "-shm", "-turn"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static void measure_store(const char *folder, const struct phone_vault *vault, int logins,
                          int in_commit)
{
    char path[400], what[80];
    struct db_error e;
    snprintf(path, sizeof path, "%s/bench_users.db", folder);
    remove_database(path);
    struct db *db = sqlite_open(path, SQLITE_FILE_MAY_CREATE, &e);
    if (!db) {
        fprintf(stderr, "%s\n", e.line.text);
        exit(1);
    }
    struct meter m = meter_start();
    run_logins(db, vault, logins, in_commit);
    snprintf(what, sizeof what, "login with phone, %d in a commit", in_commit);
    meter_print(m, what, logins);
    m = meter_start();
    ASSERT(db_maintain(db, &e));
    meter_print(m, "  one checkpoint after them", 1);
    db_close(db);
    remove_database(path);
}

/* ---- store, with its loop and its worker ---- */

struct flood {
    struct loop *loop;
    struct store *store;
    int started, done, total;
    int64_t *started_us; /* by number */
    int64_t slowest_us;
};

static void on_stored(void *owner, uint64_t id, const struct store_result *r);

static void start_next(struct flood *f)
{
    struct operation op;
    fill_login(&op, f->started);
    f->started_us[f->started] = clock_mono_us();
    struct store_caller c = {on_stored, f, (uint64_t)f->started++};
    ASSERT(store_login(f->store, &op.in, c));
}

static void on_stored(void *owner, uint64_t id, const struct store_result *r)
{
    struct flood *f = owner;
    int64_t took_us = clock_mono_us() - f->started_us[id];
    ASSERT(r->status == STORE_OK);
    if (took_us > f->slowest_us)
        f->slowest_us = took_us;
    if (++f->done == f->total)
        loop_stop(f->loop);
    if (f->started < f->total)
        start_next(f);
}

static void flood(const char *url, const struct keyring *ring, int logins, const char *what)
{
    struct err e;
    struct flood f = {.loop = loop_new(), .total = logins};
    f.store = store_open(f.loop, &(struct store_config){.url = url, .master = ring}, &e);
    if (!f.store) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    f.started_us = xcalloc((size_t)logins, sizeof *f.started_us);
    struct meter m = meter_start();
    while (f.started < IN_FLIGHT)
        start_next(&f);
    loop_run(f.loop);
    meter_print(m, what, logins);
    printf("  the slowest one %35.1f ms\n", (double)f.slowest_us / 1000);
    store_close(f.store);
    free(f.started_us);
    loop_free(f.loop);
}

/* One process on the file, then two at once. */
static void measure_flood(const char *folder, const struct keyring *ring, int logins)
{
    char path[400], url[420];
    snprintf(path, sizeof path, "%s/bench_users.db", folder);
    snprintf(url, sizeof url, "sqlite://%s", path);
    remove_database(path);
    flood(url, ring, logins, "login, one process, 128 in flight");
    fflush(stdout);
    pid_t pid = fork();
    ASSERT(pid >= 0);
    flood(url, ring, logins, pid ? "login, first of two processes" : "login, second of two");
    fflush(stdout);
    if (pid == 0)
        _exit(0);
    ASSERT(waitpid(pid, NULL, 0) == pid);
    remove_database(path);
}

/* ---- JWT ---- */

static void measure_jwt(void)
{
    static const struct jwt_claims claims = {.user_id = 123456,
                                             .openid = "oABCDEFGHIJKLMNOPQRST-000001",
                                             .appid = "wx0123456789abcdef",
                                             .sid = "0123456789abcdef0123456789abcdef",
                                             .iat_s = 1800000000,
                                             .exp_s = 1802592000};
    struct secret secret = {NULL, 0};
    struct err e = {""};
    struct jwt_claims out;
    char token[JWT_TEXT_MAX + 1];
    secret_set(&secret, SLICE_LIT("0123456789abcdef0123456789abcdef"));
    struct jwt_signer *j = jwt_signer_new_hs256(&secret, "loginsvc", &e);
    ASSERT(j != NULL);
    struct meter m = meter_start();
    for (int i = 0; i < JWTS; i++)
        ASSERT(jwt_signer_sign(j, &claims, token));
    meter_print(m, "JWT sign, HS256", JWTS);
    m = meter_start();
    for (int i = 0; i < JWTS; i++)
        ASSERT(jwt_signer_verify(j, slice_of(token), now, &out) == JWT_OK);
    meter_print(m, "JWT verify, HS256", JWTS);
    jwt_signer_free(j);
    secret_wipe(&secret);
}

/* ---- phones ---- */

static void measure_vault(const struct phone_vault *vault)
{
    uint8_t sealed[PHONE_SEALED_MAX], index[PHONE_INDEX_SIZE];
    char phone[USER_PHONE_SIZE];
    size_t n = 0;
    struct meter m = meter_start();
    for (int i = 0; i < JWTS; i++)
        n = phone_vault_seal(vault, "wx0123456789abcdef", 42, "13800138000", sealed);
    meter_print(m, "phone seal", JWTS);
    m = meter_start();
    for (int i = 0; i < JWTS; i++)
        ASSERT(phone_vault_open(vault, "wx0123456789abcdef", 42, (struct slice){(char *)sealed, n},
                                phone) == AEAD_OK);
    meter_print(m, "phone open", JWTS);
    m = meter_start();
    for (int i = 0; i < JWTS; i++)
        phone_vault_index(vault, 0, "wx0123456789abcdef", "86", "13800138000", index);
    meter_print(m, "phone index", JWTS);
}

int main(int argc, char **argv)
{
    int64_t logins = LOGINS;
    if (argc < 2 || argv[1][0] != '/' ||
        (argc > 2 && !slice_to_int(slice_of(argv[2]), 64, 10000000, &logins))) {
        fprintf(stderr, "usage: %s FOLDER [LOGINS]\n", argv[0]);
        return 2;
    }
    struct err e;
    struct keyring *ring =
        keyring_parse(SLICE_LIT("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), &e);
    ASSERT(ring != NULL);
    struct phone_vault *vault = phone_vault_new(ring);
    static const int in_commit[] = {1, 4, 16, 64};
    for (size_t i = 0; i < ARRAY_LEN(in_commit); i++)
        measure_store(argv[1], vault, (int)(logins / 64 * 64), in_commit[i]);
    measure_flood(argv[1], ring, (int)logins);
    measure_jwt();
    measure_vault(vault);
    phone_vault_free(vault);
    keyring_free(ring);
    return 0;
}
