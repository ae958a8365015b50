/* The driver with WeChat, token reader and store played by this test: who is asked what, that late
 * answers find nobody, and that nothing is done beyond the limits. Run under the sanitizers, it
 * also shows that nothing is used after its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "loginsvc/login/driver.h"
#include "sys/clock.h"

enum { TIMEOUT_MS = 300, MAX_LOGINS = 2 };

/* What the parts were asked, and what they will answer. */
static struct {
    struct loop *loop;
    struct jwt_signer *signer;
    struct apps *apps;
    struct login_driver *driver;

    int session_calls, phone_calls;
    wechat_session_fn *session_fn;
    void *session_arg;
    wechat_phone_fn *phone_fn;
    void *phone_arg;
    char phone_token[64];

    const char *token; /* NULL: none */
    int64_t version;
    int waits, cancels, reports;
    int64_t reported;
    void (*wait_fn)(const struct token_view *, void *);
    void *wait_arg;

    bool store_unhealthy, store_full;
    int stores;
    struct store_login stored;
    struct store_caller store_caller;

    int answers;
    struct login_result result;
    uint64_t answered_id;
    char access_token[JWT_TEXT_MAX + 1];
    char phone[USER_PHONE_SIZE];
} t;

/* ---- the played parts ---- */

uint64_t wechat_code2session(struct wechat_client *c, struct wechat_app app, struct slice code,
                             wechat_session_fn *done, void *arg)
{
    (void)c;
    assert_true(slice_is(app.appid, "wxapp"));
    assert_true(slice_is(app.appsecret, "appsecret"));
    assert_true(slice_is(code, "login-code"));
    t.session_calls++;
    t.session_fn = done;
    t.session_arg = arg;
    return 1;
}

uint64_t wechat_phone(struct wechat_client *c, struct slice appid, struct slice access_token,
                      struct slice code, struct slice openid, wechat_phone_fn *done, void *arg)
{
    (void)c;
    (void)openid;
    assert_true(slice_is(appid, "wxapp"));
    assert_true(slice_is(code, "phone-code"));
    assert_true(slice_copy(access_token, t.phone_token, sizeof t.phone_token));
    t.phone_calls++;
    t.phone_fn = done;
    t.phone_arg = arg;
    return 2;
}

bool token_reader_get(struct token_reader *r, struct slice appid, struct token_view *out)
{
    (void)r;
    (void)appid;
    if (t.token)
        *out = (struct token_view){slice_of(t.token), t.version, 1000};
    return t.token != NULL;
}

uint64_t token_reader_wait_newer(struct token_reader *r, struct slice appid, int64_t version,
                                 int64_t timeout_ms,
                                 void (*fn)(const struct token_view *view, void *arg), void *arg)
{
    (void)r;
    (void)appid;
    assert_true(timeout_ms > 0 && timeout_ms <= TIMEOUT_MS);
    assert_int_equal(version, t.token ? t.version : 0);
    t.waits++;
    t.wait_fn = fn;
    t.wait_arg = arg;
    return 3;
}

void token_reader_cancel(struct token_reader *r, uint64_t id)
{
    (void)r;
    if (id)
        t.cancels++;
}

void token_reader_report(struct token_reader *r, struct slice appid, int64_t version, int errcode,
                         struct slice by)
{
    (void)r;
    (void)appid;
    (void)errcode;
    (void)by;
    t.reports++;
    t.reported = version;
}

struct store_stats store_stats(const struct store *s)
{
    (void)s;
    return (struct store_stats){.healthy = !t.store_unhealthy};
}

bool store_login(struct store *s, const struct store_login *in, struct store_caller c)
{
    (void)s;
    t.stores++;
    t.stored = *in;
    t.store_caller = c;
    return !t.store_full;
}

/* ---- the test's own hands ---- */

static void on_done(void *owner, uint64_t id, const struct login_answer *a)
{
    assert_ptr_equal(owner, &t);
    t.answers++;
    t.answered_id = id;
    t.result = a->result;
    assert_true(slice_copy(slice_of(a->access_token), t.access_token, sizeof t.access_token));
    assert_true(slice_copy(slice_of(a->phone), t.phone, sizeof t.phone));
}

static enum login_ending start(const char *login_code, const char *phone_code)
{
    struct login_request r = {.app = apps_find(t.apps, SLICE_LIT("wxapp")),
                              .login_code = slice_of(login_code),
                              .phone_code = slice_of(phone_code)};
    return login_driver_start(t.driver, &r, (struct login_caller){on_done, &t, 77});
}

static struct wechat_reply reply(enum wechat_outcome outcome, enum err_class c, int errcode)
{
    return (struct wechat_reply){.outcome = outcome, .error_class = c, .errcode = errcode};
}

static void answer_session(void)
{
    struct wechat_session_result r = {.reply = reply(WECHAT_DONE, ERR_NONE, 0),
                                      .openid = "openid-1"};
    t.session_fn(&r, t.session_arg);
}

static void answer_phone(struct wechat_reply how)
{
    struct wechat_phone_result r = {.reply = how};
    if (how.outcome == WECHAT_DONE)
        r = (struct wechat_phone_result){.reply = how,
                                         .phone_number = "13800138000",
                                         .pure_number = "13800138000",
                                         .country_code = "86"};
    t.phone_fn(&r, t.phone_arg);
}

static void answer_store(enum store_status status)
{
    struct store_result r = {.status = status, .user = {.id = 42, .openid = "openid-1"}};
    t.store_caller.done(t.store_caller.owner, t.store_caller.id, &r);
}

static void assert_answered(enum login_ending ending)
{
    assert_int_equal(t.answers, 1);
    assert_int_equal(t.answered_id, 77);
    assert_string_equal(login_ending_name(t.result.ending), login_ending_name(ending));
    assert_int_equal(login_driver_stats(t.driver).under_way, 0);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void run_for(int64_t ms)
{
    struct loop_timer *timer = loop_timer_new(t.loop, stop_loop, t.loop);
    loop_timer_after(timer, ms);
    loop_run(t.loop);
    loop_timer_free(timer);
}

static int setup(void **state)
{
    struct secret secret = {NULL, 0};
    struct app_entry entry = {SLICE_LIT("wxapp"), SLICE_LIT("appsecret")};
    (void)state;
    memset(&t, 0, sizeof t);
    secret_set(&secret, SLICE_LIT("0123456789abcdef0123456789abcdef"));
    t.loop = loop_new();
    t.signer = jwt_signer_new_hs256(&secret, "loginsvc", NULL);
    secret_wipe(&secret);
    t.apps = apps_new();
    assert_true(apps_replace(t.apps, &entry, 1, NULL));
    t.driver =
        login_driver_new(&(struct login_parts){t.loop, NULL, NULL, NULL, t.signer},
                         &(struct login_limits){TIMEOUT_MS, 30LL * 24 * 3600 * 1000, MAX_LOGINS});
    t.token = "token-5";
    t.version = 5;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    login_driver_free(t.driver);
    apps_free(t.apps);
    jwt_signer_free(t.signer);
    loop_free(t.loop);
    return 0;
}

/* ---- the tests ---- */

static void a_login_asks_both_at_once_stores_and_answers_with_a_good_jwt(void **state)
{
    struct jwt_claims claims;
    (void)state;
    assert_int_equal(start("login-code", "phone-code"), LOGIN_OK);
    assert_int_equal(t.session_calls, 1);
    assert_int_equal(t.phone_calls, 1);
    assert_string_equal(t.phone_token, "token-5");
    answer_phone(reply(WECHAT_DONE, ERR_NONE, 0));
    assert_int_equal(t.stores, 0);
    answer_session();
    assert_int_equal(t.stores, 1);
    assert_string_equal(t.stored.openid, "openid-1");
    assert_string_equal(t.stored.phone, "13800138000");
    assert_string_equal(t.stored.country_code, "86");
    assert_int_equal(t.answers, 0);
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(jwt_signer_verify(t.signer, slice_of(t.access_token), clock_wall(), &claims),
                     JWT_OK);
    assert_int_equal(claims.user_id, 42);
    assert_string_equal(claims.openid, "openid-1");
    assert_string_equal(claims.appid, "wxapp");
    assert_string_equal(claims.sid, t.stored.session.id);
    assert_int_equal(claims.exp_s - claims.iat_s, 30 * 24 * 3600);
}

static void nobody_with_this_phone_is_told_with_the_phone(void **state)
{
    (void)state;
    assert_int_equal(start("", "phone-code"), LOGIN_OK);
    answer_phone(reply(WECHAT_DONE, ERR_NONE, 0));
    answer_store(STORE_NOT_FOUND);
    assert_answered(LOGIN_NOT_REGISTERED);
    assert_string_equal(t.phone, "13800138000");
    assert_string_equal(t.access_token, "");
}

static void a_displaced_token_is_reported_and_the_same_code_sent_with_the_next(void **state)
{
    struct token_view newer = {SLICE_LIT("token-6"), 6, 1000};
    (void)state;
    assert_int_equal(start("", "phone-code"), LOGIN_OK);
    answer_phone(reply(WECHAT_REFUSED, ERR_TOKEN, 40001));
    assert_int_equal(t.reports, 1);
    assert_int_equal(t.reported, 5);
    assert_int_equal(t.waits, 1);
    assert_int_equal(t.phone_calls, 1);
    t.token = "token-6";
    t.version = 6;
    t.wait_fn(&newer, t.wait_arg);
    assert_int_equal(t.phone_calls, 2);
    assert_string_equal(t.phone_token, "token-6");
    answer_phone(reply(WECHAT_DONE, ERR_NONE, 0));
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
    assert_int_equal(login_driver_stats(t.driver).tokens_refused, 1);
}

static void a_login_that_waits_for_a_token_ends_at_its_deadline_and_waits_no_more(void **state)
{
    (void)state;
    t.token = NULL;
    assert_int_equal(start("", "phone-code"), LOGIN_OK);
    assert_int_equal(t.waits, 1);
    t.wait_fn(NULL, t.wait_arg);
    assert_int_equal(t.waits, 1);
    run_for(TIMEOUT_MS + 50);
    assert_answered(LOGIN_NO_TOKEN);
    assert_int_equal(t.phone_calls, 0);
    assert_int_equal(t.cancels, 1);
}

static void answers_after_the_end_find_nobody(void **state)
{
    (void)state;
    assert_int_equal(start("login-code", "phone-code"), LOGIN_OK);
    run_for(TIMEOUT_MS + 50);
    assert_answered(LOGIN_UNSURE);
    answer_session();
    answer_phone(reply(WECHAT_DONE, ERR_NONE, 0));
    assert_int_equal(t.answers, 1);
    assert_int_equal(t.stores, 0);
    assert_int_equal(login_driver_stats(t.driver).late, 2);
}

static void a_late_store_finds_nobody(void **state)
{
    (void)state;
    assert_int_equal(start("login-code", ""), LOGIN_OK);
    answer_session();
    run_for(TIMEOUT_MS + 50);
    assert_answered(LOGIN_STORE_FAILED);
    answer_store(STORE_OK);
    assert_int_equal(t.answers, 1);
    assert_int_equal(login_driver_stats(t.driver).late, 1);
}

static void beyond_the_limit_wechat_is_not_asked(void **state)
{
    (void)state;
    for (int i = 0; i < MAX_LOGINS; i++)
        assert_int_equal(start("login-code", ""), LOGIN_OK);
    assert_int_equal(start("login-code", ""), LOGIN_OVERLOADED);
    assert_int_equal(t.session_calls, MAX_LOGINS);
}

static void while_the_database_is_away_no_code_is_spent(void **state)
{
    (void)state;
    t.store_unhealthy = true;
    assert_int_equal(start("login-code", "phone-code"), LOGIN_STORE_FAILED);
    assert_int_equal(t.session_calls + t.phone_calls, 0);
}

static void a_full_store_ends_the_login(void **state)
{
    (void)state;
    t.store_full = true;
    assert_int_equal(start("login-code", ""), LOGIN_OK);
    answer_session();
    assert_answered(LOGIN_STORE_FAILED);
}

static void a_driver_that_goes_forgets_its_logins(void **state)
{
    (void)state;
    t.token = NULL;
    assert_int_equal(start("login-code", "phone-code"), LOGIN_OK);
    login_driver_free(t.driver);
    t.driver = NULL;
    assert_int_equal(t.answers, 0);
    assert_int_equal(t.cancels, 1);
}

static void a_removed_app_serves_its_last_login(void **state)
{
    (void)state;
    assert_int_equal(start("login-code", ""), LOGIN_OK);
    assert_true(apps_replace(t.apps, NULL, 0, NULL));
    answer_session();
    answer_store(STORE_OK);
    assert_answered(LOGIN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_login_asks_both_at_once_stores_and_answers_with_a_good_jwt),
        TEST(nobody_with_this_phone_is_told_with_the_phone),
        TEST(a_displaced_token_is_reported_and_the_same_code_sent_with_the_next),
        TEST(a_login_that_waits_for_a_token_ends_at_its_deadline_and_waits_no_more),
        TEST(answers_after_the_end_find_nobody),
        TEST(a_late_store_finds_nobody),
        TEST(beyond_the_limit_wechat_is_not_asked),
        TEST(while_the_database_is_away_no_code_is_spent),
        TEST(a_full_store_ends_the_login),
        TEST(a_driver_that_goes_forgets_its_logins),
        TEST(a_removed_app_serves_its_last_login),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
