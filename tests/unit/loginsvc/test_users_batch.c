/* users: operations that share a commit, straight on the driver, without threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "loginsvc/users/batch.h"
#include "loginsvc/users/database_url.h"
#include "loginsvc/users/mysql.h"
#include "loginsvc/users/sqlite.h"
#include "sys/clock.h"
#include "users_fixture.h"

enum { LONG_MS = 10000 };

struct bench {
    struct fixture *files;
    struct database_url url;
    struct mysql_tls tls;
    struct phone_vault *vault;
    struct db *db;
    struct operation ops[BATCH_MAX];
    size_t n;
};

static int bench_up(void **state)
{
    struct bench *b = xcalloc(1, sizeof *b);
    struct keyring *ring = ring_of(KEY_A);
    struct db_error e;
    b->files = fixture_new();
    assert_true(database_url_parse(slice_of(b->files->url), &b->url, &e.line));
    b->vault = phone_vault_new(ring);
    b->db = fixture_on_mysql() ? mysql_open(&b->url, &b->tls, &e)
                               : sqlite_open(b->files->path, SQLITE_FILE_MAY_CREATE, &e);
    keyring_free(ring);
    *state = b;
    return b->db ? 0 : -1;
}

static int bench_down(void **state)
{
    struct bench *b = *state;
    db_close(b->db);
    database_url_wipe(&b->url);
    phone_vault_free(b->vault);
    fixture_free(b->files);
    free(b);
    return 0;
}

static struct operation *add_login(struct bench *b, const char *openid, int64_t deadline_ms)
{
    struct operation *op = &b->ops[b->n++];
    *op = (struct operation){.kind = OPERATION_LOGIN, .in = login_of(openid, "13800138000", T0)};
    op->deadline = mono_after(clock_mono(), deadline_ms);
    return op;
}

static void run(struct bench *b)
{
    struct operation *ops[BATCH_MAX];
    for (size_t i = 0; i < b->n; i++)
        ops[i] = &b->ops[i];
    batch_run(b->db, b->vault, ops, b->n);
}

static void assert_failed(const struct operation *op, enum err_class class)
{
    assert_int_equal(op->result.status, STORE_FAILED);
    assert_int_equal(op->result.class, class);
}

static void one_that_waited_past_its_deadline_is_not_begun(void **state)
{
    struct bench *b = *state;
    struct operation *late = add_login(b, "openid-late", 0),
                     *good = add_login(b, "openid-1", 10000);
    run(b);
    assert_failed(late, ERR_RETRY);
    assert_int_equal(good->result.status, STORE_OK);
    assert_int_equal(good->result.user.id, 1);
}

static void each_waits_for_a_lock_until_its_own_deadline(void **state)
{
    enum { SHORT_MS = 50, LONGER_MS = 250 };
    struct bench *b = *state;
    struct fixture_lock *other = fixture_lock(b->files);
    mono_ms_t start = clock_mono();
    struct operation *one = add_login(b, "openid-1", LONGER_MS);
    struct operation *two = add_login(b, "openid-2", SHORT_MS);
    run(b);
    assert_true(mono_between(start, clock_mono()) >= LONGER_MS);
    assert_failed(one, ERR_BACKOFF);
    assert_failed(two, ERR_BACKOFF);
    fixture_unlock(other);
}

static void one_that_fails_is_undone_alone(void **state)
{
    struct bench *b = *state;
    struct operation *one = add_login(b, "openid-1", LONG_MS),
                     *bad = add_login(b, "openid-2", LONG_MS);
    struct operation *three = add_login(b, "openid-3", LONG_MS);
    bad->in.session = one->in.session;
    run(b);
    assert_failed(bad, ERR_BUG);
    assert_int_equal(one->result.status, STORE_OK);
    assert_int_equal(three->result.status, STORE_OK);
    b->n = 0;
    struct operation *again = add_login(b, "openid-2", LONG_MS);
    run(b);
    assert_true(again->result.is_new);
}

static void a_later_operation_of_a_batch_sees_an_earlier_one(void **state)
{
    struct bench *b = *state;
    struct operation *login = add_login(b, "openid-1", LONG_MS), *find = add_login(b, "", LONG_MS);
    find->kind = OPERATION_FIND_BY_PHONE;
    run(b);
    assert_int_equal(find->result.status, STORE_OK);
    assert_int_equal(find->result.user.id, login->result.user.id);
}

#define BATCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_up, bench_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BATCH_TEST(one_that_waited_past_its_deadline_is_not_begun),
        BATCH_TEST(each_waits_for_a_lock_until_its_own_deadline),
        BATCH_TEST(one_that_fails_is_undone_alone),
        BATCH_TEST(a_later_operation_of_a_batch_sees_an_earlier_one),
    };
    return cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
}
