/* sessions: the messages about ended sessions, and whatever else may come on their channel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/prng.h"
#include "loginsvc/sessions/revocation_news.h"

#define SID "0123456789abcdef0123456789abcdef"

static void what_was_written_is_read(void **state)
{
    (void)state;
    static const int64_t times[] = {1, 1800000000000, 999999999999999999};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        char message[REVOCATION_NEWS_SIZE];
        revocation_news_write(SID, (wall_ms_t){times[i]}, message);
        struct revocation_news news = revocation_news_read(slice_of(message));
        assert_int_equal(news.kind, REVOCATION_ENDED);
        assert_string_equal(news.sid, SID);
        assert_int_equal(news.until.ms, times[i]);
    }
    assert_int_equal(revocation_news_read(slice_of(REVOCATION_NEWS_LOOK)).kind, REVOCATION_LOOK);
}

static void the_message_and_the_channel_are_those_of_the_contract(void **state)
{
    (void)state;
    char message[REVOCATION_NEWS_SIZE], channel[REVOCATION_CHANNEL_SIZE];
    revocation_news_write(SID, (wall_ms_t){1800000000000}, message);
    assert_string_equal(message, SID " 1800000000000");
    assert_string_equal(REVOCATION_NEWS_LOOK, "*");
    revocation_channel("tokend", channel);
    assert_string_equal(channel, "tokend:sessions:ended");
}

static void anything_else_is_garbled(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        " ",
        "**",
        "* ",
        SID,
        SID " ",
        SID " 0",
        SID " -1",
        SID " 1 ",
        SID "  1",
        SID " 1x",
        SID " 1.5",
        SID " 9223372036854775808",
        SID " 1 2",
        " " SID " 1",
        "0123456789ABCDEF0123456789ABCDEF 1",
        "0123456789abcdef0123456789abcde 1",
        "{\"sid\":\"" SID "\",\"until\":1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        if (revocation_news_read(slice_of(wrong[i])).kind != REVOCATION_GARBLED)
            fail_msg("understood: %s", wrong[i]);
    }
    static const char with_nul[] = SID " 1";
    assert_int_equal(revocation_news_read((struct slice){with_nul, sizeof with_nul}).kind,
                     REVOCATION_GARBLED);
}

static void changed_messages_are_read_or_refused(void **state)
{
    (void)state;
    struct prng r;
    prng_seed(&r, 7);
    for (int i = 0; i < 20000; i++) {
        char message[] = SID " 1800000000000";
        size_t n = (size_t)prng_between(&r, 0, (int64_t)sizeof message - 1);
        for (int64_t changes = prng_between(&r, 0, 3); changes > 0; changes--)
            message[prng_between(&r, 0, (int64_t)sizeof message - 2)] =
                (char)prng_between(&r, -128, 127);
        struct revocation_news news = revocation_news_read((struct slice){message, n});
        if (news.kind == REVOCATION_ENDED)
            assert_true(session_id_valid(slice_of(news.sid)) && news.until.ms > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(the_message_and_the_channel_are_those_of_the_contract),
        cmocka_unit_test(anything_else_is_garbled),
        cmocka_unit_test(changed_messages_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
