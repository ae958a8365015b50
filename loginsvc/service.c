#include "loginsvc/service.h"

#include <signal.h>
#include <stdlib.h>

#include "crypto/keyring.h"
#include "daemon/daemon.h"
#include "daemon/health.h"
#include "daemon/upstreams.h"
#include "http/server.h"
#include "log/log.h"
#include "loginsvc/dialects/dialects.h"
#include "loginsvc/housekeeping.h"
#include "loginsvc/limits/claims.h"
#include "loginsvc/login/apps.h"
#include "loginsvc/login/driver.h"
#include "loginsvc/login/register_ticket.h"
#include "loginsvc/login/session_keys.h"
#include "loginsvc/policy.h"
#include "loginsvc/readiness.h"
#include "loginsvc/sessions/jwt.h"
#include "loginsvc/sessions/revocation_watch.h"
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
};

enum service_state {
    SERVICE_SERVING,  /* takes logins */
    SERVICE_DRAINING, /* told to stop: finishes what is under way */
};

struct service {
    enum service_state state;
    struct config *config;
    const struct loginsvc_settings *settings; /* of config */
    struct login_limits limits;               /* of settings */
    struct board_slot *slot;                  /* NULL: the only process */
    struct jwt_signer *signer;
    struct keyring *master;
    struct keyring *tickets;
    struct proxies *proxies;
    struct apps *apps;
    struct loop *loop;
    struct metrics *metrics;
    struct upstreams upstreams;
    struct token_reader *tokens;
    struct store *store;
    struct housekeeping *housekeeping;
    struct revocation_watch *revocations;
    struct claims *claims;
    struct session_keys *session_keys;
    struct login_driver *driver;
    struct http_server *server;
    struct dialect_parts dialect_parts;
    struct dialects *dialects;
    struct health *health;
    struct readiness readiness;
    struct telemetry *telemetry;
};

/* ---- apps ---- */

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
        claims_forget_app(s->claims, appid);
        telemetry_forget_app(s->telemetry, appid);
        log_info("app.removed", LOG_SLICE("appid", appid));
    }
}

/* ---- start ---- */

static void log_keys(const struct jwt_signer *j)
{
    log_info("jwt.keys", LOG_STR("kid", jwt_signer_kid(j)),
             LOG_STR("algorithm", jwt_signer_algorithm(j)), LOG_INT("keys", jwt_signer_count(j)));
}

static bool make_keys(struct service *s, struct err *e)
{
    const struct loginsvc_settings *set = s->settings;
    s->signer = policy_signer(set, e);
    if (!s->signer)
        return false;
    log_keys(s->signer);
    s->master = keyring_parse(secret_reveal(&set->data_key), e);
    if (!s->master)
        return false;
    s->tickets = keyring_derive(s->master, REGISTER_TICKET_LABEL);
    s->proxies = proxies_new(set->trusted_proxies.items, set->trusted_proxies.n, e);
    s->apps = apps_new();
    return s->proxies && policy_load_apps(set, s->apps, e);
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

static bool make_store(struct service *s, struct err *e)
{
    const struct loginsvc_settings *set = s->settings;
    const struct store_config config = {.url = secret_reveal(&set->database_url).p,
                                        .tls = set->database_tls,
                                        .tls_ca = set->database_tls_ca,
                                        .master = s->master,
                                        .queue_max = (size_t)set->database_queue,
                                        .connections = (size_t)set->database_connections};
    s->store = store_open(s->loop, &config, e);
    if (!s->store)
        return false;
    s->housekeeping = housekeeping_new(s->loop, s->store);
    const struct revocation_watch_parts parts = {
        s->loop, s->upstreams.redis, s->upstreams.subscriber, s->store, set->key_prefix};
    s->revocations = revocation_watch_new(&parts, NULL);
    return true;
}

static void make_driver(struct service *s)
{
    const struct claims_limits limits = policy_claims_limits(s->settings);
    struct slice prefix = slice_of(s->settings->key_prefix);
    s->claims = claims_new(s->loop, s->upstreams.redis, prefix, &limits);
    s->session_keys =
        session_keys_new(s->upstreams.redis, prefix, s->master, limits.redis_timeout_ms);
    const struct login_parts parts = {s->loop,   s->upstreams.wechat, s->tokens,       s->store,
                                      s->signer, s->claims,           s->session_keys, s->master};
    s->limits = policy_login_limits(s->settings);
    s->driver = login_driver_new(&parts, &s->limits);
}

static bool make_server(struct service *s, struct err *e)
{
    const struct http_server_options options = {
        .listen = s->settings->listen,
        .reuse_port = s->slot != NULL,
        .max_connections = (size_t)s->settings->http_max_connections,
        .max_in_flight = (size_t)s->settings->login_max + OTHER_CALLS,
        .reply_timeout_ms = s->settings->login_timeout_ms + REPLY_MARGIN_MS,
        .idle_timeout_ms = s->settings->http_idle_timeout_ms,
        .on_access = daemon_log_access,
    };
    s->server = http_server_new(s->loop, &options, e);
    return s->server != NULL;
}

static void make_dialects(struct service *s)
{
    s->dialect_parts = (struct dialect_parts){
        .server = s->server,
        .driver = s->driver,
        .apps = s->apps,
        .signer = s->signer,
        .revocations = s->revocations,
        .store = s->store,
        .session_keys = s->session_keys,
        .tickets = s->tickets,
        .proxies = s->proxies,
        .metrics = s->metrics,
        .limits = &s->limits,
    };
    s->dialects = dialects_new(&s->dialect_parts);
}

static void make_observers(struct service *s)
{
    const struct telemetry_parts telemetry = {
        .loop = s->loop,
        .shared = s->slot != NULL,
        .metrics = s->metrics,
        .server = s->server,
        .wechat = s->upstreams.wechat,
        .redis = s->upstreams.redis,
        .tokens = s->tokens,
        .apps = s->apps,
        .store = s->store,
        .driver = s->driver,
        .claims = s->claims,
        .revocations = s->revocations,
    };
    s->health = health_new(s->server, s->metrics, readiness_answer, &s->readiness);
    s->readiness = (struct readiness){
        .health = s->health,
        .server = s->server,
        .redis = s->upstreams.redis,
        .tokens = s->tokens,
        .apps = s->apps,
        .store = s->store,
        .revocations = s->revocations,
    };
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
    s->limits = policy_login_limits(s->settings);
    const struct claims_limits limits = policy_claims_limits(s->settings);
    log_init("loginsvc", s->settings->log_level, s->settings->log_format);
    login_driver_set_limits(s->driver, &s->limits);
    claims_set_limits(s->claims, &limits);
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
    struct jwt_signer *signer = policy_signer(config_values(config), &e);
    if (signer && policy_load_apps(config_values(config), s->apps, &e)) {
        take_over(s, config, signer);
    } else {
        jwt_signer_free(signer);
        log_error("config.reload_refused", LOG_STR("fault", e.text));
        config_free(config);
    }
}

/* ---- the whole ---- */

static int make(struct service *s, struct err *e)
{
    if (!make_keys(s, e))
        return DAEMON_BAD_SETTINGS;
    s->loop = loop_new();
    s->metrics = s->slot ? metrics_new_shared(s->slot) : metrics_new();
    metrics_add_process(s->metrics, "loginsvc", config_version());
    if (!make_upstreams(s, e))
        return DAEMON_BAD_SETTINGS;
    if (!make_store(s, e))
        return DAEMON_FAILED;
    make_driver(s);
    if (!make_server(s, e))
        return DAEMON_FAILED;
    make_dialects(s);
    make_observers(s);
    loop_on_signal(s->loop, SIGTERM, on_stop, s);
    loop_on_signal(s->loop, SIGINT, on_stop, s);
    loop_on_signal(s->loop, SIGHUP, on_reload, s);
    return DAEMON_OK;
}

/* Whoever may still be called back goes after the one who calls. */
static void unmake(struct service *s)
{
    store_close(s->store);
    housekeeping_free(s->housekeeping);
    wechat_client_free(s->upstreams.wechat);
    revocation_watch_free(s->revocations);
    claims_free(s->claims);
    session_keys_free(s->session_keys);
    login_driver_free(s->driver);
    token_reader_free(s->tokens);
    redis_subscriber_free(s->upstreams.subscriber);
    redis_client_free(s->upstreams.redis);
    http_client_free(s->upstreams.http);
    http_server_free(s->server);
    dialects_free(s->dialects);
    health_free(s->health);
    telemetry_free(s->telemetry);
    metrics_free(s->metrics);
    loop_free(s->loop);
    apps_free(s->apps);
    proxies_free(s->proxies);
    keyring_free(s->tickets);
    keyring_free(s->master);
    jwt_signer_free(s->signer);
    config_free(s->config);
}

int service_run(struct config *config, struct board_slot *slot)
{
    struct service s = {.state = SERVICE_SERVING, .config = config, .slot = slot};
    struct err e = {.text = ""};
    s.settings = config_values(config);
    daemon_hold_reloads(true);
    int exit_code = make(&s, &e);
    if (exit_code == DAEMON_OK) {
        daemon_hold_reloads(false);
        log_info("service.listening", LOG_STR("listen", s.settings->listen),
                 LOG_INT("port", http_server_port(s.server)), LOG_INT("apps", apps_count(s.apps)));
        loop_run(s.loop);
        daemon_hold_reloads(true);
        telemetry_publish(s.telemetry);
        log_info("service.stopped", LOG_INT("port", http_server_port(s.server)));
    } else {
        log_error("service.not_started", LOG_STR("error", e.text));
    }
    unmake(&s);
    return exit_code;
}
