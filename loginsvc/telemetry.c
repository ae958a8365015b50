#include "loginsvc/telemetry.h"

#include <stdlib.h>

#include "log/log.h"

/* Several processes show one page (metrics.h). Where each has its own view of the same thing, the
 * one that is worst off is shown, so that an alarm sees it: the lowest life and version of a token
 * (a process that missed a refresh), the highest age of what is known of ended sessions, readiness
 * only when all are ready. Ended sessions are as many as take memory; phone exchanges of the day
 * are told by Redis and only grow, so the highest is the latest. */
#define SERVICE_METRICS(X)                                                                         \
    X(COUNTER, WECHAT_CALLS, "loginsvc_wechat_calls_total", "path,outcome",                        \
      "Calls to WeChat: done, refused, not_sent, unknown")                                         \
    X(HISTOGRAM, WECHAT_SECONDS, "loginsvc_wechat_call_seconds", "path",                           \
      "Time of a call to WeChat")                                                                  \
    X(GAUGE, LOGINS_UNDER_WAY, "loginsvc_logins_under_way", "", "Logins begun and not answered")   \
    X(COUNTER, ANSWERS_LATE, "loginsvc_answers_late_total", "",                                    \
      "Answers of WeChat or the database that found their login over")                             \
    X(COUNTER, TOKENS_REFUSED, "loginsvc_tokens_refused_total", "",                                \
      "Times WeChat refused the access_token of a login")                                          \
    X(COUNTER, CLAIMS, "loginsvc_claims_total", "verdict",                                         \
      "One-time codes asked for: mine, held (by the same request), kept (its answer was given "    \
      "again), exchanged, used, limited, busy, budget")                                            \
    X(COUNTER, CLAIMS_ALONE, "loginsvc_claims_alone_total", "",                                    \
      "Of these: decided by this process alone, without Redis")                                    \
    X(COUNTER, CLAIMS_UNSETTLED, "loginsvc_claims_unsettled_total", "",                            \
      "Ends of logins that Redis did not take")                                                    \
    X(GAUGE_HIGHEST, PHONES_PAID, "loginsvc_phone_exchanges_today", "appid",                       \
      "Successful phone exchanges of all processes since midnight in Asia/Shanghai")               \
    X(GAUGE_HIGHEST, REVOCATIONS, "loginsvc_revocations", "",                                      \
      "Ended sessions whose JWTs are not over")                                                    \
    X(GAUGE_HIGHEST, REVOCATIONS_AGE, "loginsvc_revocations_age_seconds", "",                      \
      "Since ended sessions were last read from the database, or since the start")                 \
    X(GAUGE_LOWEST, REVOCATIONS_LIVE, "loginsvc_revocations_live", "",                             \
      "1 while other processes' news of ended sessions arrive")                                    \
    X(GAUGE_LOWEST, TOKEN_VERSION, "loginsvc_token_version", "appid",                              \
      "Version of the token in memory")                                                            \
    X(GAUGE_LOWEST, TOKEN_REMAINING, "loginsvc_token_remaining_seconds", "appid",                  \
      "Life left of the token in memory, 0 when there is none")                                    \
    X(GAUGE_LOWEST, REDIS_READY, "loginsvc_redis_ready", "", "1 while Redis is connected")         \
    X(GAUGE_LOWEST, DATABASE_READY, "loginsvc_database_ready", "", "1 while the database answers") \
    X(GAUGE, DATABASE_QUEUE, "loginsvc_database_queue", "", "Operations waiting or at work")       \
    X(COUNTER, DATABASE_OPS, "loginsvc_database_operations_total", "outcome",                      \
      "Database operations: accepted, refused because the queue was full, failed")                 \
    X(GAUGE, HTTP_CONNECTIONS, "loginsvc_http_connections", "", "Open connections of clients")     \
    X(GAUGE, HTTP_CALLS, "loginsvc_http_calls_under_way", "", "Requests not answered yet")         \
    X(GAUGE, WORKERS, "loginsvc_workers", "", "Processes that these numbers are of")               \
    X(COUNTER, WORKER_RESTARTS, "loginsvc_worker_restarts_total", "",                              \
      "Processes that were started in the place of one that died")                                 \
    X(COUNTER, SERIES_REFUSED, "loginsvc_series_refused_total", "",                                \
      "Series that found no room beside those of other processes and are not shown")

enum { SERVICE_METRICS(METRIC_ID) };
static const struct metric_family families[] = {SERVICE_METRICS(METRIC_FAMILY)};

enum { PUBLISH_MS = 1000 };

struct telemetry {
    struct telemetry_parts parts;
    mono_ms_t started_at;
    struct loop_timer *publish; /* NULL: nobody else is asked for these */
    uint64_t refused;           /* series, as told in the log */
};

static void set(struct telemetry *t, int family, const char *const *labels, double value)
{
    gauge_set(metrics_gauge(t->parts.metrics, &families[family], labels), value);
}

/* A counter that someone else keeps. */
static void copy(struct telemetry *t, int family, const char *const *labels, uint64_t n)
{
    metrics_follow(t->parts.metrics, &families[family], labels, n);
}

static void on_wechat_call(const char *path, enum wechat_outcome outcome, int64_t took_us,
                           void *arg)
{
    struct metrics *m = ((struct telemetry *)arg)->parts.metrics;
    counter_add(metrics_counter(m, &families[WECHAT_CALLS],
                                METRIC_LABELS(path, wechat_outcome_name(outcome))),
                1);
    histogram_observe_us(metrics_histogram(m, &families[WECHAT_SECONDS], METRIC_LABELS(path)),
                         took_us);
}

static void collect_tokens(struct telemetry *t)
{
    for (size_t i = 0; i < apps_count(t->parts.apps); i++) {
        struct slice appid = app_id(apps_at(t->parts.apps, i));
        struct token_view token = {.version = 0};
        if (!token_reader_get(t->parts.tokens, appid, &token))
            token = (struct token_view){.version = 0};
        set(t, TOKEN_VERSION, METRIC_LABELS(appid.p), (double)token.version);
        set(t, TOKEN_REMAINING, METRIC_LABELS(appid.p), (double)token.remaining_ms / 1000);
    }
}

static void collect_store(struct telemetry *t)
{
    struct store_stats s = store_stats(t->parts.store);
    set(t, DATABASE_READY, NULL, s.healthy ? 1 : 0);
    set(t, DATABASE_QUEUE, NULL, (double)s.under_way);
    copy(t, DATABASE_OPS, METRIC_LABELS("accepted"), s.accepted);
    copy(t, DATABASE_OPS, METRIC_LABELS("refused"), s.refused);
    copy(t, DATABASE_OPS, METRIC_LABELS("failed"), s.failed);
}

static void collect_claims(struct telemetry *t)
{
    struct claims_stats s = claims_stats(t->parts.claims);
    for (int v = 0; v < (int)ARRAY_LEN(s.by_verdict); v++)
        copy(t, CLAIMS, METRIC_LABELS(claim_verdict_name((enum claim_verdict)v)), s.by_verdict[v]);
    copy(t, CLAIMS_ALONE, NULL, s.alone);
    copy(t, CLAIMS_UNSETTLED, NULL, s.unsettled);
    for (size_t i = 0; i < apps_count(t->parts.apps); i++) {
        struct slice appid = app_id(apps_at(t->parts.apps, i));
        set(t, PHONES_PAID, METRIC_LABELS(appid.p),
            (double)claims_paid_today(t->parts.claims, appid));
    }
}

static void collect_revocations(struct telemetry *t)
{
    struct revocation_watch_stats s = revocation_watch_stats(t->parts.revocations);
    set(t, REVOCATIONS, NULL, (double)s.count);
    int64_t age_ms = s.loaded ? s.age_ms : mono_between(t->started_at, loop_now(t->parts.loop));
    set(t, REVOCATIONS_AGE, NULL, (double)age_ms / 1000);
    set(t, REVOCATIONS_LIVE, NULL, s.live ? 1 : 0);
}

static void on_collect(void *arg)
{
    struct telemetry *t = arg;
    struct login_driver_stats d = login_driver_stats(t->parts.driver);
    set(t, LOGINS_UNDER_WAY, NULL, (double)d.under_way);
    copy(t, ANSWERS_LATE, NULL, d.late);
    copy(t, TOKENS_REFUSED, NULL, d.tokens_refused);
    set(t, REDIS_READY, NULL, redis_client_ready(t->parts.redis) ? 1 : 0);
    set(t, HTTP_CONNECTIONS, NULL, (double)http_server_connections(t->parts.server));
    set(t, HTTP_CALLS, NULL, (double)http_server_in_flight(t->parts.server));
    set(t, WORKERS, NULL, 1);
    copy(t, SERIES_REFUSED, NULL, metrics_refused(t->parts.metrics));
    collect_tokens(t);
    collect_store(t);
    collect_claims(t);
    collect_revocations(t);
}

/* ---- for other processes ---- */

static void tell_refused(struct telemetry *t)
{
    uint64_t refused = metrics_refused(t->parts.metrics);
    if (refused > t->refused)
        log_error("metrics.no_room", LOG_INT("series", refused));
    t->refused = refused;
}

void telemetry_publish(struct telemetry *t)
{
    if (!t->publish)
        return;
    metrics_publish(t->parts.metrics, loop_now(t->parts.loop));
    tell_refused(t);
}

static void on_publish(void *arg)
{
    struct telemetry *t = arg;
    telemetry_publish(t);
    loop_timer_after(t->publish, PUBLISH_MS);
}

/* ---- the whole ---- */

struct telemetry *telemetry_new(const struct telemetry_parts *parts)
{
    struct telemetry *t = xcalloc(1, sizeof *t);
    t->parts = *parts;
    t->started_at = loop_now(parts->loop);
    metrics_register(parts->metrics, families, ARRAY_LEN(families));
    metrics_on_collect(parts->metrics, on_collect, t);
    if (metrics_inherited(parts->metrics))
        counter_add(metrics_counter(parts->metrics, &families[WORKER_RESTARTS], NULL), 1);
    wechat_client_observe(parts->wechat, on_wechat_call, t);
    if (parts->shared) {
        t->publish = loop_timer_new(parts->loop, on_publish, t);
        loop_timer_after(t->publish, PUBLISH_MS); /* until then Redis is found, and tokens */
    }
    return t;
}

void telemetry_free(struct telemetry *t)
{
    if (!t)
        return;
    loop_timer_free(t->publish);
    free(t);
}

void telemetry_forget_app(struct telemetry *t, struct slice appid)
{
    metrics_forget(t->parts.metrics, "appid", appid.p);
}
