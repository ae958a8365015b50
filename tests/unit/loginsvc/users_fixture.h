/* users_fixture.h - for the tests of users: a database, a loop, a store and its results.
 *
 * The database is a SQLite file in a temp folder, or, when the test program runs with
 * USERS_DATABASE=mysql, one of a MariaDB server that the program starts for itself; with mysql-tls
 * that server lets our user in over TLS only. */
#ifndef TESTS_UNIT_LOGINSVC_USERS_FIXTURE_H
#define TESTS_UNIT_LOGINSVC_USERS_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/keyring.h"
#include "loginsvc/users/mysql_tls.h"
#include "loginsvc/users/store.h"
#include "loop/loop.h"
#include "mariadb_server.h"

#define APPID "wx0123456789abcdef"
#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="

#define T0    ((wall_ms_t){1800000000000})
#define LATER ((wall_ms_t){1800000001000})

enum { RESULTS_MAX = 1024, TTL_MS = 3600 * 1000 };

struct fixture {
    char dir[64];  /* SQLite */
    char path[80]; /* SQLite */
    char name[32]; /* MySQL: of the database */
    char url[160];
    bool tls;           /* with the server's CA at first */
    const char *tls_ca; /* may be NULL */
    struct loop *loop;
    struct store *store;
    struct loop_timer *guard;
    struct store_result *results; /* by the caller's id; arrays are copies */
    bool seen[RESULTS_MAX];
    size_t count; /* results so far */
    size_t wanted;
    bool timed_out;
};

bool fixture_on_mysql(void);

/* What f->tls and f->tls_ca say. */
struct mysql_tls fixture_tls(const struct fixture *f);

/* The server; NULL with SQLite. */
struct mariadb_server *fixture_server(void);

/* cmocka setup and teardown of the whole program. */
int fixture_group_up(void **state);
int fixture_group_down(void **state);

/* cmocka setup and teardown: *state is a struct fixture with an open store under KEY_A, with a
 * patience that no load uses up. */
int fixture_up(void **state);
int fixture_down(void **state);

/* An empty database only, and its removal: for tests that open stores of their own. */
struct fixture *fixture_new(void);
void fixture_free(struct fixture *f);

/* A new empty database in place of the fixture's, under the same URL. */
void fixture_empty(struct fixture *f);

/* Runs one statement on the fixture's database behind the store's back. */
void fixture_sql(const struct fixture *f, const char *sql);

/* The number that a query gives. */
int64_t fixture_count(const struct fixture *f, const char *sql);

/* As another process that writes: nobody else writes to users until it is unlocked. */
struct fixture_lock *fixture_lock(const struct fixture *f);
void fixture_unlock(struct fixture_lock *lock);

/* Opens the fixture's store with these keys; false with *e. `timeout_ms` 0 = the default. */
bool fixture_open(struct fixture *f, const char *keys, int64_t timeout_ms, struct err *e);
void fixture_close(struct fixture *f);

/* Another store on the same database, as another process would have it; fixture_free ends it. */
struct fixture *fixture_beside(const struct fixture *f, const char *keys);

/* The bytes of the database's file with this suffix ("", "-wal", "-shm"); the caller frees. */
char *fixture_read_file(const struct fixture *f, const char *suffix, size_t *n);

/* Does that file hold this text anywhere? */
bool fixture_file_holds(const struct fixture *f, const char *suffix, const char *text);

struct keyring *ring_of(const char *keys);

/* A caller whose result lands in results[id]. */
struct store_caller fixture_caller(struct fixture *f, uint64_t id);

/* Runs the loop until so many results have come since the last call; fails the test after 20 s. */
void fixture_await(struct fixture *f, size_t results);

/* A login input with a new session at `now`; NULL texts stay empty. */
struct store_login login_of(const char *openid, const char *phone, wall_ms_t now);

/* Waits for the one operation that was just submitted to results[0] and gives its result (borrowed
 * until the next one). The others submit it, too. */
const struct store_result *fixture_one(struct fixture *f, bool accepted);
const struct store_result *fixture_login(struct fixture *f, const struct store_login *in);
void fixture_must_log_in(struct fixture *f, const char *openid);
const struct store_result *fixture_find(struct fixture *f, const char *appid, const char *phone,
                                        const char *country_code);
const struct store_result *fixture_get(struct fixture *f, int64_t user_id);
bool fixture_has_session(struct fixture *f, const char *sid); /* alive or not */

#endif
