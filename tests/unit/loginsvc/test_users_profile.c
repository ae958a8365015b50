/* users: nickname and avatar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "users_fixture.h"

static int64_t log_in(struct fixture *f)
{
    struct store_login in = login_of("openid-1", "13800138000", T0);
    snprintf(in.nickname, sizeof in.nickname, "old");
    snprintf(in.avatar, sizeof in.avatar, "https://a/old.png");
    return fixture_login(f, &in)->user.id;
}

static struct store_profile profile_of(int64_t user_id, const char *nickname, const char *avatar)
{
    struct store_profile in = {.user_id = user_id, .now = LATER};
    in.has_nickname = nickname != NULL;
    in.has_avatar = avatar != NULL;
    assert_true(slice_copy(slice_of(nickname), in.nickname, sizeof in.nickname));
    assert_true(slice_copy(slice_of(avatar), in.avatar, sizeof in.avatar));
    return in;
}

static const struct store_result *update(struct fixture *f, const struct store_profile *in)
{
    return fixture_one(f, store_user_update(f->store, in, fixture_caller(f, 0)));
}

static void only_what_is_given_is_replaced(void **state)
{
    struct fixture *f = *state;
    int64_t id = log_in(f);
    struct store_profile in = profile_of(id, "新", NULL);
    const struct store_result *r = update(f, &in);
    assert_int_equal(r->status, STORE_OK);
    assert_string_equal(r->user.nickname, "新");
    assert_string_equal(r->user.avatar, "https://a/old.png");
    assert_string_equal(r->user.phone, "13800138000");
    assert_int_equal(r->user.updated_at.ms, LATER.ms);
    r = fixture_get(f, id);
    assert_string_equal(r->user.nickname, "新");
    assert_string_equal(r->user.avatar, "https://a/old.png");
    assert_int_equal(r->user.updated_at.ms, LATER.ms);
}

static void an_empty_text_clears(void **state)
{
    struct fixture *f = *state;
    int64_t id = log_in(f);
    struct store_profile in = profile_of(id, "", "");
    assert_string_equal(update(f, &in)->user.nickname, "");
    const struct store_result *r = fixture_get(f, id);
    assert_string_equal(r->user.nickname, "");
    assert_string_equal(r->user.avatar, "");
}

static void what_is_the_same_is_no_change(void **state)
{
    struct fixture *f = *state;
    int64_t id = log_in(f);
    struct store_profile in = profile_of(id, "old", NULL);
    assert_int_equal(update(f, &in)->user.updated_at.ms, T0.ms);
    assert_int_equal(fixture_get(f, id)->user.updated_at.ms, T0.ms);
}

static void nobody_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct store_profile in = profile_of(4711, "new", NULL);
    assert_int_equal(update(f, &in)->status, STORE_NOT_FOUND);
}

/* One store changes the nickname and the other the avatar, over and over: neither undoes the
 * other's. A login that brings a nickname is a third. */
static void changes_of_different_fields_at_two_stores_are_not_lost(void **state)
{
    enum { ROUNDS = 100 };
    struct fixture *f = *state;
    struct fixture *other = fixture_beside(f, KEY_A);
    int64_t id = log_in(f);
    for (int i = 0; i < ROUNDS; i++) {
        char nickname[32], avatar[32];
        snprintf(nickname, sizeof nickname, "nickname-%d", i);
        snprintf(avatar, sizeof avatar, "avatar-%d", i);
        struct store_profile a = profile_of(id, nickname, NULL), b = profile_of(id, NULL, avatar);
        struct store_login login = login_of("openid-1", NULL, LATER);
        memcpy(login.nickname, a.nickname, sizeof login.nickname);
        if (i % 2)
            assert_true(store_login(f->store, &login, fixture_caller(f, 0)));
        else
            assert_true(store_user_update(f->store, &a, fixture_caller(f, 0)));
        assert_true(store_user_update(other->store, &b, fixture_caller(other, 0)));
        fixture_await(f, 1);
        fixture_await(other, 1);
        const struct store_result *r = fixture_get(f, id);
        assert_string_equal(r->user.nickname, nickname);
        assert_string_equal(r->user.avatar, avatar);
    }
    fixture_free(other);
}

#define PROFILE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROFILE_TEST(only_what_is_given_is_replaced),
        PROFILE_TEST(an_empty_text_clears),
        PROFILE_TEST(what_is_the_same_is_no_change),
        PROFILE_TEST(nobody_is_not_found),
        PROFILE_TEST(changes_of_different_fields_at_two_stores_are_not_lost),
    };
    return cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
}
