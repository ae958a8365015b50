#include "loginsvc/limits/claims.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "log/log.h"
#include "loginsvc/limits/book.h"
#include "loginsvc/limits/paid.h"
#include "sys/clock.h"
#include "token/keys.h"

extern const unsigned char limits_claim_lua[], limits_settle_lua[];
extern const size_t limits_claim_lua_len, limits_settle_lua_len;

enum {
    BOOK_MAX = 32768,   /* codes in memory */
    WINDOWS_MAX = 8192, /* users and addresses in memory, while Redis is away */
    KEYS_MAX = 4 + CLAIM_CODES_MAX,
    ARGS_MAX = 10,
    WORDS_SIZE = KEYS_MAX * 224 + ARGS_MAX * 24,
    KEPT_MARK = 1, /* byte in front of what is kept in Redis: 'a' an answer, 'x' exchanged */
};

struct claims {
    struct loop *loop;
    struct redis_client *redis;
    char prefix[TOKEN_PREFIX_MAX + 1];
    struct claims_limits limits;
    struct redis_script claim, settle;
    struct book *book;
    struct windows *windows;
    struct paid *paid;
    struct map *under_way; /* of this process: struct under_way by appid */
    struct list asking;    /* struct asking that have no answer yet */
    struct list settling;  /* struct settling */
    struct claims_stats stats;
};

struct under_way {
    int64_t n;
};

struct asking {
    struct list node;
    struct claims *claims;
    struct claim claim;
    claims_done_fn *done;
    void *owner;
    uint64_t id;
    uint64_t command; /* 0: none */
    struct loop_timer *soon; /* NULL: Redis was asked */
    struct claims_answer answer; /* what it will be told soon */
    char *kept;                  /* a copy for that */
    bool used;                   /* the book knows that a code was used, but not the answer */
};

struct settling {
    struct list node;
    struct claims *claims;
    struct claim claim;
    uint64_t command;
    int64_t paid; /* told with it */
    bool kept;
};

/* ---- what a script is called with ---- */

struct words {
    char bytes[WORDS_SIZE];
    size_t used;
    struct slice keys[KEYS_MAX], args[ARGS_MAX];
    size_t n_keys, n_args;
};

static struct slice put(struct words *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static struct slice put(struct words *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(w->bytes + w->used, sizeof w->bytes - w->used, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0 && w->used + (size_t)n < sizeof w->bytes);
    struct slice s = {w->bytes + w->used, (size_t)n};
    w->used += (size_t)n + 1;
    return s;
}

static void add_key(struct words *w, const struct claims *c, const struct claim *claim,
                    const char *kind, const char *name)
{
    ASSERT(w->n_keys < KEYS_MAX);
    w->keys[w->n_keys++] =
        put(w, "%s:{%s}:login:%s%s%s", c->prefix, claim->appid, kind, name[0] ? ":" : "", name);
}

static void add_arg(struct words *w, struct slice arg)
{
    ASSERT(w->n_args < ARGS_MAX);
    w->args[w->n_args++] = arg;
}

static void add_number(struct words *w, int64_t n)
{
    add_arg(w, put(w, "%lld", (long long)n));
}

static void add_paid_key(struct words *w, const struct claims *c, const struct claim *claim)
{
    char day[PAID_DAY_SIZE];
    paid_day(clock_wall(), day);
    add_key(w, c, claim, "paid", day);
}

static void add_user_key(struct words *w, const struct claims *c, const struct claim *claim,
                         int64_t user_id)
{
    char user[24];
    snprintf(user, sizeof user, "%lld", (long long)user_id);
    add_key(w, c, claim, "phones", user);
}

static void add_codes(struct words *w, const struct claims *c, const struct claim *claim)
{
    for (int i = 0; i < claim->n_codes; i++)
        add_key(w, c, claim, "claim", claim->codes[i]);
}

static bool counts_user(const struct claims *c, const struct claim *claim)
{
    return claim->phone && claim->user_id != 0 && c->limits.per_user.count > 0;
}

static bool counts_address(const struct claims *c, const struct claim *claim)
{
    return claim->address[0] != '\0' && c->limits.per_address.count > 0;
}

static void add_limit(struct words *w, struct window_rule rule)
{
    add_number(w, rule.count);
    add_number(w, rule.per_ms);
}

static void spell_claim(struct words *w, const struct claims *c, const struct claim *claim)
{
    const struct claims_limits *l = &c->limits;
    *w = (struct words){.n_keys = 0};
    add_key(w, c, claim, "kept", claim->fingerprint);
    add_key(w, c, claim, "under_way", "");
    add_paid_key(w, c, claim);
    add_codes(w, c, claim);
    add_arg(w, slice_of(claim->fingerprint));
    add_number(w, l->login_ms);
    add_number(w, BOOK_CODE_LIFE_MS);
    add_number(w, claim->n_codes);
    add_number(w, l->under_way_max);
    add_number(w, claim->phone && l->paid_stops ? l->paid_max : 0);
    if (counts_user(c, claim)) {
        add_user_key(w, c, claim, claim->user_id);
        add_limit(w, l->per_user);
    }
    if (counts_address(c, claim)) {
        add_key(w, c, claim, "address", claim->address);
        add_limit(w, l->per_address);
    }
}

/* ---- the answer to a claim ---- */

static struct under_way *under_way_of(struct claims *c, const struct claim *claim)
{
    struct under_way *u = map_get(c->under_way, slice_of(claim->appid));
    if (!u) {
        u = xcalloc(1, sizeof *u);
        (void)map_put(c->under_way, slice_of(claim->appid), u);
    }
    return u;
}

static void asking_free(struct asking *a)
{
    list_remove(&a->node);
    loop_timer_free(a->soon);
    free(a->kept);
    free(a);
}

/* The claim is over after this. */
static void tell(struct asking *a, const struct claims_answer *answer)
{
    struct claims *c = a->claims;
    bool taken = answer->verdict == CLAIM_MINE || answer->verdict == CLAIM_EXCHANGED;
    mono_ms_t now = clock_mono();
    c->stats.by_verdict[answer->verdict]++;
    if (taken) {
        book_hold(c->book, &a->claim, now, mono_after(now, c->limits.login_ms));
        under_way_of(c, &a->claim)->n++;
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

/* ---- alone ---- */

static int64_t wait_of(const struct claims *c, const struct claim *claim, mono_ms_t now)
{
    char user[64];
    snprintf(user, sizeof user, "%s|%lld", claim->appid, (long long)claim->user_id);
    int64_t wait_ms = 0;
    if (counts_user(c, claim))
        wait_ms = windows_wait_ms(c->windows, slice_of(user), c->limits.per_user, now);
    if (wait_ms == 0 && counts_address(c, claim))
        wait_ms =
            windows_wait_ms(c->windows, slice_of(claim->address), c->limits.per_address, now);
    return wait_ms;
}

static void count_alone(struct claims *c, const struct claim *claim, int64_t user_id,
                        bool address, mono_ms_t now)
{
    char user[64];
    snprintf(user, sizeof user, "%s|%lld", claim->appid, (long long)user_id);
    if (user_id != 0)
        windows_count(c->windows, slice_of(user), c->limits.per_user, now);
    if (address && counts_address(c, claim))
        windows_count(c->windows, slice_of(claim->address), c->limits.per_address, now);
}

static bool budget_spent(const struct claims *c, const struct claim *claim)
{
    const struct claims_limits *l = &c->limits;
    return claim->phone && l->paid_stops && l->paid_max > 0 &&
           paid_today(c->paid, slice_of(claim->appid), clock_wall()) >= l->paid_max;
}

/* What this process decides by itself. */
static struct claims_answer decide(struct claims *c, const struct asking *a)
{
    const struct claim *claim = &a->claim;
    mono_ms_t now = clock_mono();
    c->stats.alone++;
    if (a->used)
        return (struct claims_answer){.verdict = CLAIM_USED};
    if (c->limits.under_way_max > 0 && under_way_of(c, claim)->n >= c->limits.under_way_max)
        return (struct claims_answer){.verdict = CLAIM_BUSY};
    if (budget_spent(c, claim))
        return (struct claims_answer){.verdict = CLAIM_BUDGET,
                                      .retry_after_ms = paid_day_left_ms(clock_wall())};
    int64_t wait_ms = wait_of(c, claim, now);
    if (wait_ms > 0)
        return (struct claims_answer){.verdict = CLAIM_LIMITED, .retry_after_ms = wait_ms};
    count_alone(c, claim, counts_user(c, claim) ? claim->user_id : 0, true, now);
    return (struct claims_answer){.verdict = CLAIM_MINE};
}

/* ---- with Redis ---- */

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
        *out = (struct claims_answer){CLAIM_BUDGET, paid_day_left_ms(clock_wall()), {NULL, 0}};
    else if (slice_is(word, "limited"))
        out->verdict = CLAIM_LIMITED;
    else
        return slice_is(word, "mine");
    return out->verdict != CLAIM_LIMITED ||
           redis_value_int(redis_value_at(v, 1), &out->retry_after_ms);
}

static void warn_alone(const struct redis_result *r)
{
    static struct log_limit limit = LOG_LIMIT_INIT(30000, 1);
    int64_t swallowed;
    if (log_limit_pass(&limit, &swallowed))
        log_warn("claims.alone", LOG_SLICE("why", r->text), LOG_INT("left_out", swallowed));
}

static void on_claimed(const struct redis_result *r, void *arg)
{
    struct asking *a = arg;
    struct claims_answer answer;
    a->command = 0;
    book_drop(a->claims->book, &a->claim, a->used ? 0 : ~0u);
    if (r->outcome != REDIS_REPLIED || !read_answer(r->value, &answer)) {
        warn_alone(r);
        answer = decide(a->claims, a);
    } else if (a->used && answer.verdict == CLAIM_MINE) {
        answer.verdict = CLAIM_USED; /* Redis forgot what this process knows */
    }
    tell(a, &answer);
}

void claims_ask(struct claims *c, const struct claim *claim, claims_done_fn *done, void *owner,
                uint64_t id)
{
    struct asking *a = xcalloc(1, sizeof *a);
    mono_ms_t now = clock_mono();
    *a = (struct asking){
        .claims = c, .claim = *claim, .done = done, .owner = owner, .id = id};
    list_push_back(&c->asking, &a->node);
    c->stats.asked++;
    struct book_finding found = book_find(c->book, claim, now);
    if (found.certain) {
        struct claims_answer answer = {.verdict = found.verdict, .kept = found.kept};
        tell_soon(a, &answer);
        if (found.verdict == CLAIM_EXCHANGED) /* the next one is told to wait for this one */
            book_hold(c->book, claim, now, mono_after(now, c->limits.login_ms));
        return;
    }
    a->used = found.verdict == CLAIM_USED;
    if (!a->used)
        book_hold(c->book, claim, now, mono_after(now, c->limits.redis_timeout_ms));
    struct words w;
    spell_claim(&w, c, claim);
    a->command = redis_run(c->redis, &c->claim, REDIS_NOW, c->limits.redis_timeout_ms, w.keys,
                           w.n_keys, w.args, w.n_args, on_claimed, a);
}

/* ---- settling ---- */

static void on_settled(const struct redis_result *r, void *arg)
{
    struct settling *s = arg;
    struct claims *c = s->claims;
    struct slice appid = slice_of(s->claim.appid);
    int64_t total = 0;
    if (r->outcome == REDIS_REPLIED && redis_value_int(r->value, &total)) {
        paid_learn(c->paid, appid, clock_wall(), total, c->limits.paid_max);
        book_release_answer(c->book, &s->claim);
    } else {
        c->stats.unsettled++;
        if (r->outcome != REDIS_UNKNOWN) /* what may have been counted is not counted twice */
            paid_put_back(c->paid, appid, clock_wall(), s->paid);
    }
    list_remove(&s->node);
    free(s);
}

static void spell_settlement(struct words *w, const struct claims *c, const struct claim *claim,
                             const struct claims_settlement *s, struct slice kept, int64_t paid)
{
    bool count_user = s->paid && s->user_id != 0 && claim->user_id == 0;
    *w = (struct words){.n_keys = 0};
    add_key(w, c, claim, "kept", claim->fingerprint);
    add_key(w, c, claim, "under_way", "");
    add_paid_key(w, c, claim);
    add_user_key(w, c, claim, s->user_id);
    add_codes(w, c, claim);
    add_arg(w, slice_of(claim->fingerprint));
    add_arg(w, kept);
    add_number(w, c->limits.kept_ms);
    add_number(w, BOOK_CODE_LIFE_MS);
    add_number(w, paid);
    add_number(w, count_user ? c->limits.per_user.count : 0);
    add_number(w, c->limits.per_user.per_ms);
    for (int i = 0; i < claim->n_codes; i++)
        add_arg(w, s->whole & 1u << i ? SLICE_LIT("whole") : SLICE_LIT("spent"));
}

static void settle_in_redis(struct claims *c, const struct claim *claim,
                            const struct claims_settlement *s)
{
    struct words w;
    char *marked = xcalloc(1, s->kept.n + KEPT_MARK + 1);
    struct slice kept = {marked, s->kept.n > 0 ? s->kept.n + KEPT_MARK : 0};
    struct settling *one = xcalloc(1, sizeof *one);
    marked[0] = s->exchanged ? 'x' : 'a';
    if (s->kept.n > 0)
        memcpy(marked + KEPT_MARK, s->kept.p, s->kept.n);
    one->claims = c;
    one->claim = *claim;
    one->paid = paid_take_untold(c->paid, slice_of(claim->appid), clock_wall());
    list_push_back(&c->settling, &one->node);
    spell_settlement(&w, c, claim, s, kept, one->paid);
    one->command = redis_run(c->redis, &c->settle, REDIS_NOW, c->limits.redis_timeout_ms, w.keys,
                             w.n_keys, w.args, w.n_args, on_settled, one);
    free(marked);
}

void claims_settle(struct claims *c, const struct claim *claim, const struct claims_settlement *s)
{
    struct claims_settlement done = *s;
    mono_ms_t now = clock_mono();
    if (c->limits.kept_ms <= 0)
        done.kept = (struct slice){NULL, 0};
    under_way_of(c, claim)->n--;
    book_settle(c->book, claim, now, done.kept, done.exchanged,
                mono_after(now, c->limits.kept_ms));
    book_drop(c->book, claim, done.whole);
    if (done.paid)
        paid_add(c->paid, slice_of(claim->appid), clock_wall(), c->limits.paid_max);
    if (done.paid && done.user_id != 0 && claim->user_id == 0)
        count_alone(c, claim, done.user_id, false, now);
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
    c->windows = windows_new(WINDOWS_MAX);
    c->paid = paid_new();
    c->under_way = map_new(0);
    list_init(&c->asking);
    list_init(&c->settling);
    return c;
}

static void free_under_way(struct claims *c)
{
    size_t at = 0;
    struct slice appid;
    void *one;
    while (map_next(c->under_way, &at, &appid, &one))
        free(one);
    map_free(c->under_way);
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
    free_under_way(c);
    book_free(c->book);
    windows_free(c->windows);
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
}

const char *claim_verdict_name(enum claim_verdict v)
{
    static const char *const names[] = {
        [CLAIM_MINE] = "mine",           [CLAIM_HELD] = "held",
        [CLAIM_KEPT] = "kept",           [CLAIM_EXCHANGED] = "exchanged",
        [CLAIM_USED] = "used",           [CLAIM_LIMITED] = "limited",
        [CLAIM_BUSY] = "busy",           [CLAIM_BUDGET] = "budget",
    };
    return names[v];
}
