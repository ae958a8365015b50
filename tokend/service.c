#include "tokend/service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/client.h"
#include "http/server.h"
#include "log/log.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "redis/client.h"
#include "redis/subscriber.h"
#include "redis/url.h"
#include "sys/entropy.h"
#include "sys/process.h"
#include "tokend/api/api.h"
#include "tokend/console/console.h"
#include "tokend/health.h"
#include "tokend/refresh/fleet.h"
#include "tokend/settings.h"
#include "tokend/telemetry.h"
#include "wechat/client.h"

enum {
    OWNER_SIZE = 96,
    REDIS_BACKOFF_MAX_MS = 1000, /* the lease is waiting */
    REDIS_MAX_PENDING = 65536,   /* every app may ask at the same moment */
    OBSERVE_INTERVAL_MS = 5000,  /* how often an app looks at its record without a reason, ... */
    OBSERVE_PER_APP_MS = 10,     /* ... and no more than this load with many apps */
    WECHAT_CONNECTIONS = 64,
    WECHAT_QUEUE = 16384,
};

enum service_state {
    SERVICE_SERVING,
    SERVICE_DRAINING, /* told to stop: finishes what is under way, gives the lease back */
};

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_BAD_SETTINGS = 2 };

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
    struct redis_client *redis;
    struct redis_subscriber *subscriber;
    struct http_client *http;
    struct wechat_client *wechat;
    struct fleet *fleet;
    struct clients *clients;
    struct http_server *server;
    struct health *health;
    struct api *api;
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

static void set_apps(struct service *s)
{
    const struct tokend_settings *set = s->settings;
    struct fleet_entry *entries = xcalloc(set->n_apps, sizeof *entries);
    for (size_t i = 0; i < set->n_apps; i++)
        entries[i] = (struct fleet_entry){set->apps[i].id, &set->apps[i].secret,
                                          refresh_config(set, &set->apps[i])};
    fleet_set(s->fleet, entries, set->n_apps);
    free(entries);
}

/* ---- start ---- */

static bool make_redis(struct service *s, struct err *e)
{
    struct redis_options options = REDIS_OPTIONS_DEFAULT;
    struct redis_url url = {.nhosts = 0};
    options.connect_timeout_ms = s->settings->redis_timeout_ms;
    options.backoff_max_ms = REDIS_BACKOFF_MAX_MS;
    options.max_pending = REDIS_MAX_PENDING;
    if (!redis_url_parse(secret_reveal(&s->settings->redis_url), &url, e))
        return false;
    s->redis = redis_client_new(s->loop, &url, &options);
    s->subscriber = redis_subscriber_new(s->loop, &url, &options);
    redis_url_wipe(&url);
    s->store = (struct store){s->redis,
                              &s->scripts,
                              s->settings->key_prefix,
                              s->owner,
                              s->settings->redis_timeout_ms,
                              s->settings->lease_ttl_ms};
    return true;
}

static bool make_wechat(struct service *s, struct err *e)
{
    const struct http_client_options options = {
        .user_agent = "tokend", .max_connections = WECHAT_CONNECTIONS, .max_queued = WECHAT_QUEUE};
    struct http_hosts *hosts = http_hosts_parse(slice_of(s->settings->wechat_api_base), e);
    if (!hosts)
        return false;
    s->http = http_client_new(s->loop, &options, e);
    if (s->http)
        s->wechat = wechat_client_new(s->loop, s->http, hosts, s->settings->wechat_timeout_ms);
    http_hosts_unref(hosts);
    return s->http != NULL;
}

static void on_access(const struct http_access *a, void *arg)
{
    (void)arg;
    log_debug("http.access", LOG_STR("request_id", a->request_id),
              LOG_STR("method", http_method_name(a->method)),
              LOG_STR("route", a->pattern ? a->pattern : ""), LOG_INT("status", a->status),
              LOG_INT("took_us", a->elapsed_us));
}

static bool make_server(struct service *s, struct err *e)
{
    const struct http_server_options options = {
        .listen = s->settings->listen,
        .max_connections = (size_t)s->settings->http_max_connections,
        .reply_timeout_ms = s->settings->http_timeout_ms,
        .idle_timeout_ms = s->settings->http_idle_timeout_ms,
        .on_access = on_access,
    };
    s->server = http_server_new(s->loop, &options, e);
    return s->server != NULL;
}

static void make_fleet(struct service *s)
{
    const struct fleet_parts parts = {s->loop, &s->store, s->subscriber, s->wechat,
                                      telemetry_fleet_hooks(s->telemetry)};
    s->fleet = fleet_new(&parts);
    telemetry_watch(s->telemetry, s->fleet, s->redis, s->wechat);
    set_apps(s);
}

static void make_routes(struct service *s)
{
    const struct health_parts health = {s->server, s->metrics, s->redis, s->fleet};
    const struct api_parts api = {s->server, s->fleet, &s->store, s->clients};
    clients_set(s->clients, s->settings->clients, s->settings->n_clients);
    s->health = health_new(&health);
    s->api = api_new(&api);
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
    fleet_stop(s->fleet, on_ended, s);
    http_server_drain(s->server, s->settings->drain_timeout_ms, on_ended, s);
}

static void forget_removed_apps(struct service *s, const struct tokend_settings *old)
{
    for (size_t i = 0; i < old->n_apps; i++)
        if (!fleet_find(s->fleet, slice_of(old->apps[i].id)))
            telemetry_forget_app(s->telemetry, old->apps[i].id);
}

static void log_not_reloaded(struct config_faults *faults)
{
    for (size_t i = 0; i < config_faults_count(faults); i++)
        log_error("config.reload_refused", LOG_STR("fault", config_faults_line(faults, i)));
    config_faults_free(faults);
}

static void log_needs_restart(const struct config *config)
{
    const struct config_list *names = config_needs_restart(config);
    for (size_t i = 0; i < names->n; i++)
        log_warn("config.needs_restart", LOG_STR("setting", names->items[i]));
}

/* The new settings are in force from here on. What is not reloadable has its old value in them. */
static void take_over(struct service *s, struct config *config)
{
    struct config *old = s->config;
    const struct tokend_settings *old_settings = s->settings;
    s->config = config;
    s->settings = config_values(config);
    s->store.prefix = s->settings->key_prefix;
    log_init("tokend", s->settings->log_level, s->settings->log_format);
    clients_set(s->clients, s->settings->clients, s->settings->n_clients);
    set_apps(s);
    forget_removed_apps(s, old_settings);
    config_free(old);
    log_info("config.reloaded", LOG_INT("apps", fleet_count(s->fleet)));
    log_needs_restart(config);
}

static void on_reload(int signum, void *arg)
{
    struct service *s = arg;
    struct config_faults *faults = NULL;
    struct config *config = config_reload(s->config, &faults);
    (void)signum;
    if (!config)
        log_not_reloaded(faults);
    else if (s->state == SERVICE_SERVING)
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
    if (!make_redis(s, e) || !make_wechat(s, e))
        return EXIT_BAD_SETTINGS;
    if (!make_server(s, e))
        return EXIT_FAILED;
    make_fleet(s);
    make_routes(s);
    loop_on_signal(s->loop, SIGTERM, on_stop, s);
    loop_on_signal(s->loop, SIGINT, on_stop, s);
    loop_on_signal(s->loop, SIGHUP, on_reload, s);
    return EXIT_OK;
}

/* Whoever may still be called back goes after the one who calls. */
static void unmake(struct service *s)
{
    fleet_free(s->fleet);
    wechat_client_free(s->wechat);
    redis_subscriber_free(s->subscriber);
    redis_client_free(s->redis);
    http_client_free(s->http);
    http_server_free(s->server);
    api_free(s->api);
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
    int exit_code = make(&s, &e);
    if (exit_code == EXIT_OK) {
        log_info("service.listening", LOG_STR("listen", s.settings->listen),
                 LOG_INT("port", http_server_port(s.server)), LOG_STR("instance", s.owner),
                 LOG_INT("apps", fleet_count(s.fleet)));
        loop_run(s.loop);
        log_info("service.stopped", LOG_INT("port", http_server_port(s.server)));
    } else {
        log_error("service.not_started", LOG_STR("error", e.text));
    }
    unmake(&s);
    return exit_code;
}
