/* store.h - the users, their sessions and what was revoked, behind any database.
 *
 * Asynchronous: an operation copies its input into a job for the worker thread that talks to the
 * database; several jobs share one commit, and nobody hears of success before that commit. The
 * result comes back on the loop thread. Phones are sealed at rest and found by a blind index; the
 * plain number exists only in the result for its owner.
 *
 * One phone may belong to several users of an app: a person has two WeChat accounts, or the carrier
 * gave the number to someone else. A search by phone gives the user for whom WeChat proved the
 * number last: of two owners of a recycled number, the new one. Two countries may have the same
 * pure number, so the country code is part of it.
 *
 * Loop thread only. */
#ifndef USERS_STORE_H
#define USERS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "base/times.h"
#include "crypto/keyring.h"
#include "loginsvc/sessions/session.h"
#include "loginsvc/users/user.h"
#include "loop/loop.h"

struct store; /* opaque */

struct store_config {
    const char *url;              /* DATABASE_URL; borrowed for store_open */
    const struct keyring *master; /* from DATA_KEY; borrowed for store_open */
    size_t queue_max;             /* operations under way at most; 0 = 1024 */
    int64_t op_timeout_ms;        /* how long one may wait and work; 0 = 3000 */
    size_t connections;           /* to MySQL, each with a thread; 0 = 4. SQLite has one */
    bool tls;                     /* to MySQL: DATABASE_TLS */
    const char *tls_ca;           /* DATABASE_TLS_CA, or NULL; borrowed for store_open */
};

enum { STORE_CONNECTIONS_MAX = 64 };

/* Opens the database and brings its schema up to date (safe when several processes start at once).
 * A MySQL server that is away is no error: operations fail until it is there, and then it is
 * opened. Blocks: for the start of the daemon, in the process that will use it (it does not survive
 * a fork). NULL with one line in *e that says what is wrong. */
struct store *store_open(struct loop *l, const struct store_config *c, struct err *e) MUST_CHECK;

/* Finishes what is under way (its callbacks run inside this call), then closes. Blocks. NULL is
 * allowed. */
void store_close(struct store *s);

/* ---- results ---- */

enum store_status {
    STORE_OK,
    STORE_NOT_FOUND, /* no such user or session: a result, not an error; nothing was changed */
    STORE_REUSED,    /* what may be used once was used before: a register ticket (nothing was
                        changed), a refresh token (its session was ended by this) */
    STORE_FAILED,    /* see `class` and `err` */
};

struct store_session {
    char id[SESSION_ID_SIZE];
    int64_t user_id;
    char device[USER_DEVICE_SIZE];
    bool alive; /* neither ended nor expired at the time asked about */
    wall_ms_t created_at;
    wall_ms_t last_used_at;
    wall_ms_t expires_at;
};

/* A session that was ended before its time. */
struct store_revocation {
    char sid[SESSION_ID_SIZE];
    wall_ms_t revoked_at;
    wall_ms_t until; /* when its last access token is over and this may be forgotten */
};

enum { STORE_LIST_MAX = 1000 }; /* rows that a result gives */

struct store_result {
    enum store_status status;
    /* STORE_FAILED only: ERR_RETRY (never begun, or others were in its way), ERR_BACKOFF (locked or
     * away, nothing changed), ERR_OPERATOR (full, corrupt, no permission; nothing changed),
     * ERR_UNKNOWN (the commit itself failed), ERR_BUG. The line names no person. */
    enum err_class class;
    struct err err;
    struct user user;             /* STORE_OK of the operations that give a user */
    bool is_new;                  /* store_login: the user was created by it */
    struct store_session session; /* of the operations that give one */
    /* Arrays are borrowed for the callback: a copy of this struct does not own them. */
    struct store_session *sessions;
    size_t n_sessions;
    struct store_revocation *revocations;
    size_t n_revocations;
    bool more; /* there are more than were given, or more to purge */
};

/* Runs exactly once for each operation that was accepted, on the loop thread, never before the
 * starting call returned. `owner` and `id` are what that call was given: look the request up by its
 * id, it may be gone. *r is borrowed for the call. */
typedef void store_done(void *owner, uint64_t id, const struct store_result *r);

struct store_caller {
    store_done *done;
    void *owner; /* outlives the store */
    uint64_t id;
};

/* ---- logins ----
 * Each returns false when queue_max operations are under way: nothing happens then, no callback
 * comes, and the caller answers 503. Inputs are copied before the call returns. */

enum { STORE_TICKET_SIZE = 33 }; /* 128 bits in hex, with the NUL */

struct store_login {
    char appid[USER_APPID_SIZE];   /* required */
    char openid[USER_OPENID_SIZE]; /* who logs in; empty = by phone */
    char unionid[USER_UNIONID_SIZE];
    char phone[USER_PHONE_SIZE];               /* proved by WeChat just now */
    char country_code[USER_COUNTRY_CODE_SIZE]; /* of the phone */
    char nickname[USER_NICKNAME_SIZE];
    char avatar[USER_AVATAR_SIZE];
    char device[USER_DEVICE_SIZE];
    char ticket[STORE_TICKET_SIZE]; /* of a registration, used up by it; empty = a plain login */
    wall_ms_t ticket_expires_at;    /* when it may be forgotten that the ticket was used */
    struct session session;
    wall_ms_t now;
};

/* With openid: the user of (appid, openid); else the owner of the phone, if one is given and its
 * owner registered by phone alone, gets the openid; else a new user. By phone alone: its owner,
 * else STORE_NOT_FOUND, or with a ticket a new user without openid. A ticket that was used before
 * gives STORE_REUSED; whoever has one proved a phone, so one must be given (asserted).
 *
 * Then, all or nothing: what was given replaces what is stored (empty fields leave it alone),
 * last_login_at moves on, the ticket is used up, the session is inserted. Gives the user and
 * is_new. One of openid and phone must be given (asserted). */
bool store_login(struct store *s, const struct store_login *in, struct store_caller c) MUST_CHECK;

/* Was this register ticket used? STORE_REUSED or STORE_OK; changes nothing, so that another one may
 * use it before a store_login with it. */
bool store_check_ticket(struct store *s, struct slice ticket, struct store_caller c) MUST_CHECK;

/* ---- users ----
 * A phone is the pure number together with its country code; both always go as WeChat gave them. A
 * text beyond its size gives STORE_FAILED with ERR_BUG. */

/* The user of (appid, phone); changes nothing. */
bool store_find_by_phone(struct store *s, struct slice appid, struct slice phone,
                         struct slice country_code, struct store_caller c) MUST_CHECK;

bool store_get_user(struct store *s, int64_t user_id, struct store_caller c) MUST_CHECK;

/* Binds a phone that WeChat proved just now; gives the user. */
bool store_set_phone(struct store *s, int64_t user_id, struct slice phone,
                     struct slice country_code, wall_ms_t now, struct store_caller c) MUST_CHECK;

struct store_profile {
    int64_t user_id;
    bool has_nickname, has_avatar; /* what is to be replaced; an empty text clears it */
    char nickname[USER_NICKNAME_SIZE];
    char avatar[USER_AVATAR_SIZE];
    wall_ms_t now;
};

/* Gives the user as it is then. */
bool store_user_update(struct store *s, const struct store_profile *in,
                       struct store_caller c) MUST_CHECK;

/* Deletes the user with all sessions. Gives the user as it was, and the sessions that this ended.
 * When STORE_OK comes, nothing of the person is left in the files of an SQLite database. If others
 * read in them without a pause it comes all the same after about 2 s, the log says so, and the
 * cleaning is tried again until it is done. A backup is beyond its reach. */
bool store_user_erase(struct store *s, int64_t user_id, wall_ms_t now, wall_ms_t until,
                      struct store_caller c) MUST_CHECK;

/* ---- sessions ----
 * One that is ended leaves a revocation in the same commit, and that outlives the session and its
 * user. `until` is when the last access token of the session is over. */

/* Gives the session, alive or not; STORE_NOT_FOUND when there never was one. */
bool store_session_check(struct store *s, struct slice session_id, wall_ms_t now,
                         struct store_caller c) MUST_CHECK;

struct store_rotation {
    char sid[SESSION_ID_SIZE];
    uint8_t old_hash[SHA256_SIZE]; /* of the refresh token that the client sent */
    uint8_t new_hash[SHA256_SIZE]; /* of the one that replaces it */
    wall_ms_t now;
    wall_ms_t expires_at; /* the session's, from now on */
    wall_ms_t until;      /* of the revocation, if it comes to that */
};

/* Replaces the refresh token of a living session; gives the session and its user. A token that is
 * not the session's latest was stolen, or the thief was faster: STORE_REUSED, the session is ended
 * and given. Of several rotations of one token exactly one wins, whatever processes they come from.
 * STORE_NOT_FOUND: no such session, or not alive. */
bool store_session_rotate(struct store *s, const struct store_rotation *in,
                          struct store_caller c) MUST_CHECK;

/* The user's living sessions, newest first. */
bool store_sessions_list(struct store *s, int64_t user_id, wall_ms_t now,
                         struct store_caller c) MUST_CHECK;

/* Ends one and gives it in `sessions`; STORE_NOT_FOUND when it is not this user's or not alive. */
bool store_session_end(struct store *s, int64_t user_id, struct slice sid, wall_ms_t now,
                       wall_ms_t until, struct store_caller c) MUST_CHECK;

/* Ends all that live and gives them; STORE_OK also when there are none. */
bool store_sessions_end_all(struct store *s, int64_t user_id, wall_ms_t now, wall_ms_t until,
                            struct store_caller c) MUST_CHECK;

/* The revocations behind (revoked_at, sid) that still matter at `now`, in that order. */
bool store_revocations_after(struct store *s, wall_ms_t revoked_at, struct slice sid, wall_ms_t now,
                             struct store_caller c) MUST_CHECK;

/* ---- health ---- */

/* Deletes what is over: sessions, revocations, used tickets, up to 500 rows of each kind; `more`
 * says that another call would find more. */
bool store_purge(struct store *s, wall_ms_t now, struct store_caller c) MUST_CHECK;

struct store_stats {
    uint64_t accepted; /* operations */
    uint64_t refused;  /* because the queue was full */
    uint64_t failed;   /* results STORE_FAILED */
    size_t under_way;
    bool healthy; /* false from a failure of the database until something was written again */
};

struct store_stats store_stats(const struct store *s);

/* Asks the database for a sign of life, STORE_OK or STORE_FAILED, for readiness. It writes, since a
 * full disk can still be read. */
bool store_ping(struct store *s, struct store_caller c) MUST_CHECK;

#endif
