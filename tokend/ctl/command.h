/* command.h - which command was given, and whether its arguments and options fit. Pure. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "base/err.h"
#include "tokend/ctl/ctl.h"

struct command {
    ctl_command_fn *run;
    const char *appid; /* NULL: none was named; borrowed from the arguments */
};

/* False with a line in *e. */
bool command_find(const struct config_list *arguments, const struct ctl_settings *options,
                  struct command *out, struct err *e) MUST_CHECK;

#endif
