#include "config/common.h"

#include <string.h>

const char *const common_log_levels[] = {"debug", "info", "warn", "error", NULL};
const char *const common_log_formats[] = {"text", "json", "auto", NULL};
const char *const common_token_modes[] = {"classic", "stable", NULL};

const struct config_item common_app_items[COMMON_APP_ITEMS] = {
    APP_SETTINGS(CONFIG_ITEM, struct app_settings)};

enum { ID_MAX = 64 };

static bool only_of(struct slice s, const char *more)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr(more, c)))
            return false;
    }
    return true;
}

bool common_id_ok(struct slice id)
{
    return id.n >= 1 && id.n <= ID_MAX && only_of(id, "_-");
}

static struct app_settings *find_app(const struct common_view *v, const char *id)
{
    for (size_t i = 0; i < *v->n_apps; i++) {
        if (strcmp((*v->apps)[i].id, id) == 0)
            return &(*v->apps)[i];
    }
    return NULL;
}

static struct app_settings *add_app(const struct common_view *v, const char *id)
{
    *v->apps = xrealloc(*v->apps, (*v->n_apps + 1) * sizeof **v->apps);
    struct app_settings *app = &(*v->apps)[(*v->n_apps)++];
    *app = v->defaults;
    app->id = xstrdup(id);
    return app;
}

/* WECHAT_APPID and WECHAT_SECRET are one more app, or the secret of one that has a section. */
static void take_single_app(const struct common_view *v, struct config_faults *f)
{
    if (!v->appid && secret_is_set(v->secret)) {
        config_fault(f, "WECHAT_SECRET", "is set but WECHAT_APPID is not: expected both");
        return;
    }
    if (!v->appid)
        return;
    if (!common_id_ok(slice_of(v->appid))) {
        config_fault(f, "WECHAT_APPID", "%s: expected " COMMON_ID_EXPECTED, v->appid);
        return;
    }
    struct app_settings *app = find_app(v, v->appid);
    if (!app && !secret_is_set(v->secret)) {
        config_fault(f, "WECHAT_SECRET", "is missing: expected the appsecret of %s", v->appid);
        return;
    }
    if (!app)
        app = add_app(v, v->appid);
    if (secret_is_set(v->secret))
        secret_set(&app->secret, secret_reveal(v->secret));
}

static void check_apps(const struct common_view *v, struct config_faults *f)
{
    if (*v->n_apps == 0 && config_faults_count(f) == 0)
        config_fault(f, NULL,
                     "there is no app: expected WECHAT_APPID with WECHAT_SECRET, or [app APPID] "
                     "sections in the INI file");
    for (size_t i = 0; i < *v->n_apps; i++) {
        const struct app_settings *app = &(*v->apps)[i];
        if (!secret_is_set(&app->secret))
            config_fault(f, NULL, "[app %s] has no secret: expected secret or secret_file",
                         app->id);
    }
}

void common_finish(const struct common_view *v, struct config_faults *f)
{
    take_single_app(v, f);
    check_apps(v, f);
    if (!only_of(slice_of(v->key_prefix), "_-.:/"))
        config_fault(f, "KEY_PREFIX", "%s: expected only A-Z a-z 0-9 _ - . : /", v->key_prefix);
}
