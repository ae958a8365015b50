/* core.h - one login, as a pure state machine.
 *
 *   new -> exchanging -> storing -> done
 *
 * What happens comes in as events, what is to be done goes out as actions; time and the newest
 * known token are arguments. It holds no code, phone or openid: the driver keeps those and tells
 * only how each step ended. Not the HTTP shapes (dialects/), not the calls (driver.h). The place
 * for limits and the replay window is between new and exchanging: one state more, whose event
 * carries "go on", "too many" or the answer given before. Any thread.
 *
 * Promises, whatever the order of events: a code is never sent again once it may be spent; exactly
 * one FINISH; until then an action is outstanding or a deadline is set, and the deadline ends it.
 * Which of two failed exchanges decides the answer does not depend on their order: that of the
 * loginCode does, if it failed. */
#ifndef LOGINSVC_LOGIN_CORE_H
#define LOGINSVC_LOGIN_CORE_H

#include "loginsvc/login/exchange.h"

enum login_kind {
    LOGIN_BY_OPENID, /* loginCode alone */
    LOGIN_BY_BOTH,   /* loginCode, and phoneCode to bind the phone */
    LOGIN_BY_PHONE,  /* phoneCode alone: whoever has that phone, if registered */
};

enum login_state {
    LOGIN_NEW,        /* nothing was asked of anyone */
    LOGIN_EXCHANGING, /* WeChat has the codes, or is about to get them */
    LOGIN_STORING,    /* the codes are spent; the store writes user and session */
    LOGIN_DONE,       /* the result was given; whatever still comes is late */
};

enum login_side {
    LOGIN_SESSION, /* loginCode -> openid and session_key */
    LOGIN_PHONE,   /* phoneCode -> phone */
    LOGIN_SIDES,
};

/* How a login ended. */
enum login_ending {
    LOGIN_OK,             /* user and session are stored */
    LOGIN_NOT_REGISTERED, /* by phone: nobody has it */
    LOGIN_REFUSED,        /* WeChat refused a code; class and errcode say why */
    LOGIN_UNSURE,         /* the answer about a code is lost or "busy" (errcode): it may be spent */
    LOGIN_UNREACHABLE,    /* WeChat could not be reached; the codes are whole */
    LOGIN_NO_TOKEN,       /* no access_token that WeChat takes came in time */
    LOGIN_STORE_FAILED,   /* the database is down, full or late; the codes are spent */
    LOGIN_OVERLOADED,     /* never begun: too many logins under way (given by the driver) */
    LOGIN_ENDINGS,
};

struct login_result {
    enum login_ending ending;
    enum err_class error_class; /* ERR_NONE when OK or NOT_REGISTERED */
    int errcode;                /* WeChat's number, 0 = none */
};

enum login_event_kind {
    LOGIN_EV_START,    /* first, once */
    LOGIN_EV_ANSWERED, /* WeChat answered a SEND: side, attempt, error_class, errcode */
    LOGIN_EV_STORED,   /* the store answered: error_class */
    LOGIN_EV_NOBODY,   /* the store answered: no such user (LOGIN_BY_PHONE) */
    LOGIN_EV_LOOK,     /* a deadline has come, or the token changed */
};

struct login_event {
    enum login_event_kind kind;
    enum login_side side;
    int attempt;
    enum err_class error_class;
    int errcode;
};

enum login_action_kind {
    LOGIN_ACT_SEND,   /* call WeChat for `side`, with the token of `token_version`; answer with
                         `attempt` */
    LOGIN_ACT_REPORT, /* tell tokend that WeChat refused `token_version` with `errcode` */
    LOGIN_ACT_STORE,  /* write user and session */
    LOGIN_ACT_FINISH, /* give the answer: result; the last action of all */
};

struct login_action {
    enum login_action_kind kind;
    enum login_side side;
    int attempt;
    int64_t token_version; /* 0: the call needs none */
    int errcode;
};

enum { LOGIN_ACTIONS_MAX = 4 };

struct login_actions {
    struct login_action at[LOGIN_ACTIONS_MAX];
    int n;
};

/* To be embedded; to read but not to write. */
struct login {
    enum login_state state;
    enum login_kind kind;
    struct exchange exchange[LOGIN_SIDES];
    mono_ms_t deadline;
    struct login_result result; /* meaningful once done */
};

/* `deadline`: when it ends, whatever happens. */
void login_init(struct login *l, enum login_kind kind, mono_ms_t deadline);

/* Takes one event and appends what is to be done, in order, to *out (which it empties first).
 * newest_token: version of the newest token that may be used at `now`, 0 = none. Late, stale and
 * repeated events are ignored. */
void login_step(struct login *l, mono_ms_t now, int64_t newest_token, const struct login_event *e,
                struct login_actions *out);

/* When to send LOGIN_EV_LOOK at the latest; MONO_NEVER once done. */
mono_ms_t login_next_deadline(const struct login *l);

/* True when a newer token could change something: send LOGIN_EV_LOOK when it comes. */
bool login_wants_token(const struct login *l);

/* "storing", "not_registered": for logs and metrics. */
const char *login_state_name(enum login_state s);
const char *login_ending_name(enum login_ending e);

#endif
