#include "loginsvc/login/exchange.h"

static const struct exchange_ask NOTHING = {0};

/* From a state (row) only to those states whose bit is set. */
static const unsigned MOVES[] = {
    [EXCHANGE_IDLE] = 1u << EXCHANGE_WANTS_TOKEN | 1u << EXCHANGE_SENT,
    [EXCHANGE_WANTS_TOKEN] = 1u << EXCHANGE_SENT | 1u << EXCHANGE_FAILED,
    [EXCHANGE_PAUSED] = 1u << EXCHANGE_WANTS_TOKEN | 1u << EXCHANGE_SENT | 1u << EXCHANGE_FAILED,
    [EXCHANGE_SENT] = 1u << EXCHANGE_SENT | 1u << EXCHANGE_WANTS_TOKEN | 1u << EXCHANGE_PAUSED |
                      1u << EXCHANGE_DONE | 1u << EXCHANGE_FAILED,
    [EXCHANGE_DONE] = 0,
    [EXCHANGE_FAILED] = 0,
};

static void set_state(struct exchange *x, enum exchange_state to)
{
    ASSERT(MOVES[x->state] & 1u << to);
    x->state = to;
    x->wake_at = MONO_NEVER;
}

static struct exchange_ask fail(struct exchange *x, enum exchange_failure how, enum err_class c,
                                int errcode)
{
    set_state(x, EXCHANGE_FAILED);
    x->failure = how;
    x->error_class = c;
    x->errcode = errcode;
    return NOTHING;
}

/* A token that was not refused, or, after a while, the one that was. */
static bool may_use(const struct exchange *x, mono_ms_t now, int64_t token)
{
    if (x->need == EXCHANGE_NEEDS_NO_TOKEN || token > x->refused_version)
        return true;
    return token != 0 && token == x->refused_version && mono_reached(now, x->flap_at);
}

static struct exchange_ask send(struct exchange *x, int64_t token)
{
    set_state(x, EXCHANGE_SENT);
    x->attempt++;
    x->token_version = x->need == EXCHANGE_NEEDS_TOKEN ? token : 0;
    return (struct exchange_ask){.send = x->attempt};
}

static struct exchange_ask send_or_wait(struct exchange *x, mono_ms_t now, int64_t token)
{
    if (may_use(x, now, token))
        return send(x, token);
    if (x->state != EXCHANGE_WANTS_TOKEN)
        set_state(x, EXCHANGE_WANTS_TOKEN);
    x->wake_at = mono_reached(now, x->flap_at) ? MONO_NEVER : x->flap_at;
    return NOTHING;
}

void exchange_init(struct exchange *x, enum exchange_need need)
{
    *x = (struct exchange){.need = need, .wake_at = MONO_NEVER, .flap_at = MONO_NEVER};
}

struct exchange_ask exchange_begin(struct exchange *x, mono_ms_t now, int64_t newest_token)
{
    ASSERT(x->state == EXCHANGE_IDLE);
    return send_or_wait(x, now, newest_token);
}

/* Nothing reached WeChat, so the code is whole. */
static struct exchange_ask on_not_sent(struct exchange *x, mono_ms_t now)
{
    if (x->resends == EXCHANGE_RESENDS)
        return fail(x, EXCHANGE_UNREACHABLE, ERR_RETRY, 0);
    set_state(x, EXCHANGE_PAUSED);
    x->wake_at = mono_after(now, (int64_t)EXCHANGE_PAUSE_MS << x->resends);
    x->resends++;
    return NOTHING;
}

/* WeChat looks at the token before the code, so the code is whole. A token that is refused for the
 * first time is reported, unless a newer one is known, and gets one more chance. */
static struct exchange_ask on_token_refused(struct exchange *x, mono_ms_t now, int64_t newest,
                                            int errcode)
{
    bool first_time = x->token_version != x->refused_version;
    bool nothing_newer = newest <= x->token_version;
    struct exchange_ask ask;
    x->refused_version = x->token_version;
    x->flap_at = first_time ? mono_after(now, EXCHANGE_FLAP_MS) : MONO_NEVER;
    if (++x->token_refusals < EXCHANGE_TOKEN_TRIES)
        ask = send_or_wait(x, now, newest);
    else
        ask = fail(x, EXCHANGE_NO_TOKEN, ERR_TOKEN, errcode);
    if (first_time && nothing_newer) {
        ask.report_version = x->refused_version;
        ask.report_errcode = errcode;
    }
    return ask;
}

struct exchange_ask exchange_answer(struct exchange *x, mono_ms_t now, int64_t newest_token,
                                    int attempt, enum err_class c, int errcode)
{
    if (x->state != EXCHANGE_SENT || attempt != x->attempt)
        return NOTHING;
    switch (c) {
    case ERR_NONE:
        set_state(x, EXCHANGE_DONE);
        return NOTHING;
    case ERR_RETRY:
        return on_not_sent(x, now);
    case ERR_TOKEN:
        if (x->need == EXCHANGE_NEEDS_TOKEN)
            return on_token_refused(x, now, newest_token, errcode);
        return fail(x, EXCHANGE_REFUSED, c, errcode);
    case ERR_UNKNOWN:
        return fail(x, EXCHANGE_UNSURE, c, errcode);
    case ERR_BACKOFF: /* -1, "busy", may come after the code was spent */
        return fail(x, errcode > 0 ? EXCHANGE_REFUSED : EXCHANGE_UNSURE, c, errcode);
    case ERR_USER:
    case ERR_QUOTA:
    case ERR_OPERATOR:
    case ERR_BUG:
        return fail(x, EXCHANGE_REFUSED, c, errcode);
    }
    return NOTHING;
}

struct exchange_ask exchange_look(struct exchange *x, mono_ms_t now, int64_t newest_token)
{
    bool due = x->state == EXCHANGE_PAUSED && mono_reached(now, x->wake_at);
    if (due || x->state == EXCHANGE_WANTS_TOKEN)
        return send_or_wait(x, now, newest_token);
    return NOTHING;
}

void exchange_give_up(struct exchange *x)
{
    switch (x->state) {
    case EXCHANGE_WANTS_TOKEN:
        (void)fail(x, EXCHANGE_NO_TOKEN, ERR_TOKEN, 0);
        return;
    case EXCHANGE_PAUSED:
        (void)fail(x, EXCHANGE_UNREACHABLE, ERR_RETRY, 0);
        return;
    case EXCHANGE_SENT:
        (void)fail(x, EXCHANGE_UNSURE, ERR_UNKNOWN, 0);
        return;
    case EXCHANGE_IDLE:
    case EXCHANGE_DONE:
    case EXCHANGE_FAILED:
        return;
    }
}
