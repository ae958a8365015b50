/* users: who a login belongs to when a phone alone was known before, and tickets that register. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "users_fixture.h"

#define TICKET_1 "11111111111111111111111111111111"
#define TICKET_2 "22222222222222222222222222222222"
#define PHONE    "13800138000"

static struct store_login registration_of(const char *ticket, const char *openid, const char *phone)
{
    struct store_login in = login_of(openid, phone, T0);
    assert_true(slice_copy(slice_of(ticket), in.ticket, sizeof in.ticket));
    in.ticket_expires_at = wall_after(T0, 600 * 1000);
    return in;
}

static int64_t register_by_phone(struct fixture *f, const char *ticket, const char *phone)
{
    struct store_login in = registration_of(ticket, NULL, phone);
    const struct store_result *r = fixture_login(f, &in);
    assert_int_equal(r->status, STORE_OK);
    return r->user.id;
}

/* ---- tickets ---- */

static void a_ticket_alone_creates_a_user_without_openid(void **state)
{
    struct fixture *f = *state;
    struct store_login in = registration_of(TICKET_1, NULL, PHONE);
    const struct store_result *r = fixture_login(f, &in);
    assert_int_equal(r->status, STORE_OK);
    assert_true(r->is_new);
    assert_string_equal(r->user.openid, "");
    assert_string_equal(r->user.phone, PHONE);
    int64_t id = r->user.id;
    assert_int_equal(fixture_find(f, APPID, PHONE, "86")->user.id, id);
    assert_true(fixture_has_session(f, in.session.id));
}

static void a_ticket_with_openid_creates_the_user_of_that_openid(void **state)
{
    struct fixture *f = *state;
    struct store_login in = registration_of(TICKET_1, "openid-1", PHONE);
    int64_t id = fixture_login(f, &in)->user.id;
    struct store_login again = login_of("openid-1", NULL, LATER);
    const struct store_result *r = fixture_login(f, &again);
    assert_false(r->is_new);
    assert_int_equal(r->user.id, id);
    assert_string_equal(r->user.phone, PHONE);
}

static void a_ticket_of_a_phone_that_got_an_owner_meanwhile_logs_that_owner_in(void **state)
{
    struct fixture *f = *state;
    struct store_login owner = login_of("openid-1", PHONE, T0);
    int64_t id = fixture_login(f, &owner)->user.id;
    struct store_login in = registration_of(TICKET_1, NULL, PHONE);
    const struct store_result *r = fixture_login(f, &in);
    assert_int_equal(r->status, STORE_OK);
    assert_false(r->is_new);
    assert_int_equal(r->user.id, id);
}

static enum store_status status_of_ticket(struct fixture *f, const char *ticket)
{
    return fixture_one(f, store_check_ticket(f->store, slice_of(ticket), fixture_caller(f, 0)))
        ->status;
}

static void whether_a_ticket_was_used_is_known(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(status_of_ticket(f, TICKET_1), STORE_OK);
    (void)register_by_phone(f, TICKET_1, PHONE);
    assert_int_equal(status_of_ticket(f, TICKET_1), STORE_REUSED);
    assert_int_equal(status_of_ticket(f, TICKET_2), STORE_OK);
}

static void a_ticket_that_was_used_changes_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t id = register_by_phone(f, TICKET_1, PHONE);
    struct store_login again = registration_of(TICKET_1, "openid-thief", PHONE);
    snprintf(again.nickname, sizeof again.nickname, "thief");
    assert_int_equal(fixture_login(f, &again)->status, STORE_REUSED);
    assert_false(fixture_has_session(f, again.session.id));
    const struct store_result *r = fixture_get(f, id);
    assert_string_equal(r->user.openid, "");
    assert_string_equal(r->user.nickname, "");
    assert_int_equal(fixture_get(f, id + 1)->status, STORE_NOT_FOUND);
    assert_int_not_equal(register_by_phone(f, TICKET_2, "13900139000"), id);
}

static void a_ticket_of_a_registration_that_failed_is_still_good(void **state)
{
    struct fixture *f = *state;
    struct store_login first = login_of("openid-1", NULL, T0);
    fixture_login(f, &first);
    struct store_login in = registration_of(TICKET_1, NULL, PHONE);
    in.session = first.session; /* its id is taken */
    assert_int_equal(fixture_login(f, &in)->status, STORE_FAILED);
    struct store_login again = registration_of(TICKET_1, NULL, PHONE);
    const struct store_result *r = fixture_login(f, &again);
    assert_int_equal(r->status, STORE_OK);
    assert_true(r->is_new);
}

static size_t count(const struct fixture *f, size_t n, enum store_status status)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        if (f->results[i].status == status)
            found++;
    }
    return found;
}

/* At two stores, several in each batch. */
static void of_parallel_uses_of_one_ticket_one_registers(void **state)
{
    enum { USES = 20 };
    struct fixture *f = *state;
    struct fixture *other = fixture_beside(f, KEY_A);
    for (uint64_t i = 0; i < USES; i++) {
        struct store_login a = registration_of(TICKET_1, NULL, PHONE);
        struct store_login b = registration_of(TICKET_1, NULL, PHONE);
        assert_true(store_login(f->store, &a, fixture_caller(f, i)));
        assert_true(store_login(other->store, &b, fixture_caller(other, i)));
    }
    fixture_await(f, USES);
    fixture_await(other, USES);
    assert_int_equal(count(f, USES, STORE_OK) + count(other, USES, STORE_OK), 1);
    assert_int_equal(count(f, USES, STORE_REUSED) + count(other, USES, STORE_REUSED), 2 * USES - 1);
    fixture_free(other);
}

static void start_registration(struct fixture *f, int ticket, int phone, uint64_t id)
{
    char ticket_text[STORE_TICKET_SIZE], phone_text[USER_PHONE_SIZE];
    snprintf(ticket_text, sizeof ticket_text, "%032d", ticket);
    snprintf(phone_text, sizeof phone_text, "138%08d", phone);
    struct store_login in = registration_of(ticket_text, NULL, phone_text);
    assert_true(store_login(f->store, &in, fixture_caller(f, id)));
}

/* Two tickets for each phone, one at each store. */
static void of_parallel_registrations_of_a_phone_one_makes_the_user(void **state)
{
    enum { PHONES = 100 };
    struct fixture *f = *state;
    struct fixture *other = fixture_beside(f, KEY_A);
    for (int i = 0; i < PHONES; i++) {
        start_registration(f, 2 * i, i, (uint64_t)i);
        start_registration(other, 2 * i + 1, i, (uint64_t)i);
    }
    fixture_await(f, PHONES);
    fixture_await(other, PHONES);
    for (size_t i = 0; i < PHONES; i++) {
        assert_int_equal(f->results[i].status, STORE_OK);
        assert_int_equal(other->results[i].status, STORE_OK);
        assert_int_equal(f->results[i].user.id, other->results[i].user.id);
    }
    fixture_free(other);
}

/* ---- a user who registered by phone alone ---- */

static void a_login_with_openid_and_that_phone_takes_the_user_over(void **state)
{
    struct fixture *f = *state;
    int64_t id = register_by_phone(f, TICKET_1, PHONE);
    struct store_login in = login_of("openid-1", PHONE, LATER);
    const struct store_result *r = fixture_login(f, &in);
    assert_int_equal(r->status, STORE_OK);
    assert_false(r->is_new);
    assert_int_equal(r->user.id, id);
    assert_string_equal(r->user.openid, "openid-1");
    assert_string_equal(r->user.phone, PHONE);
    assert_int_equal(r->user.updated_at.ms, LATER.ms);
    struct store_login again = login_of("openid-1", NULL, LATER);
    assert_int_equal(fixture_login(f, &again)->user.id, id);
}

static void a_phone_whose_owner_has_another_openid_makes_a_new_user(void **state)
{
    struct fixture *f = *state;
    struct store_login owner = login_of("openid-1", PHONE, T0);
    snprintf(owner.nickname, sizeof owner.nickname, "the other one");
    int64_t id = fixture_login(f, &owner)->user.id;
    struct store_login in = login_of("openid-2", PHONE, LATER);
    const struct store_result *r = fixture_login(f, &in);
    assert_true(r->is_new);
    assert_int_not_equal(r->user.id, id);
    assert_string_equal(r->user.nickname, "");
    assert_string_equal(fixture_get(f, id)->user.openid, "openid-1");
}

static void an_openid_that_is_known_takes_nobody_over(void **state)
{
    struct fixture *f = *state;
    int64_t by_phone = register_by_phone(f, TICKET_1, PHONE);
    struct store_login known = login_of("openid-1", NULL, T0);
    int64_t id = fixture_login(f, &known)->user.id;
    struct store_login in = login_of("openid-1", PHONE, LATER);
    assert_int_equal(fixture_login(f, &in)->user.id, id);
    assert_string_equal(fixture_get(f, by_phone)->user.openid, "");
}

static void a_user_of_another_app_is_not_taken_over(void **state)
{
    struct fixture *f = *state;
    int64_t id = register_by_phone(f, TICKET_1, PHONE);
    struct store_login in = login_of("openid-1", PHONE, LATER);
    snprintf(in.appid, sizeof in.appid, "wxother");
    const struct store_result *r = fixture_login(f, &in);
    assert_true(r->is_new);
    assert_int_not_equal(r->user.id, id);
}

#define REGISTRATION_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRATION_TEST(a_ticket_alone_creates_a_user_without_openid),
        REGISTRATION_TEST(a_ticket_with_openid_creates_the_user_of_that_openid),
        REGISTRATION_TEST(a_ticket_of_a_phone_that_got_an_owner_meanwhile_logs_that_owner_in),
        REGISTRATION_TEST(whether_a_ticket_was_used_is_known),
        REGISTRATION_TEST(a_ticket_that_was_used_changes_nothing),
        REGISTRATION_TEST(a_ticket_of_a_registration_that_failed_is_still_good),
        REGISTRATION_TEST(of_parallel_uses_of_one_ticket_one_registers),
        REGISTRATION_TEST(of_parallel_registrations_of_a_phone_one_makes_the_user),
        REGISTRATION_TEST(a_login_with_openid_and_that_phone_takes_the_user_over),
        REGISTRATION_TEST(a_phone_whose_owner_has_another_openid_makes_a_new_user),
        REGISTRATION_TEST(an_openid_that_is_known_takes_nobody_over),
        REGISTRATION_TEST(a_user_of_another_app_is_not_taken_over),
    };
    return cmocka_run_group_tests(tests, fixture_group_up, fixture_group_down);
}
