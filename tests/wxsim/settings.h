/* settings.h - wxsim's settings: the one place where each is declared. */
#ifndef WXSIM_SETTINGS_H
#define WXSIM_SETTINGS_H

#include "config/common.h"
#include "config/config.h"
#include "wxsim/book.h"

#define WXSIM_SETTINGS(X, S)                                                                       \
    X(S, ADDRESS, listen, LISTEN, "127.0.0.1:8090", CONFIG_ANY, 0, "where it listens")             \
    X(S, LIST, app_pairs, APP, NULL, CONFIG_RANGE(0, 1000), CONFIG_RELOADABLE | CONFIG_MASKED,     \
      "APPID:SECRET of an app; may be given several times. Many stand in the file of -c as "       \
      "[app APPID], which may be the file that tokend reads its apps from")                        \
    X(S, DURATION, lifetime_ms, EXPIRES_IN, "7200s", CONFIG_RANGE(1000, 30 * 86400000LL),          \
      CONFIG_RELOADABLE, "lifetime of a token")                                                    \
    X(S, DURATION, overlap_ms, OVERLAP, "300s", CONFIG_RANGE(0, 86400000), CONFIG_RELOADABLE,      \
      "how long the previous token lives on; the stable token is renewed as early as that")        \
    X(S, DURATION, code_ttl_ms, CODE_TTL, "300s", CONFIG_RANGE(1, 86400000), CONFIG_RELOADABLE,    \
      "lifetime of login codes and phone codes")                                                   \
    X(S, DURATION, latency_ms, LATENCY, "0ms", CONFIG_RANGE(0, 60000), CONFIG_RELOADABLE,          \
      "time from a call to its answer")                                                            \
    X(S, INT, seed, SEED, "0", CONFIG_RANGE(0, INT64_MAX), 0,                                      \
      "the same seed gives the same tokens, codes and openids; 0: others at each start")           \
    X(S, INT, classic_per_day, CLASSIC_PER_DAY, "2000", CONFIG_RANGE(0, 1000000000),               \
      CONFIG_RELOADABLE, "/cgi-bin/token calls per app and day, then 45009; 0: no limit")          \
    X(S, INT, stable_per_day, STABLE_PER_DAY, "500000", CONFIG_RANGE(0, 1000000000),               \
      CONFIG_RELOADABLE, "stable_token calls per app and day, then 45009; 0: no limit")            \
    X(S, INT, stable_per_minute, STABLE_PER_MINUTE, "10000", CONFIG_RANGE(0, 1000000000),          \
      CONFIG_RELOADABLE, "stable_token calls per app and minute, then 45011; 0: no limit")         \
    X(S, INT, forced_per_day, FORCED_PER_DAY, "20", CONFIG_RANGE(0, 1000000000),                   \
      CONFIG_RELOADABLE, "forced stable_token refreshes per app and day; 0: no limit")             \
    X(S, DURATION, forced_gap_ms, FORCED_GAP, "30s", CONFIG_RANGE(0, 86400000), CONFIG_RELOADABLE, \
      "a forced refresh sooner after the last one gives the current token")                        \
    X(S, INT, phone_per_minute, PHONE_PER_MINUTE, "0", CONFIG_RANGE(0, 1000000000),                \
      CONFIG_RELOADABLE, "getuserphonenumber calls per app and minute, then 45011; 0: no limit")   \
    LOG_SETTINGS(X, S)

struct wxsim_settings {
    WXSIM_SETTINGS(CONFIG_FIELD, )
    COMMON_APPS /* of the file */
};

extern const struct config_program wxsim_program;

/* What the platform grants by these settings. */
struct rules settings_rules(const struct wxsim_settings *s);

/* Adds the apps that are new and gives the others their secrets. False when there are too many:
 * the book keeps those of former settings too. */
bool settings_apply_apps(const struct wxsim_settings *s, struct book *b) MUST_CHECK;

#endif
