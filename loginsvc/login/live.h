/* live.h - one login under way, as the parts of the driver share it. Inner header of login/. */
#ifndef LOGINSVC_LOGIN_LIVE_H
#define LOGINSVC_LOGIN_LIVE_H

#include "base/list.h"
#include "base/slots.h"
#include "loginsvc/login/driver.h"

struct login_driver {
    struct login_parts parts;
    struct login_limits limits;
    struct keyring *kept_ring, *ticket_ring, *name_ring;
    struct slots *live;  /* struct live by id */
    struct list logins;  /* the same, to free them */
    struct list flights; /* calls to WeChat that have not answered yet */
    struct login_driver_stats stats;
};

struct live {
    struct list node;
    struct login_driver *d;
    uint64_t id;
    struct login core;
    struct app *app;
    struct login_caller caller;
    struct loop_timer *timer;
    mono_ms_t timer_at;
    uint64_t token_wait; /* at the token reader; 0 = not waiting */
    int64_t started_us;
    char code[LOGIN_SIDES][WECHAT_CODE_MAX + 1];
    struct client_address client;
    struct claim claim;
    struct store_login record;
    int64_t user_id; /* LOGIN_BIND_PHONE */
    bool paid;       /* WeChat gave a phone, though it may have been too late to use it */
    struct login_outcome outcome;
};

/* Gives the core an event and carries out what it asks. The login may be gone after this. */
void live_step(struct live *l, struct login_event e);

void live_free(struct live *l);

/* ---- flight.c: calls to WeChat ---- */

void flight_start(struct live *l, const struct login_action *a, const struct token_view *token);
void flights_free(struct login_driver *d);

/* ---- claiming.c: the right to spend the codes, and its end ---- */

void claiming_ask(struct live *l);

/* Tells what became of the codes, and keeps the outcome for a repeat. */
void claiming_settle(struct live *l);

/* ---- ending.c: the outcome ---- */

/* Fills l->outcome of what the store gave. False when no token could be signed. */
bool ending_take_user(struct live *l, const struct store_result *r);

/* Tells the caller and frees the login. */
void ending_finish(struct live *l);

#endif
