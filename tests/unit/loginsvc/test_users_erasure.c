/* users: an erased person leaves nothing behind: not in the tables, not in the files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/prng.h"
#include "sys/clock.h"
#include "users_fixture.h"

enum { JWT_MS = 600 * 1000, PATIENCE_MS = 10000, TAG_SIZE = 17, AT_ONCE = 50 };

/* ---- people: each has a tag that all their texts are made of ---- */

struct person {
    char tag[TAG_SIZE];
    char openid[USER_OPENID_SIZE];
    int64_t id;
};

/* The tag over and over, in so many characters. */
static void fill(char *field, size_t size, const struct person *p, int64_t n)
{
    ASSERT((size_t)n < size);
    for (int64_t i = 0; i < n; i++)
        field[i] = p->tag[i % (TAG_SIZE - 1)];
    field[n] = '\0';
}

static struct person person_of(struct prng *random)
{
    struct person p = {.id = 0};
    snprintf(p.tag, sizeof p.tag, "%016llx", (unsigned long long)prng_next(random));
    fill(p.openid, sizeof p.openid, &p, 28);
    return p;
}

/* A login with texts of any length: rows grow, shrink and move between pages. */
static struct store_login login_of_person(const struct person *p, struct prng *random)
{
    struct store_login in = login_of(p->openid, "13800138000", T0);
    fill(in.unionid, sizeof in.unionid, p, 29);
    fill(in.nickname, sizeof in.nickname, p, prng_between(random, 16, 60));
    fill(in.avatar, sizeof in.avatar, p, prng_between(random, 16, 600));
    fill(in.device, sizeof in.device, p, prng_between(random, 16, 200));
    return in;
}

static void log_some_in(struct fixture *f, struct person *people, size_t n, struct prng *random)
{
    for (size_t i = 0; i < n; i++) {
        struct store_login in = login_of_person(&people[i], random);
        assert_true(store_login(f->store, &in, fixture_caller(f, i)));
    }
    fixture_await(f, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(f->results[i].status, STORE_OK);
        people[i].id = f->results[i].user.id;
    }
}

static void log_all_in(struct fixture *f, struct person *people, size_t n, struct prng *random)
{
    for (size_t done = 0; done < n; done += AT_ONCE)
        log_some_in(f, people + done, n - done < AT_ONCE ? n - done : AT_ONCE, random);
}

static void shuffle(struct person *people, size_t n, struct prng *random)
{
    for (size_t i = n - 1; i > 0; i--) {
        size_t j = (size_t)prng_between(random, 0, (int64_t)i);
        struct person p = people[i];
        people[i] = people[j];
        people[j] = p;
    }
}

static char *files_of(const struct fixture *f, size_t *n)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char *all = NULL;
    *n = 0;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        size_t more = 0;
        char *bytes = fixture_read_file(f, suffixes[i], &more);
        all = xrealloc(all, *n + more + 1);
        memcpy(all + *n, bytes, more);
        *n += more;
        free(bytes);
    }
    return all;
}

/* How many of these people's tags stand anywhere in the files. */
static size_t count_readable(const struct fixture *f, const struct person *people, size_t n)
{
    size_t size, found = 0;
    char *files = files_of(f, &size);
    for (size_t i = 0; i < n; i++) {
        if (memmem(files, size, people[i].tag, TAG_SIZE - 1))
            found++;
    }
    free(files);
    return found;
}

static bool is_readable(const struct fixture *f, const struct person *p)
{
    return count_readable(f, p, 1) == 1;
}

static bool start_erasing(struct fixture *f, int64_t user_id, uint64_t caller)
{
    return store_user_erase(f->store, user_id, LATER, wall_after(LATER, JWT_MS),
                            fixture_caller(f, caller));
}

static const struct store_result *erase(struct fixture *f, int64_t user_id)
{
    return fixture_one(f, start_erasing(f, user_id, 0));
}

/* ---- tables ---- */

static void the_user_and_the_sessions_are_gone_and_the_revocations_stay(void **state)
{
    struct fixture *f = *state;
    struct store_login one = login_of("openid-1", "13800138000", T0);
    struct store_login two = login_of("openid-1", NULL, T0);
    struct store_login other = login_of("openid-2", NULL, T0);
    fixture_login(f, &other);
    fixture_login(f, &one);
    int64_t id = fixture_login(f, &two)->user.id;
    const struct store_result *r = erase(f, id);
    assert_int_equal(r->status, STORE_OK);
    assert_int_equal(r->n_sessions, 2);
    assert_int_equal(r->sessions[0].user_id, id);
    assert_int_equal(fixture_get(f, id)->status, STORE_NOT_FOUND);
    assert_int_equal(fixture_find(f, APPID, "13800138000", "86")->status, STORE_NOT_FOUND);
    assert_int_equal(fixture_one(f, store_session_check(f->store, slice_of(one.session.id), T0,
                                                        fixture_caller(f, 0)))
                         ->status,
                     STORE_NOT_FOUND);
    r = fixture_one(
        f, store_revocations_after(f->store, T0, SLICE_LIT(""), LATER, fixture_caller(f, 0)));
    assert_int_equal(r->n_revocations, 2);
    assert_int_equal(r->revocations[0].until.ms, LATER.ms + JWT_MS);
    assert_int_equal(erase(f, id)->status, STORE_NOT_FOUND);
    struct store_login again = login_of("openid-1", NULL, LATER);
    r = fixture_login(f, &again);
    assert_true(r->is_new);
    assert_true(r->user.id > id); /* an id is never given twice */
}

static void closing_finishes_an_erasure(void **state)
{
    struct fixture *f = *state;
    struct store_login in = login_of("openid-visible", NULL, T0);
    int64_t id = fixture_login(f, &in)->user.id;
    assert_true(start_erasing(f, id, 0));
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(f->count, 1);
    assert_int_equal(f->results[0].status, STORE_OK);
    assert_false(fixture_file_holds(f, "", "openid-visible"));
}

static void erasures_count_as_under_way_until_they_are_answered(void **state)
{
    enum { ERASURES = RESULTS_MAX };
    struct fixture *f = *state;
    for (uint64_t i = 0; i < ERASURES; i++)
        assert_true(start_erasing(f, 4711, i));
    assert_int_equal(store_stats(f->store).under_way, ERASURES);
    assert_false(start_erasing(f, 4711, 0));
    fixture_await(f, ERASURES);
    assert_int_equal(store_stats(f->store).under_way, 0);
}

/* ---- files ---- */

enum { PEOPLE = 900, ERASED = 300 };

static void nothing_of_many_erased_people_is_left_in_the_files(void **state)
{
    struct fixture *f = *state;
    static struct person people[PEOPLE];
    struct prng random;
    prng_seed(&random, 1);
    for (size_t i = 0; i < PEOPLE; i++)
        people[i] = person_of(&random);
    for (int round = 0; round < 3; round++) {
        log_all_in(f, people, PEOPLE, &random);
        shuffle(people, PEOPLE, &random);
    }
    assert_int_equal(count_readable(f, people, PEOPLE), PEOPLE); /* the search finds something */
    for (size_t done = 0; done < ERASED; done += AT_ONCE) {
        for (size_t i = 0; i < AT_ONCE; i++)
            assert_true(start_erasing(f, people[done + i].id, i));
        fixture_await(f, AT_ONCE);
        for (size_t i = 0; i < AT_ONCE; i++)
            assert_int_equal(f->results[i].status, STORE_OK);
        assert_int_equal(count_readable(f, people, done + AT_ONCE), 0);
    }
    assert_int_equal(count_readable(f, people, PEOPLE), PEOPLE - ERASED);
    for (size_t i = ERASED; i < PEOPLE; i++)
        assert_string_equal(fixture_get(f, people[i].id)->user.openid, people[i].openid);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA integrity_check", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Pages that another process has in its memory must not come back from there. */
static void what_one_store_erased_does_not_come_back_through_another(void **state)
{
    enum { FEW = 120 };
    struct fixture *f = *state;
    struct fixture *other = fixture_beside(f, KEY_A);
    static struct person people[FEW], later[FEW];
    struct prng random;
    prng_seed(&random, 2);
    for (size_t i = 0; i < FEW; i++) {
        people[i] = person_of(&random);
        later[i] = person_of(&random);
    }
    for (int round = 0; round < 3; round++) {
        log_all_in(f, people, FEW, &random);
        shuffle(people, FEW, &random);
        log_all_in(other, people, FEW, &random);
    }
    for (size_t i = 0; i < AT_ONCE; i++)
        assert_true(start_erasing(f, people[i].id, i));
    fixture_await(f, AT_ONCE);
    log_all_in(other, later, FEW, &random);
    log_all_in(f, later, FEW, &random);
    assert_int_equal(count_readable(f, people, AT_ONCE), 0);
    fixture_free(other);
}

/* ---- when it cannot be done at once ---- */

static sqlite3 *start_reading(const struct fixture *f)
{
    sqlite3 *reader = NULL;
    assert_int_equal(sqlite3_open(f->path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM users", NULL, NULL, NULL),
                     SQLITE_OK);
    return reader;
}

static void log_in_someone(struct fixture *f)
{
    struct store_login in = login_of("openid-other", NULL, T0);
    assert_int_equal(fixture_login(f, &in)->status, STORE_OK);
}

static void await_clean(struct fixture *f, const struct person *p)
{
    mono_ms_t give_up = mono_after(clock_mono(), PATIENCE_MS);
    while (is_readable(f, p) && !mono_reached(clock_mono(), give_up))
        log_in_someone(f); /* lets the loop go round */
    assert_false(is_readable(f, p));
}

static struct person log_person_in(struct fixture *f)
{
    struct prng random;
    prng_seed(&random, 3);
    struct person p = person_of(&random);
    log_all_in(f, &p, 1, &random);
    return p;
}

static void a_reader_that_stays_delays_the_answer_and_the_cleaning_follows(void **state)
{
    enum { WAIT_MS = 2000, LONGEST_LOGIN_MS = 1000 };
    struct fixture *f = *state;
    struct person p = log_person_in(f);
    sqlite3 *reader = start_reading(f);
    mono_ms_t start = clock_mono();
    assert_true(start_erasing(f, p.id, 1));
    while (f->count == 0) { /* logins go on meanwhile */
        struct store_login in = login_of("openid-other", NULL, T0);
        mono_ms_t login = clock_mono();
        f->seen[0] = false;
        assert_true(store_login(f->store, &in, fixture_caller(f, 0)));
        while (!f->seen[0])
            event_base_loop(loop_base(f->loop), EVLOOP_ONCE);
        assert_true(mono_between(login, clock_mono()) < LONGEST_LOGIN_MS);
        f->count = f->seen[1];
    }
    f->count = 0;
    assert_in_range(mono_between(start, clock_mono()), WAIT_MS, WAIT_MS + 3000);
    assert_int_equal(f->results[1].status, STORE_OK);
    assert_int_equal(fixture_get(f, p.id)->status, STORE_NOT_FOUND);
    assert_true(is_readable(f, &p));
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    await_clean(f, &p);
}

static void what_a_killed_process_erased_is_cleaned_by_the_next(void **state)
{
    struct fixture *f = *state;
    struct err e = {""};
    struct person p = log_person_in(f);
    sqlite3 *killed = NULL; /* it stays open: the WAL is left as it is */
    assert_int_equal(sqlite3_open(f->path, &killed), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(killed, "DELETE FROM sessions; DELETE FROM users", NULL, NULL, NULL),
        SQLITE_OK);
    fixture_close(f);
    assert_true(is_readable(f, &p));
    assert_true(fixture_open(f, KEY_A, 0, &e));
    await_clean(f, &p);
    assert_int_equal(sqlite3_close(killed), SQLITE_OK);
}

#define ERASURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ERASURE_TEST(the_user_and_the_sessions_are_gone_and_the_revocations_stay),
        ERASURE_TEST(erasures_count_as_under_way_until_they_are_answered),
    };
    const struct CMUnitTest sqlite_tests[] = {
        ERASURE_TEST(closing_finishes_an_erasure),
        ERASURE_TEST(nothing_of_many_erased_people_is_left_in_the_files),
        ERASURE_TEST(what_one_store_erased_does_not_come_back_through_another),
        ERASURE_TEST(a_reader_that_stays_delays_the_answer_and_the_cleaning_follows),
        ERASURE_TEST(what_a_killed_process_erased_is_cleaned_by_the_next),
    };
    int failed = cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
    if (!fixture_on_mysql())
        failed += cmocka_run_group_tests(sqlite_tests, NULL, NULL);
    return failed;
}
