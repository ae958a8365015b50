/* sessions: ids and refresh tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "loginsvc/sessions/session.h"

#define NOW ((wall_ms_t){1800000000000})

static void a_new_session_knows_its_own_refresh_token(void **state)
{
    (void)state;
    struct session s;
    char token[SESSION_REFRESH_TOKEN_SIZE], id[SESSION_ID_SIZE];
    uint8_t hash[SHA256_SIZE];
    session_start(&s, NOW, 5000, token);
    assert_true(session_id_valid(slice_of(s.id)));
    assert_int_equal(s.expires_at.ms, NOW.ms + 5000);
    assert_int_equal(strlen(token), SESSION_REFRESH_TOKEN_SIZE - 1);
    assert_true(session_parse_refresh(slice_of(token), id, hash));
    assert_string_equal(id, s.id);
    assert_memory_equal(hash, s.refresh_hash, sizeof hash);
}

static void another_secret_names_the_session_and_has_another_hash(void **state)
{
    (void)state;
    struct session s;
    char token[SESSION_REFRESH_TOKEN_SIZE], id[SESSION_ID_SIZE];
    uint8_t hash[SHA256_SIZE];
    session_start(&s, NOW, 5000, token);
    token[40] = token[40] == 'A' ? 'B' : 'A';
    assert_true(session_parse_refresh(slice_of(token), id, hash));
    assert_string_equal(id, s.id);
    assert_memory_not_equal(hash, s.refresh_hash, sizeof hash);
}

static void no_two_sessions_share_an_id_or_a_token(void **state)
{
    (void)state;
    enum { SESSIONS = 100 };
    static struct session all[SESSIONS];
    char token[SESSION_REFRESH_TOKEN_SIZE];
    for (int i = 0; i < SESSIONS; i++) {
        session_start(&all[i], NOW, 5000, token);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(all[i].id, all[j].id);
            assert_memory_not_equal(all[i].refresh_hash, all[j].refresh_hash, SHA256_SIZE);
        }
    }
}

static void what_cannot_be_a_refresh_token_is_refused(void **state)
{
    (void)state;
#define ID     "0123456789abcdef0123456789abcdef"
#define SECRET "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    static const char *const wrong[] = {
        "",
        ".",
        ID,
        ID ".",
        "." SECRET,
        ID SECRET,
        ID "." SECRET "A",
        ID "." SECRET "=",
        ID ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ID ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", /* stray bits */
        ID "." SECRET ".",
        "0123456789ABCDEF0123456789ABCDEF." SECRET,
        "g123456789abcdef0123456789abcdef." SECRET,
    };
    char id[SESSION_ID_SIZE];
    uint8_t hash[SHA256_SIZE];
    assert_true(session_parse_refresh(slice_of(ID "." SECRET), id, hash));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        if (session_parse_refresh(slice_of(wrong[i]), id, hash))
            fail_msg("accepted: %s", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_session_knows_its_own_refresh_token),
        cmocka_unit_test(another_secret_names_the_session_and_has_another_hash),
        cmocka_unit_test(no_two_sessions_share_an_id_or_a_token),
        cmocka_unit_test(what_cannot_be_a_refresh_token_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
