/* claim: the same request has the same names, any other one does not, and no name gives away what
 * it stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "loginsvc/limits/claim.h"

static const char KEY[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char OTHER_KEY[] = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

#define LOGIN_CODE "0a1LoginCode2b3c4d5e6f7g8h9i0j1k"
#define PHONE_CODE "e31968a7f94cc5ee25fafc2aef2773f0bb8c3937b22520eb8ee345274d00c144"
#define TICKET     "00112233445566778899aabbccddeeff"
#define ADDRESS    "192.0.2.17"

static struct keyring *names_of(const char *key)
{
    struct err e;
    struct keyring *master = keyring_parse(slice_of(key), &e);
    assert_non_null(master);
    struct keyring *names = keyring_derive(master, CLAIM_NAMES_LABEL);
    keyring_free(master);
    return names;
}

static struct claim_request request(void)
{
    return (struct claim_request){
        .appid = SLICE_LIT("wx0123456789abcdef"),
        .purpose = "by_both",
        .codes = {SLICE_LIT(LOGIN_CODE), SLICE_LIT(PHONE_CODE), SLICE_LIT("")},
        .address = SLICE_LIT(ADDRESS),
        .counted_address = SLICE_LIT(ADDRESS),
        .phone = true,
    };
}

static struct claim claim_of_with(const struct claim_request *r, const char *key)
{
    struct claim c;
    struct keyring *names = names_of(key);
    claim_init(&c, r, names);
    keyring_free(names);
    return c;
}

static struct claim claim_of(const struct claim_request *r)
{
    return claim_of_with(r, KEY);
}

static void the_same_request_has_the_same_names(void **state)
{
    (void)state;
    struct claim_request r = request();
    struct claim a = claim_of(&r), b = claim_of(&r);
    assert_string_equal(a.appid, "wx0123456789abcdef");
    assert_int_equal(a.n_codes, 2);
    assert_true(a.phone);
    assert_string_equal(a.fingerprint, b.fingerprint);
    assert_string_equal(a.address, b.address);
    for (int i = 0; i < 2; i++)
        assert_string_equal(a.codes[i], b.codes[i]);
    assert_string_not_equal(a.codes[0], a.codes[1]);
}

/* While keys are rotated processes differ in them, and still have to agree about who has a code. */
static void fingerprint_and_codes_do_not_depend_on_the_key(void **state)
{
    (void)state;
    struct claim_request r = request();
    struct claim a = claim_of(&r), b = claim_of_with(&r, OTHER_KEY);
    assert_string_equal(a.fingerprint, b.fingerprint);
    assert_string_equal(a.codes[0], b.codes[0]);
    assert_string_not_equal(a.address, b.address);
}

static void expect_other(const struct claim_request *r, bool codes_too)
{
    struct claim_request first = request();
    struct claim a = claim_of(&first), b = claim_of(r);
    assert_string_not_equal(a.fingerprint, b.fingerprint);
    if (codes_too)
        assert_string_not_equal(a.codes[0], b.codes[0]);
    else
        assert_string_equal(a.codes[0], b.codes[0]);
}

static void another_address_purpose_or_user_is_another_request_for_the_same_codes(void **state)
{
    (void)state;
    struct claim_request r = request();
    r.address = SLICE_LIT("192.0.2.18");
    expect_other(&r, false);
    r = request();
    r.purpose = "lenient";
    expect_other(&r, false);
    r = request();
    r.user_id = 7;
    expect_other(&r, false);
    r = request();
    r.codes[1] = SLICE_LIT("");
    expect_other(&r, false);
    r = request();
    r.codes[2] = SLICE_LIT(TICKET);
    expect_other(&r, false);
}

static void another_app_has_other_codes(void **state)
{
    (void)state;
    struct claim_request r = request();
    r.appid = SLICE_LIT("wx0123456789abcdee");
    expect_other(&r, true);
}

static void the_place_of_a_code_counts(void **state)
{
    (void)state;
    struct claim_request login = request(), phone = request();
    login.codes[1] = phone.codes[0] = SLICE_LIT("");
    phone.codes[1] = login.codes[0];
    struct claim a = claim_of(&login), b = claim_of(&phone);
    assert_int_equal(a.n_codes, 1);
    assert_int_equal(b.n_codes, 1);
    assert_string_not_equal(a.codes[0], b.codes[0]);
    assert_string_not_equal(a.fingerprint, b.fingerprint);
}

/* What one field ends with does not go over into the next. */
static void fields_do_not_run_into_each_other(void **state)
{
    (void)state;
    struct claim_request a = request(), b = request();
    a.codes[0] = SLICE_LIT("abc");
    a.codes[1] = SLICE_LIT("def");
    b.codes[0] = SLICE_LIT("abcd");
    b.codes[1] = SLICE_LIT("ef");
    assert_string_not_equal(claim_of(&a).fingerprint, claim_of(&b).fingerprint);
    a = b = request();
    a.user_id = 1;
    a.address = SLICE_LIT("1.2.3.4");
    b.user_id = 11;
    b.address = SLICE_LIT(".2.3.4");
    assert_string_not_equal(claim_of(&a).fingerprint, claim_of(&b).fingerprint);
}

static void what_is_counted_is_the_counted_address_alone(void **state)
{
    (void)state;
    struct claim_request a = request(), b = request();
    b.address = SLICE_LIT("192.0.2.99");
    b.codes[0] = SLICE_LIT("another");
    assert_string_equal(claim_of(&a).address, claim_of(&b).address);
    b.counted_address = SLICE_LIT("192.0.2.99");
    assert_string_not_equal(claim_of(&a).address, claim_of(&b).address);
    b = request();
    b.appid = SLICE_LIT("wx0123456789abcdee"); /* limits are an app's own */
    assert_string_not_equal(claim_of(&a).address, claim_of(&b).address);
    b = request();
    b.counted_address = SLICE_LIT("");
    assert_string_equal(claim_of(&b).address, "");
}

static void everything_may_be_as_long_as_it_can_be(void **state)
{
    (void)state;
    static char code[256], appid[32], address[45];
    struct claim_request r = request();
    memset(code, 'c', sizeof code);
    memset(appid, 'w', sizeof appid);
    memset(address, 'f', sizeof address);
    r.appid = (struct slice){appid, sizeof appid};
    r.address = r.counted_address = (struct slice){address, sizeof address};
    for (int i = 0; i < CLAIM_CODES_MAX; i++)
        r.codes[i] = (struct slice){code, sizeof code};
    r.user_id = INT64_MAX;
    struct claim c = claim_of(&r);
    assert_int_equal(c.n_codes, CLAIM_CODES_MAX);
    assert_int_equal(strlen(c.appid), sizeof appid);
}

/* ---- nothing is given away ---- */

static void every_name_is_128_bits_in_hex(void **state)
{
    (void)state;
    struct claim_request r = request();
    r.codes[2] = SLICE_LIT(TICKET);
    struct claim c = claim_of(&r);
    const char *const names[] = {c.fingerprint, c.codes[0], c.codes[1], c.codes[2], c.address};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(strspn(names[i], "0123456789abcdef"), CLAIM_NAME_SIZE - 1);
}

static void no_code_or_address_stands_in_a_claim(void **state)
{
    (void)state;
    static const char *const secrets[] = {LOGIN_CODE, PHONE_CODE, TICKET, ADDRESS};
    struct claim_request r = request();
    r.codes[2] = SLICE_LIT(TICKET);
    struct claim c = claim_of(&r);
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        for (size_t n = 8; n <= strlen(secrets[i]); n++)
            assert_null(memmem(&c, sizeof c, secrets[i] + strlen(secrets[i]) - n, n));
}

static void hash(const char *text, char out[CLAIM_NAME_SIZE])
{
    char hex[SHA256_HEX_SIZE];
    digest_sha256_hex(slice_of(text), hex);
    memcpy(out, hex, CLAIM_NAME_SIZE - 1);
    out[CLAIM_NAME_SIZE - 1] = '\0';
}

/* There are only 2^32 addresses, so what stands in Redis must not be enough to try them. */
static void an_address_is_not_found_by_trying_with_all_that_redis_sees(void **state)
{
    (void)state;
    struct claim_request r = request();
    struct claim c = claim_of(&r);
    char text[512], guess[CLAIM_NAME_SIZE];
    (void)snprintf(text, sizeof text, "request|%s|by_both|0|%s|%s|%s", c.appid, c.codes[0],
                   c.codes[1], ADDRESS);
    hash(text, guess);
    assert_string_not_equal(guess, c.fingerprint);
    (void)snprintf(text, sizeof text, "address|%s|%s", c.appid, ADDRESS);
    hash(text, guess);
    assert_string_not_equal(guess, c.address);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_request_has_the_same_names),
        cmocka_unit_test(fingerprint_and_codes_do_not_depend_on_the_key),
        cmocka_unit_test(another_address_purpose_or_user_is_another_request_for_the_same_codes),
        cmocka_unit_test(another_app_has_other_codes),
        cmocka_unit_test(the_place_of_a_code_counts),
        cmocka_unit_test(fields_do_not_run_into_each_other),
        cmocka_unit_test(what_is_counted_is_the_counted_address_alone),
        cmocka_unit_test(everything_may_be_as_long_as_it_can_be),
        cmocka_unit_test(every_name_is_128_bits_in_hex),
        cmocka_unit_test(no_code_or_address_stands_in_a_claim),
        cmocka_unit_test(an_address_is_not_found_by_trying_with_all_that_redis_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
