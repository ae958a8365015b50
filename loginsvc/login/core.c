#include "loginsvc/login/core.h"

/* From a state (row) only to those states whose bit is set. */
static const unsigned MOVES[] = {
    [LOGIN_NEW] = 1u << LOGIN_EXCHANGING,
    [LOGIN_EXCHANGING] = 1u << LOGIN_STORING | 1u << LOGIN_DONE,
    [LOGIN_STORING] = 1u << LOGIN_DONE,
    [LOGIN_DONE] = 0,
};

static const enum login_ending ENDING_OF[] = {
    [EXCHANGE_NO_FAILURE] = LOGIN_OK,     [EXCHANGE_REFUSED] = LOGIN_REFUSED,
    [EXCHANGE_UNSURE] = LOGIN_UNSURE,     [EXCHANGE_UNREACHABLE] = LOGIN_UNREACHABLE,
    [EXCHANGE_NO_TOKEN] = LOGIN_NO_TOKEN,
};

static void set_state(struct login *l, enum login_state to)
{
    ASSERT(MOVES[l->state] & 1u << to);
    l->state = to;
}

static void add(struct login_actions *out, struct login_action a)
{
    ASSERT(out->n < LOGIN_ACTIONS_MAX);
    out->at[out->n++] = a;
}

static void finish(struct login *l, struct login_result result, struct login_actions *out)
{
    set_state(l, LOGIN_DONE);
    l->result = result;
    add(out, (struct login_action){.kind = LOGIN_ACT_FINISH});
}

static bool has_side(const struct login *l, enum login_side side)
{
    return l->kind == LOGIN_BY_BOTH ||
           l->kind == (side == LOGIN_SESSION ? LOGIN_BY_OPENID : LOGIN_BY_PHONE);
}

static void pass_on(const struct login *l, enum login_side side, struct exchange_ask ask,
                    struct login_actions *out)
{
    if (ask.report_version)
        add(out, (struct login_action){.kind = LOGIN_ACT_REPORT,
                                       .side = side,
                                       .token_version = ask.report_version,
                                       .errcode = ask.report_errcode});
    if (ask.send)
        add(out, (struct login_action){.kind = LOGIN_ACT_SEND,
                                       .side = side,
                                       .attempt = ask.send,
                                       .token_version = l->exchange[side].token_version});
}

/* Goes on when the exchanges allow it. A side that failed decides, but the phone's only once the
 * session's did not, or was never begun. */
static void settle(struct login *l, struct login_actions *out)
{
    for (enum login_side side = LOGIN_SESSION; side < LOGIN_SIDES; side++) {
        const struct exchange *x = &l->exchange[side];
        if (!has_side(l, side) || x->state == EXCHANGE_DONE || x->state == EXCHANGE_IDLE)
            continue;
        if (x->state == EXCHANGE_FAILED) {
            struct login_result r = {ENDING_OF[x->failure], x->error_class, x->errcode};
            finish(l, r, out);
        }
        return;
    }
    set_state(l, LOGIN_STORING);
    add(out, (struct login_action){.kind = LOGIN_ACT_STORE});
}

/* While there is no token at all, the loginCode is not spent either: the user who is told to try
 * again later then has both codes still whole. */
static bool held_back(const struct login *l, enum login_side side, int64_t newest_token)
{
    return side == LOGIN_SESSION && l->kind == LOGIN_BY_BOTH && newest_token == 0;
}

static void begin_exchanges(struct login *l, mono_ms_t now, int64_t newest_token,
                            struct login_actions *out)
{
    for (enum login_side side = LOGIN_SESSION; side < LOGIN_SIDES; side++) {
        struct exchange *x = &l->exchange[side];
        if (has_side(l, side) && x->state == EXCHANGE_IDLE && !held_back(l, side, newest_token))
            pass_on(l, side, exchange_begin(x, now, l->deadline, newest_token), out);
    }
}

static void step_new(struct login *l, mono_ms_t now, int64_t newest_token,
                     const struct login_event *e, struct login_actions *out)
{
    switch (e->kind) {
    case LOGIN_EV_START:
        set_state(l, LOGIN_EXCHANGING);
        begin_exchanges(l, now, newest_token, out);
        return;
    case LOGIN_EV_ANSWERED:
    case LOGIN_EV_STORED:
    case LOGIN_EV_NOBODY:
    case LOGIN_EV_LOOK:
        return;
    }
}

static void look(struct login *l, mono_ms_t now, int64_t newest_token, struct login_actions *out)
{
    bool over = mono_reached(now, l->deadline);
    if (!over)
        begin_exchanges(l, now, newest_token, out);
    for (enum login_side side = LOGIN_SESSION; side < LOGIN_SIDES; side++) {
        struct exchange *x = &l->exchange[side];
        if (over)
            exchange_give_up(x);
        else
            pass_on(l, side, exchange_look(x, now, newest_token), out);
    }
}

/* At the deadline whatever comes is a look: an answer that late is not used. */
static void step_exchanging(struct login *l, mono_ms_t now, int64_t newest_token,
                            const struct login_event *e, struct login_actions *out)
{
    switch (mono_reached(now, l->deadline) ? LOGIN_EV_LOOK : e->kind) {
    case LOGIN_EV_ANSWERED:
        pass_on(l, e->side,
                exchange_answer(&l->exchange[e->side], now, newest_token, e->attempt,
                                e->error_class, e->errcode),
                out);
        break;
    case LOGIN_EV_LOOK:
        look(l, now, newest_token, out);
        break;
    case LOGIN_EV_START:
    case LOGIN_EV_STORED:
    case LOGIN_EV_NOBODY:
        return;
    }
    settle(l, out);
}

static void step_storing(struct login *l, mono_ms_t now, const struct login_event *e,
                         struct login_actions *out)
{
    switch (e->kind) {
    case LOGIN_EV_STORED:
        finish(l,
               (struct login_result){e->error_class == ERR_NONE ? LOGIN_OK : LOGIN_STORE_FAILED,
                                     e->error_class, 0},
               out);
        return;
    case LOGIN_EV_NOBODY:
        finish(l, (struct login_result){LOGIN_NOT_REGISTERED, ERR_NONE, 0}, out);
        return;
    case LOGIN_EV_LOOK:
        if (mono_reached(now, l->deadline))
            finish(l, (struct login_result){LOGIN_STORE_FAILED, ERR_UNKNOWN, 0}, out);
        return;
    case LOGIN_EV_START:
    case LOGIN_EV_ANSWERED:
        return;
    }
}

void login_init(struct login *l, enum login_kind kind, mono_ms_t deadline)
{
    *l = (struct login){.state = LOGIN_NEW, .kind = kind, .deadline = deadline};
    exchange_init(&l->exchange[LOGIN_SESSION], EXCHANGE_NEEDS_NO_TOKEN);
    exchange_init(&l->exchange[LOGIN_PHONE], EXCHANGE_NEEDS_TOKEN);
}

void login_step(struct login *l, mono_ms_t now, int64_t newest_token, const struct login_event *e,
                struct login_actions *out)
{
    out->n = 0;
    switch (l->state) {
    case LOGIN_NEW:
        step_new(l, now, newest_token, e, out);
        return;
    case LOGIN_EXCHANGING:
        step_exchanging(l, now, newest_token, e, out);
        return;
    case LOGIN_STORING:
        step_storing(l, now, e, out);
        return;
    case LOGIN_DONE:
        return;
    }
}

mono_ms_t login_next_deadline(const struct login *l)
{
    mono_ms_t next = l->deadline;
    if (l->state == LOGIN_DONE)
        return MONO_NEVER;
    if (l->state == LOGIN_EXCHANGING) {
        for (int side = 0; side < LOGIN_SIDES; side++)
            next = mono_min(next, l->exchange[side].wake_at);
    }
    return next;
}

bool login_wants_token(const struct login *l)
{
    return l->state == LOGIN_EXCHANGING && l->exchange[LOGIN_PHONE].state == EXCHANGE_WANTS_TOKEN;
}

const char *login_state_name(enum login_state s)
{
    static const char *const names[] = {
        [LOGIN_NEW] = "new",
        [LOGIN_EXCHANGING] = "exchanging",
        [LOGIN_STORING] = "storing",
        [LOGIN_DONE] = "done",
    };
    return names[s];
}

const char *login_ending_name(enum login_ending e)
{
    static const char *const names[] = {
        [LOGIN_OK] = "ok",
        [LOGIN_NOT_REGISTERED] = "not_registered",
        [LOGIN_REFUSED] = "refused",
        [LOGIN_UNSURE] = "unsure",
        [LOGIN_UNREACHABLE] = "unreachable",
        [LOGIN_NO_TOKEN] = "no_token",
        [LOGIN_STORE_FAILED] = "store_failed",
        [LOGIN_OVERLOADED] = "overloaded",
    };
    return names[e];
}
