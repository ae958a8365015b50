/* POST /v1/phone/decrypt: the phone in encryptedData is bound to the user of the token, and
 * whatever is wrong with it gives one and the same answer. The texts are encrypted here, by
 * OpenSSL. */
#include "dialects_fixture.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "crypto/base64.h"

#define PATH "/v1/phone/decrypt"
#define KEY  "c2Vzc2lvbiBrZXkgMTYgYg==" /* "session key 16 b" */
#define IV   "aW5pdGlhbCB2ZWN0b3IxNg==" /* "initial vector16" */

enum { ROOM = 1024 };

/* The body of a request with this plain text, encrypted; in memory of the next call. */
static const char *body_of(const char *plain)
{
    static char body[2 * ROOM];
    uint8_t bytes[ROOM];
    char data[BASE64_TEXT_SIZE(ROOM)];
    int n = 0, rest = 0;
    struct text text = text_init(body, sizeof body);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_true(strlen(plain) + 16 <= sizeof bytes);
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_cbc(), NULL,
                                        (const uint8_t *)"session key 16 b",
                                        (const uint8_t *)"initial vector16"),
                     1);
    assert_int_equal(EVP_EncryptUpdate(ctx, bytes, &n, (const uint8_t *)plain, (int)strlen(plain)),
                     1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, bytes + n, &rest), 1);
    EVP_CIPHER_CTX_free(ctx);
    base64_encode(BASE64_STANDARD, bytes, (size_t)(n + rest), data, sizeof data);
    text_fmt(&text, "{\"encryptedData\":\"%s\",\"iv\":\"" IV "\"}", data);
    return body;
}

/* What WeChat encrypts when a user of this app agreed then. */
static const char *phone_body(const char *appid, int64_t timestamp_s)
{
    char json[512];
    snprintf(json, sizeof json,
             "{\"phoneNumber\":\"+85261234567\",\"purePhoneNumber\":\"61234567\",\"countryCode\":"
             "\"852\",\"watermark\":{\"timestamp\":%lld,\"appid\":\"%s\"}}",
             (long long)timestamp_s, appid);
    return body_of(json);
}

static void a_good_phone_is_bound_to_the_user_of_the_token(void **state)
{
    (void)state;
    played.session_key = KEY;
    ask("POST", PATH, bearer(), phone_body("wxapp1", now_s() - 5));
    assert_status(200);
    assert_json("{\"phoneNumber\":\"13800138000\",\"countryCode\":\"86\",\"user\":{\"id\":42,"
                "\"phoneNumber\":\"13800138000\",\"countryCode\":\"86\",\"nickname\":\"小明\","
                "\"avatar\":\"https://example.com/a.png\",\"createdAt\":1700000000123}}");
    assert_header("Cache-Control: no-store\r\n");
    assert_string_equal(played.key_app, "wxapp1");
    assert_int_equal(played.key_user_id, 42);
    assert_string_equal(played.asked, "set_phone");
    assert_int_equal(played.store_user_id, 42);
    assert_string_equal(played.phone, "61234567");
    assert_string_equal(played.country_code, "852");
}

static void assert_decrypt_failed(const char *body)
{
    ask("POST", PATH, bearer(), body);
    assert_problem(422, "decrypt_failed", "手机号解密失败，请重新登录后再试");
    assert_no_header("Retry-After");
    assert_null(played.asked);
}

static void whatever_is_wrong_with_it_has_one_answer(void **state)
{
    (void)state;
    played.session_key = KEY;
    assert_decrypt_failed(phone_body("wxapp2", now_s()));                /* another app's */
    assert_decrypt_failed(phone_body("wxapp1", now_s() - 24 * 3600));    /* of yesterday */
    assert_decrypt_failed(body_of("{\"phoneNumber\":\"13800138000\"}")); /* no phone of WeChat's */
    assert_decrypt_failed(body_of("no json"));
    assert_decrypt_failed("{\"encryptedData\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"iv\":\"" IV "\"}");
    assert_decrypt_failed("{\"encryptedData\":\"AAAA\",\"iv\":\"" IV "\"}"); /* no whole block */
    assert_decrypt_failed("{\"encryptedData\":\"not base64\",\"iv\":\"" IV "\"}");
    assert_decrypt_failed("{\"encryptedData\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"iv\":\"AAAA\"}");
    played.session_key = "AAAAAAAAAAAAAAAAAAAAAA=="; /* of a later login */
    assert_decrypt_failed(phone_body("wxapp1", now_s()));
}

static void the_fields_are_required_texts(void **state)
{
    (void)state;
    ask("POST", PATH, bearer(), "{}");
    assert_problem(400, "missing_parameter", "参数缺失");
    ask("POST", PATH, bearer(), "{\"encryptedData\":\"AAAA\"}");
    assert_problem(400, "missing_parameter", "参数缺失");
    ask("POST", PATH, bearer(), "{\"iv\":\"" IV "\",\"encryptedData\":\"\"}");
    assert_problem(400, "missing_parameter", "参数缺失");
    ask("POST", PATH, bearer(), "{\"encryptedData\":7,\"iv\":\"" IV "\"}");
    assert_problem(400, "wrong_parameter", "参数格式错误");
    ask("POST", PATH, bearer(), "{\"encryptedData\":\"AAAA\",\"iv\":{}}");
    assert_problem(400, "wrong_parameter", "参数格式错误");
    ask("POST", PATH, bearer(), "[");
    assert_problem(400, "malformed_request", "请求格式错误");
    assert_int_equal(played.keys_asked, 0);
}

static void without_a_session_key_the_user_logs_in_again(void **state)
{
    (void)state;
    played.found = SESSION_KEY_NONE;
    ask("POST", PATH, bearer(), phone_body("wxapp1", now_s()));
    assert_problem(409, "no_session_key", "登录信息已过期，请重新登录后再试");
    assert_null(played.asked);
}

static void with_redis_away_it_may_be_tried_again(void **state)
{
    (void)state;
    played.found = SESSION_KEY_AWAY;
    ask("POST", PATH, bearer(), phone_body("wxapp1", now_s()));
    assert_problem(503, "redis_unavailable", "系统繁忙，请稍后再试");
    assert_header("Retry-After: 5\r\n");
    assert_null(played.asked);
}

static void a_session_that_ends_meanwhile_binds_nothing(void **state)
{
    (void)state;
    played.session_key = KEY;
    played.ends_meanwhile = SID;
    ask("POST", PATH, bearer(), phone_body("wxapp1", now_s()));
    assert_problem(401, "invalid_token", "Token 无效或已过期");
    assert_null(played.asked);
}

static void a_store_that_fails_is_told(void **state)
{
    (void)state;
    played.session_key = KEY;
    played.result = (struct store_result){.status = STORE_NOT_FOUND};
    ask("POST", PATH, bearer(), phone_body("wxapp1", now_s()));
    assert_problem(401, "invalid_token", "Token 无效或已过期");
    played.result = (struct store_result){.status = STORE_FAILED, .class = ERR_BACKOFF};
    ask("POST", PATH, bearer(), phone_body("wxapp1", now_s()));
    assert_problem(503, "database_unavailable", "系统繁忙，请稍后重新点击登录");
    played.store_full = true;
    ask("POST", PATH, bearer(), phone_body("wxapp1", now_s()));
    assert_problem(503, "overloaded", "当前登录人数较多，请稍后再试");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dialects_setup, dialects_teardown)
        TEST(a_good_phone_is_bound_to_the_user_of_the_token),
        TEST(whatever_is_wrong_with_it_has_one_answer),
        TEST(the_fields_are_required_texts),
        TEST(without_a_session_key_the_user_logs_in_again),
        TEST(with_redis_away_it_may_be_tried_again),
        TEST(a_session_that_ends_meanwhile_binds_nothing),
        TEST(a_store_that_fails_is_told),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
