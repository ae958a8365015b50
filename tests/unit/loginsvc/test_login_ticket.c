/* The registration ticket opens for ten minutes, for nobody but us, and only unchanged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "loginsvc/login/register_ticket.h"

static const wall_ms_t NOW = {1700000000000};
static const char KEY[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char OTHER_KEY[] = "//////////////////////////////////////////8=";

static struct keyring *ring_of(const char *key)
{
    struct keyring *master = keyring_parse(slice_of(key), NULL);
    assert_non_null(master);
    struct keyring *ring = keyring_derive(master, REGISTER_TICKET_LABEL);
    keyring_free(master);
    return ring;
}

static void make(char out[REGISTER_TICKET_SIZE], const struct keyring *ring)
{
    register_ticket_make(ring, "wx0123456789abcdef", "13800138000", "86", NOW, out);
}

static void it_opens_for_ten_minutes(void **state)
{
    struct keyring *ring = ring_of(KEY);
    struct register_ticket t;
    char text[REGISTER_TICKET_SIZE];
    (void)state;
    make(text, ring);
    assert_null(strstr(text, "13800138000"));
    assert_true(register_ticket_open(ring, slice_of(text),
                                     wall_after(NOW, REGISTER_TICKET_LIFE_MS - 1), &t));
    assert_string_equal(t.appid, "wx0123456789abcdef");
    assert_string_equal(t.phone, "13800138000");
    assert_string_equal(t.country_code, "86");
    assert_int_equal(t.expires_at.ms, NOW.ms + REGISTER_TICKET_LIFE_MS);
    assert_false(
        register_ticket_open(ring, slice_of(text), wall_after(NOW, REGISTER_TICKET_LIFE_MS), &t));
    assert_string_equal(t.phone, "");
    assert_string_equal(t.id, "");
    keyring_free(ring);
}

static void each_has_an_id_of_its_own_that_stays(void **state)
{
    struct keyring *ring = ring_of(KEY);
    struct register_ticket one, again, other;
    char text[REGISTER_TICKET_SIZE];
    (void)state;
    make(text, ring);
    assert_true(register_ticket_open(ring, slice_of(text), NOW, &one));
    assert_true(register_ticket_open(ring, slice_of(text), NOW, &again));
    assert_int_equal(strlen(one.id), STORE_TICKET_SIZE - 1);
    assert_string_equal(one.id, again.id);
    make(text, ring);
    assert_true(register_ticket_open(ring, slice_of(text), NOW, &other));
    assert_string_not_equal(one.id, other.id);
    keyring_free(ring);
}

static void the_longest_fields_fit(void **state)
{
    struct keyring *ring = ring_of(KEY);
    struct register_ticket t = {.id = ""}, back;
    char text[REGISTER_TICKET_SIZE];
    (void)state;
    memset(t.appid, 'a', sizeof t.appid - 1);
    memset(t.phone, '1', sizeof t.phone - 1);
    memset(t.country_code, '9', sizeof t.country_code - 1);
    register_ticket_make(ring, t.appid, t.phone, t.country_code, NOW, text);
    assert_true(register_ticket_open(ring, slice_of(text), NOW, &back));
    assert_string_equal(t.appid, back.appid);
    assert_string_equal(t.phone, back.phone);
    assert_string_equal(t.country_code, back.country_code);
    keyring_free(ring);
}

static void an_unknown_country_code_is_unknown_afterwards(void **state)
{
    struct keyring *ring = ring_of(KEY);
    struct register_ticket t;
    char text[REGISTER_TICKET_SIZE];
    (void)state;
    register_ticket_make(ring, "wx1", "13800138000", "", NOW, text);
    assert_true(register_ticket_open(ring, slice_of(text), NOW, &t));
    assert_string_equal(t.country_code, "");
    assert_string_equal(t.phone, "13800138000");
    keyring_free(ring);
}

static void changed_foreign_or_other_texts_do_not_open(void **state)
{
    struct keyring *ring = ring_of(KEY), *other = ring_of(OTHER_KEY);
    struct register_ticket t;
    char text[REGISTER_TICKET_SIZE];
    (void)state;
    make(text, ring);
    assert_false(register_ticket_open(other, slice_of(text), NOW, &t));
    for (size_t i = 0; text[i]; i++) {
        char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        assert_false(register_ticket_open(ring, slice_of(text), NOW, &t));
        text[i] = was;
    }
    assert_false(register_ticket_open(ring, (struct slice){text, strlen(text) - 1}, NOW, &t));
    assert_false(register_ticket_open(ring, SLICE_LIT(""), NOW, &t));
    keyring_free(ring);
    keyring_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_for_ten_minutes),
        cmocka_unit_test(each_has_an_id_of_its_own_that_stays),
        cmocka_unit_test(the_longest_fields_fit),
        cmocka_unit_test(an_unknown_country_code_is_unknown_afterwards),
        cmocka_unit_test(changed_foreign_or_other_texts_do_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
