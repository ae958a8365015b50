#include "loginsvc/limits/spelling.h"

#include <stdarg.h>
#include <stdio.h>

#include "loginsvc/limits/alone.h"
#include "loginsvc/limits/book.h"

/* ---- words ---- */

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

static void add_key(struct words *w, const struct spelling *s, const char *kind, const char *name)
{
    ASSERT(w->n_keys < WORDS_KEYS_MAX);
    w->keys[w->n_keys++] =
        put(w, "%s:{%s}:login:%s%s%s", s->prefix, s->claim->appid, kind, name[0] ? ":" : "", name);
}

static void add_arg(struct words *w, struct slice arg)
{
    ASSERT(w->n_args < WORDS_ARGS_MAX);
    w->args[w->n_args++] = arg;
}

static void add_number(struct words *w, int64_t n)
{
    add_arg(w, put(w, "%lld", (long long)n));
}

static void add_limit(struct words *w, struct window_rule rule)
{
    add_number(w, rule.count);
    add_number(w, rule.per_ms);
}

/* ---- keys ---- */

/* The first three of both scripts. */
static void add_common_keys(struct words *w, const struct spelling *s, int64_t day)
{
    char name[PAID_DAY_SIZE];
    paid_day_name(day, name);
    add_key(w, s, "kept", s->claim->fingerprint);
    add_key(w, s, "under_way", "");
    add_key(w, s, "paid", name);
}

static void add_user_key(struct words *w, const struct spelling *s, int64_t user_id)
{
    char user[WORDS_NUMBER_SIZE];
    struct text t = text_init(user, sizeof user);
    text_fmt(&t, "%lld", (long long)user_id);
    add_key(w, s, "phones", user);
}

static void add_codes(struct words *w, const struct spelling *s)
{
    for (int i = 0; i < s->claim->n_codes; i++)
        add_key(w, s, "claim", s->claim->codes[i]);
}

/* ---- the scripts ---- */

void spell_claim(struct words *w, const struct spelling *s, int64_t day, int64_t known)
{
    const struct claims_limits *l = s->limits;
    w->n_keys = w->n_args = w->used = 0;
    add_common_keys(w, s, day);
    add_codes(w, s);
    add_arg(w, slice_of(s->claim->fingerprint));
    add_number(w, l->login_ms);
    add_number(w, BOOK_CODE_LIFE_MS);
    add_number(w, s->claim->n_codes);
    add_number(w, l->under_way_max);
    add_number(w, limit_of_budget(l, s->claim) ? l->paid_max : 0);
    add_number(w, known);
    if (limit_of_user(l, s->claim)) {
        add_user_key(w, s, s->claim->user_id);
        add_limit(w, l->per_user);
    }
    if (limit_of_address(l, s->claim)) {
        add_key(w, s, "address", s->claim->address);
        add_limit(w, l->per_address);
    }
}

void spell_settlement(struct words *w, const struct spelling *s, const struct claims_settlement *in,
                      struct slice kept, const struct paid_untold *paid)
{
    const struct claim *claim = s->claim;
    bool count_user = in->paid && in->user_id != 0 && claim->user_id == 0;
    w->n_keys = w->n_args = w->used = 0;
    add_common_keys(w, s, paid->day);
    add_user_key(w, s, in->user_id);
    add_codes(w, s);
    add_arg(w, slice_of(claim->fingerprint));
    add_arg(w, kept);
    add_number(w, s->limits->kept_ms);
    add_number(w, BOOK_CODE_LIFE_MS);
    add_number(w, paid->n);
    add_number(w, paid->at_least);
    add_number(w, count_user ? s->limits->per_user.count : 0);
    add_number(w, s->limits->per_user.per_ms);
    for (int i = 0; i < claim->n_codes; i++)
        add_arg(w, in->whole & 1u << i ? SLICE_LIT("whole") : SLICE_LIT("spent"));
}
