/* keyring: what is accepted as keys, and that every purpose has its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/keyring.h"

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="

static struct keyring *parse(const char *text)
{
    struct err e;
    struct keyring *r = keyring_parse(slice_of(text), &e);
    assert_non_null(r);
    return r;
}

static void the_first_key_seals_and_ids_follow_the_key(void **state)
{
    (void)state;
    struct keyring *a = parse(KEY_A), *ab = parse(KEY_A "," KEY_B), *ba = parse(KEY_B ", " KEY_A);
    assert_int_equal(keyring_count(a), 1);
    assert_int_equal(keyring_count(ab), 2);
    assert_int_equal(keyring_key(a, 0).n, KEYRING_KEY_SIZE);
    assert_memory_equal(keyring_key(a, 0).p, "\0\1\2\3\4\5\6\7", 8);
    assert_int_equal(keyring_key_id(a, 0), keyring_key_id(ab, 0));
    assert_int_equal(keyring_key_id(a, 0), keyring_key_id(ba, 1));
    assert_int_not_equal(keyring_key_id(ab, 0), keyring_key_id(ab, 1));
    keyring_free(a);
    keyring_free(ab);
    keyring_free(ba);
}

static void assert_refused(const char *text, const char *why)
{
    struct err e = {""};
    assert_null(keyring_parse(slice_of(text), &e));
    assert_non_null(strstr(e.text, why));
    assert_null(strstr(e.text, "AAECAw")); /* the line shows no key */
}

static void anything_but_32_bytes_of_base64_is_refused_in_one_line(void **state)
{
    (void)state;
    assert_refused("", "key 1 is not 32 bytes");
    assert_refused("AAECAwQFBgcICQoLDA0ODw==", "key 1 is not 32 bytes");
    assert_refused("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj", "key 1 is not 32 bytes");
    assert_refused("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "key 1 is not 32 bytes");
    assert_refused(KEY_A ",", "key 2 is not 32 bytes");
    assert_refused(KEY_A ";" KEY_B, "key 1 is not 32 bytes");
}

static void the_same_key_twice_and_too_many_keys_are_refused(void **state)
{
    (void)state;
    assert_refused(KEY_A "," KEY_B "," KEY_A, "key 3 is there twice");
    assert_refused(KEY_A "," KEY_B ",QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8="
                         ",YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8="
                         ",gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp8=",
                   "more than 4 keys");
}

static void derived_rings_share_no_key_with_the_master_or_another_purpose(void **state)
{
    (void)state;
    struct keyring *master = parse(KEY_A "," KEY_B);
    struct keyring *phones = keyring_derive(master, "phone");
    struct keyring *index = keyring_derive(master, "phone index");
    assert_int_equal(keyring_count(phones), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_memory_not_equal(keyring_key(phones, i).p, keyring_key(master, i).p, 32);
        assert_memory_not_equal(keyring_key(phones, i).p, keyring_key(index, i).p, 32);
        assert_int_not_equal(keyring_key_id(phones, i), keyring_key_id(index, i));
    }
    keyring_free(index);
    keyring_free(phones);
    keyring_free(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_key_seals_and_ids_follow_the_key),
        cmocka_unit_test(anything_but_32_bytes_of_base64_is_refused_in_one_line),
        cmocka_unit_test(the_same_key_twice_and_too_many_keys_are_refused),
        cmocka_unit_test(derived_rings_share_no_key_with_the_master_or_another_purpose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
