/* main.c - loginsvc: the login worker. One process, or several on one port (LOGINSVC_WORKERS). */
#include <unistd.h>

#include "log/log.h"
#include "loginsvc/reseal_command.h"
#include "loginsvc/service.h"
#include "loginsvc/settings.h"
#include "loginsvc/supervisor.h"
#include "sys/process.h"

enum { STOP_MARGIN_MS = 5000 }; /* what a worker may take beyond its drain */

static int worker_count(const struct loginsvc_settings *settings)
{
    long n = settings->workers ? (long)settings->workers : sysconf(_SC_NPROCESSORS_ONLN);
    if (n < 1)
        return 1;
    return n > SUPERVISOR_MAX ? SUPERVISOR_MAX : (int)n;
}

static int work(void *arg)
{
    struct config **config = arg;
    return service_run(*config, true);
}

/* For workers that are started later; those that run read the settings, and tell of faults,
 * themselves. */
static void reload(void *arg)
{
    struct config **config = arg;
    struct config_faults *faults = NULL;
    struct config *newer = config_reload(*config, &faults);
    config_faults_free(faults);
    if (!newer)
        return;
    config_free(*config);
    *config = newer;
}

static int run_workers(struct config *config, int n)
{
    const struct loginsvc_settings *settings = config_values(config);
    const struct supervised what = {.workers = n,
                                    .stop_ms = settings->drain_timeout_ms + STOP_MARGIN_MS,
                                    .work = work,
                                    .reload = reload,
                                    .arg = &config};
    int exit_code = supervisor_run(&what);
    config_free(config);
    return exit_code;
}

static int run_reseal(struct config *config)
{
    int exit_code = reseal_command(config_values(config));
    config_free(config);
    return exit_code;
}

int main(int argc, char **argv)
{
    int exit_code;
    struct config *config = config_start(&loginsvc_program, argc, argv, &exit_code);
    if (!config)
        return exit_code;
    const struct loginsvc_settings *settings = config_values(config);
    log_init("loginsvc", settings->log_level, settings->log_format);
    process_harden();
    (void)process_raise_open_files();
    if (settings->reseal)
        return run_reseal(config);
    int n = worker_count(settings);
    return n == 1 ? service_run(config, false) : run_workers(config, n);
}
