#include "tokend/refresh/fleet.h"

#include <stdlib.h>

#include "base/map.h"
#include "log/log.h"
#include "tokend/refresh/leader.h"
#include "tokend/refresh/reports.h"

enum { LEAVE_SHARE = 4 }; /* of the time to stop, a fourth is for giving the lease back */

enum fleet_state {
    FLEET_RUNNING,
    FLEET_RESTING, /* stopping: attempts under way are finished */
    FLEET_LEAVING, /* the lease is being given back */
    FLEET_STOPPED,
};

struct fleet {
    struct fleet_parts parts;
    struct app_parts app_parts;
    enum fleet_state state;
    struct map *apps; /* appid -> struct app */
    struct leader *leader;
    struct reports *reports;
    struct loop_timer *stop_timer; /* RESTING: looks again; LEAVING: time is up */
    mono_ms_t leave_at;            /* RESTING ends, whatever is under way */
    mono_ms_t stop_at;             /* LEAVING ends, whether Redis answers or not */
    size_t report_turn;            /* where the reports' walk stands */
    struct app *hurried;           /* whose turn is first; NULL: nobody's */
    void (*stopped)(void *arg);
    void *stopped_arg;
};

/* ---- stopping ---- */

static bool attempting(const struct fleet *f)
{
    size_t at = 0;
    for (struct app *a; (a = fleet_next(f, &at)) != NULL;)
        if (refresh_attempting(app_refresh(a)))
            return true;
    return false;
}

/* The lease is kept until no attempt is under way: its late answer must still be written. But not
 * for ever: without Redis it cannot be. */
static void leave_when_rested(struct fleet *f)
{
    bool late = mono_reached(loop_now(f->parts.loop), f->leave_at);
    if (!late && attempting(f)) {
        loop_timer_at(f->stop_timer, f->leave_at);
        return;
    }
    f->state = FLEET_LEAVING;
    loop_timer_at(f->stop_timer, f->stop_at);
    leader_stop(f->leader);
}

static void on_left(void *arg)
{
    struct fleet *f = arg;
    if (f->state == FLEET_STOPPED)
        return;
    f->state = FLEET_STOPPED;
    loop_timer_stop(f->stop_timer);
    f->stopped(f->stopped_arg);
}

static void on_stop_timer(void *arg)
{
    struct fleet *f = arg;
    switch (f->state) {
    case FLEET_RESTING:
        leave_when_rested(f);
        return;
    case FLEET_LEAVING:
        on_left(f);
        return;
    case FLEET_RUNNING:
    case FLEET_STOPPED:
        return;
    }
}

static void on_unlead(void *arg)
{
    struct fleet *f = arg;
    size_t at = 0;
    for (struct app *a; (a = fleet_next(f, &at)) != NULL;)
        app_unlead(a);
    reports_stop(f->reports);
}

void fleet_stop(struct fleet *f, int64_t timeout_ms, void (*stopped)(void *arg), void *arg)
{
    ASSERT(f->state == FLEET_RUNNING);
    f->state = FLEET_RESTING;
    f->leave_at = mono_after(loop_now(f->parts.loop), timeout_ms - timeout_ms / LEAVE_SHARE);
    f->stop_at = mono_after(loop_now(f->parts.loop), timeout_ms);
    f->stopped = stopped;
    f->stopped_arg = arg;
    on_unlead(f);
    loop_timer_after(f->stop_timer, 0);
}

/* ---- the lease ---- */

static void on_lead(int64_t epoch, void *arg)
{
    struct fleet *f = arg;
    size_t at = 0;
    if (f->state != FLEET_RUNNING)
        return;
    for (struct app *a; (a = fleet_next(f, &at)) != NULL;)
        app_lead(a, epoch);
    reports_start(f->reports);
}

static void on_redis_state(bool ready, const char *reason, void *arg)
{
    struct fleet *f = arg;
    size_t at = 0;
    (void)reason;
    if (!ready)
        return;
    leader_look(f->leader);
    for (struct app *a; (a = fleet_next(f, &at)) != NULL;)
        app_look(a);
}

/* ---- what apps tell ---- */

static mono_ms_t lease_end(void *arg)
{
    struct fleet *f = arg;
    return leader_until(f->leader);
}

static void on_fenced(int64_t epoch, void *arg)
{
    struct fleet *f = arg;
    leader_fenced(f->leader, epoch);
}

static void on_refreshed(const struct app *a, void *arg)
{
    const struct fleet_hooks *h = &((struct fleet *)arg)->parts.hooks;
    if (h->refreshed)
        h->refreshed(a, h->arg);
}

static void on_failed(const struct app *a, enum err_class err, int64_t errcode, void *arg)
{
    const struct fleet_hooks *h = &((struct fleet *)arg)->parts.hooks;
    if (h->failed)
        h->failed(a, err, errcode, h->arg);
}

static void on_noted(const struct app *a, enum refresh_note note, void *arg)
{
    const struct fleet_hooks *h = &((struct fleet *)arg)->parts.hooks;
    if (h->noted)
        h->noted(a, note, h->arg);
}

static void on_began(const struct app *a, int64_t waited_ms, void *arg)
{
    const struct fleet_hooks *h = &((struct fleet *)arg)->parts.hooks;
    if (h->began)
        h->began(a, waited_ms, h->arg);
}

static void on_rested(const struct app *a, void *arg)
{
    struct fleet *f = arg;
    (void)a;
    if (f->state == FLEET_RESTING)
        loop_timer_after(f->stop_timer, 0);
}

/* ---- reports ---- */

static struct report_source next_for_reports(void *arg)
{
    struct fleet *f = arg;
    struct app *a = f->hurried;
    f->hurried = NULL;
    if (!a)
        a = fleet_next(f, &f->report_turn);
    if (!a) {
        f->report_turn = 0;
        a = fleet_next(f, &f->report_turn);
    }
    return (struct report_source){app_id(a), app_heard(a)};
}

static size_t count_for_reports(void *arg)
{
    return fleet_count(arg);
}

static bool on_report(const char *appid, const struct report *report, void *arg)
{
    struct app *a = fleet_find(arg, slice_of(appid));
    return a && app_hear(a, report);
}

void fleet_hear(struct fleet *f, struct app *a)
{
    f->hurried = a;
    reports_hurry(f->reports);
}

/* ---- the apps ---- */

static void add_or_change(struct fleet *f, const struct fleet_entry *e)
{
    struct app *a = fleet_find(f, slice_of(e->appid));
    if (!a) {
        a = app_new(&f->app_parts, e->appid, e->secret, &e->config);
        map_put(f->apps, slice_of(e->appid), a);
        log_info("app.added", LOG_STR("appid", e->appid));
        if (leader_leads(f->leader))
            app_lead(a, leader_epoch(f->leader));
    } else if (!app_same_settings(a, e->secret, &e->config)) {
        app_configure(a, e->secret, &e->config);
        log_info("app.changed", LOG_STR("appid", e->appid));
    } else {
        app_observe_every(a, e->config.observe_interval_ms);
    }
}

/* What is in the fleet and not in `wanted` goes. An attempt that is under way leaves its intent in
 * Redis: should the app come back, it is refreshed at once. */
static void remove_others(struct fleet *f, const struct map *wanted)
{
    struct app **gone = xcalloc(fleet_count(f), sizeof(struct app *));
    size_t n = 0, at = 0;
    for (struct app *a; (a = fleet_next(f, &at)) != NULL;)
        if (!map_get(wanted, slice_of(app_id(a))))
            gone[n++] = a;
    for (size_t i = 0; i < n; i++) {
        log_info("app.removed", LOG_STR("appid", app_id(gone[i])));
        map_remove(f->apps, slice_of(app_id(gone[i])));
        app_free(gone[i]);
    }
    free(gone);
    f->hurried = NULL;
}

void fleet_set(struct fleet *f, const struct fleet_entry *entries, size_t n)
{
    struct map *wanted = map_new(0);
    for (size_t i = 0; i < n; i++)
        map_put(wanted, slice_of(entries[i].appid), f);
    remove_others(f, wanted);
    map_free(wanted);
    for (size_t i = 0; i < n; i++)
        add_or_change(f, &entries[i]);
    f->report_turn = 0;
}

struct app *fleet_find(const struct fleet *f, struct slice appid)
{
    return map_get(f->apps, appid);
}

size_t fleet_count(const struct fleet *f)
{
    return map_count(f->apps);
}

struct app *fleet_next(const struct fleet *f, size_t *at)
{
    struct slice key;
    void *value;
    return map_next(f->apps, at, &key, &value) ? value : NULL;
}

void fleet_limit(struct fleet *f, const struct pace_limits *fetches)
{
    gate_limit(f->app_parts.gates.fetches, fetches);
}

struct fleet_load fleet_load(const struct fleet *f)
{
    const struct gate *g = f->app_parts.gates.fetches;
    return (struct fleet_load){gate_waiting(g), gate_inside(g)};
}

bool fleet_served(const struct fleet *f)
{
    return redis_client_ready(f->parts.store->redis) && leader_served(f->leader);
}

bool fleet_leads(const struct fleet *f)
{
    return leader_leads(f->leader);
}

int64_t fleet_epoch(const struct fleet *f)
{
    return leader_epoch(f->leader);
}

const char *fleet_leader(const struct fleet *f)
{
    return leader_name(f->leader);
}

/* ---- life ---- */

struct fleet *fleet_new(const struct fleet_parts *parts)
{
    struct fleet *f = xcalloc(1, sizeof *f);
    f->parts = *parts;
    f->apps = map_new(0);
    f->app_parts = (struct app_parts){
        .loop = parts->loop,
        .store = parts->store,
        .wechat = parts->wechat,
        .subscriber = parts->subscriber,
        .hooks = {lease_end, on_fenced, on_refreshed, on_failed, on_noted, on_began, on_rested, f},
    };
    gates_open(&f->app_parts.gates, parts->loop, &parts->fetches, app_admit);
    const struct leader_hooks leader = {on_lead, on_unlead, on_left, f};
    const struct reports_hooks reports = {next_for_reports, count_for_reports, on_report, f};
    f->leader = leader_new(parts->loop, parts->store, parts->subscriber, &leader);
    f->stop_timer = loop_timer_new(parts->loop, on_stop_timer, f);
    f->reports = reports_new(parts->loop, parts->store, &reports);
    redis_client_on_state(parts->store->redis, on_redis_state, f);
    return f;
}

void fleet_free(struct fleet *f)
{
    if (!f)
        return;
    redis_client_on_state(f->parts.store->redis, NULL, NULL);
    reports_free(f->reports);
    loop_timer_free(f->stop_timer);
    leader_free(f->leader);
    size_t at = 0;
    for (struct app *a; (a = fleet_next(f, &at)) != NULL;)
        app_free(a);
    gates_close(&f->app_parts.gates);
    map_free(f->apps);
    free(f);
}
