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
    struct failure f = failure_of_login(&(struct login_result){ending, c, errcode});
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
    assert_failure(LOGIN_REFUSED, ERR_OPERATOR, 40125, 502, "wechat_refused");
    assert_failure(LOGIN_REFUSED, ERR_BACKOFF, 12345, 502, "wechat_refused");
    assert_failure(LOGIN_UNSURE, ERR_BACKOFF, -1, 503, "wechat_busy");
    assert_failure(LOGIN_UNSURE, ERR_UNKNOWN, 0, 504, "wechat_no_answer");
    assert_failure(LOGIN_UNREACHABLE, ERR_RETRY, 0, 503, "wechat_unreachable");
    assert_failure(LOGIN_NO_TOKEN, ERR_TOKEN, 40001, 503, "no_token");
    assert_failure(LOGIN_STORE_FAILED, ERR_BACKOFF, 0, 503, "database_unavailable");
    assert_failure(LOGIN_OVERLOADED, ERR_BACKOFF, 0, 503, "overloaded");
    assert_failure(LOGIN_NOT_REGISTERED, ERR_NONE, 0, 404, "not_registered");
}

static void what_may_pass_says_when_to_come_back(void **state)
{
    (void)state;
#define X(kind, status, code, seconds, text)                                                       \
    if ((status) == 429 || (status) == 503)                                                        \
        assert_true(failure_of(FAILURE_##kind).retry_after_s > 0);
    FAILURES(X)
#undef X
}

static void wechats_errors_for_the_user_each_have_their_own_text(void **state)
{
    static const int errcodes[] = {40029, 40163, 40226, 45011, 45009, 1400001};
    const char *texts[ARRAY_LEN(errcodes)];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errcodes); i++) {
        struct login_result r = {LOGIN_REFUSED, wechat_class_by_token(errcodes[i]), errcodes[i]};
        texts[i] = failure_of_login(&r).text;
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(texts[i], texts[j]);
    }
}

static void a_code_that_may_be_spent_asks_for_a_new_tap(void **state)
{
    static const int errcodes[] = {0, -1};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errcodes); i++) {
        struct login_result r = {LOGIN_UNSURE, ERR_UNKNOWN, errcodes[i]};
        assert_non_null(strstr(failure_of_login(&r).text, "重新点击"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_ending_has_its_status_and_code),
        cmocka_unit_test(what_may_pass_says_when_to_come_back),
        cmocka_unit_test(wechats_errors_for_the_user_each_have_their_own_text),
        cmocka_unit_test(a_code_that_may_be_spent_asks_for_a_new_tap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
