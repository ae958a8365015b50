/* settings.h - what can be set in tokenctl, and the options of its commands: the one table.
 *
 * docs/configuration.md and --help follow from here. Constant once read. */
#ifndef CTL_SETTINGS_H
#define CTL_SETTINGS_H

#include "config/config.h"

#define CTL_SETTINGS(X, S)                                                                         \
    X(S, STRING, url, TOKEND_URL, "http://127.0.0.1:8081", CONFIG_RANGE(8, 1024), 0,               \
      "base URL of tokend; several, separated by commas, are tried in that order when one cannot " \
      "be reached")                                                                                \
    X(S, SECRET, key, TOKEND_KEY, NULL, CONFIG_RANGE(1, 512), CONFIG_NO_ARGUMENT,                  \
      "the client key to show to tokend, where it has any; never on the command line")             \
    X(S, DURATION, timeout_ms, TOKEND_TIMEOUT, "10s", CONFIG_RANGE(50, 600000), 0,                 \
      "how long tokend may take to answer")                                                        \
    X(S, BOOL, json, JSON, "no", CONFIG_ANY, CONFIG_OPTION,                                        \
      "print tokend's own JSON; of events one object per line")                                    \
    X(S, BOOL, follow, FOLLOW, "no", CONFIG_ANY, CONFIG_OPTION,                                    \
      "events: print what happens from now on, until SIGINT or SIGTERM")                           \
    X(S, INT, limit, LIMIT, NULL, CONFIG_RANGE(1, CTL_MAX_LIMIT), CONFIG_OPTION,                   \
      "events: so many of the latest; 50 when not given")                                          \
    X(S, INT, version, VERSION, NULL, CONFIG_RANGE(1, 1000000000000), CONFIG_OPTION,               \
      "report: the version of the token that WeChat refused; the current one when not given")      \
    X(S, SECRET, token, TOKEN, NULL, CONFIG_RANGE(1, 1024), CONFIG_OPTION | CONFIG_NO_ARGUMENT,    \
      "report: the refused token itself instead of its version; /dev/stdin takes it from a pipe")  \
    X(S, INT, errcode, ERRCODE, NULL, CONFIG_RANGE(1, 9999999), CONFIG_OPTION,                     \
      "report: the errcode that WeChat refused it with; 40001 when not given")

enum { CTL_MAX_LIMIT = 1000 };

struct ctl_settings {
    CTL_SETTINGS(CONFIG_FIELD, ) /* an INT that was not given is 0 */
};

/* config_values() of this program is a `const struct ctl_settings *`. */
extern const struct config_program ctl_program;

#endif
