/* The book's promises: who holds a token that lives, and which code can still be spent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wxsim/book.h"

enum { LIFETIME = 7200000, OVERLAP = 300000, CODE_TTL = 300000 };

static const struct rules usual = {
    .lifetime_ms = LIFETIME,
    .overlap_ms = OVERLAP,
    .code_ttl_ms = CODE_TTL,
    .classic_per_day = 2000,
    .stable_per_day = 500000,
    .stable_per_minute = 10000,
    .forced_per_day = 20,
    .forced_gap_ms = 30000,
};

static const struct code_order nobody;

struct world {
    struct book *book;
    struct app *app, *other;
    struct instant now;
};

static struct world *world_of(void **state)
{
    return *state;
}

static int set_up(void **state)
{
    struct world *w = xcalloc(1, sizeof *w);
    w->book = book_new(7, &usual);
    w->app = book_add_app(w->book, SLICE_LIT("wxaaaa"), SLICE_LIT("secret-a"));
    w->other = book_add_app(w->book, SLICE_LIT("wxbbbb"), SLICE_LIT("secret-b"));
    w->now = (struct instant){{1000000}, {1763600000000}};
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    book_free(w->book);
    free(w);
    return 0;
}

static void pass(struct world *w, int64_t ms)
{
    w->now.mono = mono_after(w->now.mono, ms);
    w->now.wall = wall_after(w->now.wall, ms);
}

struct token {
    char text[TOKEN_MAX + 1];
    int64_t expires_in_s;
};

static struct token written(const struct world *w, const struct grant *g)
{
    struct token t = {.expires_in_s = g->expires_in_s};
    book_write_token(w->book, w->app, g, t.text);
    return t;
}

static struct token classic(struct world *w)
{
    struct grant g;
    assert_int_equal(app_fetch_classic(w->app, book_rules(w->book), w->now, &g), WX_OK);
    return written(w, &g);
}

static struct token stable(struct world *w, bool forced)
{
    struct grant g;
    assert_int_equal(app_fetch_stable(w->app, book_rules(w->book), forced, w->now, &g), WX_OK);
    return written(w, &g);
}

static int use(struct world *w, const char *token)
{
    struct app *a;
    return book_use_token(w->book, slice_of(token), w->now.mono, &a);
}

static enum token_rank rank_of(struct world *w, const char *token)
{
    return book_view_token(w->book, slice_of(token), w->now.mono).state.rank;
}

/* ---- tokens ---- */

static void
each_classic_fetch_gives_another_token_and_the_one_before_lives_for_the_overlap(void **state)
{
    struct world *w = world_of(state);
    struct token a = classic(w);
    pass(w, 1000);
    struct token b = classic(w);
    assert_string_not_equal(a.text, b.text);
    assert_int_equal(b.expires_in_s, 7200);
    assert_int_equal(rank_of(w, a.text), RANK_PREVIOUS);
    assert_int_equal(rank_of(w, b.text), RANK_CURRENT);
    pass(w, OVERLAP - 1);
    assert_int_equal(use(w, a.text), WX_OK);
    pass(w, 1);
    assert_int_equal(use(w, a.text), WX_BAD_CREDENTIAL);
    assert_int_equal(use(w, b.text), WX_OK);
}

static void the_third_issuance_kills_the_oldest_at_once(void **state)
{
    struct world *w = world_of(state);
    struct token a = classic(w), b = classic(w);
    assert_int_equal(use(w, a.text), WX_OK);
    struct token c = classic(w);
    assert_int_equal(use(w, a.text), WX_BAD_CREDENTIAL);
    assert_int_equal(rank_of(w, a.text), RANK_OLD);
    assert_int_equal(use(w, b.text), WX_OK);
    assert_int_equal(use(w, c.text), WX_OK);
    assert_int_equal(w->app->counts.dead_token_uses, 1);
    assert_int_equal(w->app->counts.issued[FAMILY_CLASSIC], 3);
}

static void a_token_past_its_own_end_is_expired_not_invalid(void **state)
{
    struct world *w = world_of(state);
    struct token a = classic(w);
    pass(w, LIFETIME - 1);
    assert_int_equal(use(w, a.text), WX_OK);
    pass(w, 1);
    assert_int_equal(use(w, a.text), WX_TOKEN_EXPIRED);
    (void)classic(w);
    assert_int_equal(rank_of(w, a.text), RANK_PREVIOUS);
    assert_int_equal(use(w, a.text), WX_TOKEN_EXPIRED);
}

static void the_previous_token_never_outlives_its_own_end(void **state)
{
    struct world *w = world_of(state);
    struct token a = classic(w);
    pass(w, LIFETIME - 1000);
    (void)classic(w);
    struct token_view view = book_view_token(w->book, slice_of(a.text), w->now.mono);
    assert_int_equal(view.state.usable_for_ms, 1000);
}

static void what_was_never_issued_is_unknown(void **state)
{
    struct world *w = world_of(state);
    struct token a = classic(w);
    const struct grant future = {FAMILY_CLASSIC, 2, 0, false};
    char token[TOKEN_MAX + 1];
    book_write_token(w->book, w->app, &future, token);
    assert_int_equal(use(w, token), WX_BAD_CREDENTIAL);
    assert_int_equal(use(w, "57_"), WX_BAD_CREDENTIAL);
    assert_int_equal(use(w, "garbage"), WX_BAD_CREDENTIAL);
    assert_int_equal(use(w, ""), WX_TOKEN_MISSING);
    assert_int_equal(rank_of(w, token), RANK_UNKNOWN);
    assert_int_equal(book_unknown_token_uses(w->book), 3);
    assert_int_equal(w->app->counts.dead_token_uses, 0);
    assert_int_equal(use(w, a.text), WX_OK);
}

static void the_two_families_leave_each_other_alone(void **state)
{
    struct world *w = world_of(state);
    struct token a = classic(w), s = stable(w, false);
    (void)classic(w);
    (void)classic(w);
    assert_int_equal(use(w, a.text), WX_BAD_CREDENTIAL);
    assert_int_equal(use(w, s.text), WX_OK);
    struct token b = classic(w);
    pass(w, 31000);
    (void)stable(w, true);
    pass(w, 31000);
    (void)stable(w, true);
    assert_int_equal(use(w, s.text), WX_BAD_CREDENTIAL);
    assert_int_equal(use(w, b.text), WX_OK);
}

static void stable_gives_the_same_token_with_what_remains_until_the_overlap_begins(void **state)
{
    struct world *w = world_of(state);
    struct token a = stable(w, false);
    assert_int_equal(a.expires_in_s, 7200);
    pass(w, LIFETIME - OVERLAP - 1500);
    struct token again = stable(w, false);
    assert_string_equal(again.text, a.text);
    assert_int_equal(again.expires_in_s, 301);
    pass(w, 1500);
    struct token b = stable(w, false);
    assert_string_not_equal(b.text, a.text);
    assert_int_equal(b.expires_in_s, 7200);
    pass(w, OVERLAP - 1);
    assert_int_equal(use(w, a.text), WX_OK);
    pass(w, 1);
    assert_int_equal(use(w, a.text), WX_TOKEN_EXPIRED);
    assert_int_equal(w->app->counts.issued[FAMILY_STABLE], 2);
}

static void a_forced_stable_refresh_needs_30_seconds_since_the_last_one(void **state)
{
    struct world *w = world_of(state);
    struct token a = stable(w, true);
    pass(w, 29000);
    assert_string_equal(stable(w, true).text, a.text);
    pass(w, 1000);
    assert_string_not_equal(stable(w, true).text, a.text);
    assert_int_equal(use(w, a.text), WX_OK);
    pass(w, 30000);
    (void)stable(w, true);
    assert_int_equal(use(w, a.text), WX_BAD_CREDENTIAL);
}

static void the_21st_forced_refresh_of_a_day_meets_the_limit(void **state)
{
    struct world *w = world_of(state);
    struct grant g;
    for (int i = 0; i < 20; i++) {
        (void)stable(w, true);
        pass(w, 30000);
    }
    assert_int_equal(app_fetch_stable(w->app, &usual, true, w->now, &g), WX_DAY_LIMIT);
    assert_int_equal(app_fetch_stable(w->app, &usual, false, w->now, &g), WX_OK);
}

static void the_classic_day_limit_ends_with_the_day_in_shanghai(void **state)
{
    struct world *w = world_of(state);
    struct rules few = usual;
    few.classic_per_day = 3;
    book_set_rules(w->book, &few);
    w->now.wall.ms = (20000 * 24 - 8) * 3600000LL - 1; /* the last moment of a day there */
    for (int i = 0; i < 3; i++)
        (void)classic(w);
    struct grant g;
    assert_int_equal(app_fetch_classic(w->app, &few, w->now, &g), WX_DAY_LIMIT);
    pass(w, 1);
    (void)classic(w);
}

static void clearing_the_quota_lets_fetches_pass_again_ten_times(void **state)
{
    struct world *w = world_of(state);
    struct rules few = usual;
    struct grant g;
    few.classic_per_day = 1;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(app_fetch_classic(w->app, &few, w->now, &g), WX_OK);
        assert_int_equal(app_fetch_classic(w->app, &few, w->now, &g), WX_DAY_LIMIT);
        assert_int_equal(app_clear_quota(w->app, w->now), WX_OK);
    }
    assert_int_equal(app_clear_quota(w->app, w->now), WX_CLEAR_LIMIT);
}

static void another_environment_displaces_the_token_like_a_fetch_but_is_counted_apart(void **state)
{
    struct world *w = world_of(state);
    struct token a = classic(w);
    struct grant taken;
    app_displace(w->app, &usual, FAMILY_CLASSIC, w->now, &taken);
    assert_int_equal(rank_of(w, a.text), RANK_PREVIOUS);
    app_displace(w->app, &usual, FAMILY_CLASSIC, w->now, &taken);
    assert_int_equal(use(w, a.text), WX_BAD_CREDENTIAL);
    assert_int_equal(w->app->counts.issued[FAMILY_CLASSIC], 1);
    assert_int_equal(w->app->counts.displaced, 2);
}

static void callers_are_judged_in_the_order_of_the_platform(void **state)
{
    struct world *w = world_of(state);
    struct app *a = NULL;
    const struct slice none = {NULL, 0}, id = SLICE_LIT("wxaaaa");
    w->app->troubles.ip_refused = true;
    assert_int_equal(book_admit(w->book, none, none, &a), WX_APPID_MISSING);
    assert_int_equal(book_admit(w->book, SLICE_LIT("wx?"), none, &a), WX_BAD_APPID);
    assert_int_equal(book_admit(w->book, id, none, &a), WX_SECRET_MISSING);
    assert_int_equal(book_admit(w->book, id, SLICE_LIT("wrong"), &a), WX_BAD_SECRET);
    assert_int_equal(book_admit(w->book, id, SLICE_LIT("secret-a"), &a), WX_BAD_IP);
    w->app->troubles.frozen = true;
    assert_int_equal(book_admit(w->book, id, SLICE_LIT("secret-a"), &a), WX_SECRET_FROZEN);
    w->app->troubles = (struct app_troubles){.frozen = false};
    assert_int_equal(book_admit(w->book, id, SLICE_LIT("secret-a"), &a), WX_OK);
    assert_ptr_equal(a, w->app);
}

static void a_restart_kills_tokens_and_codes_but_remembers_that_they_were_given(void **state)
{
    struct world *w = world_of(state);
    char code[LOGIN_CODE_CHARS + 1];
    struct login login;
    struct token a = classic(w);
    book_make_login_code(w->book, w->app, &nobody, w->now, code);
    w->app->troubles.frozen = true;
    book_restart(w->book);
    assert_int_equal(rank_of(w, a.text), RANK_OLD);
    assert_int_equal(book_spend_login_code(w->book, w->app, slice_of(code), w->now.mono, &login),
                     WX_BAD_CODE);
    assert_int_equal(app_trouble(w->app), WX_OK);
    assert_string_not_equal(classic(w).text, a.text);
    assert_int_equal(w->app->counts.issued[FAMILY_CLASSIC], 1);
}

static void tokens_have_the_length_that_the_app_was_given(void **state)
{
    struct world *w = world_of(state);
    w->app->token_chars = TOKEN_MAX;
    struct token a = classic(w);
    assert_int_equal(strlen(a.text), TOKEN_MAX);
    w->app->token_chars = TOKEN_CHARS_MIN;
    assert_int_equal(strlen(classic(w).text), TOKEN_CHARS_MIN);
    assert_int_equal(use(w, a.text), WX_OK);
}

/* ---- codes ---- */

static int spend_login(struct world *w, const struct app *a, const char *code, struct login *out)
{
    return book_spend_login_code(w->book, a, slice_of(code), w->now.mono, out);
}

static int spend_phone(struct world *w, const struct app *a, const char *code, const char *openid)
{
    struct phone phone;
    return book_spend_phone_code(w->book, a, slice_of(code), slice_of(openid), w->now.mono, &phone);
}

static void a_login_code_is_good_once_for_its_app_and_until_it_is_over(void **state)
{
    struct world *w = world_of(state);
    char code[LOGIN_CODE_CHARS + 1], late[LOGIN_CODE_CHARS + 1];
    struct login login;
    book_make_login_code(w->book, w->app, &nobody, w->now, code);
    book_make_login_code(w->book, w->app, &nobody, w->now, late);
    assert_int_equal(spend_login(w, w->other, code, &login), WX_BAD_CODE);
    assert_int_equal(spend_login(w, w->app, code, &login), WX_OK);
    assert_int_equal(strlen(login.openid), OPENID_CHARS);
    assert_int_equal(login.openid[0], 'o');
    assert_string_equal(login.unionid, "");
    assert_int_equal(spend_login(w, w->app, code, &login), WX_CODE_USED);
    pass(w, CODE_TTL);
    assert_int_equal(spend_login(w, w->app, late, &login), WX_BAD_CODE);
}

static void a_chosen_user_keeps_its_ids_and_gets_a_new_session_key_each_time(void **state)
{
    struct world *w = world_of(state);
    const struct code_order alice = {.openid = SLICE_LIT("oAlice"), .unionid = SLICE_LIT("uAlice")};
    char code[LOGIN_CODE_CHARS + 1], key[SESSION_KEY_CHARS + 1];
    struct login first, second;
    book_make_login_code(w->book, w->app, &alice, w->now, code);
    assert_int_equal(spend_login(w, w->app, code, &first), WX_OK);
    book_make_login_code(w->book, w->app, &alice, w->now, code);
    assert_int_equal(spend_login(w, w->app, code, &second), WX_OK);
    assert_string_equal(first.openid, "oAlice");
    assert_string_equal(second.unionid, "uAlice");
    assert_string_not_equal(first.session_key, second.session_key);
    assert_true(book_session_key(w->book, w->app, SLICE_LIT("oAlice"), key));
    assert_string_equal(key, second.session_key);
    assert_false(book_session_key(w->book, w->other, SLICE_LIT("oAlice"), key));
}

static void a_phone_code_is_good_once_for_its_app_and_its_user(void **state)
{
    struct world *w = world_of(state);
    const struct code_order order = {.openid = SLICE_LIT("oAlice"),
                                     .phone = SLICE_LIT("13800001111"),
                                     .country = SLICE_LIT("86")};
    char code[PHONE_CODE_CHARS + 1];
    struct phone phone;
    book_make_phone_code(w->book, w->app, &order, w->now, code);
    assert_int_equal(spend_phone(w, w->other, code, ""), WX_BAD_APPID);
    assert_int_equal(spend_phone(w, w->app, code, "oBob"), WX_BAD_CODE);
    assert_int_equal(book_spend_phone_code(w->book, w->app, slice_of(code), SLICE_LIT("oAlice"),
                                           w->now.mono, &phone),
                     WX_OK);
    assert_string_equal(phone.number, "13800001111");
    assert_string_equal(phone.country, "86");
    assert_int_equal(phone.tapped_at.ms, w->now.wall.ms);
    assert_int_equal(spend_phone(w, w->app, code, "oAlice"), WX_BAD_CODE);
}

static void codes_of_the_two_kinds_do_not_open_each_others_door(void **state)
{
    struct world *w = world_of(state);
    char login_code[LOGIN_CODE_CHARS + 1], phone_code[PHONE_CODE_CHARS + 1];
    struct login login;
    book_make_login_code(w->book, w->app, &nobody, w->now, login_code);
    book_make_phone_code(w->book, w->app, &nobody, w->now, phone_code);
    assert_int_equal(spend_phone(w, w->app, login_code, ""), WX_BAD_CODE);
    assert_int_equal(spend_login(w, w->app, phone_code, &login), WX_BAD_CODE);
    assert_int_equal(spend_login(w, w->app, login_code, &login), WX_OK);
}

static void a_code_made_to_fail_fails_and_is_not_spent(void **state)
{
    struct world *w = world_of(state);
    const struct code_order risky = {.errcode = WX_CODE_BLOCKED};
    char code[LOGIN_CODE_CHARS + 1];
    struct login login;
    book_make_login_code(w->book, w->app, &risky, w->now, code);
    assert_int_equal(spend_login(w, w->app, code, &login), WX_CODE_BLOCKED);
    assert_int_equal(spend_login(w, w->app, code, &login), WX_CODE_BLOCKED);
}

static void a_book_has_room_for_as_many_apps_as_tokens_can_name(void **state)
{
    struct world *w = world_of(state);
    char appid[32];
    for (int i = 2; i < APPS_MAX; i++) {
        snprintf(appid, sizeof appid, "wxmany%d", i);
        w->app = book_add_app(w->book, slice_of(appid), SLICE_LIT("secret"));
        assert_non_null(w->app);
    }
    assert_null(book_add_app(w->book, SLICE_LIT("wxmore"), SLICE_LIT("secret")));
    assert_ptr_equal(book_find_app(w->book, slice_of(appid)), w->app);
    struct token last = classic(w);
    assert_ptr_equal(book_view_token(w->book, slice_of(last.text), w->now.mono).app, w->app);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_classic_fetch_gives_another_token_and_the_one_before_lives_for_the_overlap),
        CASE(the_third_issuance_kills_the_oldest_at_once),
        CASE(a_token_past_its_own_end_is_expired_not_invalid),
        CASE(the_previous_token_never_outlives_its_own_end),
        CASE(what_was_never_issued_is_unknown),
        CASE(the_two_families_leave_each_other_alone),
        CASE(stable_gives_the_same_token_with_what_remains_until_the_overlap_begins),
        CASE(a_forced_stable_refresh_needs_30_seconds_since_the_last_one),
        CASE(the_21st_forced_refresh_of_a_day_meets_the_limit),
        CASE(the_classic_day_limit_ends_with_the_day_in_shanghai),
        CASE(clearing_the_quota_lets_fetches_pass_again_ten_times),
        CASE(another_environment_displaces_the_token_like_a_fetch_but_is_counted_apart),
        CASE(callers_are_judged_in_the_order_of_the_platform),
        CASE(a_restart_kills_tokens_and_codes_but_remembers_that_they_were_given),
        CASE(tokens_have_the_length_that_the_app_was_given),
        CASE(a_book_has_room_for_as_many_apps_as_tokens_can_name),
        CASE(a_login_code_is_good_once_for_its_app_and_until_it_is_over),
        CASE(a_chosen_user_keeps_its_ids_and_gets_a_new_session_key_each_time),
        CASE(a_phone_code_is_good_once_for_its_app_and_its_user),
        CASE(codes_of_the_two_kinds_do_not_open_each_others_door),
        CASE(a_code_made_to_fail_fails_and_is_not_spent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
