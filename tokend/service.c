#include "tokend/service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/health.h"
#include "daemon/upstreams.h"
#include "http/server.h"
#include "log/log.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "sys/entropy.h"
#include "sys/process.h"
#include "tokend/api/api.h"
#include "tokend/api/cgi.h"
#include "tokend/api/events.h"
#include "tokend/console/console.h"
#include "tokend/refresh/fleet.h"
#include "tokend/settings.h"
#include "tokend/telemetry.h"

enum {
    OWNER_SIZE = 96,
    REDIS_MAX_PENDING = 65536,  /* every app may ask at the same moment */
    OBSERVE_INTERVAL_MS = 1000, /* how often an app looks at its record without a reason, ... */
    OBSERVE_PER_APP_MS = 10,    /* ... and no more than this load with many apps */
    WECHAT_QUEUE = 64,          /* the fleet begins no call that would have to wait */
};

enum service_state {
    SERVICE_SERVING,
    SERVICE_DRAINING, /* told to stop: finishes what is under way, gives the lease back */
};

struct service {
    enum service_state state;
    int ends_awaited; /* of the drain: the server's and the fleet's */
    struct config *config;
    const struct tokend_settings *settings; /* of config */
    char owner[OWNER_SIZE];
    struct token_scripts scripts;
    struct store store;
    struct loop *loop;
    struct metrics *metrics;
    struct telemetry *telemetry;
    struct upstreams upstreams;
    struct fleet *fleet;
    struct clients *clients;
    struct http_server *server;
    struct health *health;
    struct api *api;
    struct events *events;
    struct cgi *cgi;
};

/* ---- apps ---- */

/* A call is begun only with a lease that outlasts it, so that nobody else calls meanwhile. Where
 * the lease is set shorter than that, half of it must do: its late answer is refused by the epoch
 * and reported as displaced. */
static int64_t lease_needed_ms(const struct tokend_settings *set)
{
    int64_t half = set->lease_ttl_ms / 2;
    return set->wechat_timeout_ms < half ? set->wechat_timeout_ms : half;
}

static struct refresh_config refresh_config(const struct tokend_settings *set,
                                            const struct app_settings *app)
{
    int64_t observe = (int64_t)set->n_apps * OBSERVE_PER_APP_MS;
    return (struct refresh_config){
        .mode = app->mode == APP_TOKEN_STABLE ? TOKEN_STABLE : TOKEN_CLASSIC,
        .lead_ms = app->refresh_lead_ms,
        .overlap_ms = set->token_overlap_ms,
        .retry_min_ms = set->token_retry_min_ms,
        .retry_max_ms = set->token_retry_max_ms,
        .probe_interval_ms = set->token_probe_interval_ms,
        .observe_interval_ms = observe > OBSERVE_INTERVAL_MS ? observe : OBSERVE_INTERVAL_MS,
        .call_timeout_ms = set->wechat_timeout_ms,
        .lease_needed_ms = lease_needed_ms(set),
        .daily_budget = set->token_daily_budget,
    };
}

static struct pace_limits fetch_limits(const struct tokend_settings *set)
{
    return (struct pace_limits){.at_once = (size_t)set->token_fetch_concurrency,
                                .per_second = set->token_fetch_rate};
}

static void set_apps(struct service *s)
{
    const struct tokend_settings *set = s->settings;
    struct fleet_entry *entries = xcalloc(set->n_apps, sizeof *entries);
    for (size_t i = 0; i < set->n_apps; i++) {
        if (set->apps[i].sdk_keys.n > 0)
            log_warn("app.sdk_keys_not_written_yet", LOG_STR("appid", set->apps[i].id));
        entries[i] = (struct fleet_entry){set->apps[i].id, &set->apps[i].secret,
                                          refresh_config(set, &set->apps[i])};
    }
    fleet_set(s->fleet, entries, set->n_apps);
    free(entries);
}

/* ---- start ---- */

static bool make_upstreams(struct service *s, struct err *e)
{
    const struct tokend_settings *set = s->settings;
    const struct upstreams_options options = {
        .program = "tokend",
        .redis_url = &set->redis_url,
        .redis_timeout_ms = set->redis_timeout_ms,
        .redis_max_pending = REDIS_MAX_PENDING,
        .wechat_api_base = set->wechat_api_base,
        .wechat_timeout_ms = set->wechat_timeout_ms,
        .wechat_connections = (size_t)set->token_fetch_concurrency + GATES_PROBES_AT_ONCE,
        .wechat_queue = WECHAT_QUEUE,
    };
    if (!upstreams_open(&s->upstreams, s->loop, &options, e))
        return false;
    s->store = (struct store){s->upstreams.redis, &s->scripts,           set->key_prefix,
                              s->owner,           set->redis_timeout_ms, set->lease_ttl_ms};
    return true;
}

static bool make_server(struct service *s, struct err *e)
{
    const struct http_server_options options = {
        .listen = s->settings->listen,
        .max_connections = (size_t)s->settings->http_max_connections,
        .reply_timeout_ms = s->settings->http_timeout_ms,
        .idle_timeout_ms = s->settings->http_idle_timeout_ms,
        .on_access = daemon_log_access,
    };
    s->server = http_server_new(s->loop, &options, e);
    return s->server != NULL;
}

static void make_fleet(struct service *s)
{
    const struct fleet_parts parts = {s->loop,
                                      &s->store,
                                      s->upstreams.subscriber,
                                      s->upstreams.wechat,
                                      fetch_limits(s->settings),
                                      telemetry_fleet_hooks(s->telemetry)};
    s->fleet = fleet_new(&parts);
    telemetry_watch(s->telemetry, s->fleet, s->upstreams.redis, s->upstreams.wechat);
    set_apps(s);
}

/* Ready is who can hand out tokens: some app has a living one, and Redis is there to bring those
 * that are missing. */
static void on_readyz(struct http_call *call, void *arg)
{
    struct service *s = arg;
    struct app_token token;
    size_t at = 0, apps = fleet_count(s->fleet), missing = 0;
    for (struct app *a; (a = fleet_next(s->fleet, &at)) != NULL;)
        missing += app_token(a, &token) ? 0 : 1;
    bool redis = fleet_served(s->fleet);
    json_t *checks = json_pack("{s:b,s:b,s:s?,s:I,s:I}", "redis", redis, "leading",
                               fleet_leads(s->fleet), "leader", fleet_leader(s->fleet), "apps",
                               (json_int_t)apps, "apps_without_token", (json_int_t)missing);
    health_reply(s->health, call, missing < apps && (redis || missing == 0), checks);
}

static void make_routes(struct service *s)
{
    const struct api_parts api = {s->server, s->fleet, &s->store, s->clients};
    const struct cgi_parts cgi = {s->server, s->fleet, &s->store, s->clients};
    const struct events_parts events = {s->loop,  s->server, s->upstreams.subscriber,
                                        s->fleet, &s->store, s->clients};
    clients_set(s->clients, s->settings->clients, s->settings->n_clients);
    s->health = health_new(s->server, s->metrics, on_readyz, s);
    s->api = api_new(&api);
    s->events = events_new(&events);
    s->cgi = cgi_new(&cgi);
    console_routes(s->server);
}

/* ---- signals ---- */

static void on_ended(void *arg)
{
    struct service *s = arg;
    if (--s->ends_awaited == 0)
        loop_stop(s->loop);
}

static void on_stop(int signum, void *arg)
{
    struct service *s = arg;
    if (s->state == SERVICE_DRAINING) {
        log_warn("service.stopping_at_once", LOG_INT("signal", signum));
        loop_stop(s->loop);
        return;
    }
    log_info("service.draining", LOG_INT("signal", signum),
             LOG_INT("under_way", http_server_in_flight(s->server)));
    s->state = SERVICE_DRAINING;
    s->ends_awaited = 2;
    health_draining(s->health);
    fleet_stop(s->fleet, s->settings->drain_timeout_ms, on_ended, s);
    http_server_drain(s->server, s->settings->drain_timeout_ms, on_ended, s);
}

static void forget_removed_apps(struct service *s, const struct tokend_settings *old)
{
    for (size_t i = 0; i < old->n_apps; i++)
        if (!fleet_find(s->fleet, slice_of(old->apps[i].id)))
            telemetry_forget_app(s->telemetry, old->apps[i].id);
}

/* The new settings are in force from here on. What is not reloadable has its old value in them. */
static void take_over(struct service *s, struct config *config)
{
    const struct tokend_settings *fresh = config_values(config);
    const struct pace_limits fetches = fetch_limits(fresh);
    struct config *old = s->config;
    const struct tokend_settings *old_settings = s->settings;
    s->config = config;
    s->settings = fresh;
    s->store.prefix = s->settings->key_prefix;
    log_init("tokend", s->settings->log_level, s->settings->log_format);
    clients_set(s->clients, s->settings->clients, s->settings->n_clients);
    fleet_limit(s->fleet, &fetches);
    set_apps(s);
    forget_removed_apps(s, old_settings);
    config_free(old);
    daemon_reloaded(config, fleet_count(s->fleet));
}

static void on_reload(int signum, void *arg)
{
    struct service *s = arg;
    struct config *config = daemon_reload(s->config);
    (void)signum;
    if (config && s->state == SERVICE_SERVING)
        take_over(s, config);
    else
        config_free(config);
}

/* ---- the whole ---- */

static int make(struct service *s, struct err *e)
{
    char random[9];
    char process[OWNER_SIZE - sizeof random];
    process_name(process, sizeof process);
    entropy_hex(random, 4);
    snprintf(s->owner, sizeof s->owner, "%s:%s", process, random);
    token_scripts_init(&s->scripts);
    s->loop = loop_new();
    s->metrics = metrics_new();
    metrics_add_process(s->metrics, "tokend", config_version());
    s->telemetry = telemetry_new(s->metrics);
    s->clients = clients_new();
    if (!make_upstreams(s, e))
        return DAEMON_BAD_SETTINGS;
    if (!make_server(s, e))
        return DAEMON_FAILED;
    make_fleet(s);
    make_routes(s);
    loop_on_signal(s->loop, SIGTERM, on_stop, s);
    loop_on_signal(s->loop, SIGINT, on_stop, s);
    loop_on_signal(s->loop, SIGHUP, on_reload, s);
    return DAEMON_OK;
}

/* Whoever may still be called back goes after the one who calls. */
static void unmake(struct service *s)
{
    events_free(s->events);
    api_free(s->api);
    fleet_free(s->fleet);
    wechat_client_free(s->upstreams.wechat);
    redis_subscriber_free(s->upstreams.subscriber);
    redis_client_free(s->upstreams.redis);
    http_client_free(s->upstreams.http);
    http_server_free(s->server);
    cgi_free(s->cgi);
    health_free(s->health);
    clients_free(s->clients);
    telemetry_free(s->telemetry);
    metrics_free(s->metrics);
    loop_free(s->loop);
    token_scripts_deinit(&s->scripts);
    config_free(s->config);
}

int service_run(struct config *config)
{
    struct service s = {.state = SERVICE_SERVING, .config = config};
    struct err e = {.text = ""};
    s.settings = config_values(config);
    daemon_hold_reloads(true);
    int exit_code = make(&s, &e);
    if (exit_code == DAEMON_OK) {
        daemon_hold_reloads(false);
        log_info("service.listening", LOG_STR("listen", s.settings->listen),
                 LOG_INT("port", http_server_port(s.server)), LOG_STR("instance", s.owner),
                 LOG_INT("apps", fleet_count(s.fleet)));
        loop_run(s.loop);
        daemon_hold_reloads(true);
        log_info("service.stopped", LOG_INT("port", http_server_port(s.server)));
    } else {
        log_error("service.not_started", LOG_STR("error", e.text));
    }
    unmake(&s);
    return exit_code;
}
