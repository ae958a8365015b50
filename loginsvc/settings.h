/* settings.h - what can be set in loginsvc: the one table, and the struct that comes from it.
 *
 * docs/configuration.md, --help and the INI file follow from here. Constant once read; a reload
 * makes a new object (config/config.h). */
#ifndef LOGINSVC_SETTINGS_H
#define LOGINSVC_SETTINGS_H

#include "config/common.h"

enum budget_action { BUDGET_WARNS, BUDGET_STOPS };
extern const char *const loginsvc_budget_actions[];

#define LOGINSVC_SETTINGS(X, S)                                                                    \
    COMMON_SETTINGS(X, S)                                                                          \
    X(S, ADDRESS, listen, LOGINSVC_LISTEN, "127.0.0.1:8080", CONFIG_ANY, 0,                        \
      "where the HTTP API listens")                                                                \
    X(S, INT, workers, LOGINSVC_WORKERS, "1", CONFIG_RANGE_OR("auto", 1, 256), 0,                  \
      "processes on the same port; auto: one for each core")                                       \
    X(S, SECRET, database_url, DATABASE_URL, "sqlite:///var/lib/loginsvc/users.db",                \
      CONFIG_RANGE(9, 1024), 0,                                                                    \
      "sqlite:///path or mysql://user:pass@host:port/db (MySQL, MariaDB, TiDB); may hold a "       \
      "password")                                                                                  \
    X(S, BOOL, database_tls, DATABASE_TLS, "off", CONFIG_ANY, 0,                                   \
      "on: TLS to MySQL or nothing, with a certificate for the host of DATABASE_URL that is "      \
      "verified")                                                                                  \
    X(S, STRING, database_tls_ca, DATABASE_TLS_CA, NULL, CONFIG_RANGE(1, 1023), 0,                 \
      "file of the CAs, in PEM, that may sign it; unset: the system's")                            \
    X(S, INT, database_queue, DATABASE_QUEUE, "1024", CONFIG_RANGE(1, 1000000), 0,                 \
      "most logins that wait for the database; more are answered with 503 at once")                \
    X(S, INT, database_connections, DATABASE_CONNECTIONS, "4", CONFIG_RANGE(1, 64), 0,             \
      "connections to MySQL of one process")                                                       \
    X(S, SECRET, jwt_secret, JWT_SECRET, NULL, CONFIG_RANGE(0, 4096), CONFIG_RELOADABLE,           \
      "key of the tokens (HS256), 32 bytes or more")                                               \
    X(S, SECRET, jwt_private_key, JWT_PRIVATE_KEY, NULL, CONFIG_RANGE(0, 16384),                   \
      CONFIG_RELOADABLE,                                                                           \
      "private key in PEM, for tokens with ES256 or RS256 in place of JWT_SECRET; best given as "  \
      "JWT_PRIVATE_KEY_FILE")                                                                      \
    X(S, SECRET, jwt_previous_keys, JWT_PREVIOUS_KEYS, NULL, CONFIG_RANGE(0, 65536),               \
      CONFIG_RELOADABLE,                                                                           \
      "keys that signed before, whose tokens stay good until they are over: one HS256 secret, or " \
      "PEM keys, public or private, and lines HS256:SECRET; best given as JWT_PREVIOUS_KEYS_FILE") \
    X(S, DURATION, jwt_ttl_ms, JWT_TTL, "30d", CONFIG_RANGE(1000, 315360000000),                   \
      CONFIG_RELOADABLE, "life of a login token; lowering it ends older ones, too")                \
    X(S, DURATION, session_ttl_ms, SESSION_TTL, "90d", CONFIG_RANGE(1000, 315360000000),           \
      CONFIG_RELOADABLE,                                                                           \
      "life of a session whose token nobody refreshes; never less than JWT_TTL")                   \
    X(S, STRING, jwt_issuer, JWT_ISSUER, "loginsvc", CONFIG_RANGE(1, 128), 0,                      \
      "the claim iss of a login token, which is also checked")                                     \
    X(S, SECRET, data_key, DATA_KEY, NULL, CONFIG_RANGE(0, 256), 0,                                \
      "32 bytes in base64: seals phones and session_keys in the database; older keys, which "      \
      "still "                                                                                     \
      "open, behind it, separated by commas")                                                      \
    X(S, DURATION, login_timeout_ms, LOGIN_TIMEOUT, "8s", CONFIG_RANGE(100, 600000), 0,            \
      "how long a login may take, waiting for a newer access_token included; best below twice "    \
      "WECHAT_TIMEOUT")                                                                            \
    X(S, DURATION, login_replay_window_ms, LOGIN_REPLAY_WINDOW, "60s",                             \
      CONFIG_RANGE_OR("off", 0, 600000), CONFIG_RELOADABLE,                                        \
      "how long a request that is repeated with the same codes from the same address gets the "    \
      "same answer")                                                                               \
    X(S, RATE, phone_limit, PHONE_LIMIT_PER_USER, "5/1m", CONFIG_RANGE_OR("off", 1, 1000),         \
      CONFIG_RELOADABLE, "phone exchanges of one user")                                            \
    X(S, RATE, address_limit, LOGIN_LIMIT_PER_ADDRESS, "600/1m", CONFIG_RANGE_OR("off", 1, 10000), \
      CONFIG_RELOADABLE,                                                                           \
      "logins from one client address (of IPv6: one /64); those of a trusted proxy itself are "    \
      "not "                                                                                       \
      "counted")                                                                                   \
    X(S, INT, app_max, LOGIN_MAX_PER_APP, "2000", CONFIG_RANGE_OR("off", 1, 1000000),              \
      CONFIG_RELOADABLE,                                                                           \
      "most logins of one app under way in all processes together; more are answered with 503")    \
    X(S, LIST, trusted_proxies, TRUSTED_PROXIES, "127.0.0.0/8,::1", CONFIG_RANGE(0, 64), 0,        \
      "addresses and networks whose X-Forwarded-For is believed")                                  \
    X(S, INT, phone_budget, PHONE_DAILY_BUDGET, "off", CONFIG_RANGE_OR("off", 1, 1000000000),      \
      CONFIG_RELOADABLE,                                                                           \
      "successful phone exchanges, which WeChat is paid for, of one app and day")                  \
    X(S, CHOICE(enum budget_action), phone_budget_action, PHONE_BUDGET_ACTION, "warn",             \
      CONFIG_ONE_OF(loginsvc_budget_actions), CONFIG_RELOADABLE,                                   \
      "what happens when the budget is spent: a line in the log, or no more exchanges that day")   \
    X(S, DURATION, session_key_ttl_ms, SESSION_KEY_TTL, "3d",                                      \
      CONFIG_RANGE_OR("off", 0, 2592000000), CONFIG_RELOADABLE,                                    \
      "how long WeChat's session_key is kept, sealed, for POST /v1/phone/decrypt")                 \
    X(S, INT, login_max, LOGIN_MAX, "1000", CONFIG_RANGE(1, 100000), 0,                            \
      "most logins under way in one process; more are answered with 503 at once")                  \
    X(S, BOOL, reseal, RESEAL, "no", CONFIG_ANY, CONFIG_OPTION,                                    \
      "seal every phone in the database anew under the first key of DATA_KEY, and end")

struct loginsvc_settings {
    LOGINSVC_SETTINGS(CONFIG_FIELD, )
    COMMON_APPS /* at least one, each with a secret */
};

/* config_values() of this program is a `const struct loginsvc_settings *`. */
extern const struct config_program loginsvc_program;

#endif
