#include "loginsvc/limits/paid.h"

#include <stdlib.h>

#include "base/map.h"
#include "log/log.h"

enum { DAY_MS = 24 * 3600 * 1000, SHANGHAI_MS = 8 * 3600 * 1000, WARN_PERCENT = 80 };

struct count {
    int64_t day;
    int64_t total;  /* known to be counted, untold ones too */
    int64_t untold; /* of them, not in Redis yet */
    int64_t earlier_day;
    int64_t earlier_untold; /* of that day, which is over */
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

/* Two days back nobody asks any more. */
static void add_earlier(struct count *c, int64_t day, int64_t untold)
{
    if (untold == 0)
        return;
    if (c->earlier_day != day)
        c->earlier_untold = 0;
    c->earlier_day = day;
    c->earlier_untold += untold;
}

static void turn_to(struct count *c, int64_t day)
{
    if (c->day == day)
        return;
    add_earlier(c, c->day, c->untold);
    c->day = day;
    c->total = 0;
    c->untold = 0;
}

/* Of this day. */
static struct count *count_of(struct paid *p, struct slice appid, wall_ms_t now)
{
    struct count *c = map_get(p->by_app, appid);
    if (!c) {
        c = xcalloc(1, sizeof *c);
        (void)map_put(p->by_app, appid, c);
    }
    turn_to(c, wall_quota_day(now));
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

struct paid_untold paid_take_untold(struct paid *p, struct slice appid, wall_ms_t now)
{
    struct count *c = count_of(p, appid, now);
    struct paid_untold earlier = {.day = c->earlier_day, .n = c->earlier_untold};
    struct paid_untold today = {.day = c->day, .n = c->untold, .at_least = c->total};
    if (earlier.n > 0) {
        c->earlier_untold = 0;
        return earlier;
    }
    c->untold = 0;
    return today;
}

void paid_put_back(struct paid *p, struct slice appid, struct paid_untold untold)
{
    struct count *c = map_get(p->by_app, appid);
    if (!c)
        return;
    if (c->day == untold.day)
        c->untold += untold.n;
    else
        add_earlier(c, untold.day, untold.n);
}

void paid_learn(struct paid *p, struct slice appid, int64_t day, int64_t total, int64_t budget)
{
    struct count *c = map_get(p->by_app, appid);
    if (c && c->day == day && total + c->untold > c->total)
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

void paid_day_name(int64_t day, char out[PAID_DAY_SIZE])
{
    char text[WALL_TEXT_SIZE];
    struct text t = text_init(out, PAID_DAY_SIZE);
    wall_format((wall_ms_t){day * DAY_MS}, text);
    text_fmt(&t, "%.4s%.2s%.2s", text, text + 5, text + 8);
}
