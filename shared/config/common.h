/* common.h - the settings that both daemons have, and the list of apps.
 *
 * COMMON_SETTINGS goes into a program's table, COMMON_APPS into its struct, common_app_section()
 * into its sections; common_finish() makes one list of the `[app ID]` sections and of WECHAT_APPID
 * with WECHAT_SECRET. */
#ifndef CONFIG_COMMON_H
#define CONFIG_COMMON_H

#include "config/config.h"
#include "log/log.h"

extern const char *const common_log_levels[];
extern const char *const common_log_formats[];
extern const char *const common_token_modes[];

/* What any program that writes a log has. */
#define LOG_SETTINGS(X, S)                                                                         \
    X(S, CHOICE(enum log_level), log_level, LOG_LEVEL, "info", CONFIG_ONE_OF(common_log_levels),   \
      CONFIG_RELOADABLE, "lines below this level are not written")                                 \
    X(S, CHOICE(enum log_format), log_format, LOG_FORMAT, "auto",                                  \
      CONFIG_ONE_OF(common_log_formats), CONFIG_RELOADABLE,                                        \
      "form of a log line; auto: text on a terminal, else json")

#define COMMON_SETTINGS(X, S)                                                                      \
    LOG_SETTINGS(X, S)                                                                             \
    X(S, STRING, wechat_appid, WECHAT_APPID, NULL, CONFIG_RANGE(1, 64), CONFIG_RELOADABLE,         \
      "the app, where there is only one; several stand in the INI file as [app APPID]")            \
    X(S, SECRET, wechat_secret, WECHAT_SECRET, NULL, CONFIG_RANGE(1, 128), CONFIG_RELOADABLE,      \
      "the appsecret of WECHAT_APPID")                                                             \
    X(S, STRING, wechat_api_base, WECHAT_API_BASE, "https://api.weixin.qq.com",                    \
      CONFIG_RANGE(8, 1024), 0,                                                                    \
      "base URL of WeChat; several, separated by commas, are tried in that order when one cannot " \
      "be reached")                                                                                \
    X(S, DURATION, wechat_timeout_ms, WECHAT_TIMEOUT, "5s", CONFIG_RANGE(50, 120000), 0,           \
      "how long one call to WeChat may take, all hosts together")                                  \
    X(S, SECRET, redis_url, REDIS_URL, "redis://127.0.0.1:6379/0", CONFIG_RANGE(8, 1024), 0,       \
      "redis://[user[:pass]@]host[:port][/db], rediss://… (TLS), unix:///path[?db=N] or "        \
      "redis-sentinel://host:port,host:port/master-name[/db]; may hold a password")                \
    X(S, DURATION, redis_timeout_ms, REDIS_TIMEOUT, "2s", CONFIG_RANGE(50, 60000), 0,              \
      "how long Redis may take to accept a connection or to answer a command")                     \
    X(S, STRING, key_prefix, KEY_PREFIX, "tokend", CONFIG_RANGE(1, 64), 0,                         \
      "first part of every Redis key and channel; the same for tokend and all its readers")        \
    X(S, INT, http_max_connections, HTTP_MAX_CONNECTIONS, "4096", CONFIG_RANGE(1, 1000000), 0,     \
      "connections held at the same time; more wait, and idle ones make room")                     \
    X(S, DURATION, http_idle_timeout_ms, HTTP_IDLE_TIMEOUT, "60s", CONFIG_RANGE(100, 3600000), 0,  \
      "a connection without a request is closed after this")                                       \
    X(S, DURATION, drain_timeout_ms, DRAIN_TIMEOUT, "10s", CONFIG_RANGE(0, 600000),                \
      CONFIG_RELOADABLE, "how long SIGTERM waits for requests that are under way")

enum app_token_mode { APP_TOKEN_CLASSIC, APP_TOKEN_STABLE };

/* One file of apps serves both daemons, so loginsvc knows what only tokend uses. */
#define APP_SETTINGS(X, S)                                                                         \
    X(S, SECRET, secret, SECRET, NULL, CONFIG_RANGE(1, 128), CONFIG_RELOADABLE, "the appsecret")   \
    X(S, CHOICE(enum app_token_mode), mode, MODE, "$TOKEN_MODE",                                   \
      CONFIG_ONE_OF(common_token_modes), CONFIG_RELOADABLE, "as TOKEN_MODE (used by tokend)")      \
    X(S, DURATION, refresh_lead_ms, REFRESH_LEAD, "$TOKEN_REFRESH_LEAD",                           \
      CONFIG_RANGE(0, 43200000), CONFIG_RELOADABLE, "as TOKEN_REFRESH_LEAD (used by tokend)")      \
    X(S, LIST, sdk_keys, SDK_KEYS, NULL, CONFIG_RANGE(0, 32), CONFIG_RELOADABLE,                   \
      "other Redis keys to keep the token in, as the named SDKs read it (used by tokend)")

struct app_settings {
    char *id; /* the appid */
    APP_SETTINGS(CONFIG_FIELD, )
};

enum { COMMON_MAX_APPS = 10000 };

/* The members of a program's struct that common_app_section() fills. */
#define COMMON_APPS                                                                                \
    struct app_settings *apps;                                                                     \
    size_t n_apps;

enum { COMMON_APP_ITEMS = 0 APP_SETTINGS(CONFIG_COUNT, ) };
extern const struct config_item common_app_items[COMMON_APP_ITEMS];

/* An appid, and the name of a client: 1 to 64 of A-Z a-z 0-9 _ - */
bool common_id_ok(struct slice id);
#define COMMON_ID_EXPECTED "1 to 64 of A-Z a-z 0-9 _ -"

/* The `[app ID]` section of a program whose struct S has COMMON_APPS. */
#define COMMON_APP_SECTION(S)                                                                      \
    {                                                                                              \
        .kind = "app", .help = "one WeChat app, named by its appid", .items = common_app_items,    \
        .n_items = COMMON_APP_ITEMS, .size = sizeof(struct app_settings),                          \
        .id_offset = offsetof(struct app_settings, id), .array_offset = offsetof(S, apps),         \
        .count_offset = offsetof(S, n_apps), .max = COMMON_MAX_APPS, .id_ok = common_id_ok,        \
        .id_expected = COMMON_ID_EXPECTED                                                          \
    }

/* Borrows the parts of a program's struct that common_finish looks at. */
struct common_view {
    struct app_settings **apps;
    size_t *n_apps;
    const char *appid;
    const struct secret *secret;
    const char *key_prefix;
    struct app_settings defaults; /* mode and refresh_lead_ms of the app WECHAT_APPID */
};

/* Adds WECHAT_APPID to the list (or its secret to the section of the same name) and checks that
 * there is at least one app, that each has a secret, and that KEY_PREFIX fits into a Redis key. */
void common_finish(const struct common_view *v, struct config_faults *f);

#endif
