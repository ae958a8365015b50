/* claims, against a simple model: whatever several processes ask and settle in whatever order, a
 * code is nobody's a second time while it may be spent, and a repeat has the answer of its request.
 *
 * Seeded; a seed that fails is printed. Give one as the argument to run it alone. */
#include "claims_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"

enum {
    PROCESSES = 3,
    CODES = 4,
    CLAIMS = 40,
    STEPS = 200,
    RENEW_STEPS = 50,
    SEEDS = 10,
    NOBODY = -1
};

static uint64_t only_seed;

/* What became of a code. `whose`: the claim that has it or had it, NOBODY: it is whole. */
struct code_model {
    int whose;
    bool held;
};

struct claim_model {
    struct claim claim;
    int codes[2]; /* which of the model's; NOBODY: it has none there */
    char kept[KEPT_TEXT_SIZE];
    bool exchanged;   /* kept is no answer yet */
    int holder;       /* the process that is at it, or NOBODY */
    bool goes_on;     /* from what an earlier one exchanged */
    bool may_be_held; /* where it was exchanged others wait a moment */
    int answers;
};

struct world {
    struct bench *bench;
    struct process *processes[PROCESSES];
    int n_processes;
    struct prng prng;
    struct code_model codes[2][CODES];
    struct claim_model claims[CLAIMS];
    bool troubled; /* Redis comes and goes */
    bool redis_is_dead;
    int step;
    int taken; /* codes that were somebody's, ever */
};

static int pick(struct world *w, int n)
{
    return (int)prng_between(&w->prng, 0, n - 1);
}

static struct code_model *code_of(struct world *w, const struct claim_model *c, int place)
{
    return c->codes[place] == NOBODY ? NULL : &w->codes[place][c->codes[place]];
}

static int index_of(const struct world *w, const struct claim_model *c)
{
    return (int)(c - w->claims);
}

/* Two codes or one of them, from one of two addresses; some are twins of earlier ones. */
static void make_claims(struct world *w)
{
    for (int i = 0; i < CLAIMS; i++) {
        struct claim_model *c = &w->claims[i];
        char names[2][16] = {"", ""};
        int form = pick(w, 3);
        *c = (struct claim_model){.codes = {NOBODY, NOBODY}, .holder = NOBODY};
        for (int place = 0; place < 2; place++) {
            if (form == 1 - place)
                continue;
            c->codes[place] = pick(w, CODES);
            (void)snprintf(names[place], sizeof names[place], "code %d", c->codes[place]);
        }
        c->claim = claim_of(w->bench, names[0], names[1], pick(w, 2) ? ADDRESS : OTHER);
    }
}

/* Claims that are the same request are one in the model. */
static struct claim_model *pick_claim(struct world *w)
{
    const char *name = w->claims[pick(w, CLAIMS)].claim.fingerprint;
    for (int i = 0; i < CLAIMS; i++)
        if (strcmp(w->claims[i].claim.fingerprint, name) == 0)
            return &w->claims[i];
    UNREACHABLE("it is one of them");
}

static void stop_all(struct world *w)
{
    for (int i = 0; i < w->n_processes; i++)
        process_stop(w->processes[i]);
}

/* Codes are spent by and by: then all begins anew. */
static void renew(struct world *w)
{
    if (w->step > 0)
        stop_all(w);
    server_restart(w->bench->server);
    w->redis_is_dead = false;
    for (int i = 0; i < w->n_processes; i++)
        w->processes[i] = process_start(w->bench, &generous);
    for (int place = 0; place < 2; place++)
        for (int i = 0; i < CODES; i++)
            w->codes[place][i] = (struct code_model){.whose = NOBODY};
    make_claims(w);
}

/* ---- what is to be expected ---- */

static enum claim_verdict expected_without_answer(struct world *w, const struct claim_model *c)
{
    bool own = false;
    for (int place = 0; place < 2; place++) {
        const struct code_model *code = code_of(w, c, place);
        if (!code || code->whose == NOBODY)
            continue;
        if (code->whose != index_of(w, c))
            return own ? CLAIM_HELD : CLAIM_USED;
        if (!code->held)
            return CLAIM_USED;
        own = true;
    }
    return own ? CLAIM_HELD : CLAIM_MINE;
}

static enum claim_verdict expected(struct world *w, const struct claim_model *c)
{
    if (c->kept[0])
        return c->exchanged ? CLAIM_EXCHANGED : CLAIM_KEPT;
    return expected_without_answer(w, c);
}

static void take(struct world *w, struct claim_model *c, int process, bool goes_on)
{
    for (int place = 0; place < 2; place++) {
        struct code_model *code = code_of(w, c, place);
        if (code)
            *code = (struct code_model){.whose = index_of(w, c), .held = true};
    }
    w->taken++;
    c->holder = process;
    c->goes_on = goes_on;
    c->kept[0] = '\0';
}

static void hear(struct world *w, struct claim_model *c, int process, const struct heard *h)
{
    enum claim_verdict want = expected(w, c);
    bool waits = c->may_be_held && h->verdict == CLAIM_HELD;
    if (h->verdict != want && !waits)
        fail_msg("step %d: %s, not %s", w->step, claim_verdict_name(h->verdict),
                 claim_verdict_name(want));
    if (h->verdict == CLAIM_KEPT || h->verdict == CLAIM_EXCHANGED)
        assert_string_equal(h->kept, c->kept);
    if (h->verdict == CLAIM_MINE || h->verdict == CLAIM_EXCHANGED)
        take(w, c, process, h->verdict == CLAIM_EXCHANGED);
}

/* ---- what may happen ---- */

static void ask_once(struct world *w)
{
    struct claim_model *c = pick_claim(w);
    int process = pick(w, w->n_processes);
    struct heard h = ask_now(w->processes[process], &c->claim);
    hear(w, c, process, &h);
}

/* The same request at all processes at once: who is first is open, that there is one is not. */
static void ask_everywhere(struct world *w)
{
    struct heard h[PROCESSES * 2];
    struct claim_model *c = pick_claim(w);
    int taken = 0, n = w->n_processes * 2;
    enum claim_verdict want = expected(w, c);
    bool to_be_taken = want == CLAIM_MINE || want == CLAIM_EXCHANGED;
    for (int i = 0; i < n; i++)
        ask(w->processes[i / 2], &c->claim, &h[i]);
    for (int i = 0; i < n; i++) {
        UNTIL(w->bench->loop, h[i].calls > 0);
        if (h[i].verdict == CLAIM_MINE || h[i].verdict == CLAIM_EXCHANGED) {
            taken++;
            hear(w, c, i / 2, &h[i]);
        }
    }
    assert_true(taken <= 1);
    if (to_be_taken && !c->may_be_held)
        assert_int_equal(taken, 1);
    for (int i = 0; i < n; i++) {
        if (h[i].verdict == CLAIM_HELD) /* whoever waited for another that asked, asks again */
            h[i] = ask_now(w->processes[i / 2], &c->claim);
        else if (h[i].verdict == CLAIM_MINE || h[i].verdict == CLAIM_EXCHANGED)
            continue;
        hear(w, c, i / 2, &h[i]);
    }
}

static struct claim_model *pick_held(struct world *w)
{
    int from = pick(w, CLAIMS);
    for (int i = 0; i < CLAIMS; i++) {
        struct claim_model *c = &w->claims[(from + i) % CLAIMS];
        if (c->holder != NOBODY)
            return c;
    }
    return NULL;
}

/* The claim names its codes without those that it has not. */
static unsigned let_go(struct world *w, struct claim_model *c, bool may_be_whole)
{
    unsigned whole = 0;
    int at = 0;
    for (int place = 0; place < 2; place++) {
        struct code_model *code = code_of(w, c, place);
        if (!code)
            continue;
        code->held = false;
        if (may_be_whole && prng_chance(&w->prng, 0.5)) {
            whole |= 1u << at;
            code->whose = NOBODY;
        }
        at++;
    }
    return whole;
}

static void settle_one(struct world *w)
{
    struct claim_model *c = pick_held(w);
    if (!c)
        return;
    struct process *p = w->processes[c->holder];
    struct claims_settlement s = {.exchanged = prng_chance(&w->prng, 0.2), .paid = pick(w, 2)};
    s.whole = let_go(w, c, !c->goes_on && !s.exchanged);
    if (s.exchanged || prng_chance(&w->prng, 0.7))
        (void)snprintf(c->kept, sizeof c->kept, "answer %d of %s", ++c->answers,
                       c->claim.fingerprint);
    s.kept = slice_of(c->kept);
    c->exchanged = s.exchanged;
    c->may_be_held |= s.exchanged;
    c->holder = NOBODY;
    claims_settle(p->claims, &c->claim, &s);
    if (w->troubled)
        rig_turn(w->bench->loop); /* it may be heard or not */
    else
        flush(p);
}

/* What it was at stays held, and nobody will settle it. */
static void crash(struct world *w)
{
    int process = pick(w, w->n_processes);
    for (int i = 0; i < CLAIMS; i++)
        if (w->claims[i].holder == process)
            w->claims[i].holder = NOBODY;
    process_stop(w->processes[process]);
    w->processes[process] = process_start(w->bench, &generous);
}

/* ---- several processes over one Redis ---- */

static void act_together(struct world *w)
{
    int what = pick(w, 100);
    if (what < 45)
        ask_once(w);
    else if (what < 60)
        ask_everywhere(w);
    else if (what < 98)
        settle_one(w);
    else
        crash(w);
}

static void run_seed(uint64_t seed, int processes, void (*act)(struct world *w))
{
    static struct world w;
    void *bench;
    memset(&w, 0, sizeof w);
    prng_seed(&w.prng, seed);
    (void)bench_up(&bench);
    w.bench = bench;
    w.n_processes = processes;
    for (w.step = 0; w.step < STEPS; w.step++) {
        if (w.step % RENEW_STEPS == 0)
            renew(&w);
        act(&w);
    }
    assert_true(w.taken >= STEPS / 10); /* not just refused */
    (void)bench_down(&bench);
}

static void run_seeds(int processes, void (*act)(struct world *w))
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        if (only_seed != 0 && only_seed != seed)
            continue;
        print_message("seed %llu\n", (unsigned long long)seed);
        run_seed(seed, processes, act);
    }
}

static void over_several_processes_every_verdict_is_that_of_the_model(void **state)
{
    (void)state;
    run_seeds(PROCESSES, act_together);
}

/* ---- one process over a Redis that comes and goes ---- */

/* Whatever Redis forgets or cannot be told, a process never takes a code that it may have spent,
 * and gives a wrong answer to nobody. An answer may be lost, and a whole code may be taken for
 * used. */
static void ask_in_trouble(struct world *w)
{
    struct claim_model *c = pick_claim(w);
    struct heard h = ask_now(w->processes[0], &c->claim);
    if (h.verdict == CLAIM_HELD) { /* a new Redis learns the scripts, in whatever order */
        rig_turn(w->bench->loop);
        h = ask_now(w->processes[0], &c->claim);
    }
    if (h.verdict == CLAIM_USED && expected(w, c) != CLAIM_HELD)
        return;
    if (h.verdict == CLAIM_MINE && expected_without_answer(w, c) == CLAIM_MINE)
        c->kept[0] = '\0';
    hear(w, c, 0, &h);
}

/* The process finds out by itself, in the middle of something. */
static void make_trouble(struct world *w)
{
    struct server *server = w->bench->server;
    bool die = !w->redis_is_dead && pick(w, 2);
    if (die)
        server_kill(server);
    else if (w->redis_is_dead)
        server_restart(server);
    else
        assert_string_equal(server_do(server, "FLUSHALL"), "OK");
    w->redis_is_dead = die;
}

static void act_in_trouble(struct world *w)
{
    int what = pick(w, 100);
    w->troubled = true;
    if (what < 60)
        ask_in_trouble(w);
    else if (what < 92)
        settle_one(w);
    else
        make_trouble(w);
}

static void one_process_never_spends_a_code_twice_whatever_redis_does(void **state)
{
    (void)state;
    run_seeds(1, act_in_trouble);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_several_processes_every_verdict_is_that_of_the_model),
        cmocka_unit_test(one_process_never_spends_a_code_twice_whatever_redis_does),
    };
    only_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
