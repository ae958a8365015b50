/* users: what is over is deleted, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "users_fixture.h"

enum { JWT_MS = 600 * 1000, STEP = 500 };

static const struct store_result *purge(struct fixture *f, wall_ms_t now)
{
    const struct store_result *r = fixture_one(f, store_purge(f->store, now, fixture_caller(f, 0)));
    assert_int_equal(r->status, STORE_OK);
    return r;
}

static size_t count_revocations(struct fixture *f)
{
    return fixture_one(f, store_revocations_after(f->store, (wall_ms_t){0}, SLICE_LIT(""), T0,
                                                  fixture_caller(f, 0)))
        ->n_revocations;
}

static void sessions_go_after_their_time(void **state)
{
    struct fixture *f = *state;
    struct store_login old = login_of("openid-1", NULL, T0);
    struct store_login new = login_of("openid-1", NULL, LATER);
    int64_t id = fixture_login(f, &old)->user.id;
    fixture_login(f, &new);
    assert_false(purge(f, old.session.expires_at)->more);
    assert_true(fixture_has_session(f, old.session.id));
    purge(f, wall_after(old.session.expires_at, 1));
    assert_false(fixture_has_session(f, old.session.id));
    assert_true(fixture_has_session(f, new.session.id));
    purge(f, wall_after(new.session.expires_at, 1));
    assert_false(fixture_has_session(f, new.session.id));
    assert_int_equal(fixture_get(f, id)->status, STORE_OK); /* users stay */
}

static void ended_sessions_go_together_with_their_revocation(void **state)
{
    struct fixture *f = *state;
    struct store_login ended = login_of("openid-1", NULL, T0);
    struct store_login alive = login_of("openid-1", NULL, T0);
    int64_t id = fixture_login(f, &ended)->user.id;
    fixture_login(f, &alive);
    wall_ms_t until = wall_after(T0, JWT_MS);
    fixture_one(f, store_session_end(f->store, id, slice_of(ended.session.id), T0, until,
                                     fixture_caller(f, 0)));
    purge(f, until);
    assert_true(fixture_has_session(f, ended.session.id));
    assert_int_equal(count_revocations(f), 1);
    purge(f, wall_after(until, 1));
    assert_false(fixture_has_session(f, ended.session.id));
    assert_true(fixture_has_session(f, alive.session.id));
    assert_int_equal(count_revocations(f), 0);
}

static const struct store_result *use_ticket(struct fixture *f)
{
    struct store_login in = login_of(NULL, "13800138000", T0);
    snprintf(in.ticket, sizeof in.ticket, "11111111111111111111111111111111");
    in.ticket_expires_at = LATER;
    return fixture_login(f, &in);
}

static void a_used_ticket_is_remembered_for_its_whole_time(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(use_ticket(f)->status, STORE_OK);
    purge(f, LATER);
    assert_int_equal(use_ticket(f)->status, STORE_REUSED);
    purge(f, wall_after(LATER, 1));
    assert_int_equal(use_ticket(f)->status, STORE_OK); /* its signature says that it is over */
}

static void a_purge_goes_in_bounded_steps_until_there_is_no_more(void **state)
{
    enum { SESSIONS = STEP + 20 };
    struct fixture *f = *state;
    wall_ms_t over = wall_after(LATER, 2 * TTL_MS);
    for (uint64_t i = 0; i < SESSIONS; i++) {
        struct store_login in = login_of("openid-1", NULL, i < STEP ? T0 : LATER);
        assert_true(store_login(f->store, &in, fixture_caller(f, i)));
    }
    fixture_await(f, SESSIONS);
    int64_t id = f->results[0].user.id;
    assert_true(purge(f, over)->more);
    const struct store_result *r =
        fixture_one(f, store_sessions_list(f->store, id, LATER, fixture_caller(f, 0)));
    assert_int_equal(r->n_sessions, SESSIONS - STEP); /* the oldest went first */
    assert_int_equal(r->sessions[0].created_at.ms, LATER.ms);
    assert_false(purge(f, over)->more);
    r = fixture_one(f, store_sessions_list(f->store, id, LATER, fixture_caller(f, 0)));
    assert_int_equal(r->n_sessions, 0);
}

#define PURGE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PURGE_TEST(sessions_go_after_their_time),
        PURGE_TEST(ended_sessions_go_together_with_their_revocation),
        PURGE_TEST(a_used_ticket_is_remembered_for_its_whole_time),
        PURGE_TEST(a_purge_goes_in_bounded_steps_until_there_is_no_more),
    };
    return cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
}
