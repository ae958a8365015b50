#include "wxsim/app.h"

#include <stdlib.h>

enum {
    TOKEN_CHARS = 140,
    MINUTE_MS = 60 * 1000,
    CLEARS_PER_MONTH = 10,
    DAYS_PER_MONTH = 30,
};

struct app *app_new(uint32_t number, struct slice appid, struct slice secret)
{
    struct app *a = xcalloc(1, sizeof *a);
    a->number = number;
    ASSERT(slice_copy(appid, a->appid, sizeof a->appid));
    secret_set(&a->secret, secret);
    app_restart(a);
    return a;
}

void app_free(struct app *a)
{
    if (!a)
        return;
    secret_wipe(&a->secret);
    free(a);
}

void app_restart(struct app *a)
{
    struct app fresh = {.number = a->number,
                        .secret = a->secret,
                        .token_chars = TOKEN_CHARS,
                        .last_forced = MONO_PAST};
    ASSERT(slice_copy(slice_of(a->appid), fresh.appid, sizeof fresh.appid));
    for (int i = 0; i < FAMILIES; i++) {
        family_revoke(&a->families[i]);
        fresh.families[i] = a->families[i];
    }
    *a = fresh;
}

int app_trouble(const struct app *a)
{
#define X(name, errcode)                                                                           \
    if (a->troubles.name)                                                                          \
        return errcode;
    APP_TROUBLES(X)
#undef X
    return WX_OK;
}

/* Takes one of `limit` in this period; false when all are used. limit 0: no limit. */
static bool quota_take(struct quota *q, int64_t period, int64_t limit)
{
    if (q->period != period)
        *q = (struct quota){period, 0};
    if (limit > 0 && q->used >= limit)
        return false;
    q->used++;
    return true;
}

static int64_t minute_of(struct instant now)
{
    return now.mono.ms / MINUTE_MS;
}

static void grant_current(const struct app *a, enum token_family family, mono_ms_t now,
                          struct grant *out)
{
    const struct family *f = &a->families[family];
    *out = (struct grant){family, f->current.serial, family_remaining_ms(f, now) / 1000, false};
}

static void issue(struct app *a, const struct rules *r, enum token_family family, mono_ms_t now,
                  struct grant *out)
{
    (void)family_issue(&a->families[family], now, r->lifetime_ms, r->overlap_ms);
    grant_current(a, family, now, out);
    out->fresh = true;
}

int app_fetch_classic(struct app *a, const struct rules *r, struct instant now, struct grant *out)
{
    if (!quota_take(&a->classic_day, wall_quota_day(now.wall), r->classic_per_day))
        return WX_DAY_LIMIT;
    issue(a, r, FAMILY_CLASSIC, now.mono, out);
    a->counts.issued[FAMILY_CLASSIC]++;
    return WX_OK;
}

/* 0 and *renew, whether this call gives a new token; or the errcode of the limit it met. */
static int judge_forced(struct app *a, const struct rules *r, struct instant now, bool *renew)
{
    if (mono_between(a->last_forced, now.mono) < r->forced_gap_ms)
        return WX_OK; /* too early: it does not refresh, and says nothing of it */
    if (!quota_take(&a->forced_day, wall_quota_day(now.wall), r->forced_per_day))
        return WX_DAY_LIMIT;
    a->last_forced = now.mono;
    *renew = true;
    return WX_OK;
}

int app_fetch_stable(struct app *a, const struct rules *r, bool forced, struct instant now,
                     struct grant *out)
{
    if (!quota_take(&a->stable_minute, minute_of(now), r->stable_per_minute))
        return WX_MINUTE_LIMIT;
    if (!quota_take(&a->stable_day, wall_quota_day(now.wall), r->stable_per_day))
        return WX_DAY_LIMIT;
    bool renew = family_remaining_ms(&a->families[FAMILY_STABLE], now.mono) <= r->overlap_ms;
    int errcode = forced ? judge_forced(a, r, now, &renew) : WX_OK;
    if (errcode != WX_OK)
        return errcode;
    if (!renew) {
        grant_current(a, FAMILY_STABLE, now.mono, out);
        return WX_OK;
    }
    issue(a, r, FAMILY_STABLE, now.mono, out);
    a->counts.issued[FAMILY_STABLE]++;
    return WX_OK;
}

void app_displace(struct app *a, const struct rules *r, enum token_family family,
                  struct instant now, struct grant *out)
{
    issue(a, r, family, now.mono, out);
    a->counts.displaced++;
}

int app_count_phone_call(struct app *a, const struct rules *r, struct instant now)
{
    return quota_take(&a->phone_minute, minute_of(now), r->phone_per_minute) ? WX_OK
                                                                             : WX_MINUTE_LIMIT;
}

int app_clear_quota(struct app *a, struct instant now)
{
    if (!quota_take(&a->clear_month, wall_quota_day(now.wall) / DAYS_PER_MONTH, CLEARS_PER_MONTH))
        return WX_CLEAR_LIMIT;
    a->classic_day = a->stable_day = (struct quota){0};
    return WX_OK;
}
