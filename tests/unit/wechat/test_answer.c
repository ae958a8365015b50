#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "wechat/answer.h"

#define APPID SLICE_LIT("wx0123456789abcdef")

static const char token_body[] = "{\"access_token\":\"94_abc-DEF_123\",\"expires_in\":7200}";
static const char session_body[] =
    "{\"session_key\":\"HyVFkGl5F5OQWJZZaNzBBg==\",\"openid\":\"oGZUI0egBJY1zhBYw2KhdUfwVJJE\"}";
static const char phone_body[] =
    "{\"errcode\":0,\"errmsg\":\"ok\",\"phone_info\":{\"phoneNumber\":\"13800138000\","
    "\"purePhoneNumber\":\"13800138000\",\"countryCode\":\"86\","
    "\"watermark\":{\"timestamp\":1637744274,\"appid\":\"wx0123456789abcdef\"}}}";
static const char probe_body[] = "{\"ip_list\":[\"101.226.62.77\",\"101.226.62.78\"]}";

static struct wechat_reply parse_token(const char *body, char *token, int64_t *expires_in_s)
{
    struct wechat_token_result r;
    wechat_parse_token(&r, 200, slice_of(body));
    struct slice revealed = secret_reveal(&r.access_token);
    assert_int_equal(secret_is_set(&r.access_token), r.reply.outcome == WECHAT_DONE);
    if (token)
        assert_true(slice_copy(revealed, token, WECHAT_TOKEN_MAX + 1));
    if (expires_in_s)
        *expires_in_s = r.expires_in_s;
    struct wechat_reply reply = r.reply;
    wechat_token_result_deinit(&r);
    return reply;
}

static struct wechat_reply parse_probe(int status, struct slice body)
{
    struct wechat_probe_result r;
    wechat_parse_probe(&r, status, body);
    return r.reply;
}

static void assert_unknown(struct wechat_reply reply)
{
    assert_int_equal(reply.outcome, WECHAT_UNKNOWN);
    assert_int_equal(reply.error_class, ERR_UNKNOWN);
    assert_int_equal(reply.errcode, 0);
    assert_true(strlen(reply.error.text) > 0);
    assert_false(wechat_certainly_not_done(&reply));
}

static void test_a_token_answer_gives_the_token(void **state)
{
    char token[WECHAT_TOKEN_MAX + 1];
    int64_t expires_in_s;
    (void)state;
    struct wechat_reply reply = parse_token(token_body, token, &expires_in_s);
    assert_int_equal(reply.outcome, WECHAT_DONE);
    assert_int_equal(reply.error_class, ERR_NONE);
    assert_string_equal(reply.error.text, "");
    assert_string_equal(token, "94_abc-DEF_123");
    assert_int_equal(expires_in_s, 7200);
}

static void test_numbers_may_be_strings_and_unknown_fields_are_skipped(void **state)
{
    int64_t expires_in_s;
    (void)state;
    struct wechat_reply reply = parse_token("{\"errcode\":\"0\",\"new\":{\"a\":[1,{}]},"
                                            "\"access_token\":\"t\",\"expires_in\":\"345\"}",
                                            NULL, &expires_in_s);
    assert_int_equal(reply.outcome, WECHAT_DONE);
    assert_int_equal(expires_in_s, 345);
}

static void test_a_fraction_of_a_second_is_left_out_of_a_life(void **state)
{
    int64_t expires_in_s;
    (void)state;
    struct wechat_reply reply =
        parse_token("{\"access_token\":\"t\",\"expires_in\":7199.9}", NULL, &expires_in_s);
    assert_int_equal(reply.outcome, WECHAT_DONE);
    assert_int_equal(expires_in_s, 7199);
}

static void test_a_token_success_without_its_fields_is_no_success(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "{\"errcode\":0,\"errmsg\":\"ok\"}",
        "{\"access_token\":\"t\"}",
        "{\"expires_in\":7200}",
        "{\"access_token\":\"\",\"expires_in\":7200}",
        "{\"access_token\":\"a b\",\"expires_in\":7200}",
        "{\"access_token\":\"a\\nb\",\"expires_in\":7200}",
        "{\"access_token\":\"\\u4f60\",\"expires_in\":7200}",
        "{\"access_token\":123,\"expires_in\":7200}",
        "{\"access_token\":null,\"expires_in\":7200}",
        "{\"access_token\":\"t\",\"expires_in\":0}",
        "{\"access_token\":\"t\",\"expires_in\":-1}",
        "{\"access_token\":\"t\",\"expires_in\":86401}",
        "{\"access_token\":\"t\",\"expires_in\":\"soon\"}",
        "{\"access_token\":\"t\",\"expires_in\":true}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        assert_unknown(parse_token(bodies[i], NULL, NULL));
}

static void test_a_token_of_1024_bytes_is_the_longest(void **state)
{
    char body[2048], token[WECHAT_TOKEN_MAX + 2], parsed[WECHAT_TOKEN_MAX + 1];
    (void)state;
    memset(token, 't', sizeof token);
    token[WECHAT_TOKEN_MAX + 1] = '\0';
    snprintf(body, sizeof body, "{\"access_token\":\"%s\",\"expires_in\":1}", token);
    assert_unknown(parse_token(body, NULL, NULL));
    token[WECHAT_TOKEN_MAX] = '\0';
    snprintf(body, sizeof body, "{\"access_token\":\"%s\",\"expires_in\":86400}", token);
    assert_int_equal(parse_token(body, parsed, NULL).outcome, WECHAT_DONE);
    assert_string_equal(parsed, token);
}

static void test_an_errcode_is_a_refusal_with_its_class_and_rid(void **state)
{
    (void)state;
    struct wechat_reply reply =
        parse_token("{\"errcode\":40125,\"errmsg\":\"invalid appsecret rid: "
                    "64b0ba1d-74e53e36-717abb43\"}",
                    NULL, NULL);
    assert_int_equal(reply.outcome, WECHAT_REFUSED);
    assert_int_equal(reply.errcode, 40125);
    assert_int_equal(reply.error_class, ERR_OPERATOR);
    assert_string_equal(reply.rid, "64b0ba1d-74e53e36-717abb43");
    assert_string_equal(reply.error.text,
                        "WeChat 40125: invalid appsecret (rid 64b0ba1d-74e53e36-717abb43)");
    assert_true(wechat_certainly_not_done(&reply));
}

static void test_a_refusal_wins_over_fields_of_success(void **state)
{
    (void)state;
    struct wechat_reply reply = parse_token(
        "{\"access_token\":\"t\",\"expires_in\":7200,\"errcode\":\"40001\"}", NULL, NULL);
    assert_int_equal(reply.outcome, WECHAT_REFUSED);
    assert_int_equal(reply.errcode, 40001);
    assert_int_equal(reply.error_class, ERR_OPERATOR);
    assert_int_equal(parse_probe(200, SLICE_LIT("{\"errcode\":40001}")).error_class, ERR_TOKEN);
}

static void test_busy_may_have_happened(void **state)
{
    (void)state;
    struct wechat_reply reply = parse_token("{\"errcode\":-1}", NULL, NULL);
    assert_int_equal(reply.outcome, WECHAT_REFUSED);
    assert_int_equal(reply.error_class, ERR_BACKOFF);
    assert_false(wechat_certainly_not_done(&reply));
}

static void assert_rid(const char *errmsg, const char *rid)
{
    char body[512];
    snprintf(body, sizeof body, "{\"errcode\":40029,\"errmsg\":\"%s\"}", errmsg);
    struct wechat_reply reply = parse_probe(200, slice_of(body));
    assert_int_equal(reply.errcode, 40029);
    assert_string_equal(reply.rid, rid);
}

static void test_only_a_well_formed_rid_is_taken_over(void **state)
{
    (void)state;
    assert_rid("invalid code, rid: 6aac005a-01bfdbee-79769285", "6aac005a-01bfdbee-79769285");
    assert_rid("invalid code hint: [hElexSDNRa-XiBFgA] rid: 632d16be-15ad5486-1e378de4",
               "632d16be-15ad5486-1e378de4");
    assert_rid("rid: 6aac005a-01bfdbee-79769285", "6aac005a-01bfdbee-79769285");
    assert_rid("", "");
    assert_rid("rid: ", "");
    assert_rid("6aac005a-01bfdbee-79769285", "");
    assert_rid("rid: 6aac005a-01bfdbee-7976928", "");
    assert_rid("rid: 6aac005a-01bfdbee-797692859", "");
    assert_rid("rid: 6aac005a-01bfdbee-7976928g", "");
    assert_rid("rid: 6aac005a.01bfdbee-79769285", "");
    assert_rid("rid: 6aac005a-01bf-bee-79769285", "");
    assert_rid("rid: 6aac005a-01bfdbee-79769285 ", "");
}

static void test_a_whitelist_refusal_names_the_address_that_wechat_saw(void **state)
{
    (void)state;
    struct wechat_reply reply =
        parse_token("{\"errcode\":40164,\"errmsg\":\"invalid ip 101.226.140.206 ipv6 "
                    "::ffff:101.226.140.206, not in whitelist rid: "
                    "64b0ba1d-74e53e36-717abb43\"}",
                    NULL, NULL);
    assert_string_equal(reply.error.text,
                        "WeChat 40164: our IP is not in the whitelist: 101.226.140.206 "
                        "(rid 64b0ba1d-74e53e36-717abb43)");
    reply = parse_token("{\"errcode\":40164,\"errmsg\":\"invalid ip <b>\"}", NULL, NULL);
    assert_string_equal(reply.error.text, "WeChat 40164: our IP is not in the whitelist");
}

static void test_the_peers_wording_never_reaches_the_error_text(void **state)
{
    (void)state;
    struct wechat_reply reply =
        parse_token("{\"errcode\":40013,\"errmsg\":\"secret=hunter2\"}", NULL, NULL);
    assert_null(strstr(reply.error.text, "hunter2"));
    reply = parse_token("{\"token\":\"hunter2\"", NULL, NULL);
    assert_null(strstr(reply.error.text, "hunter2"));
}

static void test_what_is_not_an_answer_of_wechat_is_unknown(void **state)
{
    static const char *const bodies[] = {
        "",
        " ",
        "null",
        "[]",
        "\"ok\"",
        "7200",
        "{",
        "{\"ip_list\":[",
        "<html>502</html>",
        "{\"ip_list\":[]}x",
        "{\"ip_list\":[]}{\"ip_list\":[]}",
        "{\"errcode\":0,\"errcode\":40001}",
        "{\"ip_list\":[\"\\u0000\"]}",
        "{\"ip_list\":[\"\xff\"]}",
        "{\"errcode\":1.5}",
        "{\"errcode\":null}",
        "{\"errcode\":\"none\"}",
        "{\"errcode\":99999999999}",
        "{\"errcode\":[0]}",
        "{\"ip_list\":\"1.2.3.4\"}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        assert_unknown(parse_probe(200, slice_of(bodies[i])));
    assert_unknown(parse_probe(200, SLICE_LIT("{\"ip_list\":[]}\0")));
    assert_unknown(parse_probe(200, SLICE_LIT("{\"ip_\0list\":[]}")));
}

static void test_only_status_200_is_an_answer(void **state)
{
    static const int statuses[] = {0, 100, 204, 301, 400, 404, 412, 500, 502, 503, 504};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        assert_unknown(parse_probe(statuses[i], slice_of(probe_body)));
        assert_unknown(parse_probe(statuses[i], SLICE_LIT("{\"errcode\":40001}")));
    }
}

static void test_size_and_depth_are_bounded(void **state)
{
    size_t n = WECHAT_ANSWER_MAX + 1;
    char *body = xcalloc(n + 1, 1);
    (void)state;
    memset(body, ' ', n);
    memcpy(body, probe_body, strlen(probe_body));
    assert_unknown(parse_probe(200, (struct slice){body, n}));
    assert_int_equal(parse_probe(200, (struct slice){body, n - 1}).outcome, WECHAT_DONE);
    memset(body, '[', n);
    memcpy(body, "{\"ip_list\":", 11);
    assert_unknown(parse_probe(200, (struct slice){body, n - 1}));
    free(body);
}

static void test_a_session_answer_gives_openid_and_key(void **state)
{
    struct wechat_session_result r;
    (void)state;
    wechat_parse_session(&r, 200, slice_of(session_body));
    assert_int_equal(r.reply.outcome, WECHAT_DONE);
    assert_string_equal(r.openid, "oGZUI0egBJY1zhBYw2KhdUfwVJJE");
    assert_string_equal(r.unionid, "");
    assert_true(slice_is(secret_reveal(&r.session_key), "HyVFkGl5F5OQWJZZaNzBBg=="));
    wechat_session_result_deinit(&r);
    assert_false(secret_is_set(&r.session_key));
    wechat_session_result_deinit(&r);
}

static void test_a_session_key_that_is_no_key_is_left_unset(void **state)
{
    static const char *const keys[] = {"", "HyVFkGl5F5OQWJZZaNzBBg=", "HyVFkGl5F5OQWJZZaNzBBg==A",
                                       "HyVFkGl5F5OQWJZZaNzBBgAA", "HyVFkGl5F5OQWJZZaNzB-_=="};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char body[256];
        struct wechat_session_result r;
        snprintf(body, sizeof body, "{\"openid\":\"o1\",\"session_key\":\"%s\"}", keys[i]);
        wechat_parse_session(&r, 200, slice_of(body));
        assert_int_equal(r.reply.outcome, WECHAT_DONE);
        assert_false(secret_is_set(&r.session_key));
        wechat_session_result_deinit(&r);
    }
}

static void test_a_session_without_a_safe_openid_is_no_success(void **state)
{
    static const char *const openids[] = {"", "a b", "o\\n", "o'--", "\\u4f60"};
    struct wechat_session_result r;
    char body[256];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(openids); i++) {
        snprintf(body, sizeof body, "{\"openid\":\"%s\"}", openids[i]);
        wechat_parse_session(&r, 200, slice_of(body));
        assert_unknown(r.reply);
    }
    snprintf(body, sizeof body, "{\"openid\":\"%065d\"}", 1);
    wechat_parse_session(&r, 200, slice_of(body));
    assert_unknown(r.reply);
    wechat_parse_session(&r, 200, SLICE_LIT("{\"openid\":\"o1\",\"unionid\":\"u_-1\"}"));
    assert_int_equal(r.reply.outcome, WECHAT_DONE);
    assert_string_equal(r.unionid, "u_-1");
}

static void test_a_used_login_code_is_the_users_business(void **state)
{
    struct wechat_session_result r;
    (void)state;
    wechat_parse_session(&r, 200,
                         SLICE_LIT("{\"errcode\":40163,\"errmsg\":\"code been used, rid: "
                                   "6aac005a-01bfdbee-79769285\"}"));
    assert_int_equal(r.reply.outcome, WECHAT_REFUSED);
    assert_int_equal(r.reply.error_class, ERR_USER);
}

static void test_a_phone_answer_gives_the_numbers(void **state)
{
    struct wechat_phone_result r;
    (void)state;
    wechat_parse_phone(&r, 200, slice_of(phone_body), APPID);
    assert_int_equal(r.reply.outcome, WECHAT_DONE);
    assert_string_equal(r.phone_number, "13800138000");
    assert_string_equal(r.pure_number, "13800138000");
    assert_string_equal(r.country_code, "86");
    wechat_phone_result_deinit(&r);
    assert_string_equal(r.phone_number, "");
}

/* The documentation's table says string, its example shows a number. */
static void test_numbers_in_a_phone_answer_may_be_numbers(void **state)
{
    struct wechat_phone_result r;
    (void)state;
    wechat_parse_phone(&r, 200,
                       SLICE_LIT("{\"phone_info\":{\"phoneNumber\":\"+85298765432\","
                                 "\"purePhoneNumber\":98765432,\"countryCode\":852,"
                                 "\"watermark\":{\"appid\":\"wx0123456789abcdef\"}}}"),
                       APPID);
    assert_int_equal(r.reply.outcome, WECHAT_DONE);
    assert_string_equal(r.phone_number, "+85298765432");
    assert_string_equal(r.pure_number, "98765432");
    assert_string_equal(r.country_code, "852");
}

static void test_a_phone_of_another_app_is_the_operators_business(void **state)
{
    struct wechat_phone_result r;
    (void)state;
    wechat_parse_phone(&r, 200, slice_of(phone_body), SLICE_LIT("wx_other"));
    assert_int_equal(r.reply.outcome, WECHAT_UNKNOWN);
    assert_int_equal(r.reply.error_class, ERR_OPERATOR);
    assert_string_equal(r.phone_number, "");
    assert_string_equal(r.pure_number, "");
}

static void assert_no_phone(const char *phone, const char *pure, const char *country)
{
    char body[512];
    struct wechat_phone_result r;
    snprintf(body, sizeof body,
             "{\"phone_info\":{\"phoneNumber\":%s,\"purePhoneNumber\":%s,\"countryCode\":%s,"
             "\"watermark\":{\"appid\":\"wx0123456789abcdef\"}}}",
             phone, pure, country);
    wechat_parse_phone(&r, 200, slice_of(body), APPID);
    assert_unknown(r.reply);
    assert_string_equal(r.phone_number, "");
}

static void test_a_phone_success_without_usable_numbers_is_no_success(void **state)
{
    struct wechat_phone_result r;
    (void)state;
    assert_no_phone("\"\"", "\"13800138000\"", "\"86\"");
    assert_no_phone("\"13800138000\"", "null", "\"86\"");
    assert_no_phone("\"13800138000\"", "\"138-0013\"", "\"86\"");
    assert_no_phone("\"13800138000\"", "-13800138000", "\"86\"");
    assert_no_phone("\"13800138000\"", "\"+\"", "\"86\"");
    assert_no_phone("\"1234567890123456789012345\"", "\"13800138000\"", "\"86\"");
    assert_no_phone("\"13800138000\"", "\"13800138000\"", "\"\"");
    assert_no_phone("\"13800138000\"", "\"13800138000\"", "\"+86\"");
    assert_no_phone("\"13800138000\"", "\"13800138000\"", "123456789");
    wechat_parse_phone(&r, 200, SLICE_LIT("{\"errcode\":0,\"errmsg\":\"ok\"}"), APPID);
    assert_unknown(r.reply);
    wechat_parse_phone(&r, 200,
                       SLICE_LIT("{\"phone_info\":{\"phoneNumber\":\"13800138000\","
                                 "\"purePhoneNumber\":\"13800138000\",\"countryCode\":\"86\"}}"),
                       APPID);
    assert_unknown(r.reply);
}

static void test_a_probe_needs_the_list_or_an_errcode_of_zero(void **state)
{
    (void)state;
    assert_int_equal(parse_probe(200, slice_of(probe_body)).outcome, WECHAT_DONE);
    assert_int_equal(parse_probe(200, SLICE_LIT("{\"errcode\":0}")).outcome, WECHAT_DONE);
    assert_unknown(parse_probe(200, SLICE_LIT("{}")));
}

/* ---- mutated answers ---- */

/* A copy of exactly n bytes, so that the sanitizer sees a read beyond the end. */
static char *exact_copy(const char *bytes, size_t n)
{
    char *copy = xcalloc(n, 1);
    memcpy(copy, bytes, n);
    return copy;
}

static size_t mutate(struct prng *r, char *bytes, size_t n)
{
    for (int64_t edits = prng_between(r, 1, 4); edits > 0 && n > 0; edits--) {
        size_t at = (size_t)prng_between(r, 0, (int64_t)n - 1);
        switch (prng_between(r, 0, 3)) {
        case 0:
            bytes[at] = (char)prng_between(r, 0, 255);
            break;
        case 1:
            bytes[at] = "{}[]\",:\\0e-"[prng_between(r, 0, 10)];
            break;
        case 2: /* cut out a byte */
            memmove(bytes + at, bytes + at + 1, n - at - 1);
            n--;
            break;
        case 3: /* truncate */
            n = at;
            break;
        }
    }
    return n;
}

static void assert_consistent(const struct wechat_reply *reply)
{
    bool done = reply->outcome == WECHAT_DONE;
    assert_true(reply->outcome == WECHAT_DONE || reply->outcome == WECHAT_REFUSED ||
                reply->outcome == WECHAT_UNKNOWN);
    assert_int_equal(done, reply->error_class == ERR_NONE);
    assert_int_equal(done, reply->error.text[0] == '\0');
    assert_int_equal(reply->outcome == WECHAT_REFUSED, reply->errcode != 0);
}

static void parse_as_everything(struct slice body)
{
    struct wechat_token_result token;
    struct wechat_session_result session;
    struct wechat_phone_result phone;
    struct wechat_probe_result probe;
    wechat_parse_token(&token, 200, body);
    assert_consistent(&token.reply);
    assert_int_equal(secret_is_set(&token.access_token), token.reply.outcome == WECHAT_DONE);
    wechat_token_result_deinit(&token);
    wechat_parse_session(&session, 200, body);
    assert_consistent(&session.reply);
    wechat_session_result_deinit(&session);
    wechat_parse_phone(&phone, 200, body, APPID);
    assert_consistent(&phone.reply);
    assert_int_equal(phone.pure_number[0] != '\0', phone.reply.outcome == WECHAT_DONE);
    wechat_parse_probe(&probe, 200, body);
    assert_consistent(&probe.reply);
}

static void test_mutated_answers_are_consistent_and_read_within_bounds(void **state)
{
    static const char refusal[] = "{\"errcode\":40164,\"errmsg\":\"invalid ip 10.0.0.1 ipv6 "
                                  "::ffff:10.0.0.1, not in whitelist rid: "
                                  "64b0ba1d-74e53e36-717abb43\"}";
    const char *const seeds[] = {token_body, session_body, phone_body, probe_body, refusal};
    struct prng r;
    (void)state;
    prng_seed(&r, 20240229);
    for (int i = 0; i < 20000; i++) {
        char bytes[512];
        const char *seed = seeds[prng_between(&r, 0, ARRAY_LEN(seeds) - 1)];
        memcpy(bytes, seed, strlen(seed));
        size_t n = mutate(&r, bytes, strlen(seed));
        char *body = exact_copy(bytes, n);
        parse_as_everything((struct slice){body, n});
        free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_answer_gives_the_token),
        cmocka_unit_test(test_numbers_may_be_strings_and_unknown_fields_are_skipped),
        cmocka_unit_test(test_a_fraction_of_a_second_is_left_out_of_a_life),
        cmocka_unit_test(test_a_token_success_without_its_fields_is_no_success),
        cmocka_unit_test(test_a_token_of_1024_bytes_is_the_longest),
        cmocka_unit_test(test_an_errcode_is_a_refusal_with_its_class_and_rid),
        cmocka_unit_test(test_a_refusal_wins_over_fields_of_success),
        cmocka_unit_test(test_busy_may_have_happened),
        cmocka_unit_test(test_only_a_well_formed_rid_is_taken_over),
        cmocka_unit_test(test_a_whitelist_refusal_names_the_address_that_wechat_saw),
        cmocka_unit_test(test_the_peers_wording_never_reaches_the_error_text),
        cmocka_unit_test(test_what_is_not_an_answer_of_wechat_is_unknown),
        cmocka_unit_test(test_only_status_200_is_an_answer),
        cmocka_unit_test(test_size_and_depth_are_bounded),
        cmocka_unit_test(test_a_session_answer_gives_openid_and_key),
        cmocka_unit_test(test_a_session_key_that_is_no_key_is_left_unset),
        cmocka_unit_test(test_a_session_without_a_safe_openid_is_no_success),
        cmocka_unit_test(test_a_used_login_code_is_the_users_business),
        cmocka_unit_test(test_a_phone_answer_gives_the_numbers),
        cmocka_unit_test(test_numbers_in_a_phone_answer_may_be_numbers),
        cmocka_unit_test(test_a_phone_of_another_app_is_the_operators_business),
        cmocka_unit_test(test_a_phone_success_without_usable_numbers_is_no_success),
        cmocka_unit_test(test_a_probe_needs_the_list_or_an_errcode_of_zero),
        cmocka_unit_test(test_mutated_answers_are_consistent_and_read_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
