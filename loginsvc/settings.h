/* settings.h - what can be set in loginsvc: the one table, and the struct that comes from it.
 *
 * docs/configuration.md, --help and the INI file follow from here. Constant once read; a reload
 * makes a new object (config/config.h). */
#ifndef LOGINSVC_SETTINGS_H
#define LOGINSVC_SETTINGS_H

#include "config/common.h"

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
      "keys that signed before: PEM keys, public or private, or one HS256 secret; their tokens "   \
      "stay good until they are over; best given as JWT_PREVIOUS_KEYS_FILE")                       \
    X(S, DURATION, jwt_ttl_ms, JWT_TTL, "30d", CONFIG_RANGE(1000, 315360000000),                   \
      CONFIG_RELOADABLE, "life of a login token")                                                  \
    X(S, STRING, jwt_issuer, JWT_ISSUER, "loginsvc", CONFIG_RANGE(1, 128), 0,                      \
      "the claim iss of a login token, which is also checked")                                     \
    X(S, SECRET, data_key, DATA_KEY, NULL, CONFIG_RANGE(0, 256), 0,                                \
      "32 bytes in base64: seals phones and session_keys in the database; older keys, which "      \
      "still "                                                                                     \
      "open, behind it, separated by commas")                                                      \
    X(S, DURATION, login_timeout_ms, LOGIN_TIMEOUT, "8s", CONFIG_RANGE(100, 600000), 0,            \
      "how long a login may take, waiting for a newer access_token included; best below twice "    \
      "WECHAT_TIMEOUT")                                                                            \
    X(S, INT, login_max, LOGIN_MAX, "1000", CONFIG_RANGE(1, 100000), 0,                            \
      "most logins under way in one process; more are answered with 503 at once")

struct loginsvc_settings {
    LOGINSVC_SETTINGS(CONFIG_FIELD, )
    COMMON_APPS /* at least one, each with a secret */
};

/* config_values() of this program is a `const struct loginsvc_settings *`. */
extern const struct config_program loginsvc_program;

#endif
