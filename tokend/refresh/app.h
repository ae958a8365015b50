/* app.h - one WeChat app: its refresh core, and the driver that carries the core's actions out.
 *
 * Loop thread. An app has one operation under way at most, in Redis or at WeChat, and takes it back
 * when it is freed, so that no answer ever meets an app that is gone. */
#ifndef REFRESH_APP_H
#define REFRESH_APP_H

#include "base/secret.h"
#include "loop/loop.h"
#include "redis/subscriber.h"
#include "tokend/refresh/core.h"
#include "tokend/refresh/reports.h"
#include "tokend/refresh/store.h"
#include "tokend/refresh/turn.h"
#include "wechat/client.h"

struct app; /* opaque */

/* What an app tells about itself; any may be called from within an app's function. */
struct app_hooks {
    mono_ms_t (*lease_until)(void *arg);
    void (*fenced)(int64_t epoch, void *arg);          /* Redis has seen this epoch, above ours */
    void (*refreshed)(const struct app *a, void *arg); /* a new version was written */
    void (*failed)(const struct app *a, enum err_class err, int64_t errcode, void *arg);
    void (*noted)(const struct app *a, enum refresh_note note, void *arg);
    void (*began)(const struct app *a, int64_t waited_ms, void *arg); /* an attempt had its turn */
    void (*rested)(const struct app *a, void *arg); /* no attempt is under way any more */
    void *arg;
};

/* Borrowed by all apps, outlives them. */
struct app_parts {
    struct loop *loop;
    const struct store *store;
    struct wechat_client *wechat;
    struct redis_subscriber *subscriber;
    struct gates gates; /* admit by app_admit */
    struct app_hooks hooks;
};

void app_admit(struct pace_turn *at); /* for the gates only */

/* appid and secret are copied. */
struct app *app_new(const struct app_parts *parts, const char *appid, const struct secret *secret,
                    const struct refresh_config *config) MUST_CHECK;
void app_free(struct app *a); /* NULL is allowed */

/* New settings: takes effect with the next call to WeChat, and ends a wait. */
void app_configure(struct app *a, const struct secret *secret, const struct refresh_config *config);

/* The observe interval does not count: it follows from how many apps there are. */
bool app_same_settings(const struct app *a, const struct secret *secret,
                       const struct refresh_config *config);
void app_observe_every(struct app *a, int64_t ms); /* from the next look on; disturbs nothing */

void app_lead(struct app *a, int64_t epoch);
void app_unlead(struct app *a);
void app_look(struct app *a); /* something may have changed in Redis */

/* An entry of the app's reports stream, as often as it is read: what was heard already is passed
 * over, and what the app cannot weigh yet is not heard: false. Once all is settled the entries are
 * dropped from the stream. */
bool app_hear(struct app *a, const struct report *report);
struct stream_id app_heard(const struct app *a); /* up to here */

/* As the leader: a report about this version stands in the stream and is still to be weighed, or is
 * true. Another one adds nothing. */
bool app_knows(const struct app *a, int64_t version);

/* The same by word of mouth, while Redis is away: its id does not count. */
void app_told(struct app *a, const struct report *report);

const char *app_id(const struct app *a);
enum token_mode app_mode(const struct app *a); /* as set; its token may be of the other family */
const struct refresh *app_refresh(const struct app *a);
struct refresh_status app_status(const struct app *a);

/* The token to hand out; false when there is none. Borrowed until control returns to the loop. */
struct app_token {
    struct slice token;
    int64_t version, remaining_ms;
    struct slice previous; /* empty: none that may be used */
    int64_t previous_ms;
};
bool app_token(const struct app *a, struct app_token *out);

#endif
