/* encrypted_phone: what WeChat gives is opened, and everything else is the same refusal. The texts
 * are encrypted here, by OpenSSL with fixed keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/prng.h"
#include "crypto/base64.h"
#include "wechat/encrypted_phone.h"

enum {
    BLOCK = 16,
    BYTES_MAX = 1024, /* of encrypted text that are still looked at */
    ROOM = 2 * BYTES_MAX,
    NOW_S = 1763600000,
    TEXT_SIZE = BASE64_TEXT_SIZE(ROOM),
};

static const wall_ms_t now = {NOW_S * 1000LL};
static const uint8_t key[BLOCK] = "session key 16 b";
static const uint8_t iv[BLOCK] = "initial vector16";

/* A phone as it is encrypted: at most ROOM bytes. */
struct letter {
    uint8_t bytes[ROOM];
    size_t n;
};

static struct letter sealed(const void *plain, size_t n, bool padded)
{
    struct letter l = {.n = 0};
    int body = 0, rest = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_true(n + BLOCK <= sizeof l.bytes);
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_cbc(), NULL, key, iv), 1);
    assert_int_equal(EVP_CIPHER_CTX_set_padding(ctx, padded), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, l.bytes, &body, plain, (int)n), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, l.bytes + body, &rest), 1);
    EVP_CIPHER_CTX_free(ctx);
    l.n = (size_t)(body + rest);
    return l;
}

static struct letter sealed_text(const char *plain)
{
    return sealed(plain, strlen(plain), true);
}

static char *phone_json(char *out, size_t size, const char *country_code, long long timestamp_s,
                        const char *more)
{
    int n = snprintf(out, size,
                     "{\"phoneNumber\":\"13800138000\",\"purePhoneNumber\":\"13800138000\","
                     "\"countryCode\":%s,\"watermark\":{\"timestamp\":%lld,"
                     "\"appid\":\"wx0123456789abcdef\"}%s}",
                     country_code, timestamp_s, more);
    assert_true(n > 0 && (size_t)n < size);
    return out;
}

static const char *usual_json(void)
{
    static char json[512];
    return phone_json(json, sizeof json, "\"86\"", NOW_S - 5, "");
}

/* Everything as a client and the store would give it. */
struct attempt {
    char key[TEXT_SIZE], data[TEXT_SIZE], iv[TEXT_SIZE];
    struct slice appid;
    wall_ms_t now;
};

static struct attempt attempt_of(const struct letter *l)
{
    struct attempt a = {.appid = SLICE_LIT("wx0123456789abcdef"), .now = now};
    base64_encode(BASE64_STANDARD, key, sizeof key, a.key, sizeof a.key);
    base64_encode(BASE64_STANDARD, iv, sizeof iv, a.iv, sizeof a.iv);
    base64_encode(BASE64_STANDARD, l->bytes, l->n, a.data, sizeof a.data);
    return a;
}

static bool opens(const struct attempt *a, struct wechat_phone *out)
{
    const struct encrypted_phone in = {slice_of(a->key), slice_of(a->data), slice_of(a->iv),
                                       a->appid};
    memset(out, 'x', sizeof *out);
    return encrypted_phone_open(&in, a->now, out);
}

static void assert_opens(const struct attempt *a)
{
    struct wechat_phone phone;
    assert_true(opens(a, &phone));
    assert_string_equal(phone.phone_number, "13800138000");
    assert_string_equal(phone.pure_number, "13800138000");
    assert_string_equal(phone.country_code, "86");
}

/* A refusal has one form only. */
static void assert_refused(const struct attempt *a)
{
    static const struct wechat_phone nothing;
    struct wechat_phone phone;
    assert_false(opens(a, &phone));
    assert_memory_equal(&phone, &nothing, sizeof phone);
}

static void assert_letter_refused(const struct letter *l)
{
    struct attempt a = attempt_of(l);
    assert_refused(&a);
}

static void assert_json_refused(const char *json)
{
    struct letter l = sealed_text(json);
    assert_letter_refused(&l);
}

static void assert_json_opens(const char *json)
{
    struct letter l = sealed_text(json);
    struct attempt a = attempt_of(&l);
    assert_opens(&a);
}

static void what_wechat_encrypted_for_us_is_opened(void **state)
{
    (void)state;
    assert_json_opens(usual_json());
}

static void a_foreign_number_keeps_its_country(void **state)
{
    struct letter l =
        sealed_text("{\"phoneNumber\":\"+85298765432\",\"purePhoneNumber\":\"98765432\","
                    "\"countryCode\":\"852\",\"watermark\":{\"timestamp\":\"1763600000\","
                    "\"appid\":\"wx0123456789abcdef\"}}");
    struct attempt a = attempt_of(&l);
    struct wechat_phone phone;
    (void)state;
    assert_true(opens(&a, &phone));
    assert_string_equal(phone.phone_number, "+85298765432");
    assert_string_equal(phone.pure_number, "98765432");
    assert_string_equal(phone.country_code, "852");
}

/* As in the answer to a phone code. */
static void country_code_may_be_a_number_and_unknown_members_are_skipped(void **state)
{
    char json[512];
    (void)state;
    assert_json_opens(phone_json(json, sizeof json, "86", NOW_S, ""));
    assert_json_opens(
        phone_json(json, sizeof json, "\"86\"", NOW_S, ",\"new\":{\"a\":[1,\"\\u4f60\"]}"));
}

static void every_length_of_padding_is_right(void **state)
{
    char json[512], blanks[BLOCK + 1] = "";
    (void)state;
    for (int n = 0; n < BLOCK; n++) {
        memset(blanks, ' ', (size_t)n);
        assert_json_opens(phone_json(json, sizeof json, "\"86\"", NOW_S, blanks));
    }
}

static void a_number_ages_within_ten_minutes_and_may_be_five_ahead(void **state)
{
    static const struct {
        int64_t age_ms;
        bool fresh;
    } ages[] = {{0, true},        {600000, true},    {600001, false},        {-300000, true},
                {-300001, false}, {86400000, false}, {NOW_S * 1000LL, false}};
    char json[512];
    (void)state;
    struct letter l = sealed_text(phone_json(json, sizeof json, "\"86\"", NOW_S, ""));
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        struct attempt a = attempt_of(&l);
        a.now.ms += ages[i].age_ms;
        if (ages[i].fresh)
            assert_opens(&a);
        else
            assert_refused(&a);
    }
    assert_json_refused(phone_json(json, sizeof json, "\"86\"", 0, ""));
    assert_json_refused(phone_json(json, sizeof json, "\"86\"", -1, ""));
    assert_json_refused(phone_json(json, sizeof json, "\"86\"", INT64_MAX, ""));
    assert_json_refused(phone_json(json, sizeof json, "\"86\"", NOW_S * 1000LL, ""));
}

static void a_number_given_to_another_app_is_refused(void **state)
{
    struct letter l = sealed_text(usual_json());
    (void)state;
    for (int i = 0; i < 3; i++) {
        static const char *const others[] = {"", "wx0123456789abcde", "wx0123456789abcdee"};
        struct attempt a = attempt_of(&l);
        a.appid = slice_of(others[i]);
        assert_refused(&a);
    }
}

static void what_is_not_a_whole_phone_is_refused(void **state)
{
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "\"13800138000\"",
        "{}",
        "{",
        "{\"phoneNumber\":\"13800138000\",\"purePhoneNumber\":\"13800138000\","
        "\"countryCode\":\"86\"}",
        "{\"phoneNumber\":\"13800138000\",\"purePhoneNumber\":\"13800138000\","
        "\"countryCode\":\"86\",\"watermark\":{\"appid\":\"wx0123456789abcdef\"}}",
        "{\"phoneNumber\":\"13800138000\",\"purePhoneNumber\":\"13800138000\","
        "\"countryCode\":\"86\",\"watermark\":{\"timestamp\":1763600000}}",
        "{\"phoneNumber\":\"13800138000\",\"purePhoneNumber\":\"13800138000\","
        "\"countryCode\":\"+86\",\"watermark\":{\"timestamp\":1763600000,"
        "\"appid\":\"wx0123456789abcdef\"}}",
        "{\"phoneNumber\":\"138-0013\",\"purePhoneNumber\":\"13800138000\","
        "\"countryCode\":\"86\",\"watermark\":{\"timestamp\":1763600000,"
        "\"appid\":\"wx0123456789abcdef\"}}",
        "{\"openId\":\"oGZUI0\",\"nickName\":\"Band\",\"watermark\":{\"timestamp\":1763600000,"
        "\"appid\":\"wx0123456789abcdef\"}}",
    };
    char json[512];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        assert_json_refused(bodies[i]);
    assert_json_refused(phone_json(json, sizeof json, "\"86\"", NOW_S, ",\"phoneNumber\":\"139\""));
    assert_json_refused(phone_json(json, sizeof json, "\"86\"", NOW_S, ",\"new\":\"\xff\xfe\""));
    assert_json_refused(phone_json(json, sizeof json, "\"86\"", NOW_S, ",\"new\":\"\\u0000\""));
    assert_json_refused(phone_json(json, sizeof json, "\"86\"", NOW_S, "}{"));
}

/* ---- damage ---- */

static void a_changed_byte_of_the_last_two_blocks_is_refused(void **state)
{
    const struct letter whole = sealed_text(usual_json());
    (void)state;
    for (size_t at = whole.n - 2 * BLOCK; at < whole.n; at++) {
        for (int change = 1; change < 256; change++) {
            struct letter l = whole;
            l.bytes[at] ^= (uint8_t)change;
            assert_letter_refused(&l);
        }
    }
}

/* What a padding oracle would tell apart: one block that decrypts to `padding` equal bytes at its
 * end, or to anything else. */
static void every_last_byte_of_a_lone_block_is_refused_alike(void **state)
{
    (void)state;
    for (int padding = 0; padding < 256; padding++) {
        uint8_t block[BLOCK];
        memset(block, padding, sizeof block);
        struct letter l = sealed(block, sizeof block, false);
        assert_letter_refused(&l);
    }
}

static void a_phone_without_the_right_padding_is_refused(void **state)
{
    const char *text = usual_json();
    size_t n = strlen(text), rest = BLOCK - n % BLOCK;
    (void)state;
    for (int padding = 0; padding < 256; padding++) {
        uint8_t plain[ROOM];
        memcpy(plain, text, n);
        memset(plain + n, padding, rest);
        struct letter l = sealed(plain, n + rest, false);
        struct attempt a = attempt_of(&l);
        bool right = (size_t)padding == rest;
        bool right_after_blanks = (size_t)padding < rest && strchr("\t\n\r", padding) && padding;
        if (right || right_after_blanks)
            assert_opens(&a);
        else
            assert_refused(&a);
    }
}

/* Blanks after the object would be well-formed JSON. */
static void a_phone_without_any_padding_is_refused(void **state)
{
    const char *text = usual_json();
    char plain[ROOM];
    (void)state;
    memset(plain, ' ', sizeof plain);
    memcpy(plain, text, strlen(text));
    struct letter l = sealed(plain, strlen(text) / BLOCK * BLOCK + BLOCK, false);
    assert_letter_refused(&l);
}

static void truncated_and_lengthened_texts_are_refused(void **state)
{
    const struct letter whole = sealed_text(usual_json());
    (void)state;
    for (size_t n = 0; n < whole.n; n++) {
        struct letter l = whole;
        l.n = n;
        assert_letter_refused(&l);
    }
    struct letter twice = whole;
    memcpy(twice.bytes + whole.n, whole.bytes, whole.n);
    twice.n = 2 * whole.n;
    assert_letter_refused(&twice);
}

static void another_key_or_iv_is_refused(void **state)
{
    const struct letter l = sealed_text(usual_json());
    (void)state;
    for (size_t at = 0; at < BLOCK; at++) {
        uint8_t changed[BLOCK];
        struct attempt a = attempt_of(&l);
        memcpy(changed, key, sizeof changed);
        changed[at] ^= 1;
        base64_encode(BASE64_STANDARD, changed, sizeof changed, a.key, sizeof a.key);
        assert_refused(&a);
        a = attempt_of(&l);
        memcpy(changed, iv, sizeof changed);
        changed[at] ^= 0x80; /* the first block's byte is no ASCII any more */
        base64_encode(BASE64_STANDARD, changed, sizeof changed, a.iv, sizeof a.iv);
        assert_refused(&a);
    }
}

static void texts_that_are_not_base64_of_the_right_size_are_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "A",
                                        "====",
                                        "AAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAB==",
                                        "AAAAAAAAAAAAAAAAAAAA-_==",
                                        "AAAAAAAAAAAAAAAAAAAAAAAA",
                                        " AAAAAAAAAAAAAAAAAAAAAA==",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
    const struct letter l = sealed_text(usual_json());
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct attempt a = attempt_of(&l);
        snprintf(a.key, sizeof a.key, "%s", texts[i]);
        assert_refused(&a);
        a = attempt_of(&l);
        snprintf(a.iv, sizeof a.iv, "%s", texts[i]);
        assert_refused(&a);
        a = attempt_of(&l);
        snprintf(a.data, sizeof a.data, "%s", texts[i]);
        assert_refused(&a);
    }
}

static void a_text_of_1_kib_is_the_longest(void **state)
{
    char json[ROOM], more[ROOM];
    (void)state;
    size_t bare = strlen(usual_json());
    snprintf(more, sizeof more, ",\"new\":\"%0*d\"", (int)(BYTES_MAX - 1 - bare - 9), 0);
    assert_int_equal(strlen(phone_json(json, sizeof json, "\"86\"", NOW_S, more)), BYTES_MAX - 1);
    assert_json_opens(json);
    snprintf(more, sizeof more, ",\"new\":\"%0*d\"", (int)(BYTES_MAX - bare - 9), 0);
    assert_int_equal(strlen(phone_json(json, sizeof json, "\"86\"", NOW_S, more)), BYTES_MAX);
    assert_json_refused(json);
}

/* ---- mutated texts ---- */

static void damage(struct prng *r, struct letter *l)
{
    for (int64_t edits = prng_between(r, 1, 4); edits > 0 && l->n > 0; edits--) {
        int64_t last = (int64_t)l->n / BLOCK - 1;
        uint8_t *block = l->bytes + prng_between(r, 0, last) * BLOCK;
        switch (prng_between(r, 0, 2)) {
        case 0:
            block[prng_between(r, 0, BLOCK - 1)] ^= (uint8_t)prng_between(r, 1, 255);
            break;
        case 1: /* in its place another one */
            memmove(block, l->bytes + prng_between(r, 0, last) * BLOCK, BLOCK);
            break;
        case 2: /* cut it out */
            l->n -= BLOCK;
            memmove(block, block + BLOCK, (size_t)(l->bytes + l->n - block));
            break;
        }
    }
    if (prng_between(r, 0, 9) == 0 && l->n > 0) /* any length at all */
        l->n = (size_t)prng_between(r, 0, (int64_t)l->n - 1);
}

/* A changed block comes out as garbage, so that nothing of this opens; each text has memory of
 * exactly its size, so that the sanitizer sees a read beyond it. */
static void damaged_texts_are_refused_and_read_within_bounds(void **state)
{
    const struct letter whole = sealed_text(usual_json());
    struct prng r;
    (void)state;
    prng_seed(&r, 20240229);
    for (int i = 0; i < 20000; i++) {
        struct letter l = whole;
        damage(&r, &l);
        if (l.n == whole.n && memcmp(l.bytes, whole.bytes, l.n) == 0)
            continue;
        struct attempt a = attempt_of(&l);
        struct slice text = slice_of(a.data);
        char *exact = xcalloc(text.n, 1);
        memcpy(exact, text.p, text.n);
        struct wechat_phone phone;
        const struct encrypted_phone in = {
            slice_of(a.key), {exact, text.n}, slice_of(a.iv), a.appid};
        assert_false(encrypted_phone_open(&in, now, &phone));
        free(exact);
    }
}

/* The plain text itself from a peer that knows the key: nothing is read beyond it, and what opens
 * is a phone. */
static void damaged_plain_texts_are_consistent(void **state)
{
    struct prng r;
    (void)state;
    prng_seed(&r, 20240301);
    for (int i = 0; i < 20000; i++) {
        char json[512];
        snprintf(json, sizeof json, "%s", usual_json());
        for (int64_t edits = prng_between(&r, 1, 3); edits > 0; edits--)
            json[prng_between(&r, 0, (int64_t)strlen(json) - 1)] =
                (char)(prng_between(&r, 0, 1) ? "{}[]\",:\\0e-"[prng_between(&r, 0, 10)]
                                              : prng_between(&r, 1, 255));
        struct letter l = sealed_text(json);
        struct attempt a = attempt_of(&l);
        struct wechat_phone phone;
        if (opens(&a, &phone))
            assert_true(strlen(phone.pure_number) >= 3 && strlen(phone.country_code) >= 1);
        else
            assert_refused(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_wechat_encrypted_for_us_is_opened),
        cmocka_unit_test(a_foreign_number_keeps_its_country),
        cmocka_unit_test(country_code_may_be_a_number_and_unknown_members_are_skipped),
        cmocka_unit_test(every_length_of_padding_is_right),
        cmocka_unit_test(a_number_ages_within_ten_minutes_and_may_be_five_ahead),
        cmocka_unit_test(a_number_given_to_another_app_is_refused),
        cmocka_unit_test(what_is_not_a_whole_phone_is_refused),
        cmocka_unit_test(a_changed_byte_of_the_last_two_blocks_is_refused),
        cmocka_unit_test(every_last_byte_of_a_lone_block_is_refused_alike),
        cmocka_unit_test(a_phone_without_the_right_padding_is_refused),
        cmocka_unit_test(a_phone_without_any_padding_is_refused),
        cmocka_unit_test(truncated_and_lengthened_texts_are_refused),
        cmocka_unit_test(another_key_or_iv_is_refused),
        cmocka_unit_test(texts_that_are_not_base64_of_the_right_size_are_refused),
        cmocka_unit_test(a_text_of_1_kib_is_the_longest),
        cmocka_unit_test(damaged_texts_are_refused_and_read_within_bounds),
        cmocka_unit_test(damaged_plain_texts_are_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
