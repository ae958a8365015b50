#include "wxsim/settings.h"

#include "wxsim/control.h"

/* "APPID:SECRET" in two; false when one of them is missing or too long. */
static bool split_app(const char *item, struct slice *appid, struct slice *secret)
{
    *secret = slice_of(item);
    *appid = slice_cut(secret, ':');
    return appid->n > 0 && appid->n <= APPID_MAX && secret->n > 0 && secret->n <= SECRET_MAX;
}

static void finish(void *values, struct config_faults *faults)
{
    const struct wxsim_settings *s = values;
    struct slice appid, secret;
    for (size_t i = 0; i < s->app_pairs.n; i++)
        if (!split_app(s->app_pairs.items[i], &appid, &secret))
            config_fault(faults, "APP", "number %zu: expected APPID:SECRET", i + 1);
    for (size_t i = 0; i < s->n_apps; i++)
        if (!secret_is_set(&s->apps[i].secret))
            config_fault(faults, NULL, "[app %s]: expected a secret", s->apps[i].id);
    if (s->overlap_ms >= s->lifetime_ms)
        config_fault(faults, "OVERLAP", "expected less than EXPIRES_IN (%lldms)",
                     (long long)s->lifetime_ms);
}

static const struct config_item items[] = {WXSIM_SETTINGS(CONFIG_ITEM, struct wxsim_settings)};

static const struct config_section sections[] = {COMMON_APP_SECTION(struct wxsim_settings)};

const struct config_program wxsim_program = {
    .name = "wxsim",
    .summary = "a faithful stand-in for api.weixin.qq.com, for local stacks, tests and benchmarks",
    .items = items,
    .n_items = ARRAY_LEN(items),
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
    .size = sizeof(struct wxsim_settings),
    .environment_prefix = "WXSIM_",
    .items_are_options = true,
    .notes = control_help,
    .finish = finish,
};

struct rules settings_rules(const struct wxsim_settings *s)
{
    return (struct rules){
        .lifetime_ms = s->lifetime_ms,
        .overlap_ms = s->overlap_ms,
        .code_ttl_ms = s->code_ttl_ms,
        .classic_per_day = s->classic_per_day,
        .stable_per_day = s->stable_per_day,
        .stable_per_minute = s->stable_per_minute,
        .forced_per_day = s->forced_per_day,
        .forced_gap_ms = s->forced_gap_ms,
        .phone_per_minute = s->phone_per_minute,
    };
}

static bool apply_app(struct book *b, struct slice appid, struct slice secret)
{
    struct app *a = book_add_app(b, appid, secret);
    if (!a)
        return false;
    secret_set(&a->secret, secret);
    return true;
}

bool settings_apply_apps(const struct wxsim_settings *s, struct book *b)
{
    struct slice appid, secret;
    for (size_t i = 0; i < s->app_pairs.n; i++)
        if (split_app(s->app_pairs.items[i], &appid, &secret) && !apply_app(b, appid, secret))
            return false;
    for (size_t i = 0; i < s->n_apps; i++)
        if (!apply_app(b, slice_of(s->apps[i].id), secret_reveal(&s->apps[i].secret)))
            return false;
    return true;
}
