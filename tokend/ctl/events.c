/* events - what happened, or with --follow what happens. */
#include <stdio.h>

#include "config/common.h"
#include "tokend/ctl/ctl.h"
#include "tokend/ctl/event.h"
#include "tokend/ctl/follow.h"
#include "tokend/ctl/history.h"
#include "tokend/ctl/json.h"

enum { DEFAULT_LIMIT = 50 };

static int64_t limit_of(const struct ctl *c)
{
    return c->settings->limit ? c->settings->limit : DEFAULT_LIMIT;
}

/* The API lists the newest first: what is too old ends the list. */
static void take_events(struct history *h, const char *appid, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "events");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *event = json_array_get(list, i);
        (void)json_object_set_new(event, "appid", json_string(appid));
        if (!history_add(h, event))
            return;
    }
}

static bool read_app(const struct ctl *c, const char *appid, struct history *h, struct trouble *why)
{
    char path[REMOTE_PATH_SIZE];
    struct text t = text_init(path, sizeof path);
    text_fmt(&t, "/v1/apps/%s/events?limit=%lld", appid, (long long)limit_of(c));
    json_t *answer = remote_get(c->remote, path, why);
    if (!answer)
        return false;
    take_events(h, appid, answer);
    json_decref(answer);
    return true;
}

static bool read_all_apps(const struct ctl *c, struct history *h, struct trouble *why)
{
    json_t *answer = remote_get(c->remote, "/v1/apps", why);
    const json_t *apps = json_object_get(answer, "apps");
    bool ok = answer != NULL;
    for (size_t i = 0; ok && i < json_array_size(apps); i++) {
        struct slice appid = json_text(json_array_get(apps, i), "appid");
        if (common_id_ok(appid)) /* it goes into a path */
            ok = read_app(c, appid.p, h, why);
    }
    json_decref(answer);
    return ok;
}

static enum ctl_exit print_past(const struct ctl *c)
{
    struct trouble why;
    struct history *h = history_new((size_t)limit_of(c));
    bool ok = c->appid ? read_app(c, c->appid, h, &why) : read_all_apps(c, h, &why);
    for (size_t i = 0; ok && i < history_count(h); i++)
        event_write(history_at(h, i), c->settings->json, stdout);
    history_free(h);
    return ok ? CTL_OK : ctl_fail(why.line);
}

enum ctl_exit ctl_events(const struct ctl *c)
{
    return c->settings->follow ? follow_run(c) : print_past(c);
}
