#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "wechat/errcode.h"
#include "wechat/request.h"

#define APPID  SLICE_LIT("wx0123456789abcdef")
#define SECRET SLICE_LIT("0123456789abcdef0123456789abcdef")
#define TOKEN  SLICE_LIT("94_token-_x")

static const struct slice no_openid = {NULL, 0};

/* `c` n times; static, overwritten by the next call. */
static struct slice repeated(char c, size_t n)
{
    static char bytes[2048];
    assert_true(n <= sizeof bytes);
    memset(bytes, c, n);
    return (struct slice){bytes, n};
}

static void test_classic_is_a_get_with_everything_in_the_query(void **state)
{
    struct wechat_request r;
    (void)state;
    assert_int_equal(wechat_build_token(&r, WECHAT_CLASSIC, APPID, SECRET), 0);
    assert_false(r.post);
    assert_string_equal(r.path, "/cgi-bin/token");
    assert_string_equal(r.target, "/cgi-bin/token?grant_type=client_credential"
                                  "&appid=wx0123456789abcdef"
                                  "&secret=0123456789abcdef0123456789abcdef");
    assert_int_equal(r.target_len, strlen(r.target));
    assert_int_equal(r.body_len, 0);
}

static void assert_stable_body(enum wechat_token_mode mode, const char *expected)
{
    struct wechat_request r;
    assert_int_equal(wechat_build_token(&r, mode, APPID, SECRET), 0);
    assert_true(r.post);
    assert_string_equal(r.target, "/cgi-bin/stable_token");
    assert_string_equal(r.body, expected);
    assert_int_equal(r.body_len, strlen(expected));
}

static void test_stable_is_a_post_whose_secret_stays_in_the_body(void **state)
{
    (void)state;
    assert_stable_body(WECHAT_STABLE,
                       "{\"grant_type\":\"client_credential\",\"appid\":\"wx0123456789abcdef\","
                       "\"secret\":\"0123456789abcdef0123456789abcdef\",\"force_refresh\":false}");
    assert_stable_body(WECHAT_STABLE_FORCED,
                       "{\"grant_type\":\"client_credential\",\"appid\":\"wx0123456789abcdef\","
                       "\"secret\":\"0123456789abcdef0123456789abcdef\",\"force_refresh\":true}");
}

static void test_code2session_escapes_the_code(void **state)
{
    struct wechat_request r;
    (void)state;
    assert_int_equal(wechat_build_code2session(&r, APPID, SECRET, SLICE_LIT("a&b=c%d")), 0);
    assert_false(r.post);
    assert_string_equal(r.target, "/sns/jscode2session?appid=wx0123456789abcdef"
                                  "&secret=0123456789abcdef0123456789abcdef"
                                  "&js_code=a%26b%3Dc%25d&grant_type=authorization_code");
}

static void test_phone_sends_the_code_and_the_openid_when_known(void **state)
{
    struct wechat_request r;
    (void)state;
    assert_int_equal(wechat_build_phone(&r, TOKEN, SLICE_LIT("c0de"), no_openid), 0);
    assert_true(r.post);
    assert_string_equal(r.target, "/wxa/business/getuserphonenumber?access_token=94_token-_x");
    assert_string_equal(r.body, "{\"code\":\"c0de\"}");
    assert_int_equal(wechat_build_phone(&r, TOKEN, SLICE_LIT("c0de"), SLICE_LIT("oABC_-1")), 0);
    assert_string_equal(r.body, "{\"code\":\"c0de\",\"openid\":\"oABC_-1\"}");
}

static void test_probe_is_a_get_with_the_token(void **state)
{
    struct wechat_request r;
    (void)state;
    assert_int_equal(wechat_build_probe(&r, TOKEN), 0);
    assert_false(r.post);
    assert_string_equal(r.target, "/cgi-bin/get_api_domain_ip?access_token=94_token-_x");
}

static void test_a_code_cannot_break_out_of_the_json(void **state)
{
    struct wechat_request r;
    (void)state;
    assert_int_equal(wechat_build_phone(&r, TOKEN, SLICE_LIT("a\",\"openid\":\"x\\"), no_openid),
                     0);
    json_t *body = json_loadb(r.body, r.body_len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(body);
    assert_int_equal(json_object_size(body), 1);
    assert_string_equal(json_string_value(json_object_get(body, "code")), "a\",\"openid\":\"x\\");
    json_decref(body);
}

static void test_malformed_arguments_are_refused_as_wechat_would(void **state)
{
    struct wechat_request r;
    (void)state;
    assert_int_equal(wechat_build_token(&r, WECHAT_CLASSIC, SLICE_LIT(""), SECRET), 40013);
    assert_int_equal(wechat_build_token(&r, WECHAT_STABLE, APPID, SLICE_LIT("a b")), 40125);
    assert_int_equal(wechat_build_code2session(&r, APPID, SECRET, SLICE_LIT("")), 40029);
    assert_int_equal(wechat_build_code2session(&r, APPID, SECRET, SLICE_LIT("a\nb")), 40029);
    assert_int_equal(wechat_build_phone(&r, SLICE_LIT("a\0b"), SLICE_LIT("c"), no_openid), 40014);
    assert_int_equal(wechat_build_phone(&r, TOKEN, SLICE_LIT("\xe4\xbd\xa0"), no_openid), 40029);
    assert_int_equal(wechat_build_phone(&r, TOKEN, SLICE_LIT("c"), SLICE_LIT("o\"")), 40097);
    assert_int_equal(wechat_build_probe(&r, SLICE_LIT("a b")), 40014);
    assert_int_equal(r.target_len, 0);
    assert_string_equal(r.target, "");
}

static void test_lengths_are_bounded_at_the_byte(void **state)
{
    struct wechat_request r;
    (void)state;
    assert_int_equal(wechat_build_probe(&r, repeated('t', WECHAT_TOKEN_MAX)), 0);
    assert_int_equal(wechat_build_probe(&r, repeated('t', WECHAT_TOKEN_MAX + 1)), 40014);
    assert_int_equal(wechat_build_phone(&r, TOKEN, repeated('c', WECHAT_CODE_MAX), no_openid), 0);
    assert_int_equal(wechat_build_phone(&r, TOKEN, repeated('c', WECHAT_CODE_MAX + 1), no_openid),
                     40029);
    assert_int_equal(
        wechat_build_token(&r, WECHAT_STABLE, APPID, repeated('s', WECHAT_APPSECRET_MAX + 1)),
        40125);
}

/* Characters that grow most when escaped, everywhere at once, at the longest. */
static void test_the_longest_arguments_fit(void **state)
{
    static char quotes[WECHAT_TOKEN_MAX];
    struct slice appid = {quotes, WECHAT_APPID_MAX}, secret = {quotes, WECHAT_APPSECRET_MAX};
    struct slice token = {quotes, WECHAT_TOKEN_MAX}, code = {quotes, WECHAT_CODE_MAX};
    struct wechat_request r;
    (void)state;
    memset(quotes, '"', sizeof quotes);
    assert_int_equal(wechat_build_token(&r, WECHAT_CLASSIC, appid, secret), 0);
    assert_int_equal(wechat_build_token(&r, WECHAT_STABLE_FORCED, appid, secret), 0);
    assert_int_equal(wechat_build_code2session(&r, appid, secret, code), 0);
    assert_int_equal(wechat_build_phone(&r, token, code, repeated('o', WECHAT_OPENID_MAX)), 0);
    assert_int_equal(wechat_build_probe(&r, token), 0);
}

static void test_wiping_leaves_no_byte(void **state)
{
    static const struct wechat_request empty;
    struct wechat_request r;
    (void)state;
    assert_int_equal(wechat_build_token(&r, WECHAT_STABLE, APPID, SECRET), 0);
    wechat_request_wipe(&r);
    assert_memory_equal(&r, &empty, sizeof r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classic_is_a_get_with_everything_in_the_query),
        cmocka_unit_test(test_stable_is_a_post_whose_secret_stays_in_the_body),
        cmocka_unit_test(test_code2session_escapes_the_code),
        cmocka_unit_test(test_phone_sends_the_code_and_the_openid_when_known),
        cmocka_unit_test(test_probe_is_a_get_with_the_token),
        cmocka_unit_test(test_a_code_cannot_break_out_of_the_json),
        cmocka_unit_test(test_malformed_arguments_are_refused_as_wechat_would),
        cmocka_unit_test(test_lengths_are_bounded_at_the_byte),
        cmocka_unit_test(test_the_longest_arguments_fit),
        cmocka_unit_test(test_wiping_leaves_no_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
