/* ctl.h - one run of tokenctl: what every command gets, and how it tells that it failed.
 *
 * One thread; the process lives for one command. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include "tokend/ctl/remote.h"
#include "tokend/ctl/settings.h"

enum ctl_exit { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

/* All borrowed for the run. */
struct ctl {
    const struct ctl_settings *settings;
    struct remote *remote;
    const char *appid; /* NULL: none was named */
};

/* A command: prints its result to stdout, what went wrong by ctl_say. */
typedef enum ctl_exit ctl_command_fn(const struct ctl *c);

ctl_command_fn ctl_status, ctl_get, ctl_refresh, ctl_report, ctl_events;

/* One line on stderr behind the program's name, control characters escaped. */
void ctl_say(const char *line);
enum ctl_exit ctl_fail(const char *line); /* says it too; gives CTL_FAILED */

#endif
