#include "loginsvc/login/core.h"

/* From a state (row) only to those states whose bit is set. */
static const unsigned MOVES[] = {
    [LOGIN_NEW] = 1u << LOGIN_CLAIMING,
    [LOGIN_CLAIMING] =
        1u << LOGIN_CHECKING | 1u << LOGIN_EXCHANGING | 1u << LOGIN_STORING | 1u << LOGIN_DONE,
    [LOGIN_CHECKING] = 1u << LOGIN_EXCHANGING | 1u << LOGIN_DONE,
    [LOGIN_EXCHANGING] = 1u << LOGIN_STORING | 1u << LOGIN_DONE,
    [LOGIN_STORING] = 1u << LOGIN_DONE,
    [LOGIN_DONE] = 0,
};

static const enum login_ending ENDING_OF[] = {
    [EXCHANGE_NO_FAILURE] = LOGIN_OK,     [EXCHANGE_REFUSED] = LOGIN_REFUSED,
    [EXCHANGE_UNSURE] = LOGIN_UNSURE,     [EXCHANGE_UNREACHABLE] = LOGIN_UNREACHABLE,
    [EXCHANGE_NO_TOKEN] = LOGIN_NO_TOKEN,
};

/* What each kind of login consists of. */
static const struct {
    bool has[LOGIN_SIDES]; /* session, phone */
    bool stores;
    bool checks; /* a ticket, before it spends a code */
} KINDS[LOGIN_KINDS] = {
    [LOGIN_BY_OPENID] = {{true, false}, .stores = true},
    [LOGIN_BY_BOTH] = {{true, true}, .stores = true},
    [LOGIN_LENIENT] = {{true, true}, .stores = true},
    [LOGIN_BY_PHONE] = {{false, true}, .stores = true},
    [LOGIN_BY_TICKET] = {{false, false}, .stores = true},
    [LOGIN_REGISTER] = {{true, false}, .stores = true, .checks = true},
    [LOGIN_BIND_PHONE] = {{false, true}, .stores = true},
    [LOGIN_SHOW_PHONE] = {{false, true}, .stores = false},
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

static void end_with(struct login *l, enum login_ending ending, enum err_class c,
                     struct login_actions *out)
{
    finish(l, (struct login_result){.ending = ending, .error_class = c}, out);
}

static bool has_side(const struct login *l, enum login_side side)
{
    return KINDS[l->kind].has[side] && !(side == LOGIN_PHONE && l->without_phone);
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

/* What the exchanges gave is to be written, where anything is and there is time left. */
static void store(struct login *l, mono_ms_t now, struct login_actions *out)
{
    if (!KINDS[l->kind].stores) {
        end_with(l, LOGIN_OK, ERR_NONE, out);
        return;
    }
    if (mono_reached(now, l->deadline)) {
        end_with(l, LOGIN_STORE_FAILED, ERR_BACKOFF, out);
        return;
    }
    set_state(l, LOGIN_STORING);
    add(out, (struct login_action){.kind = LOGIN_ACT_STORE});
}

/* While WeChat cannot be reached, what became of the phone's code will be known in a moment. */
static bool waits_for_phone(const struct login *l, const struct exchange *failed)
{
    return failed->failure == EXCHANGE_UNREACHABLE &&
           l->exchange[LOGIN_PHONE].state == EXCHANGE_SENT;
}

/* Goes on when the exchanges allow it. A side that failed decides, but the phone's only once the
 * session's did not, or was never begun; and not that of a lenient login. */
static void settle(struct login *l, mono_ms_t now, struct login_actions *out)
{
    for (enum login_side side = LOGIN_SESSION; side < LOGIN_SIDES; side++) {
        const struct exchange *x = &l->exchange[side];
        struct login_result r = {ENDING_OF[x->failure], x->error_class, x->errcode, 0};
        if (!has_side(l, side) || x->state == EXCHANGE_DONE)
            continue;
        if (x->state == EXCHANGE_FAILED && side == LOGIN_PHONE && l->kind == LOGIN_LENIENT) {
            l->phone = r;
            continue;
        }
        if (x->state == EXCHANGE_FAILED && !waits_for_phone(l, x))
            finish(l, r, out);
        if (x->state != EXCHANGE_IDLE)
            return;
    }
    store(l, now, out);
}

/* While there is no token at all, the loginCode is not spent either: the user who is told to try
 * again later then has both codes still whole. */
static bool held_back(const struct login *l, enum login_side side, int64_t newest_token)
{
    return side == LOGIN_SESSION && l->kind == LOGIN_BY_BOTH && newest_token == 0;
}

/* The phone of a lenient login leaves the store some of the login's time. */
static mono_ms_t side_deadline(const struct login *l, enum login_side side)
{
    return side == LOGIN_PHONE ? mono_min(l->phone_deadline, l->deadline) : l->deadline;
}

static void begin_exchanges(struct login *l, mono_ms_t now, int64_t newest_token,
                            struct login_actions *out)
{
    for (enum login_side side = LOGIN_SESSION; side < LOGIN_SIDES; side++) {
        struct exchange *x = &l->exchange[side];
        if (has_side(l, side) && x->state == EXCHANGE_IDLE && !held_back(l, side, newest_token))
            pass_on(l, side, exchange_begin(x, now, newest_token), out);
    }
}

static void look(struct login *l, mono_ms_t now, int64_t newest_token, struct login_actions *out)
{
    if (!mono_reached(now, l->deadline))
        begin_exchanges(l, now, newest_token, out);
    for (enum login_side side = LOGIN_SESSION; side < LOGIN_SIDES; side++) {
        struct exchange *x = &l->exchange[side];
        if (mono_reached(now, side_deadline(l, side)))
            exchange_give_up(x);
        else
            pass_on(l, side, exchange_look(x, now, newest_token), out);
    }
}

/* ---- claiming ---- */

enum { HELD_PAUSE_MS = 25, HELD_PAUSES_MAX = 3 }; /* 25, 50, 100, 200, 200, ... ms */

static void ask(struct login *l, struct login_actions *out)
{
    l->claim_at = MONO_NEVER;
    add(out, (struct login_action){.kind = LOGIN_ACT_CLAIM});
}

static void ask_later(struct login *l, mono_ms_t now)
{
    int shift = l->holds < HELD_PAUSES_MAX ? l->holds : HELD_PAUSES_MAX;
    l->claim_at = mono_after(now, (int64_t)HELD_PAUSE_MS << shift);
    l->holds++;
}

/* The document's rule that a phone which fails does not fail the login holds for our own reasons
 * too. True: the login goes on without it. */
static bool do_without_phone(struct login *l, struct login_result why, struct login_actions *out)
{
    if (l->kind != LOGIN_LENIENT || l->without_phone)
        return false;
    l->without_phone = true;
    l->phone = why;
    ask(l, out);
    return true;
}

static void exchange(struct login *l, mono_ms_t now, int64_t newest_token,
                     struct login_actions *out)
{
    set_state(l, LOGIN_EXCHANGING);
    begin_exchanges(l, now, newest_token, out);
    settle(l, now, out);
}

static void begin(struct login *l, mono_ms_t now, int64_t newest_token, struct login_actions *out)
{
    l->mine = true;
    if (l->kind == LOGIN_LENIENT)
        l->phone_deadline = mono_after(now, mono_between(now, l->deadline) * 3 / 4);
    if (!KINDS[l->kind].checks) {
        exchange(l, now, newest_token, out);
        return;
    }
    set_state(l, LOGIN_CHECKING);
    add(out, (struct login_action){.kind = LOGIN_ACT_CHECK});
}

static void on_verdict(struct login *l, mono_ms_t now, int64_t newest_token,
                       const struct login_event *e, struct login_actions *out)
{
    struct login_result refused = {.error_class = ERR_BACKOFF, .retry_after_ms = e->retry_after_ms};
    bool phone_may_be_why = false;
    switch (e->verdict) {
    case CLAIM_MINE:
        begin(l, now, newest_token, out);
        return;
    case CLAIM_HELD:
        ask_later(l, now);
        return;
    case CLAIM_KEPT:
        end_with(l, LOGIN_REPEATED, ERR_NONE, out);
        return;
    case CLAIM_EXCHANGED:
        l->mine = true;
        l->exchanged_before = true;
        store(l, now, out);
        return;
    case CLAIM_USED:
        refused = (struct login_result){.ending = LOGIN_CODE_USED, .error_class = ERR_USER};
        phone_may_be_why = true;
        break;
    case CLAIM_LIMITED:
        refused.ending = LOGIN_LIMITED;
        break;
    case CLAIM_BUSY:
        refused.ending = LOGIN_OVERLOADED;
        break;
    case CLAIM_BUDGET:
        refused.ending = LOGIN_BUDGET_SPENT;
        refused.error_class = ERR_QUOTA;
        phone_may_be_why = true;
        break;
    }
    if (!phone_may_be_why || !do_without_phone(l, refused, out))
        finish(l, refused, out);
}

/* Whoever waits for the same request learns nothing about its codes; who waits for the claim itself
 * has spent nothing. */
static void give_up_claiming(struct login *l, struct login_actions *out)
{
    if (l->exchanged_before)
        end_with(l, LOGIN_STORE_FAILED, ERR_UNKNOWN, out);
    else if (l->holds > 0 && !l->mine)
        end_with(l, LOGIN_UNSURE, ERR_UNKNOWN, out);
    else
        end_with(l, LOGIN_OVERLOADED, ERR_BACKOFF, out);
}

/* There is no time left to use what is ours now: it goes back as it came. */
static void take_late(struct login *l, enum claim_verdict verdict)
{
    l->exchanged_before = verdict == CLAIM_EXCHANGED;
    l->mine = verdict == CLAIM_MINE || verdict == CLAIM_EXCHANGED;
}

static void step_new(struct login *l, const struct login_event *e, struct login_actions *out)
{
    if (e->kind != LOGIN_EV_START)
        return;
    set_state(l, LOGIN_CLAIMING);
    ask(l, out);
}

static void step_claiming(struct login *l, mono_ms_t now, int64_t newest_token,
                          const struct login_event *e, struct login_actions *out)
{
    bool late = mono_reached(now, l->deadline);
    bool answered = e->kind == LOGIN_EV_CLAIMED && l->claim_at.ms == MONO_NEVER.ms;
    if (answered && late)
        take_late(l, e->verdict);
    if (late)
        give_up_claiming(l, out);
    else if (answered)
        on_verdict(l, now, newest_token, e, out);
    else if (e->kind == LOGIN_EV_LOOK && mono_reached(now, l->claim_at))
        ask(l, out);
}

/* ---- checking, exchanging and storing ---- */

static void step_checking(struct login *l, mono_ms_t now, int64_t newest_token,
                          const struct login_event *e, struct login_actions *out)
{
    if (e->kind == LOGIN_EV_REUSED)
        end_with(l, LOGIN_TICKET_USED, ERR_USER, out);
    else if (mono_reached(now, l->deadline))
        end_with(l, LOGIN_STORE_FAILED, ERR_BACKOFF, out);
    else if (e->kind == LOGIN_EV_CHECKED && e->error_class == ERR_NONE)
        exchange(l, now, newest_token, out);
    else if (e->kind == LOGIN_EV_CHECKED)
        end_with(l, LOGIN_STORE_FAILED, e->error_class, out);
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
    case LOGIN_EV_CLAIMED:
    case LOGIN_EV_CHECKED:
    case LOGIN_EV_STORED:
    case LOGIN_EV_NOBODY:
    case LOGIN_EV_REUSED:
        return;
    }
    settle(l, now, out);
}

static void step_storing(struct login *l, mono_ms_t now, const struct login_event *e,
                         struct login_actions *out)
{
    switch (e->kind) {
    case LOGIN_EV_STORED:
        end_with(l, e->error_class == ERR_NONE ? LOGIN_OK : LOGIN_STORE_FAILED, e->error_class,
                 out);
        return;
    case LOGIN_EV_NOBODY:
        if (l->kind == LOGIN_BIND_PHONE)
            end_with(l, LOGIN_USER_GONE, ERR_USER, out);
        else
            end_with(l, LOGIN_NOT_REGISTERED, ERR_NONE, out);
        return;
    case LOGIN_EV_REUSED:
        end_with(l, LOGIN_TICKET_USED, ERR_USER, out);
        return;
    case LOGIN_EV_LOOK:
        if (mono_reached(now, l->deadline))
            end_with(l, LOGIN_STORE_FAILED, ERR_UNKNOWN, out);
        return;
    case LOGIN_EV_START:
    case LOGIN_EV_CLAIMED:
    case LOGIN_EV_CHECKED:
    case LOGIN_EV_ANSWERED:
        return;
    }
}

void login_init(struct login *l, enum login_kind kind, mono_ms_t deadline)
{
    ASSERT(kind > LOGIN_NO_KIND && kind < LOGIN_KINDS);
    *l = (struct login){.state = LOGIN_NEW,
                        .kind = kind,
                        .deadline = deadline,
                        .claim_at = MONO_NEVER,
                        .phone_deadline = MONO_NEVER};
    exchange_init(&l->exchange[LOGIN_SESSION], EXCHANGE_NEEDS_NO_TOKEN);
    exchange_init(&l->exchange[LOGIN_PHONE], EXCHANGE_NEEDS_TOKEN);
}

void login_step(struct login *l, mono_ms_t now, int64_t newest_token, const struct login_event *e,
                struct login_actions *out)
{
    out->n = 0;
    switch (l->state) {
    case LOGIN_NEW:
        step_new(l, e, out);
        return;
    case LOGIN_CLAIMING:
        step_claiming(l, now, newest_token, e, out);
        return;
    case LOGIN_CHECKING:
        step_checking(l, now, newest_token, e, out);
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
    if (l->state == LOGIN_CLAIMING)
        next = mono_min(next, l->claim_at);
    if (l->state != LOGIN_EXCHANGING)
        return next;
    for (int side = 0; side < LOGIN_SIDES; side++)
        next = mono_min(next, l->exchange[side].wake_at);
    bool phone_open = has_side(l, LOGIN_PHONE) && l->exchange[LOGIN_PHONE].state < EXCHANGE_DONE;
    return phone_open ? mono_min(next, l->phone_deadline) : next;
}

bool login_wants_token(const struct login *l)
{
    return l->state == LOGIN_EXCHANGING && l->exchange[LOGIN_PHONE].state == EXCHANGE_WANTS_TOKEN;
}

bool login_code_whole(const struct login *l, enum login_side side)
{
    const struct exchange *x = &l->exchange[side];
    ASSERT(l->state == LOGIN_DONE && has_side(l, side));
    switch (x->state) {
    case EXCHANGE_IDLE:
        return !l->exchanged_before;
    case EXCHANGE_WANTS_TOKEN:
    case EXCHANGE_PAUSED:
        return true;
    case EXCHANGE_SENT: /* the other code failed meanwhile */
    case EXCHANGE_DONE:
        return false;
    case EXCHANGE_FAILED:
        return x->failure != EXCHANGE_UNSURE;
    }
    return false;
}

/* Whether WeChat, as far as is known, took any notice of the codes. */
bool login_is_worth_keeping(const struct login *l)
{
    bool noticed = l->result.ending == LOGIN_OK;
    for (enum login_side side = LOGIN_SESSION; side < LOGIN_SIDES; side++) {
        const struct exchange *x = &l->exchange[side];
        noticed |= x->state == EXCHANGE_DONE || x->state == EXCHANGE_SENT ||
                   (x->state == EXCHANGE_FAILED && x->failure != EXCHANGE_UNREACHABLE &&
                    x->failure != EXCHANGE_NO_TOKEN);
    }
    return noticed || l->exchanged_before;
}

/* It ended while checking: its code is as it came. */
static bool never_began(const struct login *l)
{
    return KINDS[l->kind].checks && l->exchange[LOGIN_SESSION].state == EXCHANGE_IDLE &&
           !l->exchanged_before;
}

bool login_only_storing_failed(const struct login *l)
{
    return l->state == LOGIN_DONE && l->result.ending == LOGIN_STORE_FAILED && !never_began(l);
}
