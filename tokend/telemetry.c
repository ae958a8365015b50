#include "tokend/telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEND_METRICS(X)                                                                          \
    X(COUNTER, REFRESHES, "tokend_refreshes_total", "appid", "New versions written")               \
    X(COUNTER, FAILURES, "tokend_refresh_failures_total", "appid,class",                           \
      "Attempts that brought no token, by what is to be done about it")                            \
    X(COUNTER, NOTES, "tokend_notes_total", "appid,note",                                          \
      "Reports of refused tokens and what the probe found")                                        \
    X(GAUGE, VERSION, "tokend_token_version", "appid", "Version of the current token")             \
    X(GAUGE, EXPIRES, "tokend_token_expires_seconds", "appid",                                     \
      "Seconds the current token has left; 0 without one: alarm long before")                      \
    X(GAUGE, PARKED, "tokend_app_parked", "appid",                                                 \
      "1 while only an operator can mend the app: see its last_errcode")                           \
    X(GAUGE, ISSUED_TODAY, "tokend_issued_today", "appid", "Issuances counted against the budget") \
    X(GAUGE, LEADING, "tokend_leading", "", "1 while this instance refreshes")                     \
    X(GAUGE, LEADER, "tokend_leader_info", "leader",                                               \
      "1 for the instance that leads, as seen here")                                               \
    X(GAUGE, EPOCH, "tokend_epoch", "", "Fencing epoch of whoever leads; 0: unknown")              \
    X(GAUGE, REDIS_READY, "tokend_redis_ready", "", "1 while Redis does what it is asked")         \
    X(COUNTER, REDIS_REFUSALS, "tokend_redis_refusals_total", "error",                             \
      "Commands that Redis refused, by the first word of its error")                               \
    X(GAUGE, FETCHES_WAITING, "tokend_fetches_waiting", "",                                        \
      "Fetches that wait for their turn (TOKEN_FETCH_RATE, TOKEN_FETCH_CONCURRENCY)")              \
    X(GAUGE, FETCHES_UNDER_WAY, "tokend_fetches_under_way", "",                                    \
      "Fetches from the stored intent to the written token, or its failure")                       \
    X(HISTOGRAM, FETCH_WAIT_SECONDS, "tokend_fetch_wait_seconds", "",                              \
      "How long fetches waited for their turn")                                                    \
    X(COUNTER, WECHAT_CALLS, "tokend_wechat_calls_total", "path,outcome", "Calls to WeChat")       \
    X(HISTOGRAM, WECHAT_SECONDS, "tokend_wechat_call_seconds", "path", "Time of calls to WeChat")

enum { TOKEND_METRICS(METRIC_ID) };
static const struct metric_family families[] = {TOKEND_METRICS(METRIC_FAMILY)};

struct telemetry {
    struct metrics *metrics;
    struct fleet *fleet;
    struct redis_client *redis;
    char leader[STORE_OWNER_MAX + 1]; /* whom the metrics name; empty: nobody */
};

static void count(struct telemetry *t, int family, const char *const *labels)
{
    counter_add(metrics_counter(t->metrics, &families[family], labels), 1);
}

static void set(struct telemetry *t, int family, const char *const *labels, double value)
{
    gauge_set(metrics_gauge(t->metrics, &families[family], labels), value);
}

static void on_refreshed(const struct app *a, void *arg)
{
    count(arg, REFRESHES, METRIC_LABELS(app_id(a)));
}

static void on_failed(const struct app *a, enum err_class err, int64_t errcode, void *arg)
{
    (void)errcode;
    count(arg, FAILURES, METRIC_LABELS(app_id(a), err_class_name(err)));
}

static void on_noted(const struct app *a, enum refresh_note note, void *arg)
{
    count(arg, NOTES, METRIC_LABELS(app_id(a), refresh_note_name(note)));
}

static void on_began(const struct app *a, int64_t waited_ms, void *arg)
{
    struct telemetry *t = arg;
    (void)a;
    histogram_observe_us(metrics_histogram(t->metrics, &families[FETCH_WAIT_SECONDS], NULL),
                         waited_ms * 1000);
}

static void on_call(const char *path, enum wechat_outcome outcome, int64_t took_us, void *arg)
{
    struct telemetry *t = arg;
    count(t, WECHAT_CALLS, METRIC_LABELS(path, wechat_outcome_name(outcome)));
    histogram_observe_us(
        metrics_histogram(t->metrics, &families[WECHAT_SECONDS], METRIC_LABELS(path)), took_us);
}

static void collect_app(struct telemetry *t, const struct app *a)
{
    struct refresh_status s = app_status(a);
    struct app_token token;
    bool live = app_token(a, &token);
    bool parked = s.leading && s.reason != REFRESH_REASON_NONE &&
                  (s.last_err == ERR_OPERATOR || s.last_err == ERR_BUG);
    const char *const *labels = METRIC_LABELS(app_id(a));
    set(t, VERSION, labels, (double)refresh_record(app_refresh(a))->version);
    set(t, EXPIRES, labels, live ? (double)token.remaining_ms / 1000 : 0);
    set(t, PARKED, labels, parked ? 1 : 0);
    set(t, ISSUED_TODAY, labels, (double)s.issued_today);
}

static void collect_leader(struct telemetry *t)
{
    const char *leader = fleet_leader(t->fleet);
    if (t->leader[0] && (!leader || strcmp(t->leader, leader) != 0))
        metrics_forget(t->metrics, "leader", t->leader);
    snprintf(t->leader, sizeof t->leader, "%s", leader ? leader : "");
    if (leader)
        set(t, LEADER, METRIC_LABELS(leader), 1);
}

static void collect_refusals(struct telemetry *t)
{
    struct redis_client_stats stats;
    redis_client_stats(t->redis, &stats);
    for (int i = 0; i < REDIS_REFUSAL_KINDS; i++) {
        const char *name = redis_refusal_name((enum redis_refusal)i);
        if (stats.refusals[i] > 0)
            metrics_follow(t->metrics, &families[REDIS_REFUSALS], METRIC_LABELS(name),
                           (uint64_t)stats.refusals[i]);
    }
}

static void collect(void *arg)
{
    struct telemetry *t = arg;
    size_t at = 0;
    if (!t->fleet)
        return;
    for (struct app *a; (a = fleet_next(t->fleet, &at)) != NULL;)
        collect_app(t, a);
    collect_leader(t);
    set(t, FETCHES_WAITING, NULL, (double)fleet_load(t->fleet).waiting);
    set(t, FETCHES_UNDER_WAY, NULL, (double)fleet_load(t->fleet).under_way);
    set(t, LEADING, NULL, fleet_leads(t->fleet) ? 1 : 0);
    set(t, EPOCH, NULL, (double)fleet_epoch(t->fleet));
    set(t, REDIS_READY, NULL, fleet_served(t->fleet) ? 1 : 0);
    collect_refusals(t);
}

struct telemetry *telemetry_new(struct metrics *m)
{
    struct telemetry *t = xcalloc(1, sizeof *t);
    t->metrics = m;
    metrics_register(m, families, ARRAY_LEN(families));
    metrics_on_collect(m, collect, t);
    return t;
}

void telemetry_free(struct telemetry *t)
{
    free(t);
}

struct fleet_hooks telemetry_fleet_hooks(struct telemetry *t)
{
    return (struct fleet_hooks){on_refreshed, on_failed, on_noted, on_began, t};
}

void telemetry_watch(struct telemetry *t, struct fleet *f, struct redis_client *r,
                     struct wechat_client *w)
{
    t->fleet = f;
    t->redis = r;
    wechat_client_observe(w, on_call, t);
}

void telemetry_forget_app(struct telemetry *t, const char *appid)
{
    metrics_forget(t->metrics, "appid", appid);
}
