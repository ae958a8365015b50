/* exchange.h - spending one one-time code at WeChat, as a pure state machine.
 *
 * Knows when the code may be sent, sent again, or never again. Time and the newest known token are
 * arguments; what it wants done comes back as a value. It holds no code and no token, only
 * versions and counts. Not the call itself (driver.c makes it), not a whole login (core.h joins two
 * of these). Any thread. */
#ifndef LOGINSVC_LOGIN_EXCHANGE_H
#define LOGINSVC_LOGIN_EXCHANGE_H

#include <stdint.h>

#include "base/err.h"
#include "base/times.h"

enum {
    EXCHANGE_RESENDS = 2,     /* at most, of requests that never reached WeChat */
    EXCHANGE_PAUSE_MS = 100,  /* before the first of them; doubles */
    EXCHANGE_TOKEN_TRIES = 3, /* requests that WeChat refuses for their token, at most */
    EXCHANGE_FLAP_MS = 1000, /* after this without a newer token the refused one is tried once more:
                                WeChat's copies disagree at times, and a refused token costs no
                                code. tokend repairs a dead one in less, as a rule */
};

enum exchange_need {
    EXCHANGE_NEEDS_NO_TOKEN, /* code2session */
    EXCHANGE_NEEDS_TOKEN,    /* getuserphonenumber */
};

enum exchange_state {
    EXCHANGE_IDLE,        /* not begun, or the login has no such code */
    EXCHANGE_WANTS_TOKEN, /* not spent: waits for an access_token, or for a newer one */
    EXCHANGE_PAUSED,      /* the request never left: waits a moment before it is sent again */
    EXCHANGE_SENT,        /* under way: the code may be spent from now on */
    EXCHANGE_DONE,        /* WeChat gave what the code stands for */
    EXCHANGE_FAILED,      /* it did not; `failure` says how */
};

enum exchange_failure {
    EXCHANGE_NO_FAILURE,  /* not failed */
    EXCHANGE_REFUSED,     /* WeChat answered with an errcode and the code is not spent by this */
    EXCHANGE_UNSURE,      /* the answer is lost or says "busy": the code may be spent, or not */
    EXCHANGE_UNREACHABLE, /* no request reached WeChat */
    EXCHANGE_NO_TOKEN,    /* no access_token that WeChat takes came in time */
};

/* To be embedded; the fields are this machine's own, to read but not to write. */
struct exchange {
    enum exchange_state state;
    enum exchange_need need;
    enum exchange_failure failure;
    enum err_class error_class; /* of the last answer, once failed */
    int errcode;                /* WeChat's number, once failed; 0 = none */
    int attempt;                /* number of the latest send, from 1 */
    int resends;                /* done so far after requests that never left */
    int64_t token_version;      /* that the latest send went with */
    int64_t refused_version;    /* the newest token that WeChat refused, 0 = none so far */
    int token_refusals;         /* so far */
    mono_ms_t wake_at;          /* when exchange_look has something to do by itself */
    mono_ms_t flap_at;          /* from then on the refused token may be tried once more */
};

/* What the exchange asks of its driver now. Zeroes: nothing. */
struct exchange_ask {
    int send;               /* make the call; the number of the attempt, which the answer repeats */
    int64_t report_version; /* tell tokend that WeChat refused this token */
    int report_errcode;
};

/* Everything below: `newest_token` is the version of the newest token that may be used at `now`, 0
 * when there is none. All of them may be called in every state; what does not fit is ignored. */

void exchange_init(struct exchange *x, enum exchange_need need);

/* Once. */
struct exchange_ask exchange_begin(struct exchange *x, mono_ms_t now,
                                   int64_t newest_token) MUST_CHECK;

/* The call's answer: ERR_NONE = done, ERR_RETRY = it never left; errcode 0 = none. The answer to
 * an attempt other than the one under way is ignored. */
struct exchange_ask exchange_answer(struct exchange *x, mono_ms_t now, int64_t newest_token,
                                    int attempt, enum err_class c, int errcode) MUST_CHECK;

/* Time has come (wake_at) or the token changed. */
struct exchange_ask exchange_look(struct exchange *x, mono_ms_t now,
                                  int64_t newest_token) MUST_CHECK;

/* The deadline is over: what is not done has failed. */
void exchange_give_up(struct exchange *x);

#endif
