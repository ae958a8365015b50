/* Every failed ending has a status, a code and a Chinese text that says what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "loginsvc/dialects/failure.h"
#include "wechat/errcode.h"

static void assert_failure(enum login_ending ending, enum err_class c, int errcode, int status,
                           const char *code)
{
    struct failure f = failure_of_login(&(struct login_result){ending, c, errcode, 0});
    assert_int_equal(f.status, status);
    assert_string_equal(f.code, code);
    assert_int_equal(f.errcode, errcode);
}

static void each_ending_has_its_status_and_code(void **state)
{
    (void)state;
    assert_failure(LOGIN_REFUSED, ERR_USER, 40163, 409, "code_used");
    assert_failure(LOGIN_REFUSED, ERR_USER, 40029, 422, "code_refused");
    assert_failure(LOGIN_REFUSED, ERR_USER, 40226, 422, "code_refused");
    assert_failure(LOGIN_REFUSED, ERR_BACKOFF, 45011, 429, "too_many_requests");
    assert_failure(LOGIN_REFUSED, ERR_QUOTA, 45009, 503, "wechat_quota");
    assert_failure(LOGIN_REFUSED, ERR_OPERATOR, 1400001, 503, "phone_quota");
    assert_failure(LOGIN_REFUSED, ERR_OPERATOR, 40013, 502, "wechat_refused");
    assert_failure(LOGIN_REFUSED, ERR_OPERATOR, 40125, 502, "wechat_refused");
    assert_failure(LOGIN_REFUSED, ERR_BACKOFF, 12345, 502, "wechat_refused");
    assert_failure(LOGIN_UNSURE, ERR_BACKOFF, -1, 503, "wechat_busy");
    assert_failure(LOGIN_UNSURE, ERR_UNKNOWN, 0, 504, "wechat_no_answer");
    assert_failure(LOGIN_UNREACHABLE, ERR_RETRY, 0, 503, "wechat_unreachable");
    assert_failure(LOGIN_NO_TOKEN, ERR_TOKEN, 40001, 503, "no_token");
    assert_failure(LOGIN_STORE_FAILED, ERR_BACKOFF, 0, 503, "database_unavailable");
    assert_failure(LOGIN_OVERLOADED, ERR_BACKOFF, 0, 503, "overloaded");
    assert_failure(LOGIN_NOT_REGISTERED, ERR_NONE, 0, 404, "not_registered");
    assert_failure(LOGIN_USER_GONE, ERR_USER, 0, 401, "invalid_token");
    assert_failure(LOGIN_TICKET_USED, ERR_USER, 0, 409, "ticket_used");
    assert_failure(LOGIN_CODE_USED, ERR_USER, 0, 409, "code_used");
    assert_failure(LOGIN_LIMITED, ERR_BACKOFF, 0, 429, "too_many_requests");
    assert_failure(LOGIN_BUDGET_SPENT, ERR_QUOTA, 0, 503, "phone_budget");
}

static void codes_for_programs_are_all_different(void **state)
{
    static const char *const codes[] = {
#define X(kind, status, code, seconds, text) code,
        FAILURES(X)
#undef X
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(codes[i], codes[j]);
    }
}

/* The budget's own wait goes to the end of the day: whoever is told of it is told how long. */
static void what_may_pass_says_when_to_come_back(void **state)
{
    (void)state;
#define X(kind, status, code, seconds, text)                                                       \
    if (((status) == 429 || (status) == 503) && FAILURE_##kind != FAILURE_PHONE_BUDGET)            \
        assert_true(failure_of(FAILURE_##kind).retry_after_s > 0);
    FAILURES(X)
#undef X
}

static void a_known_wait_is_told_in_whole_seconds_and_never_too_short(void **state)
{
    static const struct {
        int64_t ms;
        int s;
    } waits[] = {{1, 1}, {999, 1}, {1000, 1}, {1001, 2}, {59999, 60}, {86400000, 86400}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        struct login_result r = {LOGIN_BUDGET_SPENT, ERR_QUOTA, 0, waits[i].ms};
        assert_int_equal(failure_of_login(&r).retry_after_s, waits[i].s);
        r.ending = LOGIN_LIMITED;
        assert_int_equal(failure_of_login(&r).retry_after_s, waits[i].s);
    }
}

/* What WeChat's answers, and their absence, end a login with. */
static const struct login_result faults[] = {
    {LOGIN_REFUSED, ERR_USER, WECHAT_INVALID_CODE, 0},
    {LOGIN_REFUSED, ERR_USER, WECHAT_CODE_USED, 0},
    {LOGIN_REFUSED, ERR_USER, WECHAT_RISKY_USER, 0},
    {LOGIN_REFUSED, ERR_BACKOFF, WECHAT_MINUTE_LIMIT, 0},
    {LOGIN_REFUSED, ERR_QUOTA, WECHAT_DAY_LIMIT, 0},
    {LOGIN_REFUSED, ERR_OPERATOR, WECHAT_INVALID_APPID, 0},
    {LOGIN_REFUSED, ERR_OPERATOR, WECHAT_INVALID_APPSECRET, 0},
    {LOGIN_REFUSED, ERR_OPERATOR, WECHAT_PHONE_QUOTA, 0},
    {LOGIN_UNSURE, ERR_BACKOFF, WECHAT_BUSY, 0},
    {LOGIN_UNSURE, ERR_UNKNOWN, 0, 0}, /* no answer in time */
    {LOGIN_UNREACHABLE, ERR_RETRY, 0, 0},
};

static void each_of_wechats_errors_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(failure_of_login(&faults[i]).text,
                                    failure_of_login(&faults[j]).text);
    }
}

static void every_text_is_chinese_and_names_no_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        const char *text = failure_of_login(&faults[i]).text;
        assert_true((unsigned char)text[0] >= 0xe4); /* the first byte of an ideograph */
        assert_null(strpbrk(text, "0123456789"));
    }
}

static void the_classes_tried_here_are_those_of_wechats_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        if (faults[i].errcode != 0)
            assert_int_equal(wechat_class_by_token(faults[i].errcode), faults[i].error_class);
    }
}

static void a_code_that_may_be_spent_asks_for_a_new_tap(void **state)
{
    static const int errcodes[] = {0, -1};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errcodes); i++) {
        struct login_result r = {LOGIN_UNSURE, ERR_UNKNOWN, errcodes[i], 0};
        assert_non_null(strstr(failure_of_login(&r).text, "重新点击"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_ending_has_its_status_and_code),
        cmocka_unit_test(codes_for_programs_are_all_different),
        cmocka_unit_test(what_may_pass_says_when_to_come_back),
        cmocka_unit_test(a_known_wait_is_told_in_whole_seconds_and_never_too_short),
        cmocka_unit_test(each_of_wechats_errors_has_a_text_of_its_own),
        cmocka_unit_test(every_text_is_chinese_and_names_no_number),
        cmocka_unit_test(the_classes_tried_here_are_those_of_wechats_table),
        cmocka_unit_test(a_code_that_may_be_spent_asks_for_a_new_tap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
