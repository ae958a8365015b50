/* users: phones at rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "loginsvc/users/phone_vault.h"
#include "users_fixture.h"

static struct phone_vault *vault_of(const char *keys)
{
    struct keyring *ring = ring_of(keys);
    struct phone_vault *v = phone_vault_new(ring);
    keyring_free(ring);
    return v;
}

static struct slice slice_to(const uint8_t *bytes, size_t n)
{
    return (struct slice){(const char *)bytes, n};
}

static void a_phone_opens_for_its_own_user_alone(void **state)
{
    (void)state;
    struct phone_vault *v = vault_of(KEY_A);
    uint8_t sealed[PHONE_SEALED_MAX];
    char phone[USER_PHONE_SIZE];
    struct slice s = slice_to(sealed, phone_vault_seal(v, APPID, 42, "13800138000", sealed));
    assert_int_equal(phone_vault_open(v, APPID, 42, s, phone), AEAD_OK);
    assert_string_equal(phone, "13800138000");
    assert_int_equal(phone_vault_open(v, APPID, 43, s, phone), AEAD_FORGED);
    assert_string_equal(phone, "");
    assert_int_equal(phone_vault_open(v, "wxother", 42, s, phone), AEAD_FORGED);
    assert_null(memmem(sealed, sizeof sealed, "13800138000", 11));
    phone_vault_free(v);
}

static void assert_index_differs(const struct phone_vault *v, const char *appid, const char *code,
                                 const char *phone)
{
    uint8_t base[PHONE_INDEX_SIZE], other[PHONE_INDEX_SIZE];
    phone_vault_index(v, 0, APPID, "86", "13800138000", base);
    phone_vault_index(v, 0, appid, code, phone, other);
    assert_memory_not_equal(base, other, sizeof base);
}

static void the_index_depends_on_app_country_number_and_key_alone(void **state)
{
    (void)state;
    struct phone_vault *a = vault_of(KEY_A), *ba = vault_of(KEY_B "," KEY_A);
    uint8_t one[PHONE_INDEX_SIZE], two[PHONE_INDEX_SIZE];
    phone_vault_index(a, 0, APPID, "86", "13800138000", one);
    phone_vault_index(ba, 1, APPID, "86", "13800138000", two);
    assert_memory_equal(one, two, sizeof one);
    phone_vault_index(ba, 0, APPID, "86", "13800138000", two);
    assert_memory_not_equal(one, two, sizeof one);
    assert_index_differs(a, "wxother", "86", "13800138000");
    assert_index_differs(a, APPID, "852", "13800138000");
    assert_index_differs(a, APPID, "86", "13800138001");
    assert_index_differs(a, APPID, "8", "613800138000"); /* the parts do not run together */
    phone_vault_free(ba);
    phone_vault_free(a);
}

static void a_mark_is_known_to_every_ring_that_has_its_key(void **state)
{
    (void)state;
    struct phone_vault *a = vault_of(KEY_A), *b = vault_of(KEY_B), *ba = vault_of(KEY_B "," KEY_A);
    uint8_t mark[PHONE_MARK_MAX];
    struct slice m = slice_to(mark, phone_vault_mark(a, mark));
    assert_true(phone_vault_knows_mark(a, m));
    assert_true(phone_vault_knows_mark(ba, m));
    assert_false(phone_vault_knows_mark(b, m));
    assert_true(phone_vault_is_current(a, m));
    assert_false(phone_vault_is_current(ba, m));
    assert_false(phone_vault_knows_mark(a, (struct slice){NULL, 0}));
    phone_vault_free(ba);
    phone_vault_free(b);
    phone_vault_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_phone_opens_for_its_own_user_alone),
        cmocka_unit_test(the_index_depends_on_app_country_number_and_key_alone),
        cmocka_unit_test(a_mark_is_known_to_every_ring_that_has_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
