/* main.c - tokenctl: the command line of tokend. */
#include <stdio.h>

#include "sys/process.h"
#include "tokend/ctl/command.h"
#include "tokend/ctl/ctl.h"

static enum ctl_exit run(const struct command *command, const struct ctl_settings *settings)
{
    struct err e;
    struct remote *remote = remote_new(settings, &e);
    if (!remote)
        return ctl_fail(e.text);
    const struct ctl c = {settings, remote, command->appid};
    enum ctl_exit code = command->run(&c);
    remote_free(remote);
    return code;
}

/* What was printed is only there once the system has it. */
static enum ctl_exit finish_output(enum ctl_exit code)
{
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    return written ? code : ctl_fail("cannot write the output: stdout takes no more");
}

int main(int argc, char **argv)
{
    int exit_code;
    struct command command;
    struct err e;
    struct config *config = config_start(&ctl_program, argc, argv, &exit_code);
    if (!config)
        return exit_code;
    process_harden();
    if (command_find(config_arguments(config), config_values(config), &command, &e)) {
        exit_code = (int)finish_output(run(&command, config_values(config)));
    } else {
        ctl_say(e.text);
        exit_code = CTL_USAGE;
    }
    config_free(config);
    return exit_code;
}
