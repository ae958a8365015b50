/* wxsim - wires the parts together and runs them until a signal says stop. */
#include <signal.h>

#include "log/log.h"
#include "loop/loop.h"
#include "sys/entropy.h"
#include "sys/process.h"
#include "wxsim/server.h"
#include "wxsim/settings.h"

enum { DRAIN_MS = 1000 };

struct wxsim {
    struct config *config;
    struct loop *loop;
    struct book *book;
    struct api *api;
    struct control control;
    struct server *server;
    bool stopping;
};

static const struct wxsim_settings *settings_of(const struct wxsim *w)
{
    return config_values(w->config);
}

static void on_drained(void *arg)
{
    struct wxsim *w = arg;
    loop_stop(w->loop);
}

static void on_stop(int signum, void *arg)
{
    struct wxsim *w = arg;
    if (w->stopping)
        return;
    w->stopping = true;
    log_info("stopping", LOG_INT("signal", signum));
    server_stop_accepting(w->server);
    delivery_drain(w->control.delivery, DRAIN_MS, on_drained, w);
}

static void take_over(struct wxsim *w, struct config *fresh)
{
    config_free(w->config);
    w->config = fresh;
    const struct wxsim_settings *s = settings_of(w);
    struct rules rules = settings_rules(s);
    book_set_rules(w->book, &rules);
    server_set_latency(w->server, s->latency_ms);
    log_init("wxsim", s->log_level, s->log_format);
    if (!settings_apply_apps(s, w->book))
        log_warn("apps.too_many", LOG_INT("max", APPS_MAX));
}

static void on_reload(int signum, void *arg)
{
    struct wxsim *w = arg;
    struct config_faults *faults;
    struct config *fresh = config_reload(w->config, &faults);
    (void)signum;
    if (fresh) {
        take_over(w, fresh);
        log_info("config.reloaded", LOG_INT("needs_restart", config_needs_restart(fresh)->n));
        return;
    }
    for (size_t i = 0; i < config_faults_count(faults); i++)
        log_error("config.refused", LOG_STR("reason", config_faults_line(faults, i)));
    config_faults_free(faults);
}

static void build_model(struct wxsim *w)
{
    const struct wxsim_settings *s = settings_of(w);
    const struct rules rules = settings_rules(s);
    uint64_t seed = s->seed ? (uint64_t)s->seed : entropy_u64();
    w->loop = loop_new();
    w->book = book_new(seed, &rules);
    w->api = api_new(w->book, seed);
    w->control = (struct control){w->book, fault_rules_new(), tally_new(), delivery_new(w->loop)};
}

static bool start(struct wxsim *w, struct err *e)
{
    const struct wxsim_settings *s = settings_of(w);
    const struct server_options options = {s->listen, s->latency_ms};
    if (!settings_apply_apps(s, w->book))
        return err_set(e, "more than %d apps", APPS_MAX);
    w->server = server_new(w->loop, &options, w->api, &w->control, e);
    if (!w->server)
        return false;
    loop_on_signal(w->loop, SIGTERM, on_stop, w);
    loop_on_signal(w->loop, SIGINT, on_stop, w);
    loop_on_signal(w->loop, SIGHUP, on_reload, w);
    log_info("listening", LOG_STR("listen", s->listen), LOG_INT("port", server_port(w->server)));
    return true;
}

static void tear_down(struct wxsim *w)
{
    delivery_free(w->control.delivery);
    server_free(w->server);
    tally_free(w->control.tally);
    fault_rules_free(w->control.faults);
    api_free(w->api);
    book_free(w->book);
    loop_free(w->loop);
    config_free(w->config);
}

int main(int argc, char **argv)
{
    int exit_code = 0;
    struct err e;
    struct wxsim w = {.config = config_start(&wxsim_program, argc, argv, &exit_code)};
    if (!w.config)
        return exit_code;
    process_harden();
    (void)process_raise_open_files();
    log_init("wxsim", settings_of(&w)->log_level, settings_of(&w)->log_format);
    build_model(&w);
    if (start(&w, &e)) {
        loop_run(w.loop);
    } else {
        log_error("start.failed", LOG_STR("reason", e.text));
        exit_code = 1;
    }
    tear_down(&w);
    return exit_code;
}
