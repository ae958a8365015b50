/* service.h - tokend's process, from its settings to its end.
 *
 * Only wires: makes the parts in the order in which they need each other, takes the signals, ends
 * them in the opposite order. Main thread. */
#ifndef TOKEND_SERVICE_H
#define TOKEND_SERVICE_H

#include "base/check.h"
#include "config/config.h"

/* Serves until SIGTERM or SIGINT, drains then and gives the lease back; a second one ends it at
 * once. SIGHUP reads the settings again. `config` (of tokend_program) is taken. Returns the exit
 * code: 0, or, after a line that says why, 2 when a setting cannot be used and 1 when something
 * else keeps it from starting. */
int service_run(struct config *config) MUST_CHECK;

#endif
