#include "tokend/ctl/settings.h"

#include "http/hosts.h"

static const struct config_item items[] = {CTL_SETTINGS(CONFIG_ITEM, struct ctl_settings)};

static void check_url(const struct ctl_settings *s, struct config_faults *f)
{
    struct err e;
    struct http_hosts *hosts = http_hosts_parse(slice_of(s->url), &e);
    if (!hosts)
        config_fault(f, "TOKEND_URL", "%s", e.text);
    http_hosts_unref(hosts);
}

/* Both go into a request as they are. */
static void check_word(const struct secret *s, const char *name, struct config_faults *f)
{
    struct slice text = secret_reveal(s);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] > '~') {
            config_fault(f, name, "expected letters, digits and signs of ASCII, without blanks");
            return;
        }
    }
}

static void finish(void *values, struct config_faults *f)
{
    const struct ctl_settings *s = values;
    check_url(s, f);
    check_word(&s->key, "TOKEND_KEY", f);
    check_word(&s->token, "TOKEN", f);
}

static const char notes[] =
    "Commands:\n"
    "  status           a table of the apps: what each one's token is up to\n"
    "  get APPID        the token alone, for $(tokenctl get APPID); with --json the whole answer\n"
    "  refresh APPID    order a new token now (scope admin)\n"
    "  report APPID     WeChat refused the token: let tokend check it (scope report;\n"
    "                   without --version or --token-file scope read too)\n"
    "  events [APPID]   what happened, the latest last; with --follow what happens\n"
    "\n"
    "tokend is found by TOKEND_URL, its key is read from TOKEND_KEY or the file TOKEND_KEY_FILE.\n"
    "Exit codes: 0 ok, 2 bad usage or configuration, 1 anything else, with a line on stderr.\n";

const struct config_program ctl_program = {
    .name = "tokenctl",
    .summary = "asks tokend about its tokens, and tells it what to do",
    .items = items,
    .n_items = ARRAY_LEN(items),
    .size = sizeof(struct ctl_settings),
    .items_are_options = true,
    .arguments = "status | get APPID | refresh APPID | report APPID | events [APPID]",
    .max_arguments = 2,
    .notes = notes,
    .finish = finish,
};
