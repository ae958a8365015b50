/* reseal_command.h - `loginsvc --reseal`: runs users/reseal.h and tells a person how it goes. Main
 * thread; no loop. */
#ifndef LOGINSVC_RESEAL_COMMAND_H
#define LOGINSVC_RESEAL_COMMAND_H

#include "base/check.h"
#include "loginsvc/settings.h"

/* Returns the exit code: 0 when every phone that can be opened is under the newest key, 1 when it
 * failed, was stopped by a signal, or found phones that no key opens. */
int reseal_command(const struct loginsvc_settings *set) MUST_CHECK;

#endif
