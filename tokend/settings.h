/* settings.h - what can be set in tokend: the one table, and the struct that comes from it.
 *
 * docs/configuration.md, --help and the INI file follow from here. Constant once read; a reload
 * makes a new object (config/config.h). */
#ifndef TOKEND_SETTINGS_H
#define TOKEND_SETTINGS_H

#include "config/common.h"

/* What a client's key allows: bits of tokend_client.scopes, in the order of their words. */
enum tokend_scope {
    TOKEND_SCOPE_READ = 1,   /* "read": get tokens and states */
    TOKEND_SCOPE_REPORT = 2, /* "report": tell that WeChat refused a token */
    TOKEND_SCOPE_ADMIN = 4,  /* "admin": order a refresh */
};
extern const char *const tokend_scopes[];

#define TOKEND_SETTINGS(X, S)                                                                      \
    COMMON_SETTINGS(X, S)                                                                          \
    X(S, ADDRESS, listen, TOKEND_LISTEN, "127.0.0.1:8081", CONFIG_ANY, 0,                          \
      "where the HTTP API listens; without any client key on loopback only")                       \
    X(S, SECRET, api_keys, TOKEND_API_KEYS, NULL, CONFIG_RANGE(0, 65536), CONFIG_RELOADABLE,       \
      "clients of the HTTP API: name:key:scopes, separated by commas; scopes, separated by "       \
      "blanks, of read report admin. Or [client NAME] in the INI file")                            \
    X(S, DURATION, http_timeout_ms, HTTP_TIMEOUT, "10s", CONFIG_RANGE(100, 600000), 0,             \
      "how long a request may take before it is answered with 504")                                \
    X(S, CHOICE(enum app_token_mode), token_mode, TOKEN_MODE, "classic",                           \
      CONFIG_ONE_OF(common_token_modes), CONFIG_RELOADABLE,                                        \
      "classic: /cgi-bin/token; stable: /cgi-bin/stable_token")                                    \
    X(S, DURATION, token_refresh_lead_ms, TOKEN_REFRESH_LEAD, "30m", CONFIG_RANGE(0, 43200000),    \
      CONFIG_RELOADABLE, "how long before its end a token is refreshed; at most half of its life") \
    X(S, DURATION, token_overlap_ms, TOKEN_OVERLAP, "5m", CONFIG_RANGE(0, 3600000),                \
      CONFIG_RELOADABLE, "how long WeChat accepts the previous token after a refresh")             \
    X(S, DURATION, token_retry_min_ms, TOKEN_RETRY_MIN, "1s", CONFIG_RANGE(10, 3600000),           \
      CONFIG_RELOADABLE, "wait before the first retry of a failed refresh, doubled for each next") \
    X(S, DURATION, token_retry_max_ms, TOKEN_RETRY_MAX, "60s", CONFIG_RANGE(10, 86400000),         \
      CONFIG_RELOADABLE, "longest wait between two retries")                                       \
    X(S, DURATION, token_probe_interval_ms, TOKEN_PROBE_INTERVAL, "10m",                           \
      CONFIG_RANGE_OR("off", 100, 86400000), CONFIG_RELOADABLE,                                    \
      "how often a cheap call asks WeChat whether the token still lives")                          \
    X(S, INT, token_daily_budget, TOKEN_DAILY_BUDGET, "500", CONFIG_RANGE(1, 1000000),             \
      CONFIG_RELOADABLE, "most tokens fetched for one app in one day (Asia/Shanghai)")             \
    X(S, INT, token_fetch_rate, TOKEN_FETCH_RATE, "200", CONFIG_RANGE(1, 100000),                  \
      CONFIG_RELOADABLE, "most tokens fetched in one second, all apps together")                   \
    X(S, INT, token_fetch_concurrency, TOKEN_FETCH_CONCURRENCY, "64", CONFIG_RANGE(1, 1024), 0,    \
      "most tokens being fetched at the same moment, all apps together")                           \
    X(S, DURATION, lease_ttl_ms, LEASE_TTL, "10s", CONFIG_RANGE(100, 600000), 0,                   \
      "after this without a sign of life another tokend takes the lead")

enum { TOKEND_MAX_CLIENTS = 1000 };

/* `[client NAME]`. */
#define TOKEND_CLIENT_SETTINGS(X, S)                                                               \
    X(S, STRING, key_sha256, KEY_SHA256, NULL, CONFIG_RANGE(64, 64), CONFIG_RELOADABLE,            \
      "SHA-256 of the client's key, 64 hex digits")                                                \
    X(S, SET, scopes, SCOPES, "read", CONFIG_ONE_OF(tokend_scopes), CONFIG_RELOADABLE,             \
      "what the client may do, separated by blanks")                                               \
    X(S, LIST, apps, APPS, NULL, CONFIG_RANGE(0, 1000), CONFIG_RELOADABLE,                         \
      "the appids that the client sees; none named: all")

/* A client of the HTTP API, from a section or from TOKEND_API_KEYS: exactly one of key_sha256 (hex,
 * lower case) and key is set. */
struct tokend_client {
    char *name;
    TOKEND_CLIENT_SETTINGS(CONFIG_FIELD, )
    struct secret key;
};

struct tokend_settings {
    TOKEND_SETTINGS(CONFIG_FIELD, )
    COMMON_APPS /* at least one, each with a secret */
        struct tokend_client *clients;
    size_t n_clients; /* 0: the API listens on loopback, and everybody there may do everything */
};

/* config_values() of this program is a `const struct tokend_settings *`. */
extern const struct config_program tokend_program;

#endif
