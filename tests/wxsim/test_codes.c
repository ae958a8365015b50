/* The tables of what is out stay bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "wxsim/codes.h"
#include "wxsim/sessions.h"

static void the_table_of_codes_grows_forgets_what_is_over_and_stays_bounded(void **state)
{
    (void)state;
    struct codes *c = codes_new();
    struct code code = {.expires_at = {100}};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(codes_add(c, &code, (mono_ms_t){0}), i + 1);
    assert_int_equal(codes_count(c), 1000);
    assert_non_null(codes_find(c, 1, (mono_ms_t){99}));
    assert_null(codes_find(c, 1, (mono_ms_t){100}));
    assert_null(codes_find(c, 1001, (mono_ms_t){0}));
    code.expires_at.ms = 200;
    assert_int_equal(codes_add(c, &code, (mono_ms_t){100}), 1001);
    assert_int_equal(codes_count(c), 1);
    for (size_t i = 0; i < CODES_MAX; i++)
        (void)codes_add(c, &code, (mono_ms_t){100});
    assert_int_equal(codes_count(c), CODES_MAX);
    assert_null(codes_find(c, 1001, (mono_ms_t){100}));
    assert_non_null(codes_find(c, 1002, (mono_ms_t){100}));
    codes_free(c);
}

static void the_oldest_session_is_forgotten_beyond_the_limit(void **state)
{
    (void)state;
    struct sessions *s = sessions_new();
    char openid[32];
    for (int i = 0; i <= SESSIONS_MAX; i++) {
        struct text t = text_init(openid, sizeof openid);
        text_fmt(&t, "o%d", i);
        assert_int_not_equal(sessions_renew(s, 0, (struct slice){t.p, t.n}), 0);
    }
    assert_int_equal(sessions_find(s, 0, SLICE_LIT("o0")), 0);
    assert_int_not_equal(sessions_find(s, 0, SLICE_LIT("o1")), 0);
    sessions_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_codes_grows_forgets_what_is_over_and_stays_bounded),
        cmocka_unit_test(the_oldest_session_is_forgotten_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
