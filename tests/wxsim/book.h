/* book.h - the books of the simulated WeChat: which apps exist, which tokens live, which codes are
 * out, and the rules by which they are given and taken.
 *
 * It judges and answers errcodes (errcodes.h, 0 = done); it knows no HTTP, no JSON and no faults.
 * Pure: links base only, time is an argument, everything else follows from the seed. One thread. */
#ifndef WXSIM_BOOK_H
#define WXSIM_BOOK_H

#include "wxsim/app.h"
#include "wxsim/ledger.h"
#include "wxsim/sessions.h"

enum {
    APPS_MAX = 65536, /* what a token's number has room for */
    TOKEN_MAX = 512,  /* characters of a token */
    TOKEN_CHARS_MIN = 32,
    LOGIN_CODE_CHARS = 32,
    PHONE_CODE_CHARS = 64,
    OPENID_CHARS = 28,
    SESSION_KEY_CHARS = 24, /* base64 of 16 bytes */
};

struct book; /* opaque */

struct book *book_new(uint64_t seed, const struct rules *rules) MUST_CHECK;
void book_free(struct book *b); /* NULL is allowed */

/* All tokens and codes are dead, all troubles forgotten; the apps and their secrets stay. */
void book_restart(struct book *b);

/* The counters of uses and issuances start again at 0; nothing else changes. */
void book_clear_counts(struct book *b);

/* In force for what happens from now on. */
void book_set_rules(struct book *b, const struct rules *rules);
const struct rules *book_rules(const struct book *b);

/* ---- apps ---- */

/* The app, made with this secret where there is none yet. NULL when the appid is empty or longer
 * than APPID_MAX or the book is full. Borrowed, lives as long as the book. */
struct app *book_add_app(struct book *b, struct slice appid, struct slice secret) MUST_CHECK;

struct app *book_find_app(const struct book *b, struct slice appid); /* NULL when unknown */
struct app *book_app(const struct book *b,
                     size_t i); /* 0 and up, in the order of adding; or NULL */

/* Who calls with an appsecret? Empty slices are missing parameters. 0 with *out, else what WeChat
 * answers, in its order: 41002, 40013, 41004, 40125, then the account's troubles. */
int book_admit(const struct book *b, struct slice appid, struct slice secret,
               struct app **out) MUST_CHECK;

/* ---- tokens ---- */

/* Writes the granted token's text with a NUL. */
void book_write_token(const struct book *b, const struct app *a, const struct grant *g,
                      char out[TOKEN_MAX + 1]);

struct token_view {
    struct app *app; /* NULL when the rank is RANK_UNKNOWN */
    enum token_family family;
    struct token_state state;
};

/* Looks a token up and counts nothing: for the tests' own questions. */
struct token_view book_view_token(const struct book *b, struct slice token, mono_ms_t now);

/* A call carries this token: 0 with the app it belongs to in *out, else 41001 (empty), 42001,
 * 40001. Dead and unknown ones are counted. */
int book_use_token(struct book *b, struct slice token, mono_ms_t now, struct app **out) MUST_CHECK;

uint64_t book_unknown_token_uses(const struct book *b);

/* Every token that is issued is to be added here. */
struct ledger *book_ledger(struct book *b);

/* ---- codes ---- */

/* What a new code stands for. Empty slices: a new user without unionid (login), any user (phone).
 */
struct code_order {
    struct slice openid, unionid; /* OPENID_MAX bytes at most */
    struct slice phone, country;  /* of a phone code: up to 19 and 5 bytes */
    int errcode;                  /* other than 0: what the attempt to spend it answers */
};

void book_make_login_code(struct book *b, const struct app *a, const struct code_order *order,
                          struct instant now, char out[LOGIN_CODE_CHARS + 1]);
void book_make_phone_code(struct book *b, const struct app *a, const struct code_order *order,
                          struct instant now, char out[PHONE_CODE_CHARS + 1]);

struct login {
    char openid[OPENID_MAX + 1];
    char unionid[OPENID_MAX + 1]; /* empty: none */
    char session_key[SESSION_KEY_CHARS + 1];
};

/* jscode2session: 0 with *out and the code is spent, else 40029, 40163 or the code's own errcode.
 * The session_key is a new one, the user's former one is dead. */
int book_spend_login_code(struct book *b, const struct app *a, struct slice code, mono_ms_t now,
                          struct login *out) MUST_CHECK;

struct phone {
    const char *number; /* borrowed until the next code is made */
    const char *country;
    wall_ms_t tapped_at;
};

/* getuserphonenumber: 0 with *out and the code is spent, else 40029 (unknown, over, spent, of the
 * wrong kind or of another openid), 40013 (of another app) or the code's own errcode. openid may be
 * empty: not compared. */
int book_spend_phone_code(struct book *b, const struct app *a, struct slice code,
                          struct slice openid, mono_ms_t now, struct phone *out) MUST_CHECK;

/* ---- sessions ---- */

/* The user's session_key now; false when there is none. */
bool book_session_key(const struct book *b, const struct app *a, struct slice openid,
                      char out[SESSION_KEY_CHARS + 1]) MUST_CHECK;

/* Gives the user, who has one, a new session_key. */
void book_renew_session_key(struct book *b, const struct app *a, struct slice openid,
                            char out[SESSION_KEY_CHARS + 1]);

#endif
