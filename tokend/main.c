/* main.c - tokend: the central-control server of access_tokens. */
#include "log/log.h"
#include "sys/process.h"
#include "tokend/service.h"
#include "tokend/settings.h"

int main(int argc, char **argv)
{
    int exit_code;
    struct config *config = config_start(&tokend_program, argc, argv, &exit_code);
    if (!config)
        return exit_code;
    const struct tokend_settings *settings = config_values(config);
    log_init("tokend", settings->log_level, settings->log_format);
    process_harden();
    (void)process_raise_open_files();
    return service_run(config);
}
