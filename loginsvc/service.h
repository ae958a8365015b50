/* service.h - one process of loginsvc, from its settings to its end.
 *
 * Only wires: makes the parts in the order in which they need each other, takes the signals, ends
 * them in the opposite order. Main thread. */
#ifndef LOGINSVC_SERVICE_H
#define LOGINSVC_SERVICE_H

#include "base/check.h"
#include "config/config.h"
#include "metrics/board.h"

/* Serves until SIGTERM or SIGINT and drains then; a second one ends it at once. SIGHUP reads the
 * settings again. `config` (of loginsvc_program) is taken. slot: where the metrics of this process
 * stand, one of several on the same port; NULL: it is the only one. Returns the exit code: 0, or,
 * after a line that says why, 2 when a setting cannot be used and 1 when something else keeps it
 * from starting. */
int service_run(struct config *config, struct board_slot *slot) MUST_CHECK;

#endif
