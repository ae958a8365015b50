/* telemetry.h - what loginsvc measures besides the logins themselves (dialects/desk.h counts
 * those).
 *
 * Counts WeChat's calls as they end; everything else is read when somebody asks for the metrics,
 * and once a second where another process may be asked. Loop thread only. */
#ifndef LOGINSVC_TELEMETRY_H
#define LOGINSVC_TELEMETRY_H

#include "base/check.h"
#include "base/text.h"
#include "http/server.h"
#include "loginsvc/limits/claims.h"
#include "loginsvc/login/apps.h"
#include "loginsvc/login/driver.h"
#include "loginsvc/sessions/revocation_watch.h"
#include "loginsvc/users/store.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "redis/client.h"
#include "token/reader.h"
#include "wechat/client.h"

/* All borrowed; they outlive the last metrics_text. */
struct telemetry_parts {
    struct metrics *metrics;
    struct loop *loop;
    bool shared; /* the metrics stand on a board with those of other processes */
    struct http_server *server;
    struct wechat_client *wechat;
    struct redis_client *redis;
    struct token_reader *tokens;
    const struct apps *apps;
    struct store *store;
    struct login_driver *driver;
    struct claims *claims;
    const struct revocation_watch *revocations;
};

struct telemetry; /* opaque */

/* Observes the WeChat client and, where shared, publishes from now on. */
struct telemetry *telemetry_new(const struct telemetry_parts *parts) MUST_CHECK;
void telemetry_free(struct telemetry *t); /* NULL is allowed */

/* Where shared: what is to be read is read once more, for the others; before the parts go. */
void telemetry_publish(struct telemetry *t);

/* An app was removed: its series go. */
void telemetry_forget_app(struct telemetry *t, struct slice appid);

#endif
