#include "loginsvc/limits/claims.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "log/log.h"
#include "loginsvc/limits/alone.h"
#include "loginsvc/limits/book.h"
#include "loginsvc/limits/paid.h"
#include "loginsvc/limits/spelling.h"
#include "sys/clock.h"
#include "token/keys.h"

extern const unsigned char limits_claim_lua[], limits_settle_lua[];
extern const size_t limits_claim_lua_len, limits_settle_lua_len;

enum {
    BOOK_MAX = 32768, /* codes in memory */
    NAMES_MAX = 8192, /* users and addresses in memory, while Redis is away */
    KEPT_MARK = 1,    /* byte in front of what is kept in Redis: 'a' an answer, 'x' exchanged */
};

struct claims {
    struct loop *loop;
    struct redis_client *redis;
    char prefix[TOKEN_PREFIX_MAX + 1];
    struct claims_limits limits;
    struct redis_script claim, settle;
    struct book *book;
    struct alone *alone;
    struct paid *paid;
    struct list asking;   /* struct asking that have no answer yet */
    struct list settling; /* struct settling */
    struct claims_stats stats;
};

struct asking {
    struct list node;
    struct claims *claims;
    struct claim claim;
    claims_done_fn *done;
    void *owner;
    uint64_t id;
    uint64_t command;            /* 0: none */
    struct loop_timer *soon;     /* NULL: Redis was asked */
    struct claims_answer answer; /* what it will be told soon */
    char *kept;                  /* a copy for that */
};

struct settling {
    struct list node;
    struct claims *claims;
    struct claim claim;
    uint64_t command;
    struct paid_untold paid; /* told with it */
};

/* ---- the answer to a claim ---- */

static void asking_free(struct asking *a)
{
    list_remove(&a->node);
    loop_timer_free(a->soon);
    free(a->kept);
    free(a);
}

static void hold(struct claims *c, const struct claim *claim)
{
    mono_ms_t now = clock_mono();
    book_hold(c->book, claim, now, mono_after(now, c->limits.login_ms));
}

/* The claim is over after this. */
static void tell(struct asking *a, const struct claims_answer *answer)
{
    struct claims *c = a->claims;
    bool taken = answer->verdict == CLAIM_MINE || answer->verdict == CLAIM_EXCHANGED;
    c->stats.by_verdict[answer->verdict]++;
    if (taken) {
        hold(c, &a->claim);
        alone_begin(c->alone, &a->claim);
    }
    list_remove(&a->node);
    a->done(a->owner, a->id, &a->claim, answer);
    asking_free(a);
}

static void on_soon(void *arg)
{
    struct asking *a = arg;
    struct claims_answer answer = a->answer;
    tell(a, &answer);
}

/* Nobody is told before the call that asked has returned. */
static void tell_soon(struct asking *a, const struct claims_answer *answer)
{
    a->answer = *answer;
    if (answer->kept.n > 0) {
        a->kept = slice_dup(answer->kept);
        a->answer.kept.p = a->kept;
    }
    a->soon = loop_timer_new(a->claims->loop, on_soon, a);
    loop_timer_after(a->soon, 0);
}

/* What the book says. */
static void tell_found(struct asking *a, const struct book_finding *found)
{
    const struct claims_answer answer = {.verdict = found->verdict, .kept = found->kept};
    tell_soon(a, &answer);
    if (found->verdict == CLAIM_EXCHANGED) /* the next one is told to wait for this one */
        hold(a->claims, &a->claim);
}

/* ---- alone ---- */

static struct claims_answer budget_spent(void)
{
    return (struct claims_answer){.verdict = CLAIM_BUDGET,
                                  .retry_after_ms = paid_day_left_ms(clock_wall())};
}

/* What this process decides by itself about codes that nobody has. */
static struct claims_answer decide(struct claims *c, const struct claim *claim)
{
    struct claims_answer answer = {.verdict = CLAIM_MINE};
    if (limit_of_budget(&c->limits, claim) &&
        claims_paid_today(c, slice_of(claim->appid)) >= c->limits.paid_max)
        return budget_spent();
    answer.verdict =
        alone_decide(c->alone, &c->limits, claim, clock_mono(), &answer.retry_after_ms);
    return answer;
}

/* ---- telling Redis ---- */

static void on_settled(const struct redis_result *r, void *arg)
{
    struct settling *s = arg;
    struct claims *c = s->claims;
    struct slice appid = slice_of(s->claim.appid);
    int64_t total = 0;
    if (r->outcome == REDIS_REPLIED && redis_value_int(r->value, &total)) {
        paid_learn(c->paid, appid, s->paid.day, total, c->limits.paid_max);
        book_release_answer(c->book, &s->claim);
    } else {
        c->stats.unsettled++;
        if (r->outcome != REDIS_UNKNOWN) /* what may have been counted is not counted twice */
            paid_put_back(c->paid, appid, s->paid);
    }
    list_remove(&s->node);
    free(s);
}

/* What Redis keeps: a heap copy behind its mark, the empty slice of nothing. */
static struct slice mark(const struct claims_settlement *s)
{
    if (s->kept.n == 0)
        return (struct slice){NULL, 0};
    char *marked = xcalloc(1, KEPT_MARK + s->kept.n);
    marked[0] = s->exchanged ? 'x' : 'a';
    memcpy(marked + KEPT_MARK, s->kept.p, s->kept.n);
    return (struct slice){marked, KEPT_MARK + s->kept.n};
}

static void settle_in_redis(struct claims *c, const struct claim *claim,
                            const struct claims_settlement *in)
{
    struct words w;
    struct slice kept = mark(in);
    struct settling *one = xcalloc(1, sizeof *one);
    struct spelling s = {c->prefix, &c->limits, &one->claim};
    one->claims = c;
    one->claim = *claim;
    one->paid = paid_take_untold(c->paid, slice_of(claim->appid), clock_wall());
    list_push_back(&c->settling, &one->node);
    spell_settlement(&w, &s, in, kept, &one->paid);
    one->command = redis_run(c->redis, &c->settle, REDIS_NOW, c->limits.redis_timeout_ms, w.keys,
                             w.n_keys, w.args, w.n_args, on_settled, one);
    free((char *)kept.p);
}

/* ---- asking Redis ---- */

static struct claims_answer kept_of(struct slice value)
{
    bool exchanged = value.n > 0 && value.p[0] == 'x';
    if (value.n <= KEPT_MARK)
        return (struct claims_answer){.verdict = CLAIM_USED};
    return (struct claims_answer){.verdict = exchanged ? CLAIM_EXCHANGED : CLAIM_KEPT,
                                  .kept = {value.p + KEPT_MARK, value.n - KEPT_MARK}};
}

/* False when it is no answer of the script. */
static bool read_answer(const struct redis_value *v, struct claims_answer *out)
{
    struct slice word = redis_value_slice(redis_value_at(v, 0));
    *out = (struct claims_answer){.verdict = CLAIM_MINE};
    if (slice_is(word, "kept"))
        *out = kept_of(redis_value_slice(redis_value_at(v, 1)));
    else if (slice_is(word, "held"))
        out->verdict = CLAIM_HELD;
    else if (slice_is(word, "used"))
        out->verdict = CLAIM_USED;
    else if (slice_is(word, "busy"))
        out->verdict = CLAIM_BUSY;
    else if (slice_is(word, "budget"))
        *out = budget_spent();
    else if (slice_is(word, "limited"))
        out->verdict = CLAIM_LIMITED;
    else
        return slice_is(word, "mine");
    return out->verdict != CLAIM_LIMITED ||
           redis_value_int(redis_value_at(v, 1), &out->retry_after_ms);
}

static void note_alone(struct claims *c, const struct redis_result *r)
{
    static struct log_limit limit = LOG_LIMIT_INIT(30000, 1);
    int64_t swallowed;
    c->stats.alone++;
    if (log_limit_pass(&limit, &swallowed))
        log_warn("claims.alone", LOG_SLICE("why", r->text), LOG_INT("left_out", swallowed));
}

/* Redis gave codes away that it forgot were used: it is told again. */
static void remind(struct claims *c, const struct claim *claim, const struct book_finding *found)
{
    if (found->verdict == CLAIM_USED)
        settle_in_redis(c, claim, &(struct claims_settlement){.whole = ~found->codes});
}

static void on_claimed(const struct redis_result *r, void *arg)
{
    struct asking *a = arg;
    struct claims *c = a->claims;
    struct claims_answer answer = {.verdict = CLAIM_MINE};
    bool answered = r->outcome == REDIS_REPLIED && read_answer(r->value, &answer);
    a->command = 0;
    if (!answered)
        note_alone(c, r);
    struct book_finding found = book_find(c->book, &a->claim, clock_mono()); /* by now */
    bool mine = !answered || answer.verdict == CLAIM_MINE; /* as far as Redis can tell */
    if (mine && found.verdict != CLAIM_MINE) {
        if (answered)
            remind(c, &a->claim, &found);
        tell_found(a, &found);
        return;
    }
    if (!answered)
        answer = decide(c, &a->claim);
    tell(a, &answer);
}

static void ask_redis(struct asking *a)
{
    struct claims *c = a->claims;
    struct spelling s = {c->prefix, &c->limits, &a->claim};
    struct words w;
    spell_claim(&w, &s, wall_quota_day(clock_wall()),
                claims_paid_today(c, slice_of(a->claim.appid)));
    a->command = redis_run(c->redis, &c->claim, REDIS_NOW, c->limits.redis_timeout_ms, w.keys,
                           w.n_keys, w.args, w.n_args, on_claimed, a);
}

void claims_ask(struct claims *c, const struct claim *claim, claims_done_fn *done, void *owner,
                uint64_t id)
{
    struct asking *a = xcalloc(1, sizeof *a);
    *a = (struct asking){.claims = c, .claim = *claim, .done = done, .owner = owner, .id = id};
    list_push_back(&c->asking, &a->node);
    c->stats.asked++;
    struct book_finding found = book_find(c->book, claim, clock_mono());
    if (found.verdict == CLAIM_MINE || found.verdict == CLAIM_USED)
        ask_redis(a);
    else
        tell_found(a, &found);
}

void claims_settle(struct claims *c, const struct claim *claim, const struct claims_settlement *s)
{
    struct claims_settlement done = *s;
    mono_ms_t now = clock_mono();
    if (c->limits.kept_ms <= 0)
        done.kept = (struct slice){NULL, 0};
    alone_end(c->alone, claim);
    book_settle(c->book, claim, now, done.kept, done.exchanged, mono_after(now, c->limits.kept_ms));
    if (done.exchanged) /* one may have it, so not both from here and from Redis */
        book_hold(c->book, claim, now, mono_after(now, c->limits.redis_timeout_ms));
    book_drop(c->book, claim, done.whole);
    if (done.paid)
        paid_add(c->paid, slice_of(claim->appid), clock_wall(), c->limits.paid_max);
    if (done.paid && done.user_id != 0 && claim->user_id == 0)
        alone_count_phone(c->alone, &c->limits, claim, done.user_id, now);
    settle_in_redis(c, claim, &done);
}

void claims_count_paid(struct claims *c, struct slice appid)
{
    paid_add(c->paid, appid, clock_wall(), c->limits.paid_max); /* told with the next settlement */
}

/* ---- the whole ---- */

struct claims *claims_new(struct loop *l, struct redis_client *redis, struct slice prefix,
                          const struct claims_limits *limits)
{
    struct claims *c = xcalloc(1, sizeof *c);
    bool fits = slice_copy(prefix, c->prefix, sizeof c->prefix);
    ASSERT(fits);
    c->loop = l;
    c->redis = redis;
    c->limits = *limits;
    redis_script_init(&c->claim, "login.claim",
                      (struct slice){(const char *)limits_claim_lua, limits_claim_lua_len});
    redis_script_init(&c->settle, "login.settle",
                      (struct slice){(const char *)limits_settle_lua, limits_settle_lua_len});
    c->book = book_new(BOOK_MAX);
    c->alone = alone_new(NAMES_MAX);
    c->paid = paid_new();
    list_init(&c->asking);
    list_init(&c->settling);
    return c;
}

void claims_free(struct claims *c)
{
    struct list *node;
    if (!c)
        return;
    while ((node = list_pop_front(&c->asking)) != NULL) {
        struct asking *a = LIST_ENTRY(node, struct asking, node);
        redis_cancel(c->redis, a->command);
        asking_free(a);
    }
    while ((node = list_pop_front(&c->settling)) != NULL) {
        struct settling *s = LIST_ENTRY(node, struct settling, node);
        redis_cancel(c->redis, s->command);
        free(s);
    }
    book_free(c->book);
    alone_free(c->alone);
    paid_free(c->paid);
    free(c);
}

void claims_set_limits(struct claims *c, const struct claims_limits *limits)
{
    c->limits = *limits;
}

struct claims_stats claims_stats(const struct claims *c)
{
    return c->stats;
}

int64_t claims_paid_today(const struct claims *c, struct slice appid)
{
    return paid_today(c->paid, appid, clock_wall());
}

void claims_forget_app(struct claims *c, struct slice appid)
{
    paid_forget(c->paid, appid);
    alone_forget_app(c->alone, appid);
}

const char *claim_verdict_name(enum claim_verdict v)
{
    static const char *const names[] = {
        [CLAIM_MINE] = "mine",           [CLAIM_HELD] = "held",     [CLAIM_KEPT] = "kept",
        [CLAIM_EXCHANGED] = "exchanged", [CLAIM_USED] = "used",     [CLAIM_LIMITED] = "limited",
        [CLAIM_BUSY] = "busy",           [CLAIM_BUDGET] = "budget",
    };
    return names[v];
}
