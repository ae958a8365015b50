/* What the claim on a login's codes is told in the end, for every way in which one can end: which
 * codes are whole again, what is kept for a repeat, whether that is an answer or the exchange
 * alone, and whether a phone was paid for. */
#include "driver_fixture.h"

#include <time.h>

enum fate { NOT_ASKED, GIVEN, REFUSED, LOST, SILENT };

enum { STORE_SILENT = -1, STORE_NOT_ASKED = -2 };

enum { FIRST = 1u << 0, SECOND = 1u << 1 }; /* codes in the order loginCode, phoneCode, ticket */

static const struct row {
    const char *what;
    enum login_kind kind;
    bool ticket;
    enum fate session, phone; /* the phone's answer comes first */
    int store;                /* enum store_status or one of the above */

    enum login_ending ending;
    unsigned whole;
    bool kept, exchanged, paid;
    int64_t user_id;
} rows[] = {
    {"by openid", LOGIN_BY_OPENID, false, GIVEN, NOT_ASKED, STORE_OK, LOGIN_OK, 0, true, false,
     false, USER_ID},
    {"a refused code is whole", LOGIN_BY_OPENID, false, REFUSED, NOT_ASKED, STORE_NOT_ASKED,
     LOGIN_REFUSED, FIRST, true, false, false, 0},
    {"a lost answer is no whole code", LOGIN_BY_OPENID, false, LOST, NOT_ASKED, STORE_NOT_ASKED,
     LOGIN_UNSURE, 0, true, false, false, 0},
    {"nor is one that never comes", LOGIN_BY_OPENID, false, SILENT, NOT_ASKED, STORE_NOT_ASKED,
     LOGIN_UNSURE, 0, true, false, false, 0},
    {"the store fails", LOGIN_BY_OPENID, false, GIVEN, NOT_ASKED, STORE_FAILED, LOGIN_STORE_FAILED,
     0, true, true, false, 0},
    {"the store is silent", LOGIN_BY_OPENID, false, GIVEN, NOT_ASKED, STORE_SILENT,
     LOGIN_STORE_FAILED, 0, true, true, false, 0},

    {"by both", LOGIN_BY_BOTH, false, GIVEN, GIVEN, STORE_OK, LOGIN_OK, 0, true, false, true,
     USER_ID},
    {"the loginCode refused", LOGIN_BY_BOTH, false, REFUSED, GIVEN, STORE_NOT_ASKED, LOGIN_REFUSED,
     FIRST, true, false, true, 0},
    {"the phoneCode refused", LOGIN_BY_BOTH, false, GIVEN, REFUSED, STORE_NOT_ASKED, LOGIN_REFUSED,
     SECOND, true, false, false, 0},
    {"both refused", LOGIN_BY_BOTH, false, REFUSED, REFUSED, STORE_NOT_ASKED, LOGIN_REFUSED,
     FIRST | SECOND, true, false, false, 0},
    {"the loginCode refused while the phone is under way", LOGIN_BY_BOTH, false, REFUSED, SILENT,
     STORE_NOT_ASKED, LOGIN_REFUSED, FIRST, true, false, false, 0},
    {"both and the store fails", LOGIN_BY_BOTH, false, GIVEN, GIVEN, STORE_FAILED,
     LOGIN_STORE_FAILED, 0, true, true, true, 0},

    {"lenient", LOGIN_LENIENT, false, GIVEN, GIVEN, STORE_OK, LOGIN_OK, 0, true, false, true,
     USER_ID},
    {"lenient without the phone", LOGIN_LENIENT, false, GIVEN, REFUSED, STORE_OK, LOGIN_OK, SECOND,
     true, false, false, USER_ID},
    {"lenient, the phone lost", LOGIN_LENIENT, false, GIVEN, LOST, STORE_OK, LOGIN_OK, 0, true,
     false, false, USER_ID},

    {"by phone", LOGIN_BY_PHONE, false, NOT_ASKED, GIVEN, STORE_OK, LOGIN_OK, 0, true, false, true,
     USER_ID},
    {"not registered", LOGIN_BY_PHONE, false, NOT_ASKED, GIVEN, STORE_NOT_FOUND,
     LOGIN_NOT_REGISTERED, 0, true, false, true, 0},

    {"by ticket", LOGIN_BY_TICKET, true, NOT_ASKED, NOT_ASKED, STORE_OK, LOGIN_OK, 0, true, false,
     false, USER_ID},
    {"a used ticket: the store knows it", LOGIN_BY_TICKET, true, NOT_ASKED, NOT_ASKED, STORE_REUSED,
     LOGIN_TICKET_USED, FIRST, false, false, false, 0},
    {"a ticket when the store fails is as good as before", LOGIN_BY_TICKET, true, NOT_ASKED,
     NOT_ASKED, STORE_FAILED, LOGIN_STORE_FAILED, FIRST, false, true, false, 0},
    {"a ticket and a loginCode", LOGIN_REGISTER, true, GIVEN, NOT_ASKED, STORE_OK, LOGIN_OK, 0,
     true, false, false, USER_ID},
    {"a ticket that is used meanwhile, and a loginCode", LOGIN_REGISTER, true, GIVEN, NOT_ASKED,
     STORE_REUSED, LOGIN_TICKET_USED, SECOND, true, false, false, 0},
    {"a ticket and a refused loginCode", LOGIN_REGISTER, true, REFUSED, NOT_ASKED, STORE_NOT_ASKED,
     LOGIN_REFUSED, FIRST | SECOND, true, false, false, 0},

    {"binding", LOGIN_BIND_PHONE, false, NOT_ASKED, GIVEN, STORE_OK, LOGIN_OK, 0, true, false, true,
     USER_ID},
    {"binding to nobody", LOGIN_BIND_PHONE, false, NOT_ASKED, GIVEN, STORE_NOT_FOUND,
     LOGIN_USER_GONE, 0, true, false, true, 0},
    {"showing", LOGIN_SHOW_PHONE, false, NOT_ASKED, GIVEN, STORE_NOT_ASKED, LOGIN_OK, 0, true,
     false, true, 0},
};

static void answer(enum fate fate, void (*give)(void), void (*refuse)(struct wechat_reply how))
{
    if (fate == GIVEN)
        give();
    else if (fate == REFUSED)
        refuse(refusal(ERR_USER, 40029));
    else if (fate == LOST)
        refuse(no_answer());
}

static void answer_or_wait_for_store(int store)
{
    if (store == STORE_FAILED)
        fail_store(ERR_BACKOFF);
    else if (store >= 0)
        answer_store((enum store_status)store);
}

static void play(const struct row *row)
{
    struct login_request r = request_of(row->kind);
    r.ticket = row->ticket ? request_of(LOGIN_BY_TICKET).ticket : NULL;
    stage.answers = stage.settled = 0;
    assert_int_equal(start_request(&r), LOGIN_OK);
    answer_claim(CLAIM_MINE);
    if (row->kind == LOGIN_REGISTER)
        answer_store(STORE_OK); /* the ticket is good so far */
    answer(row->phone, give_phone, refuse_phone);
    answer(row->session, give_session, refuse_session);
    answer_or_wait_for_store(row->store);
    if (stage.answers == 0)
        run_for(TIMEOUT_MS + 20);
}

/* What is kept opens for this claim, and gives the answer that was given, or the exchange. */
static void check_kept(const struct row *row)
{
    struct login_outcome kept;
    if ((stage.settlement.kept.n > 0) != row->kept)
        fail_msg("%s: kept %zu bytes", row->what, stage.settlement.kept.n);
    if (!row->kept)
        return;
    assert_true(kept_open(stage.kept_ring, &stage.claim, stage.settlement.kept, &kept));
    assert_same_outcome(&kept, &stage.outcome);
}

static void check(const struct row *row)
{
    const struct claims_settlement *s = &stage.settlement;
    assert_answered(row->ending);
    assert_int_equal(stage.settled, 1);
    if (s->whole != row->whole || s->exchanged != row->exchanged || s->paid != row->paid ||
        s->user_id != row->user_id)
        fail_msg("%s: whole %x, exchanged %d, paid %d, user %lld", row->what, s->whole,
                 s->exchanged, s->paid, (long long)s->user_id);
    assert_string_equal(stage.settled_claim.fingerprint, stage.claim.fingerprint);
    check_kept(row);
}

static void every_ending_is_settled_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        play(&rows[i]);
        check(&rows[i]);
    }
}

static void assert_nothing_was_spent(enum login_ending ending)
{
    assert_answered(ending);
    assert_int_equal(stage.session_calls + stage.stores, 0);
    assert_int_equal(stage.settlement.whole, FIRST | SECOND);
    assert_int_equal(stage.settlement.kept.n, 0);
    assert_false(stage.settlement.exchanged || stage.settlement.paid);
    stage.answers = 0;
}

static void no_code_is_spent_on_a_ticket_that_is_not_known_to_be_good(void **state)
{
    (void)state;
    start_claimed(LOGIN_REGISTER);
    assert_int_equal(stage.checks, 1);
    answer_store(STORE_REUSED);
    assert_nothing_was_spent(LOGIN_TICKET_USED);
    start_claimed(LOGIN_REGISTER);
    fail_store(ERR_UNKNOWN);
    assert_nothing_was_spent(LOGIN_STORE_FAILED);
    start_claimed(LOGIN_REGISTER);
    run_for(TIMEOUT_MS + 20);
    assert_nothing_was_spent(LOGIN_STORE_FAILED);
    answer_store(STORE_OK); /* late */
    stage.store_full = true;
    start_claimed(LOGIN_REGISTER);
    assert_nothing_was_spent(LOGIN_STORE_FAILED);
}

static void codes_that_never_left_are_whole_and_nothing_is_kept_of_them(void **state)
{
    (void)state;
    set_timeout(LONG_TIMEOUT_MS);
    start_claimed(LOGIN_BY_OPENID);
    for (int i = 1; i <= 3; i++) {
        run_until(&stage.session_calls, i);
        refuse_session(not_sent());
    }
    assert_answered(LOGIN_UNREACHABLE);
    assert_int_equal(stage.settled, 1);
    assert_int_equal(stage.settlement.whole, FIRST);
    assert_int_equal(stage.settlement.kept.n, 0);
}

static void without_a_token_both_codes_are_whole_and_nothing_is_kept(void **state)
{
    (void)state;
    stage.token = NULL;
    start_claimed(LOGIN_BY_BOTH);
    run_for(TIMEOUT_MS + 50);
    assert_answered(LOGIN_NO_TOKEN);
    assert_int_equal(stage.settled, 1);
    assert_int_equal(stage.settlement.whole, FIRST | SECOND);
    assert_int_equal(stage.settlement.kept.n, 0);
    assert_false(stage.settlement.paid);
}

static void a_phone_that_comes_too_late_for_the_login_was_paid_all_the_same(void **state)
{
    const struct timespec beyond = {.tv_nsec = (TIMEOUT_MS + 5) * 1000000L};
    (void)state;
    start_claimed(LOGIN_BY_PHONE);
    nanosleep(&beyond, NULL); /* while the loop is busy: its timer has not fired */
    give_phone();
    assert_answered(LOGIN_UNSURE);
    assert_true(stage.settlement.paid);
    assert_int_equal(stage.paid_late, 0);
}

static void a_phone_that_comes_too_late_for_a_lenient_login_is_not_bound_by_its_repeat(void **state)
{
    const struct timespec beyond = {.tv_nsec = (TIMEOUT_MS + 5) * 1000000L};
    struct login_outcome kept;
    (void)state;
    start_claimed(LOGIN_LENIENT);
    give_session();
    nanosleep(&beyond, NULL);
    give_phone();
    assert_answered(LOGIN_STORE_FAILED);
    assert_true(stage.settlement.exchanged && stage.settlement.paid);
    assert_true(kept_open(stage.kept_ring, &stage.claim, stage.settlement.kept, &kept));
    assert_string_equal(kept.openid, OPENID);
    assert_string_equal(kept.phone, "");
    assert_int_equal(kept.phone_result.ending, LOGIN_UNSURE);
}

static void a_claim_is_settled_at_the_end_and_not_before(void **state)
{
    (void)state;
    start_claimed(LOGIN_BY_OPENID);
    assert_int_equal(stage.settled, 0);
    give_session();
    assert_int_equal(stage.settled, 0);
    answer_store(STORE_OK);
    assert_int_equal(stage.settled, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, driver_setup, driver_teardown)
        TEST(every_ending_is_settled_as_it_was),
        TEST(no_code_is_spent_on_a_ticket_that_is_not_known_to_be_good),
        TEST(codes_that_never_left_are_whole_and_nothing_is_kept_of_them),
        TEST(without_a_token_both_codes_are_whole_and_nothing_is_kept),
        TEST(a_phone_that_comes_too_late_for_the_login_was_paid_all_the_same),
        TEST(a_phone_that_comes_too_late_for_a_lenient_login_is_not_bound_by_its_repeat),
        TEST(a_claim_is_settled_at_the_end_and_not_before),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
