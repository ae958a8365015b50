/* core.h - one login, as a pure state machine.
 *
 *   new -> claiming -> (checking ->) exchanging -> storing -> done
 *
 * What happens comes in as events, what is to be done goes out as actions; time and the newest
 * known token are arguments. It holds no code, phone or openid: the driver keeps those and tells
 * only how each step ended. Not the HTTP shapes (dialects/), not the calls (driver.h). Any thread.
 *
 * Promises, whatever the order of events: nothing is sent before the codes were claimed, and a code
 * is never sent again once it may be spent; exactly one FINISH; until then an action is outstanding
 * or a deadline is set, and the deadline ends it. Which of two failed exchanges decides the answer
 * does not depend on their order: that of the loginCode does, if it failed. */
#ifndef LOGINSVC_LOGIN_CORE_H
#define LOGINSVC_LOGIN_CORE_H

#include "loginsvc/limits/verdict.h"
#include "loginsvc/login/exchange.h"

enum login_kind {
    LOGIN_NO_KIND,    /* nothing that could be a login */
    LOGIN_BY_OPENID,  /* loginCode alone */
    LOGIN_BY_BOTH,    /* loginCode, and phoneCode to bind the phone */
    LOGIN_LENIENT,    /* both, but it goes on without the phone when that exchange fails */
    LOGIN_BY_PHONE,   /* phoneCode alone: whoever has that phone, if registered */
    LOGIN_BY_TICKET,  /* a register ticket alone: no code to exchange */
    LOGIN_REGISTER,   /* loginCode and a register ticket, which is looked up first */
    LOGIN_BIND_PHONE, /* phoneCode of a user who is logged in already */
    LOGIN_SHOW_PHONE, /* phoneCode: the number is all that is wanted, nothing is stored */
    LOGIN_KINDS,
};

enum login_state {
    LOGIN_NEW,      /* nothing was asked of anyone */
    LOGIN_CLAIMING, /* asks whether the codes are ours to spend */
    LOGIN_CHECKING, /* asks the store whether the ticket was used: no code is spent on such a one */
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
    LOGIN_STORE_FAILED,   /* the database is down, full or late; the codes are spent, unless it
                             failed while checking */
    LOGIN_USER_GONE,      /* binding a phone: the user was erased meanwhile */
    LOGIN_TICKET_USED,    /* somebody registered with this ticket before */
    LOGIN_CODE_USED,      /* a code was used before, and this is no repeat that may be answered */
    LOGIN_LIMITED,        /* too many of this user or address; retry_after_ms */
    LOGIN_BUDGET_SPENT,   /* the app's phone exchanges of the day are used up; retry_after_ms */
    LOGIN_OVERLOADED,     /* never begun: too many logins under way */
    LOGIN_REPEATED,       /* answered before: the driver has that answer */
    LOGIN_ENDINGS,
};

struct login_result {
    enum login_ending ending;
    enum err_class error_class; /* ERR_NONE when OK, NOT_REGISTERED or REPEATED */
    int errcode;                /* WeChat's number, 0 = none */
    int64_t retry_after_ms;     /* 0: not known */
};

enum login_event_kind {
    LOGIN_EV_START,    /* first, once */
    LOGIN_EV_CLAIMED,  /* the answer to a CLAIM: verdict, retry_after_ms */
    LOGIN_EV_CHECKED,  /* the answer to a CHECK: error_class; or LOGIN_EV_REUSED */
    LOGIN_EV_ANSWERED, /* WeChat answered a SEND: side, attempt, error_class, errcode */
    LOGIN_EV_STORED,   /* the store answered: error_class */
    LOGIN_EV_NOBODY,   /* the store answered: no such user */
    LOGIN_EV_REUSED,   /* the store answered: the ticket was used before */
    LOGIN_EV_LOOK,     /* a deadline has come, or the token changed */
};

struct login_event {
    enum login_event_kind kind;
    enum login_side side;
    int attempt;
    enum err_class error_class;
    int errcode;
    enum claim_verdict verdict;
    int64_t retry_after_ms;
};

enum login_action_kind {
    LOGIN_ACT_CLAIM,  /* ask for the right to spend the codes, or the login code alone: see
                         without_phone */
    LOGIN_ACT_CHECK,  /* look up whether the ticket was used */
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
    int holds;                  /* times the codes were found held by the same request */
    mono_ms_t claim_at;         /* when to ask for them again; MONO_NEVER: an answer is to come */
    mono_ms_t phone_deadline;   /* when a lenient login goes on without the phone */
    bool mine;                  /* the codes were claimed: they are to be settled in the end */
    bool without_phone;         /* a lenient login whose phone code is not to be had */
    bool exchanged_before;      /* by an earlier request that could not be stored */
    struct login_result phone;  /* of a lenient login: why there is no phone; else LOGIN_OK */
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

/* Once done: did this login certainly not spend this code, because it never got there or WeChat
 * refused it? Whoever else has it may send it then. */
bool login_code_whole(const struct login *l, enum login_side side);

/* Once done: is the same request to get the same answer? Not when nothing came of it but that it
 * may be tried again. */
bool login_is_worth_keeping(const struct login *l);

/* Once done: WeChat gave all that the codes stand for, but the store did not take it, so that a
 * repeat may go on from there. */
bool login_only_storing_failed(const struct login *l);

/* "storing", "bind_phone", "not_registered": for logs and metrics. */
const char *login_kind_name(enum login_kind k);
const char *login_state_name(enum login_state s);
const char *login_ending_name(enum login_ending e);

#endif
