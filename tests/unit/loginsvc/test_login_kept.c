/* kept: what a login gave comes back whole for its own claim, and for nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/aead.h"
#include "loginsvc/login/kept.h"

static const char KEY[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char OTHER_KEY[] = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

static struct keyring *ring_of(const char *keys)
{
    struct keyring *master = keyring_parse(slice_of(keys), NULL);
    assert_non_null(master);
    struct keyring *ring = keyring_derive(master, KEPT_LABEL);
    keyring_free(master);
    return ring;
}

static struct claim claim_named(const char *appid, const char *fingerprint)
{
    struct claim c = {.n_codes = 1};
    assert_true(slice_copy(slice_of(appid), c.appid, sizeof c.appid));
    assert_true(slice_copy(slice_of(fingerprint), c.fingerprint, sizeof c.fingerprint));
    return c;
}

static struct claim claim(void)
{
    return claim_named("wx0123456789abcdef", "00112233445566778899aabbccddeeff");
}

/* ---- all fields ---- */

#define TEXTS(X)                                                                                   \
    X(rid)                                                                                         \
    X(user.openid)                                                                                 \
    X(user.phone)                                                                                  \
    X(user.country_code)                                                                           \
    X(user.nickname)                                                                               \
    X(user.avatar)                                                                                 \
    X(access_token)                                                                                \
    X(refresh_token)                                                                               \
    X(register_ticket)                                                                             \
    X(openid)                                                                                      \
    X(unionid)                                                                                     \
    X(session_key)                                                                                 \
    X(phone)                                                                                       \
    X(country_code)

#define NUMBERS(X)                                                                                 \
    X(result.ending)                                                                               \
    X(result.error_class)                                                                          \
    X(result.errcode)                                                                              \
    X(result.retry_after_ms)                                                                       \
    X(phone_result.ending)                                                                         \
    X(phone_result.error_class)                                                                    \
    X(phone_result.errcode)                                                                        \
    X(user.id)                                                                                     \
    X(user.created_at.ms)                                                                          \
    X(is_new)                                                                                      \
    X(expires_in_s)

static void fill(char *out, size_t size, int letter)
{
    memset(out, 'a' + letter, size - 1);
    out[size - 1] = '\0';
}

/* Each text as long as it may be, no two the same. */
static struct login_outcome fullest(void)
{
    struct login_outcome o = {
        .result = {LOGIN_BUDGET_SPENT, ERR_QUOTA, INT32_MAX, INT64_MAX},
        .phone_result = {LOGIN_REFUSED, ERR_USER, -1, 0},
        .user = {.id = INT64_MAX, .created_at = {1769875200123}},
        .is_new = true,
        .expires_in_s = INT64_MIN,
    };
    int letter = 0;
#define FILL(field) fill(o.field, sizeof o.field, letter++);
    TEXTS(FILL)
    return o;
}

static void expect_same(const struct login_outcome *a, const struct login_outcome *b)
{
#define SAME_TEXT(field)   assert_string_equal(a->field, b->field);
#define SAME_NUMBER(field) assert_true(a->field == b->field);
    TEXTS(SAME_TEXT)
    NUMBERS(SAME_NUMBER)
}

static void expect_nothing_in(const struct login_outcome *o)
{
    static const struct login_outcome nothing;
    expect_same(o, &nothing);
}

static struct slice sealed_of(const struct login_outcome *o, uint8_t out[KEPT_MAX])
{
    struct keyring *ring = ring_of(KEY);
    struct claim c = claim();
    size_t n = kept_seal(ring, &c, o, out);
    keyring_free(ring);
    assert_in_range(n, 1, KEPT_MAX);
    return (struct slice){(char *)out, n};
}

static bool opens(const char *keys, const struct claim *c, struct slice sealed,
                  struct login_outcome *o)
{
    struct keyring *ring = ring_of(keys);
    memset(o, 'x', sizeof *o);
    bool ok = kept_open(ring, c, sealed, o);
    keyring_free(ring);
    return ok;
}

static void every_field_comes_back_at_its_longest(void **state)
{
    (void)state;
    uint8_t bytes[KEPT_MAX];
    struct login_outcome in = fullest(), out;
    struct claim c = claim();
    assert_true(opens(KEY, &c, sealed_of(&in, bytes), &out));
    expect_same(&in, &out);
}

static void an_empty_outcome_comes_back_too(void **state)
{
    (void)state;
    uint8_t bytes[KEPT_MAX];
    struct login_outcome in = {.is_new = false}, out;
    struct claim c = claim();
    assert_true(opens(KEY, &c, sealed_of(&in, bytes), &out));
    expect_nothing_in(&out);
}

static void nothing_of_it_can_be_read_while_it_is_sealed(void **state)
{
    (void)state;
    uint8_t bytes[KEPT_MAX];
    struct login_outcome in = fullest();
    struct slice sealed = sealed_of(&in, bytes);
#define HIDDEN(field) assert_null(memmem(sealed.p, sealed.n, in.field, strlen(in.field)));
    TEXTS(HIDDEN)
}

static void the_same_outcome_is_sealed_differently_each_time(void **state)
{
    (void)state;
    uint8_t one[KEPT_MAX], two[KEPT_MAX];
    struct login_outcome in = fullest();
    struct slice a = sealed_of(&in, one), b = sealed_of(&in, two);
    assert_int_equal(a.n, b.n);
    assert_memory_not_equal(a.p + AEAD_OVERHEAD, b.p + AEAD_OVERHEAD, a.n - AEAD_OVERHEAD);
}

/* ---- what does not open ---- */

static void it_opens_for_no_other_claim(void **state)
{
    (void)state;
    uint8_t bytes[KEPT_MAX];
    struct login_outcome in = fullest(), out;
    struct slice sealed = sealed_of(&in, bytes);
    struct claim other_request = claim_named(claim().appid, "00112233445566778899aabbccddeefe");
    struct claim other_app = claim_named("wx0123456789abcdee", claim().fingerprint);
    assert_false(opens(KEY, &other_request, sealed, &out));
    expect_nothing_in(&out);
    assert_false(opens(KEY, &other_app, sealed, &out));
    expect_nothing_in(&out);
}

static void it_opens_as_long_as_its_key_is_known(void **state)
{
    (void)state;
    uint8_t bytes[KEPT_MAX];
    char both[128];
    struct login_outcome in = fullest(), out;
    struct claim c = claim();
    struct slice sealed = sealed_of(&in, bytes);
    (void)snprintf(both, sizeof both, "%s,%s", OTHER_KEY, KEY);
    assert_true(opens(both, &c, sealed, &out));
    expect_same(&in, &out);
    assert_false(opens(OTHER_KEY, &c, sealed, &out));
    expect_nothing_in(&out);
}

static void a_byte_more_or_less_does_not_open(void **state)
{
    (void)state;
    uint8_t bytes[KEPT_MAX + 1] = {0};
    struct login_outcome in = {.user.id = 7, .access_token = "jwt"}, out;
    struct claim c = claim();
    struct slice sealed = sealed_of(&in, bytes);
    for (size_t n = 0; n <= sealed.n + 1; n++)
        assert_int_equal(opens(KEY, &c, (struct slice){sealed.p, n}, &out), n == sealed.n);
    expect_nothing_in(&out);
}

static void no_changed_bit_opens(void **state)
{
    (void)state;
    uint8_t bytes[KEPT_MAX];
    struct login_outcome in = {.user.id = 7, .access_token = "jwt"}, out;
    struct claim c = claim();
    struct slice sealed = sealed_of(&in, bytes);
    for (size_t i = 0; i < sealed.n * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_false(opens(KEY, &c, sealed, &out));
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    expect_nothing_in(&out);
    assert_true(opens(KEY, &c, sealed, &out));
}

/* Sealed with the right key for the right claim, and yet not what this program writes. */
static void what_another_version_wrote_does_not_open(void **state)
{
    (void)state;
    uint8_t plain[KEPT_MAX], sealed[KEPT_MAX];
    char context[AEAD_CONTEXT_MAX];
    struct claim c = claim();
    struct keyring *ring = ring_of(KEY);
    struct login_outcome out;
    struct login_outcome in = {.user.id = 7};
    (void)snprintf(context, sizeof context, "kept|%s|%s", c.appid, c.fingerprint);
    size_t n = kept_seal(ring, &c, &in, sealed), whole;
    assert_int_equal(aead_open(ring, slice_of(context), (struct slice){(char *)sealed, n}, plain,
                               sizeof plain, &whole),
                     AEAD_OK);
    for (size_t length = 0; length <= whole + 1; length++) {
        plain[whole] = 0;
        n = aead_seal(ring, slice_of(context), (struct slice){(char *)plain, length}, sealed,
                      sizeof sealed);
        assert_int_equal(kept_open(ring, &c, (struct slice){(char *)sealed, n}, &out),
                         length == whole);
    }
    memset(plain + 8 * 8, 0xff, whole - 8 * 8); /* texts of 65535 bytes */
    n = aead_seal(ring, slice_of(context), (struct slice){(char *)plain, whole}, sealed,
                  sizeof sealed);
    assert_false(kept_open(ring, &c, (struct slice){(char *)sealed, n}, &out));
    expect_nothing_in(&out);
    keyring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back_at_its_longest),
        cmocka_unit_test(an_empty_outcome_comes_back_too),
        cmocka_unit_test(nothing_of_it_can_be_read_while_it_is_sealed),
        cmocka_unit_test(the_same_outcome_is_sealed_differently_each_time),
        cmocka_unit_test(it_opens_for_no_other_claim),
        cmocka_unit_test(it_opens_as_long_as_its_key_is_known),
        cmocka_unit_test(a_byte_more_or_less_does_not_open),
        cmocka_unit_test(no_changed_bit_opens),
        cmocka_unit_test(what_another_version_wrote_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
