#include "loginsvc/service.h"

#include <signal.h>
#include <stdlib.h>

#include "crypto/keyring.h"
#include "daemon/daemon.h"
#include "daemon/health.h"
#include "daemon/upstreams.h"
#include "http/server.h"
#include "log/log.h"
#include "loginsvc/dialects/doc002.h"
#include "loginsvc/dialects/native.h"
#include "loginsvc/login/apps.h"
#include "loginsvc/login/driver.h"
#include "loginsvc/login/register_ticket.h"
#include "loginsvc/readiness.h"
#include "loginsvc/sessions/jwt.h"
#include "loginsvc/settings.h"
#include "loginsvc/telemetry.h"
#include "loginsvc/users/store.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "token/reader.h"

enum {
    WECHAT_CONNECTIONS = 512, /* at once; more calls wait their turn */
    OTHER_CALLS = 1024,       /* HTTP calls under way besides the logins */
    REPLY_MARGIN_MS = 2000,   /* how much later than the login the HTTP server gives up */
    DATABASE_RETRY_MS = 1000, /* between signs of life of a database that was away */
};

enum service_state {
    SERVICE_SERVING,  /* takes logins */
    SERVICE_DRAINING, /* told to stop: finishes what is under way */
};

struct service {
    enum service_state state;
    struct config *config;
    const struct loginsvc_settings *settings; /* of config */
    struct jwt_signer *signer;
    struct keyring *master;
    struct keyring *tickets;
    struct apps *apps;
    struct loop *loop;
    struct metrics *metrics;
    struct upstreams upstreams;
    struct token_reader *tokens;
    struct store *store;
    struct loop_timer *database_timer;
    struct login_driver *driver;
    struct http_server *server;
    struct desk_parts desk_parts;
    struct desk *doc002_desk;
    struct desk *native_desk;
    struct health *health;
    struct readiness readiness;
    struct telemetry *telemetry;
};

/* ---- apps ---- */

static bool load_apps(struct apps *apps, const struct loginsvc_settings *settings, struct err *e)
{
    struct app_entry *entries = xcalloc(settings->n_apps + 1, sizeof *entries);
    for (size_t i = 0; i < settings->n_apps; i++)
        entries[i] = (struct app_entry){slice_of(settings->apps[i].id),
                                        secret_reveal(&settings->apps[i].secret)};
    bool ok = apps_replace(apps, entries, settings->n_apps, e);
    free(entries);
    return ok;
}

static void watch_apps(const struct service *s)
{
    for (size_t i = 0; i < apps_count(s->apps); i++)
        token_reader_watch(s->tokens, app_id(apps_at(s->apps, i)));
}

/* Ends what was kept for apps of the old settings that are in the new ones no more. */
static void forget_removed_apps(struct service *s, const struct loginsvc_settings *old)
{
    for (size_t i = 0; i < old->n_apps; i++) {
        struct slice appid = slice_of(old->apps[i].id);
        if (apps_find(s->apps, appid))
            continue;
        token_reader_unwatch(s->tokens, appid);
        telemetry_forget_app(s->telemetry, appid);
        log_info("app.removed", LOG_SLICE("appid", appid));
    }
}

/* ---- start ---- */

static struct jwt_signer *make_signer(const struct loginsvc_settings *set, struct err *e)
{
    struct jwt_signer *j = secret_is_set(&set->jwt_private_key)
                               ? jwt_signer_new_pem(&set->jwt_private_key, set->jwt_issuer, e)
                               : jwt_signer_new_hs256(&set->jwt_secret, set->jwt_issuer, e);
    if (j && !jwt_signer_add_previous(j, &set->jwt_previous_keys, e)) {
        jwt_signer_free(j);
        return NULL;
    }
    return j;
}

static void log_keys(const struct jwt_signer *j)
{
    log_info("jwt.keys", LOG_STR("kid", jwt_signer_kid(j)),
             LOG_STR("algorithm", jwt_signer_algorithm(j)), LOG_INT("keys", jwt_signer_count(j)));
}

static bool make_keys(struct service *s, struct err *e)
{
    const struct loginsvc_settings *set = s->settings;
    s->signer = make_signer(set, e);
    if (!s->signer)
        return false;
    log_keys(s->signer);
    s->master = keyring_parse(secret_reveal(&set->data_key), e);
    if (!s->master)
        return false;
    s->tickets = keyring_derive(s->master, REGISTER_TICKET_LABEL);
    s->apps = apps_new();
    return load_apps(s->apps, set, e);
}

static bool make_upstreams(struct service *s, struct err *e)
{
    const struct loginsvc_settings *set = s->settings;
    const struct upstreams_options options = {
        .program = "loginsvc",
        .redis_url = &set->redis_url,
        .redis_timeout_ms = set->redis_timeout_ms,
        .wechat_api_base = set->wechat_api_base,
        .wechat_timeout_ms = set->wechat_timeout_ms,
        .wechat_connections = WECHAT_CONNECTIONS,
        .wechat_queue = LOGIN_SIDES * (size_t)set->login_max,
    };
    if (!upstreams_open(&s->upstreams, s->loop, &options, e))
        return false;
    s->tokens = token_reader_new(s->loop, s->upstreams.redis, s->upstreams.subscriber,
                                 slice_of(set->key_prefix));
    watch_apps(s);
    return true;
}

static void on_database_alive(void *owner, uint64_t id, const struct store_result *r)
{
    (void)owner;
    (void)id;
    if (r->status == STORE_OK)
        log_info("database.back", LOG_STR("status", "ok"));
}

/* While the database is away no login tries it, so somebody must. */
static void on_database_timer(void *arg)
{
    struct service *s = arg;
    struct store_caller caller = {on_database_alive, s, 0};
    loop_timer_after(s->database_timer, DATABASE_RETRY_MS);
    if (!store_stats(s->store).healthy && !store_ping(s->store, caller))
        log_debug("database.queue_full", LOG_STR("during", "ping"));
}

static bool make_store(struct service *s, struct err *e)
{
    const struct store_config config = {.url = secret_reveal(&s->settings->database_url).p,
                                        .master = s->master,
                                        .queue_max = (size_t)s->settings->database_queue,
                                        .connections = (size_t)s->settings->database_connections};
    s->store = store_open(s->loop, &config, e);
    if (!s->store)
        return false;
    s->database_timer = loop_timer_new(s->loop, on_database_timer, s);
    loop_timer_after(s->database_timer, DATABASE_RETRY_MS);
    return true;
}

static struct login_limits login_limits(const struct loginsvc_settings *set)
{
    return (struct login_limits){.timeout_ms = set->login_timeout_ms,
                                 .session_ttl_ms = set->jwt_ttl_ms,
                                 .max_logins = (size_t)set->login_max};
}

static void make_driver(struct service *s)
{
    const struct login_parts parts = {s->loop, s->upstreams.wechat, s->tokens, s->store, s->signer};
    const struct login_limits limits = login_limits(s->settings);
    s->driver = login_driver_new(&parts, &limits);
}

static bool make_server(struct service *s, bool share_port, struct err *e)
{
    const struct http_server_options options = {
        .listen = s->settings->listen,
        .reuse_port = share_port,
        .max_connections = (size_t)s->settings->http_max_connections,
        .max_in_flight = (size_t)s->settings->login_max + OTHER_CALLS,
        .reply_timeout_ms = s->settings->login_timeout_ms + REPLY_MARGIN_MS,
        .idle_timeout_ms = s->settings->http_idle_timeout_ms,
        .on_access = daemon_log_access,
    };
    s->server = http_server_new(s->loop, &options, e);
    return s->server != NULL;
}

static void make_desks(struct service *s)
{
    s->desk_parts =
        (struct desk_parts){s->server, s->driver, s->apps, s->signer, s->tickets, s->metrics};
    desk_metrics_register(s->metrics);
    s->doc002_desk = desk_new(&s->desk_parts, &doc002);
    s->native_desk = desk_new(&s->desk_parts, &native);
    doc002_routes(s->server, s->doc002_desk);
    native_routes(s->server, s->native_desk);
}

static void make_observers(struct service *s)
{
    const struct telemetry_parts telemetry = {s->metrics,         s->server, s->upstreams.wechat,
                                              s->upstreams.redis, s->tokens, s->apps,
                                              s->store,           s->driver};
    s->health = health_new(s->server, s->metrics, readiness_answer, &s->readiness);
    s->readiness =
        (struct readiness){s->health, s->server, s->upstreams.redis, s->tokens, s->apps, s->store};
    s->telemetry = telemetry_new(&telemetry);
}

/* ---- signals ---- */

static void on_drained(void *arg)
{
    struct service *s = arg;
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
    health_draining(s->health);
    http_server_drain(s->server, s->settings->drain_timeout_ms, on_drained, s);
}

/* The new settings are in force from here on. */
static void take_over(struct service *s, struct config *config, struct jwt_signer *signer)
{
    struct config *old = s->config;
    const struct loginsvc_settings *old_settings = s->settings;
    s->config = config;
    s->settings = config_values(config);
    const struct login_limits limits = login_limits(s->settings);
    log_init("loginsvc", s->settings->log_level, s->settings->log_format);
    login_driver_set_limits(s->driver, &limits);
    jwt_signer_replace(s->signer, signer);
    log_keys(s->signer);
    forget_removed_apps(s, old_settings);
    watch_apps(s);
    config_free(old);
    daemon_reloaded(config, apps_count(s->apps));
}

static void on_reload(int signum, void *arg)
{
    struct service *s = arg;
    struct config *config = daemon_reload(s->config);
    struct err e;
    (void)signum;
    if (!config)
        return;
    struct jwt_signer *signer = make_signer(config_values(config), &e);
    if (signer && load_apps(s->apps, config_values(config), &e)) {
        take_over(s, config, signer);
    } else {
        jwt_signer_free(signer);
        log_error("config.reload_refused", LOG_STR("fault", e.text));
        config_free(config);
    }
}

/* ---- the whole ---- */

static int make(struct service *s, bool share_port, struct err *e)
{
    if (!make_keys(s, e))
        return DAEMON_BAD_SETTINGS;
    s->loop = loop_new();
    s->metrics = metrics_new();
    metrics_add_process(s->metrics, "loginsvc", config_version());
    if (!make_upstreams(s, e))
        return DAEMON_BAD_SETTINGS;
    if (!make_store(s, e))
        return DAEMON_FAILED;
    make_driver(s);
    if (!make_server(s, share_port, e))
        return DAEMON_FAILED;
    make_desks(s);
    make_observers(s);
    loop_on_signal(s->loop, SIGTERM, on_stop, s);
    loop_on_signal(s->loop, SIGINT, on_stop, s);
    loop_on_signal(s->loop, SIGHUP, on_reload, s);
    return DAEMON_OK;
}

/* Whoever may still be called back goes after the one who calls. */
static void unmake(struct service *s)
{
    loop_timer_free(s->database_timer);
    store_close(s->store);
    wechat_client_free(s->upstreams.wechat);
    login_driver_free(s->driver);
    token_reader_free(s->tokens);
    redis_subscriber_free(s->upstreams.subscriber);
    redis_client_free(s->upstreams.redis);
    http_client_free(s->upstreams.http);
    http_server_free(s->server);
    desk_free(s->doc002_desk);
    desk_free(s->native_desk);
    health_free(s->health);
    telemetry_free(s->telemetry);
    metrics_free(s->metrics);
    loop_free(s->loop);
    apps_free(s->apps);
    keyring_free(s->tickets);
    keyring_free(s->master);
    jwt_signer_free(s->signer);
    config_free(s->config);
}

int service_run(struct config *config, bool share_port)
{
    struct service s = {.state = SERVICE_SERVING, .config = config};
    struct err e = {.text = ""};
    s.settings = config_values(config);
    daemon_hold_reloads(true);
    int exit_code = make(&s, share_port, &e);
    if (exit_code == DAEMON_OK) {
        daemon_hold_reloads(false);
        log_info("service.listening", LOG_STR("listen", s.settings->listen),
                 LOG_INT("port", http_server_port(s.server)), LOG_INT("apps", apps_count(s.apps)));
        loop_run(s.loop);
        daemon_hold_reloads(true);
        log_info("service.stopped", LOG_INT("port", http_server_port(s.server)));
    } else {
        log_error("service.not_started", LOG_STR("error", e.text));
    }
    unmake(&s);
    return exit_code;
}
