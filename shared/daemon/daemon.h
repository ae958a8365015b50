/* daemon.h - what every daemon of the house does alike: exit codes, reload, the access log.
 *
 * Not a framework: each service.c wires its own parts and calls these. Main thread. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "config/config.h"
#include "http/server.h"

enum daemon_exit { DAEMON_OK = 0, DAEMON_FAILED = 1, DAEMON_BAD_SETTINGS = 2 };

/* SIGHUP while there is nothing to reload yet, or any more: held back, it waits instead of ending
 * the process. */
void daemon_hold_reloads(bool hold);

/* For SIGHUP: reads the settings again. NULL, with every fault logged, when something is wrong:
 * then `old` stays in use. */
struct config *daemon_reload(const struct config *old) MUST_CHECK;

/* Once the new settings are in force: logs them, and which changes wait for a restart. */
void daemon_reloaded(const struct config *config, size_t apps);

/* http_server_options.on_access: a debug line without query or values. */
void daemon_log_access(const struct http_access *a, void *arg);

#endif
