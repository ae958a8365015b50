/* A simulator around the core of one login: a model of WeChat (codes that are spent once, tokens
 * that die), of tokend (refreshes after a report), of the store and of the driver's timers, all on
 * a model clock and from one seed. What the core promises is checked at every step.
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
    MOMENTS_MAX = 128,
    TRACE_SIZE = 16 * 1024,
};

enum world {
    WORLD_FAULTY,  /* everything goes wrong at times */
    WORLD_HEALTHY, /* WeChat answers; only tokens are missing at first, or displaced once */
};

/* Something that will happen in the model. */
struct moment {
    mono_ms_t at;
    enum {
        AT_EVENT,     /* `event` reaches the core */
        AT_TOKEN,     /* tokend's newest token becomes known here */
        AT_REFRESHED, /* tokend has a new token */
        AT_DISPLACED, /* another environment fetched a token: all that are known are dead */
    } kind;
    struct login_event event;
};

struct sim {
    struct prng r;
    enum world world;
    uint64_t seed;
    mono_ms_t now;
    mono_ms_t deadline;
    struct login login;
    struct moment moments[MOMENTS_MAX];
    int nmoments;
    int64_t known;   /* newest version known to the login's process */
    int64_t newest;  /* newest version that tokend published */
    int64_t refused; /* WeChat refuses versions up to this one */
    bool refreshing;
    bool spent[LOGIN_SIDES];        /* the truth at WeChat */
    bool may_be_spent[LOGIN_SIDES]; /* as far as the answers so far can tell */
    int in_flight[LOGIN_SIDES];     /* attempt that is under way, 0 = none */
    bool stored;
    int finished;
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

static void send(struct sim *s, const struct login_action *a)
{
    check(s, !s->spent[a->side], "a spent code is not sent");
    check(s, !s->may_be_spent[a->side], "a code that may be spent is not sent");
    check(s, s->now.ms < s->deadline.ms, "nothing is sent once the login is over");
    check(s, a->side == LOGIN_SESSION || a->token_version > 0, "the phone call has a token");
    struct fate f = wechat(s, a);
    struct moment m = {.kind = AT_EVENT,
                       .event = {LOGIN_EV_ANSWERED, a->side, a->attempt, f.error_class, f.errcode}};
    s->spent[a->side] |= f.spends;
    s->may_be_spent[a->side] = true;
    s->in_flight[a->side] = a->attempt;
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
    later(s, prng_between(&s->r, 20, 1500), (struct moment){.kind = AT_REFRESHED});
}

static void refreshed(struct sim *s)
{
    s->refreshing = false;
    s->newest++;
    if (s->refused >= s->newest)
        s->newest = s->refused + 1;
    later(s, prng_between(&s->r, 0, 500), (struct moment){.kind = AT_TOKEN});
}

/* ---- the store ---- */

static void store(struct sim *s)
{
    struct login_event e = {.kind = LOGIN_EV_STORED};
    check(s, !s->stored, "it stores once");
    s->stored = true;
    if (chance(s, 0.1))
        e.error_class = ERR_BACKOFF;
    else if (s->login.kind == LOGIN_BY_PHONE && chance(s, 0.3))
        e.kind = LOGIN_EV_NOBODY;
    later(s, latency(s), (struct moment){.kind = AT_EVENT, .event = e});
}

/* ---- the driver ---- */

static void finish(struct sim *s)
{
    const struct login_result *r = &s->login.result;
    s->finished++;
    check(s, s->finished == 1, "it finishes once");
    check(s, s->now.ms <= s->deadline.ms + LATE_TIMER_MS, "it ends within its deadline");
    check(s,
          (r->ending == LOGIN_OK || r->ending == LOGIN_NOT_REGISTERED) ==
              (r->error_class == ERR_NONE),
          "a failure has a class");
    if (r->ending == LOGIN_OK || r->ending == LOGIN_NOT_REGISTERED)
        check(s, s->stored, "success is stored");
    if (s->login.kind != LOGIN_BY_BOTH &&
        (r->ending == LOGIN_NO_TOKEN || r->ending == LOGIN_UNREACHABLE))
        check(s, !s->spent[LOGIN_PHONE] && !s->spent[LOGIN_SESSION],
              "a code said to be whole is whole");
}

static void carry_out(struct sim *s, const struct login_actions *out)
{
    for (int i = 0; i < out->n; i++) {
        const struct login_action *a = &out->at[i];
        say(s, (const char *[]){"  send", "  report", "  store", "  finish"}[a->kind],
            (int64_t)a->side, a->token_version, a->attempt);
        check(s, s->finished == 0, "nothing is asked after the end");
        if (a->kind == LOGIN_ACT_SEND)
            send(s, a);
        else if (a->kind == LOGIN_ACT_REPORT)
            report(s, a);
        else if (a->kind == LOGIN_ACT_STORE)
            store(s);
        else
            finish(s);
    }
}

/* What an answer tells about its code. */
static void note_answer(struct sim *s, const struct login_event *e)
{
    if (e->kind != LOGIN_EV_ANSWERED || e->attempt != s->in_flight[e->side])
        return;
    s->in_flight[e->side] = 0;
    s->may_be_spent[e->side] = e->error_class != ERR_RETRY && e->error_class != ERR_TOKEN;
}

static void give(struct sim *s, const struct login_event *e)
{
    struct login_actions out;
    say(s, (const char *[]){"start", "answered", "stored", "nobody", "look"}[e->kind],
        (int64_t)e->side, (int64_t)e->error_class, e->errcode);
    note_answer(s, e);
    login_step(&s->login, s->now, s->known, e, &out);
    carry_out(s, &out);
    if (s->login.state != LOGIN_DONE) {
        check(s, login_next_deadline(&s->login).ms <= s->deadline.ms, "a deadline is always set");
        check(s, e->kind != LOGIN_EV_LOOK || login_next_deadline(&s->login).ms > s->now.ms,
              "a look makes progress");
    }
}

static void look(struct sim *s)
{
    give(s, &(struct login_event){.kind = LOGIN_EV_LOOK});
}

static void happen(struct sim *s, const struct moment *m)
{
    switch (m->kind) {
    case AT_EVENT:
        give(s, &m->event);
        return;
    case AT_TOKEN:
        s->known = s->newest;
        say(s, "token", s->known, s->refused, 0);
        if (login_wants_token(&s->login))
            look(s);
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

/* Takes out the next moment, unless the login's own timer is due before it. */
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
    give(s, &(struct login_event){.kind = LOGIN_EV_START});
    while (s->nmoments > 0 || s->login.state != LOGIN_DONE) {
        struct moment m;
        mono_ms_t timer = login_next_deadline(&s->login);
        if (timer.ms != MONO_NEVER.ms)
            timer = mono_after(timer, prng_between(&s->r, 0, LATE_TIMER_MS));
        if (next_moment(s, timer, &m)) {
            s->now.ms = m.at.ms > s->now.ms ? m.at.ms : s->now.ms;
            happen(s, &m);
        } else {
            s->now = timer;
            look(s);
        }
        if (chance(s, 0.05))
            look(s);
    }
    check(s, s->finished == 1, "it finishes");
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
        later(s, prng_between(&s->r, 0, 1000), (struct moment){.kind = AT_TOKEN});
    if (s->world == WORLD_FAULTY || s->refused == 0 || s->known == s->newest)
        later(s, prng_between(&s->r, 0, 600), (struct moment){.kind = AT_DISPLACED});
    if (chance(s, 0.3))
        later(s, prng_between(&s->r, 0, 6000), (struct moment){.kind = AT_DISPLACED});
}

static void set_up(struct sim *s, uint64_t seed, enum world world)
{
    *s = (struct sim){.seed = seed, .world = world, .now = {1000}};
    s->log = text_init(s->trace, sizeof s->trace);
    prng_seed(&s->r, seed);
    s->deadline = mono_after(s->now, DEADLINE_MS);
    set_up_tokens(s);
    login_init(&s->login, (enum login_kind)prng_between(&s->r, LOGIN_BY_OPENID, LOGIN_BY_PHONE),
               s->deadline);
}

static void whatever_happens_the_promises_hold(void **state)
{
    static struct sim s;
    int endings[LOGIN_ENDINGS] = {0};
    (void)state;
    for (int i = 0; i < runs; i++) {
        set_up(&s, first_seed + (uint64_t)i, WORLD_FAULTY);
        run(&s);
        endings[s.login.result.ending]++;
    }
    /* The world must be bad enough to reach every ending. */
    for (int e = 0; e < LOGIN_OVERLOADED && runs >= 1000; e++) {
        if (endings[e] == 0)
            print_error("no run ended %s\n", login_ending_name((enum login_ending)e));
        assert_true(endings[e] > 0);
    }
}

static void when_only_tokens_are_displaced_every_login_succeeds(void **state)
{
    static struct sim s;
    (void)state;
    for (int i = 0; i < runs; i++) {
        set_up(&s, first_seed + (uint64_t)i, WORLD_HEALTHY);
        run(&s);
        check(&s, s.login.result.ending == LOGIN_OK, "a displaced token costs time, not a login");
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_the_promises_hold),
        cmocka_unit_test(when_only_tokens_are_displaced_every_login_succeeds),
    };
    if (argc > 1)
        runs = (int)strtol(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
