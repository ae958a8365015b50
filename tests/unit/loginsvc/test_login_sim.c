/* A simulator around the core of a login: one request and its repeats, in processes that may crash,
 * with a model of WeChat (codes that are spent once, tokens that die), of tokend (refreshes after a
 * report), of the claims in Redis, of the store and of the driver's timers, all on a model clock
 * and from one seed. What the core promises is checked at every step.
 *
 *   test_login_sim [COUNT [FIRST_SEED]]     a failing seed prints its trace */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "base/text.h"
#include "loginsvc/login/core.h"

enum {
    DEADLINE_MS = 8000,
    CALL_TIMEOUT_MS = 5000,
    LATE_TIMER_MS = 20, /* how late a timer may fire */
    MOMENTS_MAX = 256,
    REPEATS_MAX = 4,
    KEPT_MS = 3000, /* how long an answer is kept */
    TRACE_SIZE = 16 * 1024,
};

enum world {
    WORLD_FAULTY,  /* everything goes wrong at times */
    WORLD_HEALTHY, /* WeChat answers; only tokens are missing at first, or displaced once */
};

enum { TOKEND = -1 }; /* a moment that is nobody's */

/* Something that will happen in the model. */
struct moment {
    mono_ms_t at;
    int who; /* the request that it concerns, or TOKEND */
    enum {
        AT_ARRIVAL,   /* the request, or its repeat, comes in */
        AT_EVENT,     /* `event` reaches the core */
        AT_CRASH,     /* the process of the request dies */
        AT_TOKEN,     /* tokend's newest token becomes known here */
        AT_REFRESHED, /* tokend has a new token */
        AT_DISPLACED, /* another environment fetched a token: all that are known are dead */
    } kind;
    struct login_event event;
};

/* The request, or one of its repeats. */
struct player {
    struct login login;
    mono_ms_t deadline;
    bool began, crashed, stored;
    int finished;
    int in_flight[LOGIN_SIDES]; /* attempt that is under way, 0 = none */
};

/* What all processes share of the codes, as limits/lua/ has it. */
struct claims {
    bool held[LOGIN_SIDES]; /* taken by this request; there is no other in this world */
    mono_ms_t held_until;   /* somebody is at it */
    enum { KEPT_NOTHING, KEPT_ANSWER, KEPT_EXCHANGED } kept;
    mono_ms_t kept_until;
};

struct sim {
    struct prng r;
    enum world world;
    uint64_t seed;
    mono_ms_t now;
    enum login_kind kind;
    struct player players[REPEATS_MAX];
    int nplayers;
    struct claims claims;
    struct moment moments[MOMENTS_MAX];
    int nmoments;
    int64_t known;   /* newest version known to the processes */
    int64_t newest;  /* newest version that tokend published */
    int64_t refused; /* WeChat refuses versions up to this one */
    bool refreshing;
    bool spent[LOGIN_SIDES];        /* the truth at WeChat */
    bool may_be_spent[LOGIN_SIDES]; /* as far as the answers so far can tell */
    bool ticket_used;               /* a registration's: by another one, or by this one */
    bool ticket_good;               /* it was not, when the first request came */
    int commits;                    /* times the store wrote it */
    char trace[TRACE_SIZE];
    struct text log;
};

static int runs = 50000;
static uint64_t first_seed = 1;

static void say(struct sim *s, const char *what, int64_t a, int64_t b, int64_t c)
{
    text_fmt(&s->log, "%6lld %-10s %lld %lld %lld\n", (long long)s->now.ms, what, (long long)a,
             (long long)b, (long long)c);
}

static void check(struct sim *s, bool held, const char *promise)
{
    if (held)
        return;
    print_error("seed %llu, world %d: broken: %s\n%s", (unsigned long long)s->seed, (int)s->world,
                promise, s->trace);
    fail();
}

static bool chance(struct sim *s, double p)
{
    return s->world == WORLD_FAULTY && prng_chance(&s->r, p);
}

static void later(struct sim *s, int64_t ms, struct moment m)
{
    assert_true(s->nmoments < MOMENTS_MAX);
    m.at = mono_after(s->now, ms);
    s->moments[s->nmoments++] = m;
}

static int64_t latency(struct sim *s)
{
    return chance(s, 0.1) ? prng_between(&s->r, 0, 2LL * DEADLINE_MS) : prng_between(&s->r, 1, 300);
}

/* ---- WeChat ---- */

struct fate {
    enum err_class error_class;
    int errcode;
    bool spends;
};

/* Answers in which WeChat does not do what it was asked, though the token was good. */
static struct fate bad_fate(struct sim *s)
{
    static const struct fate fates[] = {
        {ERR_USER, 40029, false}, {ERR_USER, 40226, false},     {ERR_BACKOFF, 45011, false},
        {ERR_BACKOFF, -1, false}, {ERR_BACKOFF, -1, true},      {ERR_UNKNOWN, 0, false},
        {ERR_UNKNOWN, 0, true},   {ERR_OPERATOR, 48001, false}, {ERR_QUOTA, 45009, false},
        {ERR_BUG, 47001, false},
    };
    return fates[prng_between(&s->r, 0, (int64_t)ARRAY_LEN(fates) - 1)];
}

static struct fate wechat(struct sim *s, const struct login_action *a)
{
    bool flaps = chance(s, 0.1);
    if (chance(s, 0.15))
        return (struct fate){ERR_RETRY, 0, false};
    if (a->side == LOGIN_PHONE && (a->token_version <= s->refused || flaps))
        return (struct fate){ERR_TOKEN, 40001, false};
    if (s->spent[a->side])
        return (struct fate){ERR_USER, 40163, false};
    if (chance(s, 0.25))
        return bad_fate(s);
    return (struct fate){ERR_NONE, 0, true};
}

static void send(struct sim *s, int who, const struct login_action *a)
{
    struct player *p = &s->players[who];
    check(s, p->login.mine, "only who claimed the codes sends them");
    check(s, !s->spent[a->side], "a spent code is not sent, by whomever");
    check(s, !s->may_be_spent[a->side], "a code that may be spent is not sent, by whomever");
    check(s, s->now.ms < p->deadline.ms, "nothing is sent once the login is over");
    check(s, a->side == LOGIN_SESSION || a->token_version > 0, "the phone call has a token");
    check(s, s->kind != LOGIN_REGISTER || s->ticket_good, "no code is spent on a used ticket");
    struct fate f = wechat(s, a);
    struct moment m = {.kind = AT_EVENT,
                       .who = who,
                       .event = {.kind = LOGIN_EV_ANSWERED,
                                 .side = a->side,
                                 .attempt = a->attempt,
                                 .error_class = f.error_class,
                                 .errcode = f.errcode}};
    s->spent[a->side] |= f.spends;
    s->may_be_spent[a->side] = true;
    p->in_flight[a->side] = a->attempt;
    later(s, f.error_class == ERR_UNKNOWN ? CALL_TIMEOUT_MS : latency(s), m);
    if (chance(s, 0.1))
        later(s, latency(s), m);
}

/* ---- tokend ---- */

static void report(struct sim *s, const struct login_action *a)
{
    check(s, a->token_version > 0, "a report names a token");
    if (a->token_version < s->newest || s->refreshing || chance(s, 0.2))
        return;
    s->refreshing = true;
    later(s, prng_between(&s->r, 20, 1500), (struct moment){.kind = AT_REFRESHED, .who = TOKEND});
}

static void refreshed(struct sim *s)
{
    s->refreshing = false;
    s->newest++;
    if (s->refused >= s->newest)
        s->newest = s->refused + 1;
    later(s, prng_between(&s->r, 0, 500), (struct moment){.kind = AT_TOKEN, .who = TOKEND});
}

/* ---- the claims ---- */

static bool any_held(const struct sim *s)
{
    return s->claims.held[LOGIN_SESSION] || s->claims.held[LOGIN_PHONE];
}

static void take(struct sim *s)
{
    for (int side = 0; side < LOGIN_SIDES; side++)
        s->claims.held[side] = true;
    s->claims.held_until = mono_after(s->now, DEADLINE_MS + 2000);
}

/* A lenient login that asks for its login code alone is another request than the one with both. */
static enum claim_verdict judge_without_phone(struct sim *s)
{
    if (s->claims.held[LOGIN_SESSION])
        return CLAIM_USED;
    s->claims.held[LOGIN_SESSION] = true;
    s->claims.held_until = mono_after(s->now, DEADLINE_MS + 2000);
    return CLAIM_MINE;
}

static enum claim_verdict judge(struct sim *s, const struct login *l)
{
    struct claims *c = &s->claims;
    if (l->without_phone)
        return judge_without_phone(s);
    if (c->kept != KEPT_NOTHING && !mono_reached(s->now, c->kept_until)) {
        bool answer = c->kept == KEPT_ANSWER;
        if (!answer) {
            c->kept = KEPT_NOTHING;
            take(s);
        }
        return answer ? CLAIM_KEPT : CLAIM_EXCHANGED;
    }
    if (any_held(s))
        return mono_reached(s->now, c->held_until) ? CLAIM_USED : CLAIM_HELD;
    if (chance(s, 0.05))
        return (enum claim_verdict[]){CLAIM_LIMITED, CLAIM_BUSY,
                                      CLAIM_BUDGET}[prng_between(&s->r, 0, 2)];
    take(s);
    return CLAIM_MINE;
}

static void claim(struct sim *s, int who)
{
    struct moment m = {.kind = AT_EVENT,
                       .who = who,
                       .event = {.kind = LOGIN_EV_CLAIMED,
                                 .verdict = judge(s, &s->players[who].login),
                                 .retry_after_ms = 1}};
    say(s, "  verdict", who, (int64_t)m.event.verdict, 0);
    bool slow = chance(s, 0.03); /* about as long as the whole login may take */
    later(s,
          slow ? prng_between(&s->r, DEADLINE_MS - 50, DEADLINE_MS + 50)
               : prng_between(&s->r, 0, 3),
          m);
}

static void release(struct sim *s, enum login_side side)
{
    check(s, !s->spent[side] && !s->may_be_spent[side], "a code that is given back is not spent");
    s->claims.held[side] = false;
}

static void settle(struct sim *s, const struct player *p)
{
    const struct login *l = &p->login;
    s->claims.held_until = s->now;
    if (!l->without_phone && login_is_worth_keeping(l)) {
        s->claims.kept = login_only_storing_failed(l) ? KEPT_EXCHANGED : KEPT_ANSWER;
        s->claims.kept_until = mono_after(s->now, KEPT_MS);
    }
    for (enum login_side side = LOGIN_SESSION; side < LOGIN_SIDES; side++) {
        if (!(side == LOGIN_SESSION ? s->kind != LOGIN_BY_PHONE && s->kind != LOGIN_SHOW_PHONE
                                    : s->kind != LOGIN_BY_OPENID && s->kind != LOGIN_REGISTER))
            s->claims.held[side] = false; /* it has no such code */
        else if (side == LOGIN_PHONE && l->without_phone)
            continue; /* it never had it */
        else if (login_code_whole(l, side))
            release(s, side);
    }
}

/* A claim that was granted when nobody waited any more is given back, as the driver does. */
static void give_back(struct sim *s, const struct login *l, const struct login_event *e)
{
    s->claims.held_until = s->now;
    if (e->verdict == CLAIM_EXCHANGED) {
        s->claims.kept = KEPT_EXCHANGED;
        s->claims.kept_until = mono_after(s->now, KEPT_MS);
    } else if (e->verdict == CLAIM_MINE) {
        s->claims.held[LOGIN_SESSION] = false;
        s->claims.held[LOGIN_PHONE] &= l->without_phone; /* it never had that one */
    }
}

/* ---- the store ---- */

static void look_up_ticket(struct sim *s, int who)
{
    struct login_event e = {.kind = s->ticket_used ? LOGIN_EV_REUSED : LOGIN_EV_CHECKED};
    if (chance(s, 0.1))
        e = (struct login_event){.kind = LOGIN_EV_CHECKED, .error_class = ERR_BACKOFF};
    later(s, latency(s), (struct moment){.kind = AT_EVENT, .who = who, .event = e});
}

static void store(struct sim *s, int who)
{
    struct player *p = &s->players[who];
    struct login_event e = {.kind = LOGIN_EV_STORED};
    check(s, !p->stored, "it stores once");
    p->stored = true;
    if (chance(s, 0.2))
        e.error_class = ERR_BACKOFF;
    else if (s->kind == LOGIN_BY_PHONE && chance(s, 0.3))
        e.kind = LOGIN_EV_NOBODY;
    else if (s->kind == LOGIN_REGISTER && s->ticket_used)
        e.kind = LOGIN_EV_REUSED;
    if (e.kind != LOGIN_EV_REUSED && e.error_class == ERR_NONE) {
        s->commits++;
        s->ticket_used = true;
    }
    later(s, latency(s), (struct moment){.kind = AT_EVENT, .who = who, .event = e});
}

/* ---- the driver ---- */

static void finish(struct sim *s, int who)
{
    struct player *p = &s->players[who];
    const struct login_result *r = &p->login.result;
    bool success = r->ending == LOGIN_OK || r->ending == LOGIN_NOT_REGISTERED;
    p->finished++;
    check(s, p->finished == 1, "it finishes once");
    check(s, s->now.ms <= p->deadline.ms + LATE_TIMER_MS, "it ends within its deadline");
    check(s, (success || r->ending == LOGIN_REPEATED) == (r->error_class == ERR_NONE),
          "a failure has a class");
    if (success && s->kind != LOGIN_SHOW_PHONE)
        check(s, p->stored, "success is stored");
    if (p->login.mine)
        settle(s, p);
}

static void carry_out(struct sim *s, int who, const struct login_actions *out)
{
    for (int i = 0; i < out->n; i++) {
        const struct login_action *a = &out->at[i];
        say(s,
            (const char *[]){"  claim", "  check", "  send", "  report", "  store",
                             "  finish"}[a->kind],
            who, (int64_t)a->side, a->token_version);
        check(s, s->players[who].finished == 0, "nothing is asked after the end");
        switch (a->kind) {
        case LOGIN_ACT_CLAIM:
            claim(s, who);
            break;
        case LOGIN_ACT_CHECK:
            look_up_ticket(s, who);
            break;
        case LOGIN_ACT_SEND:
            send(s, who, a);
            break;
        case LOGIN_ACT_REPORT:
            report(s, a);
            break;
        case LOGIN_ACT_STORE:
            store(s, who);
            break;
        case LOGIN_ACT_FINISH:
            finish(s, who);
            break;
        }
    }
}

/* What an answer tells about its code. */
static void note_answer(struct sim *s, struct player *p, const struct login_event *e)
{
    if (e->kind != LOGIN_EV_ANSWERED || e->attempt != p->in_flight[e->side])
        return;
    p->in_flight[e->side] = 0;
    bool refused = e->errcode > 0 || e->error_class == ERR_RETRY;
    s->may_be_spent[e->side] = !refused;
}

static bool gives_codes(const struct login_event *e)
{
    return e->kind == LOGIN_EV_CLAIMED &&
           (e->verdict == CLAIM_MINE || e->verdict == CLAIM_EXCHANGED);
}

static void give(struct sim *s, int who, const struct login_event *e)
{
    struct player *p = &s->players[who];
    struct login_actions out;
    say(s,
        (const char *[]){"start", "claimed", "checked", "answered", "stored", "nobody", "reused",
                         "look"}[e->kind],
        who, (int64_t)e->side, e->errcode);
    if (p->login.state != LOGIN_DONE && s->now.ms < p->deadline.ms)
        note_answer(s, p, e);
    if (e->kind == LOGIN_EV_CLAIMED && p->login.state == LOGIN_DONE && !p->login.mine)
        give_back(s, &p->login, e);
    bool waited = p->login.state == LOGIN_CLAIMING;
    login_step(&p->login, s->now, s->known, e, &out);
    check(s, !(waited && gives_codes(e)) || p->login.mine, "who is given the codes settles them");
    carry_out(s, who, &out);
    if (p->login.state != LOGIN_DONE) {
        check(s, login_next_deadline(&p->login).ms <= p->deadline.ms, "a deadline is always set");
        check(s, e->kind != LOGIN_EV_LOOK || login_next_deadline(&p->login).ms > s->now.ms,
              "a look makes progress");
    }
}

static bool is_live(const struct player *p)
{
    return p->began && !p->crashed && p->login.state != LOGIN_DONE;
}

static void look(struct sim *s, int who)
{
    if (is_live(&s->players[who]))
        give(s, who, &(struct login_event){.kind = LOGIN_EV_LOOK});
}

static void arrive(struct sim *s, int who)
{
    struct player *p = &s->players[who];
    p->began = true;
    p->deadline = mono_after(s->now, DEADLINE_MS);
    login_init(&p->login, s->kind, p->deadline);
    give(s, who, &(struct login_event){.kind = LOGIN_EV_START});
}

static void happen(struct sim *s, const struct moment *m)
{
    switch (m->kind) {
    case AT_ARRIVAL:
        arrive(s, m->who);
        return;
    case AT_EVENT:
        if (!s->players[m->who].crashed)
            give(s, m->who, &m->event);
        return;
    case AT_CRASH:
        say(s, "crash", m->who, 0, 0);
        s->players[m->who].crashed = s->players[m->who].login.state != LOGIN_DONE;
        return;
    case AT_TOKEN:
        s->known = s->newest;
        say(s, "token", s->known, s->refused, 0);
        for (int who = 0; who < s->nplayers; who++) {
            if (login_wants_token(&s->players[who].login))
                look(s, who);
        }
        return;
    case AT_REFRESHED:
        refreshed(s);
        return;
    case AT_DISPLACED:
        say(s, "displaced", s->newest, 0, 0);
        s->refused = s->newest;
        return;
    }
}

/* The login whose timer is due first; -1: none. */
static int first_timer(const struct sim *s, mono_ms_t *when)
{
    int first = -1;
    *when = MONO_NEVER;
    for (int who = 0; who < s->nplayers; who++) {
        const struct player *p = &s->players[who];
        if (is_live(p) && login_next_deadline(&p->login).ms < when->ms) {
            first = who;
            *when = login_next_deadline(&p->login);
        }
    }
    return first;
}

/* Takes out the next moment, unless a login's own timer is due before it. */
static bool next_moment(struct sim *s, mono_ms_t timer, struct moment *m)
{
    int first = -1;
    for (int i = 0; i < s->nmoments; i++)
        if (first < 0 || s->moments[i].at.ms < s->moments[first].at.ms)
            first = i;
    if (first < 0 || s->moments[first].at.ms > timer.ms)
        return false;
    *m = s->moments[first];
    s->moments[first] = s->moments[--s->nmoments];
    return true;
}

static void run(struct sim *s)
{
    struct moment m;
    mono_ms_t timer;
    int who;
    while ((who = first_timer(s, &timer)) >= 0 || s->nmoments > 0) {
        if (who >= 0)
            timer = mono_after(timer, prng_between(&s->r, 0, LATE_TIMER_MS));
        if (next_moment(s, timer, &m)) {
            s->now.ms = m.at.ms > s->now.ms ? m.at.ms : s->now.ms;
            happen(s, &m);
        } else {
            s->now.ms = timer.ms > s->now.ms ? timer.ms : s->now.ms;
            look(s, who);
        }
        if (chance(s, 0.05))
            look(s, (int)prng_between(&s->r, 0, s->nplayers - 1));
    }
    for (int i = 0; i < s->nplayers; i++)
        check(s, s->players[i].crashed || s->players[i].finished == 1, "it finishes");
}

/* In the healthy world one token dies at most: either the one that is known here is already
 * superseded, or the newest one is displaced. */
static void set_up_tokens(struct sim *s)
{
    s->newest = prng_between(&s->r, 1, 3);
    s->known = prng_chance(&s->r, 0.3) ? s->newest - 1 : s->newest;
    if (prng_chance(&s->r, 0.5))
        s->refused = s->newest - 1;
    if (s->known < s->newest && !chance(s, 0.5))
        later(s, prng_between(&s->r, 0, 1000), (struct moment){.kind = AT_TOKEN, .who = TOKEND});
    if (s->world == WORLD_FAULTY || s->known == s->newest)
        later(s, prng_between(&s->r, 0, 600), (struct moment){.kind = AT_DISPLACED, .who = TOKEND});
    if (chance(s, 0.3))
        later(s, prng_between(&s->r, 0, 6000),
              (struct moment){.kind = AT_DISPLACED, .who = TOKEND});
}

/* The first comes at once, its repeats when their clients lose patience, or with it. */
static void set_up_players(struct sim *s)
{
    s->nplayers = (int)prng_between(&s->r, 1, REPEATS_MAX);
    for (int who = 0; who < s->nplayers; who++) {
        int64_t most = s->world == WORLD_FAULTY ? 3LL * DEADLINE_MS : 2000;
        int64_t at = who == 0 || prng_chance(&s->r, 0.3) ? 0 : prng_between(&s->r, 0, most);
        later(s, at, (struct moment){.kind = AT_ARRIVAL, .who = who});
        if (chance(s, 0.1))
            later(s, at + prng_between(&s->r, 0, 500),
                  (struct moment){.kind = AT_CRASH, .who = who});
    }
}

static void set_up(struct sim *s, uint64_t seed, enum world world)
{
    *s = (struct sim){.seed = seed, .world = world, .now = {1000}};
    s->log = text_init(s->trace, sizeof s->trace);
    prng_seed(&s->r, seed);
    static const enum login_kind kinds[] = {LOGIN_BY_OPENID, LOGIN_BY_BOTH,    LOGIN_LENIENT,
                                            LOGIN_BY_PHONE,  LOGIN_SHOW_PHONE, LOGIN_REGISTER};
    s->kind = kinds[prng_between(&s->r, 0, (int64_t)ARRAY_LEN(kinds) - 1)];
    s->ticket_used = chance(s, 0.3);
    s->ticket_good = !s->ticket_used;
    set_up_tokens(s);
    set_up_players(s);
}

static void whatever_happens_the_promises_hold(void **state)
{
    static struct sim s;
    int endings[LOGIN_ENDINGS] = {0};
    static const enum login_ending reachable[] = {
        LOGIN_OK,         LOGIN_NOT_REGISTERED, LOGIN_REFUSED,   LOGIN_UNSURE,
        LOGIN_NO_TOKEN,   LOGIN_UNREACHABLE,    LOGIN_CODE_USED, LOGIN_STORE_FAILED,
        LOGIN_LIMITED,    LOGIN_BUDGET_SPENT,   LOGIN_REPEATED,  LOGIN_OVERLOADED,
        LOGIN_TICKET_USED};
    (void)state;
    for (int i = 0; i < runs; i++) {
        set_up(&s, first_seed + (uint64_t)i, WORLD_FAULTY);
        run(&s);
        for (int who = 0; who < s.nplayers; who++)
            endings[s.players[who].login.result.ending] += s.players[who].finished;
    }
    /* The world must be bad enough to reach every ending. */
    for (size_t e = 0; e < ARRAY_LEN(reachable) && runs >= 1000; e++) {
        if (endings[reachable[e]] == 0)
            print_error("no run ended %s\n", login_ending_name(reachable[e]));
        assert_true(endings[reachable[e]] > 0);
    }
}

static void when_only_tokens_are_displaced_every_login_succeeds_once(void **state)
{
    static struct sim s;
    (void)state;
    for (int i = 0; i < runs; i++) {
        set_up(&s, first_seed + (uint64_t)i, WORLD_HEALTHY);
        run(&s);
        int ok = 0;
        for (int who = 0; who < s.nplayers; who++) {
            enum login_ending ending = s.players[who].login.result.ending;
            ok += ending == LOGIN_OK;
            check(&s, ending == LOGIN_OK || ending == LOGIN_REPEATED,
                  "a displaced token costs time, not a login, and a repeat gets its answer");
        }
        check(&s, ok == 1, "a request and its repeats are one login");
        check(&s, s.commits <= 1, "and stored once");
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_the_promises_hold),
        cmocka_unit_test(when_only_tokens_are_displaced_every_login_succeeds_once),
    };
    if (argc > 1)
        runs = (int)strtol(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
