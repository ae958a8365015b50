#include "driver_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "sys/clock.h"

struct stage stage;

/* ---- the played claims ---- */

void claims_ask(struct claims *c, const struct claim *claim, claims_done_fn *done, void *owner,
                uint64_t id)
{
    (void)c;
    stage.claims_asked++;
    stage.claim = *claim;
    stage.claim_fn = done;
    stage.claim_owner = owner;
    stage.claim_id = id;
}

void claims_count_paid(struct claims *c, struct slice appid)
{
    (void)c;
    assert_true(slice_is(appid, APPID));
    stage.paid_late++;
}

void claims_settle(struct claims *c, const struct claim *claim, const struct claims_settlement *s)
{
    (void)c;
    assert_true(s->kept.n <= sizeof stage.kept);
    stage.settled++;
    stage.settled_claim = *claim;
    stage.settlement = *s;
    if (s->kept.n > 0)
        memmove(stage.kept, s->kept.p, s->kept.n);
    stage.settlement.kept.p = (const char *)stage.kept;
}

void answer_claim_with(const struct claims_answer *answer)
{
    struct claim claim = stage.claim;
    stage.claim_fn(stage.claim_owner, stage.claim_id, &claim, answer);
}

void answer_claim(enum claim_verdict verdict)
{
    answer_claim_with(&(struct claims_answer){.verdict = verdict});
}

/* ---- the played WeChat ---- */

uint64_t wechat_code2session(struct wechat_client *c, struct wechat_app app, struct slice code,
                             wechat_session_fn *done, void *arg)
{
    (void)c;
    assert_true(slice_is(app.appid, APPID));
    assert_true(slice_is(app.appsecret, "appsecret"));
    assert_true(slice_is(code, LOGIN_CODE));
    stage.session_calls++;
    stage.session_fn = done;
    stage.session_arg = arg;
    return 1;
}

uint64_t wechat_phone(struct wechat_client *c, struct slice appid, struct slice access_token,
                      struct slice code, struct slice openid, wechat_phone_fn *done, void *arg)
{
    (void)c;
    (void)openid;
    assert_true(slice_is(appid, APPID));
    assert_true(slice_is(code, PHONE_CODE));
    assert_true(slice_copy(access_token, stage.phone_token, sizeof stage.phone_token));
    stage.phone_calls++;
    stage.phone_fn = done;
    stage.phone_arg = arg;
    return 2;
}

struct wechat_reply refusal(enum err_class c, int errcode)
{
    return (struct wechat_reply){.outcome = WECHAT_REFUSED,
                                 .error_class = c,
                                 .errcode = errcode,
                                 .rid = "12345678-12345678-12345678"};
}

struct wechat_reply not_sent(void)
{
    return (struct wechat_reply){.outcome = WECHAT_NOT_SENT, .error_class = ERR_RETRY};
}

struct wechat_reply no_answer(void)
{
    return (struct wechat_reply){.outcome = WECHAT_UNKNOWN, .error_class = ERR_UNKNOWN};
}

void give_session(void)
{
    struct wechat_session_result r = {
        .reply.outcome = WECHAT_DONE, .openid = OPENID, .unionid = UNIONID};
    secret_set(&r.session_key, SLICE_LIT(SESSION_KEY));
    stage.session_fn(&r, stage.session_arg);
    secret_wipe(&r.session_key);
}

void refuse_session(struct wechat_reply how)
{
    struct wechat_session_result r = {.reply = how};
    stage.session_fn(&r, stage.session_arg);
}

void give_phone(void)
{
    struct wechat_phone_result r = {.reply.outcome = WECHAT_DONE,
                                    .phone_number = "+86" PHONE,
                                    .pure_number = PHONE,
                                    .country_code = "86"};
    stage.phone_fn(&r, stage.phone_arg);
}

void refuse_phone(struct wechat_reply how)
{
    struct wechat_phone_result r = {.reply = how};
    stage.phone_fn(&r, stage.phone_arg);
}

/* ---- the played token reader ---- */

bool token_reader_get(struct token_reader *r, struct slice appid, struct token_view *out)
{
    (void)r;
    assert_true(slice_is(appid, APPID));
    if (stage.token)
        *out = (struct token_view){slice_of(stage.token), stage.version, 1000};
    return stage.token != NULL;
}

uint64_t token_reader_wait_newer(struct token_reader *r, struct slice appid, int64_t version,
                                 int64_t timeout_ms,
                                 void (*fn)(const struct token_view *view, void *arg), void *arg)
{
    (void)r;
    (void)appid;
    assert_true(timeout_ms > 0 && timeout_ms <= LONG_TIMEOUT_MS);
    assert_int_equal(version, stage.token ? stage.version : 0);
    stage.waits++;
    stage.wait_fn = fn;
    stage.wait_arg = arg;
    return 3;
}

void token_reader_cancel(struct token_reader *r, uint64_t id)
{
    (void)r;
    if (id)
        stage.cancels++;
}

void token_reader_report(struct token_reader *r, struct slice appid, int64_t version, int errcode,
                         struct slice by)
{
    (void)r;
    (void)appid;
    assert_int_equal(errcode, 40001);
    assert_true(slice_is(by, "loginsvc"));
    stage.reports++;
    stage.reported = version;
}

/* ---- the played store ---- */

struct store_stats store_stats(const struct store *s)
{
    (void)s;
    return (struct store_stats){.healthy = !stage.store_unhealthy,
                                .under_way = stage.store_under_way};
}

bool store_login(struct store *s, const struct store_login *in, struct store_caller c)
{
    (void)s;
    stage.stores++;
    stage.stored = *in;
    stage.store_caller = c;
    return !stage.store_full;
}

bool store_check_ticket(struct store *s, struct slice ticket, struct store_caller c)
{
    (void)s;
    stage.checks++;
    assert_true(slice_is(ticket, TICKET_ID));
    stage.store_caller = c;
    return !stage.store_full;
}

bool store_set_phone(struct store *s, int64_t user_id, struct slice phone,
                     struct slice country_code, wall_ms_t now, struct store_caller c)
{
    (void)s;
    (void)now;
    stage.set_phones++;
    stage.phone_user_id = user_id;
    assert_true(slice_copy(phone, stage.set_phone, sizeof stage.set_phone));
    assert_true(slice_copy(country_code, stage.set_country_code, sizeof stage.set_country_code));
    stage.store_caller = c;
    return !stage.store_full;
}

void answer_store(enum store_status status)
{
    struct store_result r = {.status = status, .is_new = true};
    if (status == STORE_OK)
        r.user = (struct user){
            .id = USER_ID, .appid = APPID, .openid = OPENID, .phone = PHONE, .nickname = "小明"};
    stage.store_caller.done(stage.store_caller.owner, stage.store_caller.id, &r);
}

void fail_store(enum err_class c)
{
    struct store_result r = {.status = STORE_FAILED, .class = c};
    stage.store_caller.done(stage.store_caller.owner, stage.store_caller.id, &r);
}

/* ---- the played session keys ---- */

void session_keys_put(struct session_keys *k, struct slice appid, int64_t user_id,
                      struct slice session_key, int64_t ttl_ms)
{
    (void)k;
    assert_true(slice_is(appid, APPID));
    if (session_key.n == 0)
        return;
    stage.session_keys++;
    stage.session_key_user = user_id;
    stage.session_key_ttl_ms = ttl_ms;
    assert_true(slice_copy(session_key, stage.session_key, sizeof stage.session_key));
}

/* ---- the test's own hands ---- */

static void on_done(void *owner, uint64_t id, const struct login_answer *a)
{
    assert_ptr_equal(owner, &stage);
    assert_int_equal(id, CALLER_ID);
    assert_true(slice_is(a->appid, APPID));
    assert_true(a->took_us >= 0);
    stage.answers++;
    stage.outcome = *a->outcome;
}

struct login_request request_of(enum login_kind kind)
{
    static const struct client_address client = {"203.0.113.7", "203.0.113.7", false};
    static struct register_ticket ticket = {
        .id = TICKET_ID, .appid = APPID, .phone = "13900139000", .country_code = "852"};
    bool ticketed = kind == LOGIN_BY_TICKET || kind == LOGIN_REGISTER;
    bool session = kind == LOGIN_BY_OPENID || kind == LOGIN_BY_BOTH || kind == LOGIN_LENIENT ||
                   kind == LOGIN_REGISTER;
    bool phone = kind != LOGIN_BY_OPENID && !ticketed;
    ticket.expires_at = wall_after(clock_wall(), 60 * 1000);
    return (struct login_request){
        .app = apps_find(stage.apps, SLICE_LIT(APPID)),
        .kind = kind,
        .login_code = slice_of(session ? LOGIN_CODE : ""),
        .phone_code = slice_of(phone ? PHONE_CODE : ""),
        .ticket = ticketed ? &ticket : NULL,
        .user_id = kind == LOGIN_BIND_PHONE ? USER_ID : 0,
        .client = &client,
    };
}

enum login_ending start_request(const struct login_request *r)
{
    return login_driver_start(stage.driver, r, (struct login_caller){on_done, &stage, CALLER_ID});
}

void start(enum login_kind kind)
{
    struct login_request r = request_of(kind);
    assert_int_equal(start_request(&r), LOGIN_OK);
}

void start_claimed(enum login_kind kind)
{
    start(kind);
    answer_claim(CLAIM_MINE);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

void run_for(int64_t ms)
{
    struct loop_timer *timer = loop_timer_new(stage.loop, stop_loop, stage.loop);
    loop_timer_after(timer, ms);
    loop_run(stage.loop);
    loop_timer_free(timer);
}

void run_until(const int *count, int n)
{
    mono_ms_t patience = mono_after(clock_mono(), 10 * 1000);
    while (*count < n && !mono_reached(clock_mono(), patience))
        run_for(2);
    assert_int_equal(*count, n);
}

static struct login_limits limits_of(int64_t timeout_ms)
{
    return (struct login_limits){
        .timeout_ms = timeout_ms,
        .jwt_ttl_ms = JWT_TTL_S * 1000LL,
        .session_ttl_ms = SESSION_TTL_S * 1000LL,
        .session_key_ttl_ms = SESSION_KEY_TTL_MS,
        .max_logins = MAX_LOGINS,
        .store_queue = STORE_QUEUE,
    };
}

void set_timeout(int64_t ms)
{
    const struct login_limits limits = limits_of(ms);
    login_driver_set_limits(stage.driver, &limits);
}

void assert_answered(enum login_ending ending)
{
    assert_int_equal(stage.answers, 1);
    assert_string_equal(login_ending_name(stage.outcome.result.ending), login_ending_name(ending));
    assert_int_equal(login_driver_stats(stage.driver).under_way, 0);
}

/* ---- outcomes ---- */

struct login_outcome full_outcome(enum login_ending ending)
{
    return (struct login_outcome){
        .result = {ending, ERR_QUOTA, 40163, 61000},
        .phone_result = {LOGIN_REFUSED, ERR_BACKOFF, -1, 0},
        .rid = "12345678-12345678-12345678",
        .user = {.id = USER_ID,
                 .openid = OPENID,
                 .phone = PHONE,
                 .country_code = "86",
                 .nickname = "小明",
                 .avatar = "https://example.com/a.png",
                 .created_at = {1700000000123}},
        .is_new = true,
        .expires_in_s = 7200,
        .access_token = "the.access.token",
        .refresh_token = "the-refresh-token",
        .register_ticket = "the-register-ticket",
        .openid = OPENID,
        .unionid = UNIONID,
        .session_key = SESSION_KEY,
        .phone = "13700137000",
        .country_code = "852",
    };
}

struct slice kept_of(const struct login_outcome *o)
{
    static uint8_t sealed[KEPT_MAX];
    size_t n = kept_seal(stage.kept_ring, &stage.claim, o, sealed);
    return (struct slice){(const char *)sealed, n};
}

static void assert_same_result(const struct login_result *a, const struct login_result *b)
{
    assert_int_equal(a->ending, b->ending);
    assert_int_equal(a->error_class, b->error_class);
    assert_int_equal(a->errcode, b->errcode);
}

static void assert_same_user(const struct user *a, const struct user *b)
{
    assert_int_equal(a->id, b->id);
    assert_string_equal(a->openid, b->openid);
    assert_string_equal(a->phone, b->phone);
    assert_string_equal(a->country_code, b->country_code);
    assert_string_equal(a->nickname, b->nickname);
    assert_string_equal(a->avatar, b->avatar);
    assert_int_equal(a->created_at.ms, b->created_at.ms);
}

void assert_same_outcome(const struct login_outcome *a, const struct login_outcome *b)
{
    assert_same_result(&a->result, &b->result);
    assert_int_equal(a->result.retry_after_ms, b->result.retry_after_ms);
    assert_same_result(&a->phone_result, &b->phone_result);
    assert_same_user(&a->user, &b->user);
    assert_int_equal(a->is_new, b->is_new);
    assert_int_equal(a->expires_in_s, b->expires_in_s);
    assert_string_equal(a->access_token, b->access_token);
    assert_string_equal(a->refresh_token, b->refresh_token);
    assert_string_equal(a->register_ticket, b->register_ticket);
    assert_string_equal(a->rid, b->rid);
    assert_string_equal(a->openid, b->openid);
    assert_string_equal(a->unionid, b->unionid);
    assert_string_equal(a->session_key, b->session_key);
    assert_string_equal(a->phone, b->phone);
    assert_string_equal(a->country_code, b->country_code);
}

/* ---- set-up ---- */

static void make_keys(void)
{
    struct secret secret = {NULL, 0};
    secret_set(&secret, SLICE_LIT("0123456789abcdef0123456789abcdef"));
    stage.signer = jwt_signer_new_hs256(&secret, "loginsvc", NULL);
    secret_wipe(&secret);
    stage.master = keyring_parse(SLICE_LIT("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), NULL);
    assert_non_null(stage.master);
    stage.kept_ring = keyring_derive(stage.master, KEPT_LABEL);
    stage.tickets = keyring_derive(stage.master, REGISTER_TICKET_LABEL);
}

int driver_setup(void **state)
{
    const struct app_entry entry = {SLICE_LIT(APPID), SLICE_LIT("appsecret")};
    const struct login_limits limits = limits_of(TIMEOUT_MS);
    (void)state;
    memset(&stage, 0, sizeof stage);
    make_keys();
    stage.loop = loop_new();
    stage.apps = apps_new();
    assert_true(apps_replace(stage.apps, &entry, 1, NULL));
    const struct login_parts parts = {
        .loop = stage.loop, .signer = stage.signer, .master = stage.master};
    stage.driver = login_driver_new(&parts, &limits);
    stage.token = "token-5";
    stage.version = 5;
    return 0;
}

int driver_teardown(void **state)
{
    (void)state;
    login_driver_free(stage.driver);
    apps_free(stage.apps);
    keyring_free(stage.kept_ring);
    keyring_free(stage.tickets);
    keyring_free(stage.master);
    jwt_signer_free(stage.signer);
    loop_free(stage.loop);
    return 0;
}
