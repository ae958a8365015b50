#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tokend/ctl/trouble.h"

#define BASE "http://127.0.0.1:8081"

static const struct trouble_question look = {
    .base = {BASE, sizeof BASE - 1}, .path = "/v1/apps/a", .scope = "read"};
static const struct trouble_question order = {.base = {BASE, sizeof BASE - 1},
                                              .path = "/v1/apps/a/token/refresh",
                                              .scope = "admin",
                                              .has_key = true,
                                              .acts = true};

static struct http_answer answered(int status, const char *body)
{
    return (struct http_answer){
        .outcome = HTTP_ANSWERED, .status = status, .body = slice_of(body), .error = ""};
}

static void assert_trouble(const struct http_answer *a, const struct trouble_question *q,
                           bool lasting, const char *want)
{
    struct trouble t;
    assert_true(trouble_find(a, q, &t));
    assert_string_equal(t.line, want);
    assert_int_equal(t.lasting, lasting);
}

static void assert_refused(int status, const char *body, const struct trouble_question *q,
                           bool lasting, const char *want)
{
    struct http_answer a = answered(status, body);
    assert_trouble(&a, q, lasting, want);
}

static void a_good_answer_is_no_trouble(void **state)
{
    struct http_answer ok = answered(200, "{}"), accepted = answered(202, "");
    struct trouble t;
    (void)state;
    assert_false(trouble_find(&ok, &look, &t));
    assert_false(trouble_find(&accepted, &look, &t));
}

static void a_tokend_that_cannot_be_reached_is_named_with_the_variable(void **state)
{
    const struct http_answer a = {.outcome = HTTP_NOT_SENT, .error = "refused"};
    (void)state;
    assert_trouble(&a, &look, false,
                   BASE ": refused: is tokend running there? TOKEND_URL says where it is asked");
}

static void silence_after_an_order_may_have_been_obeyed(void **state)
{
    const struct http_answer a = {.outcome = HTTP_UNKNOWN, .error = "timed out"};
    (void)state;
    assert_trouble(&a, &look, false, BASE "/v1/apps/a: timed out");
    assert_trouble(&a, &order, false,
                   BASE "/v1/apps/a/token/refresh: timed out: it may have been done all the same, "
                        "tokenctl events shows it");
}

static void a_missing_or_wrong_key_is_told_by_its_variable(void **state)
{
    const char *body = "{\"code\":\"unauthorized\",\"detail\":\"a valid API key is needed\","
                       "\"request_id\":\"r1\"}";
    struct trouble_question shown = look;
    (void)state;
    shown.has_key = true;
    assert_refused(401, body, &look, true,
                   BASE "/v1/apps/a: 401 unauthorized: a valid API key is needed (request_id r1): "
                        "set TOKEND_KEY, or TOKEND_KEY_FILE to the file that holds the key");
    assert_refused(401, body, &shown, true,
                   BASE "/v1/apps/a: 401 unauthorized: a valid API key is needed (request_id r1): "
                        "what TOKEND_KEY or TOKEND_KEY_FILE holds is no key of this tokend");
}

static void a_missing_scope_is_named(void **state)
{
    (void)state;
    assert_refused(403, "{\"code\":\"forbidden\"}", &order, true,
                   BASE "/v1/apps/a/token/refresh: 403 forbidden: a key with the scope admin is "
                        "needed");
}

static void what_passes_is_not_lasting(void **state)
{
    (void)state;
    assert_refused(503, "{\"code\":\"no_token\"}", &look, false,
                   BASE "/v1/apps/a: 503 no_token: tokenctl status shows why");
    assert_refused(503, "{\"code\":\"redis_unavailable\"}", &look, false,
                   BASE "/v1/apps/a: 503 redis_unavailable: try again");
    assert_refused(429, "{\"code\":\"busy\"}", &look, false, BASE "/v1/apps/a: 429 busy");
    assert_refused(404, "{\"code\":\"unknown_app\"}", &look, true,
                   BASE "/v1/apps/a: 404 unknown_app: tokenctl status lists the apps that this key "
                        "may see");
}

static void a_server_that_is_no_tokend_is_told_by_the_variable(void **state)
{
    const char *want = BASE "/v1/apps/a: 404: is that a tokend? TOKEND_URL says where it is asked";
    (void)state;
    assert_refused(404, "<html>not here</html>", &look, true, want);
    assert_refused(404, "", &look, true, want);
    assert_refused(404, "{\"code\":5}", &look, true, want);
    assert_refused(302, "[]", &look, true,
                   BASE "/v1/apps/a: 302: is that a tokend? TOKEND_URL says where it is asked");
}

static void words_without_end_are_cut(void **state)
{
    char body[4000] = "{\"code\":\"c\",\"detail\":\"";
    struct trouble t;
    (void)state;
    size_t n = strlen(body);
    memset(body + n, 'x', sizeof body - n);
    memcpy(body + sizeof body - 3, "\"}", 3);
    struct http_answer a = answered(500, body);
    assert_true(trouble_find(&a, &look, &t));
    assert_int_equal(strlen(t.line), TROUBLE_LINE_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_answer_is_no_trouble),
        cmocka_unit_test(a_tokend_that_cannot_be_reached_is_named_with_the_variable),
        cmocka_unit_test(silence_after_an_order_may_have_been_obeyed),
        cmocka_unit_test(a_missing_or_wrong_key_is_told_by_its_variable),
        cmocka_unit_test(a_missing_scope_is_named),
        cmocka_unit_test(what_passes_is_not_lasting),
        cmocka_unit_test(a_server_that_is_no_tokend_is_told_by_the_variable),
        cmocka_unit_test(words_without_end_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
