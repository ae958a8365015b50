/* users: what the store promises to the login, on a real database (users_fixture.h says which) and
 * its worker threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "users_fixture.h"

static void set(char *field, size_t size, const char *text)
{
    assert_true(slice_copy(slice_of(text), field, size));
}

/* ---- login by openid ---- */

static void the_first_login_creates_the_user_and_the_next_finds_it(void **state)
{
    struct fixture *f = *state;
    struct store_login in = login_of("openid-1", "13800138000", T0);
    set(in.nickname, sizeof in.nickname, "小明");
    const struct store_result *r = fixture_login(f, &in);
    assert_int_equal(r->status, STORE_OK);
    assert_true(r->is_new);
    assert_true(r->user.id > 0);
    assert_string_equal(r->user.appid, APPID);
    assert_string_equal(r->user.openid, "openid-1");
    assert_string_equal(r->user.phone, "13800138000");
    assert_string_equal(r->user.country_code, "86");
    assert_string_equal(r->user.nickname, "小明");
    assert_int_equal(r->user.created_at.ms, T0.ms);
    int64_t id = r->user.id;

    struct store_login again = login_of("openid-1", NULL, LATER);
    r = fixture_login(f, &again);
    assert_int_equal(r->status, STORE_OK);
    assert_false(r->is_new);
    assert_int_equal(r->user.id, id);
    assert_string_equal(r->user.phone, "13800138000"); /* what was not given stays */
    assert_string_equal(r->user.nickname, "小明");
    assert_int_equal(r->user.created_at.ms, T0.ms);
    assert_int_equal(r->user.updated_at.ms, T0.ms);
    assert_int_equal(r->user.last_login_at.ms, LATER.ms);
}

static void what_a_login_gives_replaces_what_is_stored(void **state)
{
    struct fixture *f = *state;
    struct store_login in = login_of("openid-1", "13800138000", T0);
    set(in.avatar, sizeof in.avatar, "https://a/1.png");
    fixture_login(f, &in);
    struct store_login next = login_of("openid-1", "13900139000", LATER);
    set(next.nickname, sizeof next.nickname, "new");
    set(next.unionid, sizeof next.unionid, "union-1");
    int64_t id = fixture_login(f, &next)->user.id;
    const struct store_result *r = fixture_get(f, id);
    assert_int_equal(r->status, STORE_OK);
    assert_string_equal(r->user.phone, "13900139000");
    assert_string_equal(r->user.nickname, "new");
    assert_string_equal(r->user.unionid, "union-1");
    assert_string_equal(r->user.avatar, "https://a/1.png");
    assert_int_equal(r->user.updated_at.ms, LATER.ms);
    assert_int_equal(fixture_find(f, APPID, "13800138000", "86")->status, STORE_NOT_FOUND);
}

static void one_openid_in_two_apps_is_two_users(void **state)
{
    struct fixture *f = *state;
    struct store_login a = login_of("openid-1", "13800138000", T0);
    struct store_login b = login_of("openid-1", NULL, T0);
    set(b.appid, sizeof b.appid, "wxother");
    int64_t id = fixture_login(f, &a)->user.id;
    const struct store_result *r = fixture_login(f, &b);
    assert_true(r->is_new);
    assert_int_not_equal(r->user.id, id);
    assert_int_equal(fixture_find(f, "wxother", "13800138000", "86")->status, STORE_NOT_FOUND);
}

static void openids_that_differ_in_case_alone_are_two_users(void **state)
{
    struct fixture *f = *state;
    struct store_login a = login_of("oAbC", NULL, T0), b = login_of("oaBc", NULL, T0);
    int64_t id = fixture_login(f, &a)->user.id;
    const struct store_result *r = fixture_login(f, &b);
    assert_true(r->is_new);
    assert_int_not_equal(r->user.id, id);
}

static void the_longest_texts_of_any_alphabet_come_back_whole(void **state)
{
    struct fixture *f = *state;
    struct store_login in = login_of("openid-1", NULL, T0);
    for (size_t i = 0; i + 4 < sizeof in.nickname; i += 4)
        memcpy(in.nickname + i, "\xf0\x9f\x90\xbc", 4); /* a panda, beyond the basic plane */
    memset(in.avatar, 'a', sizeof in.avatar - 1);
    memset(in.device, 'd', sizeof in.device - 1);
    int64_t id = fixture_login(f, &in)->user.id;
    const struct store_result *r = fixture_get(f, id);
    assert_int_equal(r->status, STORE_OK);
    assert_string_equal(r->user.nickname, in.nickname);
    assert_string_equal(r->user.avatar, in.avatar);
}

static void logins_of_one_openid_in_one_batch_make_one_user(void **state)
{
    enum { LOGINS = 40 };
    struct fixture *f = *state;
    for (uint64_t i = 0; i < LOGINS; i++) {
        struct store_login in = login_of("openid-1", i % 2 ? "13800138000" : NULL, T0);
        assert_true(store_login(f->store, &in, fixture_caller(f, i)));
    }
    fixture_await(f, LOGINS);
    size_t created = 0;
    for (size_t i = 0; i < LOGINS; i++) {
        assert_int_equal(f->results[i].status, STORE_OK);
        assert_int_equal(f->results[i].user.id, f->results[0].user.id);
        created += f->results[i].is_new;
    }
    assert_int_equal(created, 1);
}

/* ---- by phone ---- */

static void a_phone_that_nobody_has_is_a_result_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_login in = login_of(NULL, "13800138000", T0);
    const struct store_result *r = fixture_login(f, &in);
    assert_int_equal(r->status, STORE_NOT_FOUND);
    assert_true(store_session_check(f->store, slice_of(in.session.id), T0, fixture_caller(f, 0)));
    fixture_await(f, 1);
    assert_int_equal(f->results[0].status, STORE_NOT_FOUND);
    assert_int_equal(fixture_find(f, APPID, "13800138000", "86")->status, STORE_NOT_FOUND);
    assert_true(store_stats(f->store).healthy);
}

static void a_login_by_phone_finds_its_owner(void **state)
{
    struct fixture *f = *state;
    struct store_login in = login_of("openid-1", "13800138000", T0);
    int64_t id = fixture_login(f, &in)->user.id;
    struct store_login by_phone = login_of(NULL, "13800138000", LATER);
    const struct store_result *r = fixture_login(f, &by_phone);
    assert_int_equal(r->status, STORE_OK);
    assert_false(r->is_new);
    assert_int_equal(r->user.id, id);
    assert_string_equal(r->user.openid, "openid-1");
    assert_int_equal(r->user.last_login_at.ms, LATER.ms);
}

static void a_phone_is_found_with_its_country_code_only(void **state)
{
    struct fixture *f = *state;
    struct store_login in = login_of("openid-1", "61234567", T0);
    set(in.country_code, sizeof in.country_code, "852");
    fixture_login(f, &in);
    assert_int_equal(fixture_find(f, APPID, "61234567", "852")->status, STORE_OK);
    assert_int_equal(fixture_find(f, APPID, "61234567", "853")->status, STORE_NOT_FOUND);
}

static void of_two_users_with_one_phone_the_one_who_proved_it_last_is_found(void **state)
{
    struct fixture *f = *state;
    struct store_login old = login_of("openid-old", "13800138000", T0);
    struct store_login new = login_of("openid-new", "13800138000", LATER);
    struct store_login old_again = login_of("openid-old", NULL, wall_after(LATER, 1000));
    int64_t old_id = fixture_login(f, &old)->user.id;
    int64_t new_id = fixture_login(f, &new)->user.id;
    fixture_login(f, &old_again); /* logs in, but proves no phone */
    assert_int_equal(fixture_find(f, APPID, "13800138000", "86")->user.id, new_id);
    struct store_login proved = login_of("openid-old", "13800138000", wall_after(LATER, 2000));
    fixture_login(f, &proved);
    assert_int_equal(fixture_find(f, APPID, "13800138000", "86")->user.id, old_id);
}

static void set_phone_replaces_the_phone_of_a_user_that_exists(void **state)
{
    struct fixture *f = *state;
    struct store_login in = login_of("openid-1", "13800138000", T0);
    int64_t id = fixture_login(f, &in)->user.id;
    assert_true(store_set_phone(f->store, id, SLICE_LIT("13900139000"), SLICE_LIT("86"), LATER,
                                fixture_caller(f, 0)));
    fixture_await(f, 1);
    assert_int_equal(f->results[0].status, STORE_OK);
    assert_string_equal(f->results[0].user.phone, "13900139000");
    assert_int_equal(fixture_find(f, APPID, "13900139000", "86")->user.id, id);
    assert_int_equal(fixture_find(f, APPID, "13800138000", "86")->status, STORE_NOT_FOUND);
    assert_true(store_set_phone(f->store, id + 1, SLICE_LIT("13900139000"), SLICE_LIT("86"), LATER,
                                fixture_caller(f, 0)));
    fixture_await(f, 1);
    assert_int_equal(f->results[0].status, STORE_NOT_FOUND);
}

/* ---- sessions ---- */

static const struct store_result *check_session(struct fixture *f, const char *id, wall_ms_t now)
{
    assert_true(store_session_check(f->store, slice_of(id), now, fixture_caller(f, 0)));
    fixture_await(f, 1);
    return &f->results[0];
}

static void a_session_lives_until_the_moment_it_expires(void **state)
{
    struct fixture *f = *state;
    struct store_login in = login_of("openid-1", NULL, T0);
    int64_t user_id = fixture_login(f, &in)->user.id;
    const struct store_result *r = check_session(f, in.session.id, wall_after(T0, TTL_MS - 1));
    assert_int_equal(r->status, STORE_OK);
    assert_true(r->session.alive);
    assert_int_equal(r->session.user_id, user_id);
    assert_string_equal(r->session.id, in.session.id);
    assert_int_equal(r->session.expires_at.ms, T0.ms + TTL_MS);
    assert_false(check_session(f, in.session.id, wall_after(T0, TTL_MS))->session.alive);
    assert_int_equal(check_session(f, "0123456789abcdef0123456789abcdef", T0)->status,
                     STORE_NOT_FOUND);
}

/* ---- batches, limits, lifetimes ---- */

static void one_failing_login_of_a_batch_fails_alone(void **state)
{
    enum { LOGINS = 20, BAD = 7 };
    struct fixture *f = *state;
    struct store_login first = login_of("openid-0", NULL, T0);
    for (uint64_t i = 0; i < LOGINS; i++) {
        char openid[32];
        snprintf(openid, sizeof openid, "openid-%d", (int)i);
        struct store_login in = i == 0 ? first : login_of(openid, "13800138000", T0);
        if (i == BAD)
            in.session = first.session; /* its id is taken */
        assert_true(store_login(f->store, &in, fixture_caller(f, i)));
    }
    fixture_await(f, LOGINS);
    for (size_t i = 0; i < LOGINS; i++) {
        const struct store_result *r = &f->results[i];
        assert_int_equal(r->status, i == BAD ? STORE_FAILED : STORE_OK);
        assert_int_equal(r->class, i == BAD ? ERR_BUG : ERR_NONE);
    }
    assert_string_equal(f->results[BAD].user.phone, ""); /* no person in a failure */
    struct store_login retry = login_of("openid-7", NULL, LATER);
    assert_true(fixture_login(f, &retry)->is_new); /* nothing of it stayed */
}

static void a_text_that_does_not_fit_fails_and_is_not_cut(void **state)
{
    struct fixture *f = *state;
    const struct store_result *r =
        fixture_find(f, APPID, "1380013800013800138000138001380013800", "86");
    assert_int_equal(r->status, STORE_FAILED);
    assert_int_equal(r->class, ERR_BUG);
}

static void a_full_queue_refuses_at_once(void **state)
{
    struct fixture *f = *state;
    struct store_login in = login_of("openid-1", NULL, T0);
    for (uint64_t i = 0; i < RESULTS_MAX; i++)
        assert_true(store_ping(f->store, fixture_caller(f, i)));
    assert_int_equal(store_stats(f->store).under_way, RESULTS_MAX);
    assert_false(store_login(f->store, &in, fixture_caller(f, 0)));
    assert_int_equal(store_stats(f->store).refused, 1);
    fixture_await(f, RESULTS_MAX);
    assert_int_equal(store_stats(f->store).under_way, 0);
    assert_int_equal(fixture_login(f, &in)->status, STORE_OK);
}

static void closing_finishes_what_was_accepted(void **state)
{
    enum { LOGINS = 30 };
    struct fixture *f = *state;
    for (uint64_t i = 0; i < LOGINS; i++) {
        struct store_login in = login_of("openid-1", NULL, T0);
        assert_true(store_login(f->store, &in, fixture_caller(f, i)));
    }
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(f->count, LOGINS);
    for (size_t i = 0; i < LOGINS; i++)
        assert_int_equal(f->results[i].status, STORE_OK);
}

/* ---- at rest ---- */

static void no_phone_is_readable_in_any_file_of_the_database(void **state)
{
    struct fixture *f = *state;
    struct store_login in = login_of("openid-visible", "13800138000", T0);
    fixture_login(f, &in);
    fixture_find(f, APPID, "13800138000", "86");
    assert_true(
        fixture_file_holds(f, "-wal", "openid-visible")); /* this search can find something */
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        assert_false(fixture_file_holds(f, suffixes[i], "13800138000"));
    store_close(f->store); /* the WAL goes into the file */
    f->store = NULL;
    assert_true(fixture_file_holds(f, "", "openid-visible"));
    assert_false(fixture_file_holds(f, "", "13800138000"));
}

static void the_files_are_for_their_owner_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm", "-turn"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char path[96];
        struct stat st;
        snprintf(path, sizeof path, "%s%s", f->path, suffixes[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void phones_survive_a_rotation_of_the_key(void **state)
{
    struct fixture *f = *state;
    struct err e = {""};
    struct store_login in = login_of("openid-1", "13800138000", T0);
    int64_t id = fixture_login(f, &in)->user.id;
    fixture_close(f);
    assert_true(fixture_open(f, KEY_B "," KEY_A, 0, &e));
    const struct store_result *r = fixture_find(f, APPID, "13800138000", "86");
    assert_int_equal(r->user.id, id);
    assert_string_equal(r->user.phone, "13800138000");
    struct store_login again = login_of("openid-1", "13800138000", LATER); /* seals it anew */
    fixture_login(f, &again);
    fixture_close(f);
    assert_true(fixture_open(f, KEY_B, 0, &e));
    r = fixture_find(f, APPID, "13800138000", "86");
    assert_int_equal(r->user.id, id);
    assert_string_equal(r->user.phone, "13800138000");
}

static void a_phone_whose_key_is_gone_does_not_lock_its_owner_out(void **state)
{
    struct fixture *f = *state;
    struct err e = {""};
    struct store_login in = login_of("openid-1", "13800138000", T0);
    fixture_login(f, &in);
    fixture_close(f);
    assert_true(fixture_open(f, KEY_B "," KEY_A, 0, &e)); /* the mark moves to the new key */
    fixture_close(f);
    assert_true(fixture_open(f, KEY_B, 0, &e));
    struct store_login again = login_of("openid-1", NULL, LATER);
    const struct store_result *r = fixture_login(f, &again);
    assert_int_equal(r->status, STORE_OK);
    assert_string_equal(r->user.phone, "");
    struct store_login proved = login_of("openid-1", "13800138000", LATER);
    assert_string_equal(fixture_login(f, &proved)->user.phone, "13800138000");
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(the_first_login_creates_the_user_and_the_next_finds_it),
        STORE_TEST(what_a_login_gives_replaces_what_is_stored),
        STORE_TEST(one_openid_in_two_apps_is_two_users),
        STORE_TEST(openids_that_differ_in_case_alone_are_two_users),
        STORE_TEST(the_longest_texts_of_any_alphabet_come_back_whole),
        STORE_TEST(logins_of_one_openid_in_one_batch_make_one_user),
        STORE_TEST(a_phone_that_nobody_has_is_a_result_and_changes_nothing),
        STORE_TEST(a_login_by_phone_finds_its_owner),
        STORE_TEST(a_phone_is_found_with_its_country_code_only),
        STORE_TEST(of_two_users_with_one_phone_the_one_who_proved_it_last_is_found),
        STORE_TEST(set_phone_replaces_the_phone_of_a_user_that_exists),
        STORE_TEST(a_session_lives_until_the_moment_it_expires),
        STORE_TEST(one_failing_login_of_a_batch_fails_alone),
        STORE_TEST(a_text_that_does_not_fit_fails_and_is_not_cut),
        STORE_TEST(a_full_queue_refuses_at_once),
        STORE_TEST(closing_finishes_what_was_accepted),
        STORE_TEST(phones_survive_a_rotation_of_the_key),
        STORE_TEST(a_phone_whose_key_is_gone_does_not_lock_its_owner_out),
    };
    const struct CMUnitTest sqlite_tests[] = {
        STORE_TEST(no_phone_is_readable_in_any_file_of_the_database),
        STORE_TEST(the_files_are_for_their_owner_alone),
    };
    int failed = cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
    if (!fixture_on_mysql())
        failed += cmocka_run_group_tests(sqlite_tests, NULL, NULL);
    return failed;
}
