#include "daemon/daemon.h"

#include <signal.h>

#include "log/log.h"

void daemon_hold_reloads(bool hold)
{
    sigset_t reload;
    sigemptyset(&reload);
    sigaddset(&reload, SIGHUP);
    ASSERT(sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &reload, NULL) == 0);
}

struct config *daemon_reload(const struct config *old)
{
    struct config_faults *faults = NULL;
    struct config *config = config_reload(old, &faults);
    for (size_t i = 0; !config && i < config_faults_count(faults); i++)
        log_error("config.reload_refused", LOG_STR("fault", config_faults_line(faults, i)));
    config_faults_free(faults);
    return config;
}

void daemon_reloaded(const struct config *config, size_t apps)
{
    const struct config_list *names = config_needs_restart(config);
    log_info("config.reloaded", LOG_INT("apps", apps));
    for (size_t i = 0; i < names->n; i++)
        log_warn("config.needs_restart", LOG_STR("setting", names->items[i]));
}

void daemon_log_access(const struct http_access *a, void *arg)
{
    (void)arg;
    log_debug("http.access", LOG_STR("request_id", a->request_id),
              LOG_STR("method", http_method_name(a->method)),
              LOG_STR("route", a->pattern ? a->pattern : ""), LOG_INT("status", a->status),
              LOG_INT("took_us", a->elapsed_us));
}
