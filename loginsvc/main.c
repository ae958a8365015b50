/* main.c - loginsvc: the login worker. One process, or several on one port (LOGINSVC_WORKERS). */
#include <errno.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "log/log.h"
#include "loginsvc/reseal_command.h"
#include "loginsvc/service.h"
#include "loginsvc/settings.h"
#include "loginsvc/supervisor.h"
#include "metrics/board.h"
#include "sys/process.h"

enum { STOP_MARGIN_MS = 5000 }; /* what a worker may take beyond its drain */

static int worker_count(const struct loginsvc_settings *settings)
{
    long n = settings->workers ? (long)settings->workers : sysconf(_SC_NPROCESSORS_ONLN);
    if (n < 1)
        return 1;
    return n > SUPERVISOR_MAX ? SUPERVISOR_MAX : (int)n;
}

/* What the workers have from the supervisor. */
struct house {
    struct config *config;
    struct board *board; /* their metrics */
};

static int work(int worker, void *arg)
{
    struct house *h = arg;
    return service_run(h->config, board_slot(h->board, worker));
}

/* For workers that are started later; those that run read the settings, and tell of faults,
 * themselves. */
static void reload(void *arg)
{
    struct house *h = arg;
    struct config_faults *faults = NULL;
    struct config *newer = config_reload(h->config, &faults);
    config_faults_free(faults);
    if (!newer)
        return;
    config_free(h->config);
    h->config = newer;
}

static int run_workers(struct config *config, int n)
{
    const struct loginsvc_settings *settings = config_values(config);
    struct house house = {config, board_new(n, BOARD_SLOT_SIZE)};
    const struct supervised what = {.workers = n,
                                    .stop_ms = settings->drain_timeout_ms + STOP_MARGIN_MS,
                                    .work = work,
                                    .reload = reload,
                                    .arg = &house};
    int exit_code = DAEMON_FAILED;
    if (house.board)
        exit_code = supervisor_run(&what);
    else
        log_error("workers.not_started", LOG_INT("errno", errno), LOG_STR("for_want_of", "memory"));
    board_free(house.board);
    config_free(house.config);
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
    return n == 1 ? service_run(config, NULL) : run_workers(config, n);
}
