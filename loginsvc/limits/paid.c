#include "loginsvc/limits/paid.h"

#include <stdlib.h>

#include "base/map.h"
#include "log/log.h"

enum { DAY_MS = 24 * 3600 * 1000, SHANGHAI_MS = 8 * 3600 * 1000, WARN_PERCENT = 80 };

struct count {
    int64_t day;
    int64_t total;  /* known to be counted, untold ones too */
    int64_t untold; /* of them, not in Redis yet */
};

struct paid {
    struct map *by_app;
};

struct paid *paid_new(void)
{
    struct paid *p = xcalloc(1, sizeof *p);
    p->by_app = map_new(0);
    return p;
}

void paid_free(struct paid *p)
{
    size_t at = 0;
    struct slice appid;
    void *count;
    if (!p)
        return;
    while (map_next(p->by_app, &at, &appid, &count))
        free(count);
    map_free(p->by_app);
    free(p);
}

/* Of this day: yesterday's numbers are nobody's business any more. */
static struct count *count_of(struct paid *p, struct slice appid, wall_ms_t now)
{
    struct count *c = map_get(p->by_app, appid);
    if (!c) {
        c = xcalloc(1, sizeof *c);
        (void)map_put(p->by_app, appid, c);
    }
    if (c->day != wall_quota_day(now))
        *c = (struct count){.day = wall_quota_day(now)};
    return c;
}

/* Each mark is told once a day: when the count passes it. */
static void warn_about(struct slice appid, int64_t before, int64_t after, int64_t budget)
{
    int64_t mark = budget * WARN_PERCENT / 100;
    if (budget <= 0)
        return;
    if (before < budget && after >= budget)
        log_error("phone.budget_spent", LOG_SLICE("appid", appid), LOG_INT("today", after),
                  LOG_INT("budget", budget));
    else if (before < mark && after >= mark)
        log_warn("phone.budget_nearly_spent", LOG_SLICE("appid", appid), LOG_INT("today", after),
                 LOG_INT("budget", budget));
}

static void set_total(struct count *c, struct slice appid, int64_t total, int64_t budget)
{
    warn_about(appid, c->total, total, budget);
    c->total = total;
}

void paid_add(struct paid *p, struct slice appid, wall_ms_t now, int64_t budget)
{
    struct count *c = count_of(p, appid, now);
    c->untold++;
    set_total(c, appid, c->total + 1, budget);
}

int64_t paid_take_untold(struct paid *p, struct slice appid, wall_ms_t now)
{
    struct count *c = count_of(p, appid, now);
    int64_t n = c->untold;
    c->untold = 0;
    return n;
}

void paid_put_back(struct paid *p, struct slice appid, wall_ms_t now, int64_t n)
{
    count_of(p, appid, now)->untold += n;
}

void paid_learn(struct paid *p, struct slice appid, wall_ms_t now, int64_t total, int64_t budget)
{
    struct count *c = count_of(p, appid, now);
    if (total + c->untold > c->total)
        set_total(c, appid, total + c->untold, budget);
}

int64_t paid_today(const struct paid *p, struct slice appid, wall_ms_t now)
{
    const struct count *c = map_get(p->by_app, appid);
    return c && c->day == wall_quota_day(now) ? c->total : 0;
}

void paid_forget(struct paid *p, struct slice appid)
{
    free(map_remove(p->by_app, appid));
}

int64_t paid_day_left_ms(wall_ms_t now)
{
    return DAY_MS - (now.ms + SHANGHAI_MS) % DAY_MS;
}

void paid_day(wall_ms_t now, char out[PAID_DAY_SIZE])
{
    char text[WALL_TEXT_SIZE];
    struct text t = text_init(out, PAID_DAY_SIZE);
    wall_format(wall_after(now, SHANGHAI_MS), text);
    text_fmt(&t, "%.4s%.2s%.2s", text, text + 5, text + 8);
}
