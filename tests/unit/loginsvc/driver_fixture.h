/* driver_fixture.h - the driver of logins on a stage: WeChat, the token reader, the store, the
 * claims and the session keys are played, so that a test sees who is asked what and says what they
 * answer, and when.
 *
 * Each part remembers its latest question of a kind only. */
#ifndef TEST_DRIVER_FIXTURE_H
#define TEST_DRIVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loginsvc/login/driver.h"
#include "loginsvc/login/kept.h"

#define APPID       "wxapp"
#define LOGIN_CODE  "login-code"
#define PHONE_CODE  "phone-code"
#define OPENID      "openid-1"
#define UNIONID     "unionid-1"
#define SESSION_KEY "MDEyMzQ1Njc4OWFiY2RlZg=="
#define PHONE       "13800138000"
#define TICKET_ID   "00112233445566778899aabbccddeeff"

enum {
    TIMEOUT_MS = 300,
    LONG_TIMEOUT_MS = 2000, /* for what must not be late, however busy the machine */
    MAX_LOGINS = 2,
    STORE_QUEUE = 8,
    USER_ID = 42,
    CALLER_ID = 77,
    JWT_TTL_S = 3600,
    SESSION_TTL_S = 30 * 24 * 3600,
    SESSION_KEY_TTL_MS = 12345,
};

extern struct stage {
    struct loop *loop;
    struct jwt_signer *signer;
    struct keyring *master, *kept_ring, *tickets;
    struct apps *apps;
    struct login_driver *driver;

    /* claims */
    int claims_asked;
    struct claim claim;
    claims_done_fn *claim_fn;
    void *claim_owner;
    uint64_t claim_id;
    int settled, paid_late;
    struct claim settled_claim;
    struct claims_settlement settlement; /* its `kept` lies in kept */
    uint8_t kept[KEPT_MAX];

    /* WeChat */
    int session_calls, phone_calls;
    wechat_session_fn *session_fn;
    void *session_arg;
    wechat_phone_fn *phone_fn;
    void *phone_arg;
    char phone_token[64];

    /* the token reader */
    const char *token; /* NULL: none */
    int64_t version;
    int waits, cancels, reports;
    int64_t reported;
    void (*wait_fn)(const struct token_view *, void *);
    void *wait_arg;

    /* the store */
    bool store_unhealthy, store_full;
    size_t store_under_way;
    int checks, stores, set_phones;
    struct store_login stored;
    int64_t phone_user_id;
    char set_phone[USER_PHONE_SIZE], set_country_code[USER_COUNTRY_CODE_SIZE];
    struct store_caller store_caller;

    /* the session keys */
    int session_keys;
    int64_t session_key_user, session_key_ttl_ms;
    char session_key[64];

    /* who waits for the answer */
    int answers;
    struct login_outcome outcome;
} stage;

int driver_setup(void **state);
int driver_teardown(void **state);

/* A request with all that such a login needs; the client is at 203.0.113.7. */
struct login_request request_of(enum login_kind kind);
enum login_ending start_request(const struct login_request *r);

/* Begins a login of this kind, which must be let in. */
void start(enum login_kind kind);
/* The same, and its codes are its own. */
void start_claimed(enum login_kind kind);

/* ---- what the parts answer ---- */

void answer_claim(enum claim_verdict verdict);
void answer_claim_with(const struct claims_answer *answer);

/* A reply of WeChat's that is no success. */
struct wechat_reply refusal(enum err_class c, int errcode);
struct wechat_reply not_sent(void);
struct wechat_reply no_answer(void);

void give_session(void); /* OPENID, UNIONID, SESSION_KEY */
void refuse_session(struct wechat_reply how);
void give_phone(void); /* PHONE, 86 */
void refuse_phone(struct wechat_reply how);
void answer_store(enum store_status status);
void fail_store(enum err_class c);

/* ---- what came of it ---- */

void run_for(int64_t ms);
void run_until(const int *count, int n); /* it has come to n */

/* Logins to come have so much time; a test that must not be late takes more. */
void set_timeout(int64_t ms);

/* The caller was told so, once, and nothing is under way. */
void assert_answered(enum login_ending ending);

/* An outcome with something in every field, and bytes that `stage.claim` would be given for it. */
struct login_outcome full_outcome(enum login_ending ending);
struct slice kept_of(const struct login_outcome *o);

void assert_same_outcome(const struct login_outcome *a, const struct login_outcome *b);

#endif
