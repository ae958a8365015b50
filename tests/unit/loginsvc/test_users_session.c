/* users: sessions after the login: rotated, listed, ended, revoked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "users_fixture.h"

enum { JWT_MS = 600 * 1000 };

static const char nobodys[] = "0123456789abcdef0123456789abcdef";

static struct store_login log_in(struct fixture *f, const char *openid, wall_ms_t now,
                                 int64_t *user_id)
{
    struct store_login in = login_of(openid, NULL, now);
    snprintf(in.device, sizeof in.device, "phone of %s", openid);
    const struct store_result *r = fixture_login(f, &in);
    assert_int_equal(r->status, STORE_OK);
    *user_id = r->user.id;
    return in;
}

static const struct store_result *check(struct fixture *f, const char *sid)
{
    return fixture_one(f,
                       store_session_check(f->store, slice_of(sid), LATER, fixture_caller(f, 0)));
}

static const struct store_result *list(struct fixture *f, int64_t user_id, wall_ms_t now)
{
    return fixture_one(f, store_sessions_list(f->store, user_id, now, fixture_caller(f, 0)));
}

static const struct store_result *end(struct fixture *f, int64_t user_id, const char *sid)
{
    return fixture_one(f, store_session_end(f->store, user_id, slice_of(sid), LATER,
                                            wall_after(LATER, JWT_MS), fixture_caller(f, 0)));
}

static const struct store_result *end_all(struct fixture *f, int64_t user_id)
{
    return fixture_one(f, store_sessions_end_all(f->store, user_id, LATER,
                                                 wall_after(LATER, JWT_MS), fixture_caller(f, 0)));
}

static const struct store_result *revocations(struct fixture *f, wall_ms_t after, const char *sid,
                                              wall_ms_t now)
{
    return fixture_one(
        f, store_revocations_after(f->store, after, slice_of(sid), now, fixture_caller(f, 0)));
}

static void assert_revoked(struct fixture *f, const char *sid)
{
    const struct store_result *r = revocations(f, (wall_ms_t){0}, "", LATER);
    assert_int_equal(r->n_revocations, 1);
    assert_string_equal(r->revocations[0].sid, sid);
    assert_int_equal(r->revocations[0].revoked_at.ms, LATER.ms);
    assert_int_equal(r->revocations[0].until.ms, LATER.ms + JWT_MS);
}

static void assert_none_revoked(struct fixture *f)
{
    assert_int_equal(revocations(f, (wall_ms_t){0}, "", LATER)->n_revocations, 0);
}

/* ---- rotation ---- */

/* Replaces the token of `in` by one whose hash is made of `fill`. */
static struct store_rotation rotation_of(const struct store_login *in, uint8_t fill)
{
    struct store_rotation r = {
        .now = LATER, .expires_at = wall_after(LATER, TTL_MS), .until = wall_after(LATER, JWT_MS)};
    memcpy(r.sid, in->session.id, sizeof r.sid);
    memcpy(r.old_hash, in->session.refresh_hash, sizeof r.old_hash);
    memset(r.new_hash, fill, sizeof r.new_hash);
    return r;
}

static const struct store_result *rotate(struct fixture *f, const struct store_rotation *in)
{
    return fixture_one(f, store_session_rotate(f->store, in, fixture_caller(f, 0)));
}

static void a_rotation_gives_user_and_session_and_prolongs_it(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    struct store_login in = log_in(f, "openid-1", T0, &id);
    struct store_rotation first = rotation_of(&in, 1);
    const struct store_result *r = rotate(f, &first);
    assert_int_equal(r->status, STORE_OK);
    assert_int_equal(r->user.id, id);
    assert_string_equal(r->user.openid, "openid-1");
    assert_string_equal(r->session.id, in.session.id);
    assert_true(r->session.alive);
    assert_int_equal(r->session.expires_at.ms, LATER.ms + TTL_MS);
    r = check(f, in.session.id);
    assert_true(r->session.alive);
    assert_int_equal(r->session.created_at.ms, T0.ms);
    assert_int_equal(r->session.last_used_at.ms, LATER.ms);
    assert_int_equal(r->session.expires_at.ms, LATER.ms + TTL_MS);
    struct store_rotation second = rotation_of(&in, 2);
    memcpy(second.old_hash, first.new_hash, sizeof second.old_hash);
    assert_int_equal(rotate(f, &second)->status, STORE_OK); /* the new one is good */
    assert_none_revoked(f);
}

static void a_token_used_again_ends_the_session(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    struct store_login in = log_in(f, "openid-1", T0, &id);
    struct store_rotation first = rotation_of(&in, 1), again = rotation_of(&in, 2);
    assert_int_equal(rotate(f, &first)->status, STORE_OK);
    const struct store_result *r = rotate(f, &again);
    assert_int_equal(r->status, STORE_REUSED);
    assert_string_equal(r->session.id, in.session.id);
    assert_int_equal(r->session.user_id, id);
    assert_false(r->session.alive);
    assert_false(check(f, in.session.id)->session.alive);
    assert_revoked(f, in.session.id);
    struct store_rotation newest = rotation_of(&in, 3); /* whoever holds the good one is out too */
    memcpy(newest.old_hash, first.new_hash, sizeof newest.old_hash);
    assert_int_equal(rotate(f, &newest)->status, STORE_NOT_FOUND);
}

static void a_forged_token_ends_the_session_it_names_and_no_other(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    struct store_login one = log_in(f, "openid-1", T0, &id), two = log_in(f, "openid-1", T0, &id);
    struct store_rotation forged = rotation_of(&one, 1);
    forged.old_hash[31] ^= 1;
    assert_int_equal(rotate(f, &forged)->status, STORE_REUSED);
    assert_false(check(f, one.session.id)->session.alive);
    assert_true(check(f, two.session.id)->session.alive);
}

static void what_is_not_alive_is_not_rotated(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    struct store_login in = log_in(f, "openid-1", T0, &id);
    struct store_rotation late = rotation_of(&in, 1), unknown = rotation_of(&in, 1);
    late.now = in.session.expires_at;
    assert_int_equal(rotate(f, &late)->status, STORE_NOT_FOUND);
    memcpy(unknown.sid, nobodys, sizeof unknown.sid);
    assert_int_equal(rotate(f, &unknown)->status, STORE_NOT_FOUND);
    assert_none_revoked(f);
    end(f, id, in.session.id);
    struct store_rotation ended = rotation_of(&in, 1);
    assert_int_equal(rotate(f, &ended)->status, STORE_NOT_FOUND);
    assert_revoked(f, in.session.id); /* still one only */
}

/* Two stores, each with several of one token in a batch. */
static void of_parallel_rotations_of_one_token_exactly_one_wins(void **state)
{
    enum { ROUNDS = 20, AT_ONCE = 4 };
    struct fixture *f = *state;
    struct fixture *other = fixture_beside(f, KEY_A);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t id;
        int of_status[STORE_FAILED + 1] = {0};
        struct store_login in = log_in(f, "openid-1", T0, &id);
        for (uint64_t i = 0; i < AT_ONCE; i++) {
            struct store_rotation a = rotation_of(&in, 1), b = rotation_of(&in, 2);
            assert_true(store_session_rotate(f->store, &a, fixture_caller(f, i)));
            assert_true(store_session_rotate(other->store, &b, fixture_caller(other, i)));
        }
        fixture_await(f, AT_ONCE);
        fixture_await(other, AT_ONCE);
        for (size_t i = 0; i < AT_ONCE; i++) {
            of_status[f->results[i].status]++;
            of_status[other->results[i].status]++;
        }
        assert_int_equal(of_status[STORE_OK], 1);
        assert_int_equal(of_status[STORE_REUSED], 1); /* the next one ends the session */
        assert_int_equal(of_status[STORE_NOT_FOUND], 2 * AT_ONCE - 2);
        assert_false(check(f, in.session.id)->session.alive);
    }
    fixture_free(other);
}

/* ---- list ---- */

static void the_list_has_the_living_sessions_of_the_user_newest_first(void **state)
{
    struct fixture *f = *state;
    int64_t id, other_id;
    struct store_login old = log_in(f, "openid-1", T0, &id);
    struct store_login ended = log_in(f, "openid-1", wall_after(T0, 1), &id);
    struct store_login new = log_in(f, "openid-1", wall_after(T0, 2), &id);
    log_in(f, "openid-2", T0, &other_id);
    end(f, id, ended.session.id);
    const struct store_result *r = list(f, id, LATER);
    assert_int_equal(r->status, STORE_OK);
    assert_int_equal(r->n_sessions, 2);
    assert_false(r->more);
    assert_string_equal(r->sessions[0].id, new.session.id);
    assert_string_equal(r->sessions[0].device, "phone of openid-1");
    assert_true(r->sessions[0].alive);
    assert_int_equal(r->sessions[0].user_id, id);
    assert_int_equal(r->sessions[0].last_used_at.ms, T0.ms + 2);
    assert_int_equal(r->sessions[0].expires_at.ms, T0.ms + 2 + TTL_MS);
    assert_string_equal(r->sessions[1].id, old.session.id);
    assert_int_equal(list(f, id, old.session.expires_at)->n_sessions, 1); /* that one is over */
    assert_int_equal(list(f, 4711, LATER)->n_sessions, 0);
}

static void log_in_often(struct fixture *f, uint64_t times)
{
    for (uint64_t i = 0; i < times; i++) {
        struct store_login in = login_of("openid-1", NULL, wall_after(T0, (int64_t)i));
        assert_true(store_login(f->store, &in, fixture_caller(f, i)));
    }
    fixture_await(f, times);
}

static void a_list_is_bounded_and_says_that_there_is_more(void **state)
{
    struct fixture *f = *state;
    log_in_often(f, STORE_LIST_MAX);
    int64_t id = f->results[0].user.id;
    const struct store_result *r = list(f, id, LATER);
    assert_int_equal(r->n_sessions, STORE_LIST_MAX);
    assert_false(r->more);
    log_in_often(f, 1);
    r = list(f, id, LATER);
    assert_int_equal(r->n_sessions, STORE_LIST_MAX);
    assert_true(r->more);
}

/* ---- end ---- */

static void one_that_is_ended_is_given_and_revoked(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    struct store_login one = log_in(f, "openid-1", T0, &id), two = log_in(f, "openid-1", T0, &id);
    const struct store_result *r = end(f, id, one.session.id);
    assert_int_equal(r->status, STORE_OK);
    assert_int_equal(r->n_sessions, 1);
    assert_string_equal(r->sessions[0].id, one.session.id);
    assert_false(r->sessions[0].alive);
    assert_false(check(f, one.session.id)->session.alive);
    assert_true(check(f, two.session.id)->session.alive);
    assert_revoked(f, one.session.id);
}

static void one_that_is_not_his_or_not_alive_is_not_ended(void **state)
{
    struct fixture *f = *state;
    int64_t id, other_id;
    struct store_login mine = log_in(f, "openid-1", T0, &id);
    struct store_login his = log_in(f, "openid-2", T0, &other_id);
    assert_int_equal(end(f, id, his.session.id)->status, STORE_NOT_FOUND);
    assert_true(check(f, his.session.id)->session.alive);
    assert_int_equal(end(f, id, nobodys)->status, STORE_NOT_FOUND);
    assert_none_revoked(f);
    assert_int_equal(end(f, id, mine.session.id)->status, STORE_OK);
    assert_int_equal(end(f, id, mine.session.id)->status, STORE_NOT_FOUND);
    assert_revoked(f, mine.session.id);
}

static void all_of_a_user_are_ended_and_nobody_elses(void **state)
{
    struct fixture *f = *state;
    int64_t id, other_id;
    log_in(f, "openid-1", T0, &id);
    log_in(f, "openid-1", T0, &id);
    struct store_login his = log_in(f, "openid-2", T0, &other_id);
    const struct store_result *r = end_all(f, id);
    assert_int_equal(r->status, STORE_OK);
    assert_int_equal(r->n_sessions, 2);
    assert_int_equal(r->sessions[0].user_id, id);
    assert_int_equal(list(f, id, LATER)->n_sessions, 0);
    assert_true(check(f, his.session.id)->session.alive);
    assert_int_equal(revocations(f, (wall_ms_t){0}, "", LATER)->n_revocations, 2);
    r = end_all(f, id);
    assert_int_equal(r->status, STORE_OK); /* also when there is none */
    assert_int_equal(r->n_sessions, 0);
}

static void more_sessions_than_a_result_gives_are_all_ended(void **state)
{
    enum { BEYOND = 30 };
    struct fixture *f = *state;
    log_in_often(f, STORE_LIST_MAX);
    log_in_often(f, BEYOND);
    int64_t id = f->results[0].user.id;
    const struct store_result *r = end_all(f, id);
    assert_int_equal(r->n_sessions, STORE_LIST_MAX);
    assert_true(r->more);
    assert_int_equal(list(f, id, LATER)->n_sessions, 0);
    r = revocations(f, (wall_ms_t){0}, "", LATER);
    assert_int_equal(r->n_revocations, STORE_LIST_MAX);
    assert_true(r->more);
    struct store_revocation last = r->revocations[STORE_LIST_MAX - 1];
    r = revocations(f, last.revoked_at, last.sid, LATER);
    assert_int_equal(r->n_revocations, BEYOND);
    assert_false(r->more);
}

/* ---- revocations ---- */

static void revocations_come_in_order_behind_the_one_given_while_they_matter(void **state)
{
    struct fixture *f = *state;
    static const char *const sids[] = {"bb", "aa", "cc"};
    static const int ended_at[] = {10, 20, 20};
    int64_t id;
    for (size_t i = 0; i < ARRAY_LEN(sids); i++) {
        struct store_login in = login_of("openid-1", NULL, T0);
        snprintf(in.session.id, sizeof in.session.id, "%s", sids[i]);
        id = fixture_login(f, &in)->user.id;
        wall_ms_t at = wall_after(T0, ended_at[i]);
        fixture_one(f, store_session_end(f->store, id, slice_of(sids[i]), at, wall_after(at, 100),
                                         fixture_caller(f, 0)));
    }
    const struct store_result *r = revocations(f, (wall_ms_t){0}, "", T0);
    assert_int_equal(r->n_revocations, 3);
    for (size_t i = 0; i < ARRAY_LEN(sids); i++)
        assert_string_equal(r->revocations[i].sid, sids[i]);
    r = revocations(f, wall_after(T0, 20), "aa", T0);
    assert_int_equal(r->n_revocations, 1);
    assert_string_equal(r->revocations[0].sid, "cc");
    assert_int_equal(revocations(f, wall_after(T0, 10), "bb", T0)->n_revocations, 2);
    assert_int_equal(revocations(f, wall_after(T0, 20), "cc", T0)->n_revocations, 0);
    assert_int_equal(revocations(f, (wall_ms_t){0}, "", wall_after(T0, 110))->n_revocations, 2);
}

#define SESSION_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SESSION_TEST(a_rotation_gives_user_and_session_and_prolongs_it),
        SESSION_TEST(a_token_used_again_ends_the_session),
        SESSION_TEST(a_forged_token_ends_the_session_it_names_and_no_other),
        SESSION_TEST(what_is_not_alive_is_not_rotated),
        SESSION_TEST(of_parallel_rotations_of_one_token_exactly_one_wins),
        SESSION_TEST(the_list_has_the_living_sessions_of_the_user_newest_first),
        SESSION_TEST(a_list_is_bounded_and_says_that_there_is_more),
        SESSION_TEST(one_that_is_ended_is_given_and_revoked),
        SESSION_TEST(one_that_is_not_his_or_not_alive_is_not_ended),
        SESSION_TEST(all_of_a_user_are_ended_and_nobody_elses),
        SESSION_TEST(more_sessions_than_a_result_gives_are_all_ended),
        SESSION_TEST(revocations_come_in_order_behind_the_one_given_while_they_matter),
    };
    return cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
}
