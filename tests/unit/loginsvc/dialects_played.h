/* dialects_played.h - what the dialects stand on, played: the driver of logins, the store, the
 * session keys and the watch for ended sessions.
 *
 * Each remembers its latest question and answers in the loop's next turn what the test has put
 * here. */
#ifndef TEST_DIALECTS_PLAYED_H
#define TEST_DIALECTS_PLAYED_H

#include "loginsvc/login/driver.h"
#include "loginsvc/login/session_keys.h"
#include "loginsvc/sessions/revocation_watch.h"
#include "loginsvc/users/store.h"

extern struct played {
    struct loop *loop;

    /* the driver */
    enum login_ending admission;
    struct login_outcome outcome; /* what a login ends with */
    bool silent;                  /* it does not end */
    bool stop_loop;               /* when one has begun */
    int started;
    enum login_kind kind;
    char app[USER_APPID_SIZE];
    char login_code[WECHAT_CODE_MAX + 1], phone_code[WECHAT_CODE_MAX + 1];
    char nickname[USER_NICKNAME_SIZE], avatar[USER_AVATAR_SIZE], device[USER_DEVICE_SIZE];
    bool has_ticket;
    struct register_ticket ticket;
    int64_t user_id;
    struct client_address client;
    struct login_caller caller;

    /* the store */
    bool store_full, store_silent;
    struct store_result result;
    const char *asked; /* of the store: "get_user"; NULL: nothing yet */
    int64_t store_user_id;
    char sid[SESSION_ID_SIZE];
    wall_ms_t now, until;
    char phone[USER_PHONE_SIZE], country_code[USER_COUNTRY_CODE_SIZE];
    struct store_profile profile;
    struct store_rotation rotation;
    struct store_caller store_caller;

    /* the session keys */
    enum session_key_found found;
    const char *session_key;
    char key_app[USER_APPID_SIZE];
    int64_t key_user_id;
    int keys_asked, keys_forgotten;
    session_key_fn *key_fn;
    void *key_owner;
    uint64_t key_id;

    /* the watch */
    bool not_loaded;
    const char *ended_sid;      /* NULL: none was ended */
    const char *ends_meanwhile; /* the same, between a question to the others and its answer */
    int announcements;
    size_t announced; /* sessions, by the latest announcement */
    char announced_sid[SESSION_ID_SIZE];
    wall_ms_t announced_until;
    int looks;
} played;

/* User 42 of wxapp1, logged in, and no trouble anywhere. */
void played_reset(struct loop *loop);

void end_login(void); /* as `outcome` says */
void answer_store(void);

#endif
