#include "tokend/ctl/command.h"

#include <string.h>

#include "config/common.h"

/* The options that not every command takes, as bits. */
enum {
    FOLLOW = 1,
    LIMIT = 2,
    VERSION = 4,
    TOKEN = 8,
    ERRCODE = 16,
};
static const char *const option_names[] = {"--follow", "--limit", "--version", "--token-file",
                                           "--errcode"};

enum appid_use { APPID_NONE, APPID_MAY, APPID_MUST };

struct known {
    const char *name;
    ctl_command_fn *run;
    enum appid_use appid;
    unsigned options;
};

static const struct known commands[] = {
    {"status", ctl_status, APPID_NONE, 0},
    {"get", ctl_get, APPID_MUST, 0},
    {"refresh", ctl_refresh, APPID_MUST, 0},
    {"report", ctl_report, APPID_MUST, VERSION | TOKEN | ERRCODE},
    {"events", ctl_events, APPID_MAY, FOLLOW | LIMIT},
};

static const struct known *find_known(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static bool appid_fits(const struct known *known, const char *appid, struct err *e)
{
    if (known->appid == APPID_MUST && !appid)
        return err_set(e, "%s: expected an APPID behind it", known->name);
    if (known->appid == APPID_NONE && appid)
        return err_set(e, "unexpected argument %.80s: %s takes none", appid, known->name);
    if (appid && !common_id_ok(slice_of(appid)))
        return err_set(e, "%.80s: expected an APPID, " COMMON_ID_EXPECTED, appid);
    return true;
}

static unsigned given_options(const struct ctl_settings *s)
{
    return (s->follow ? FOLLOW : 0u) | (s->limit ? LIMIT : 0u) | (s->version ? VERSION : 0u) |
           (secret_is_set(&s->token) ? TOKEN : 0u) | (s->errcode ? ERRCODE : 0u);
}

static bool options_fit(const struct known *known, unsigned given, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(option_names); i++) {
        if (given & ~known->options & 1u << i)
            return err_set(e, "%s: %s has no such option", option_names[i], known->name);
    }
    if (given & FOLLOW && given & LIMIT)
        return err_set(e, "--limit: expected without --follow, which begins now");
    if (given & VERSION && given & TOKEN)
        return err_set(e, "--version, --token-file: expected one of them");
    return true;
}

bool command_find(const struct config_list *arguments, const struct ctl_settings *options,
                  struct command *out, struct err *e)
{
    const char *name = arguments->n > 0 ? arguments->items[0] : NULL;
    const char *appid = arguments->n > 1 ? arguments->items[1] : NULL;
    const struct known *known = name ? find_known(name) : NULL;
    if (!name)
        return err_set(e, "expected a command: %s", ctl_program.arguments);
    if (!known)
        return err_set(e, "unknown command %.80s: expected %s", name, ctl_program.arguments);
    *out = (struct command){known->run, appid};
    return appid_fits(known, appid, e) && options_fit(known, given_options(options), e);
}
