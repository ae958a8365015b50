#include "tokend/settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/upstreams.h"
#include "http/listen.h"

const char *const tokend_scopes[] = {"read", "report", "admin", NULL};

static const struct config_item items[] = {TOKEND_SETTINGS(CONFIG_ITEM, struct tokend_settings)};

static const struct config_item client_items[] = {
    TOKEND_CLIENT_SETTINGS(CONFIG_ITEM, struct tokend_client)};

static const struct config_section sections[] = {
    COMMON_APP_SECTION(struct tokend_settings),
    {
        .kind = "client",
        .help = "one client of the HTTP API",
        .items = client_items,
        .n_items = ARRAY_LEN(client_items),
        .size = sizeof(struct tokend_client),
        .id_offset = offsetof(struct tokend_client, name),
        .array_offset = offsetof(struct tokend_settings, clients),
        .count_offset = offsetof(struct tokend_settings, n_clients),
        .max = TOKEND_MAX_CLIENTS,
        .id_ok = common_id_ok,
        .id_expected = COMMON_ID_EXPECTED,
    },
};

/* ---- clients ---- */

static bool is_sha256(const char *hex)
{
    return hex && strlen(hex) == 64 && strspn(hex, "0123456789abcdefABCDEF") == 64;
}

/* The digest in lower case, as it is compared. */
static void check_sections(struct tokend_settings *s, struct config_faults *f)
{
    for (size_t i = 0; i < s->n_clients; i++) {
        char *hex = s->clients[i].key_sha256;
        if (!is_sha256(hex)) {
            config_fault(f, NULL,
                         "[client %s]: key_sha256: expected the key's SHA-256 in 64 hex "
                         "digits",
                         s->clients[i].name);
            continue;
        }
        for (; *hex; hex++)
            *hex = (char)tolower((unsigned char)*hex);
    }
}

static bool parse_scopes(struct slice words, unsigned *scopes)
{
    *scopes = 0;
    while (words.p) {
        struct slice word = slice_trim(slice_cut(&words, ' '));
        unsigned bit = 0;
        for (unsigned i = 0; tokend_scopes[i]; i++)
            bit |= slice_is(word, tokend_scopes[i]) ? 1u << i : 0;
        if (word.n > 0 && !bit)
            return false;
        *scopes |= bit;
    }
    return *scopes != 0;
}

static bool name_is_taken(const struct tokend_settings *s, struct slice name)
{
    for (size_t i = 0; i < s->n_clients; i++) {
        if (slice_is(name, s->clients[i].name))
            return true;
    }
    return false;
}

static void add_client(struct tokend_settings *s, struct slice name, struct slice key,
                       unsigned scopes)
{
    s->clients = xrealloc(s->clients, (s->n_clients + 1) * sizeof *s->clients);
    struct tokend_client *c = &s->clients[s->n_clients++];
    *c = (struct tokend_client){.name = slice_dup(name), .scopes = scopes};
    secret_set(&c->key, key);
}

/* One name:key:scopes of TOKEND_API_KEYS, the n-th: it is told by its number, for it is a secret.
 */
static void take_api_key(struct tokend_settings *s, struct slice part, size_t n,
                         struct config_faults *f)
{
    struct slice rest = part, name = slice_cut(&rest, ':'), key = slice_cut(&rest, ':');
    unsigned scopes = 0;
    if (!common_id_ok(name) || key.n == 0)
        config_fault(f, "TOKEND_API_KEYS", "part %zu: expected name:key:scopes", n);
    else if (!parse_scopes(rest, &scopes))
        config_fault(f, "TOKEND_API_KEYS",
                     "part %zu: expected scopes of read, report, admin behind name:key:", n);
    else if (name_is_taken(s, name))
        config_fault(f, "TOKEND_API_KEYS", "part %zu: expected a name that is not taken yet", n);
    else if (s->n_clients == TOKEND_MAX_CLIENTS)
        config_fault(f, "TOKEND_API_KEYS", "expected at most %d clients", TOKEND_MAX_CLIENTS);
    else
        add_client(s, name, key, scopes);
}

static void take_api_keys(struct tokend_settings *s, struct config_faults *f)
{
    struct slice rest = secret_reveal(&s->api_keys);
    for (size_t n = 1; rest.p; n++) {
        struct slice part = slice_trim(slice_cut(&rest, ','));
        if (part.n > 0)
            take_api_key(s, part, n, f);
    }
}

/* ---- addresses ---- */

/* Where nobody has a key, everybody who can reach the API may do everything. */
static void check_listen(const struct tokend_settings *s, struct config_faults *f)
{
    struct err e;
    struct http_listen address;
    if (!http_listen_parse(s->listen, &address, &e))
        config_fault(f, "TOKEND_LISTEN", "%s", e.text);
    else if (s->n_clients == 0 && !http_listen_is_loopback(&address))
        config_fault(f, "TOKEND_LISTEN",
                     "%s: expected a loopback address, or TOKEND_API_KEYS or [client NAME] too",
                     s->listen);
}

/* ---- the whole ---- */

static void finish(void *values, struct config_faults *f)
{
    struct tokend_settings *s = values;
    struct common_view view = {
        .apps = &s->apps,
        .n_apps = &s->n_apps,
        .appid = s->wechat_appid,
        .secret = &s->wechat_secret,
        .key_prefix = s->key_prefix,
        .defaults = {.mode = s->token_mode, .refresh_lead_ms = s->token_refresh_lead_ms},
    };
    common_finish(&view, f);
    check_sections(s, f);
    take_api_keys(s, f);
    check_listen(s, f);
    upstreams_check(&s->redis_url, s->wechat_api_base, f);
    if (s->token_retry_min_ms > s->token_retry_max_ms)
        config_fault(f, "TOKEN_RETRY_MIN", "expected at most TOKEN_RETRY_MAX");
}

/* What the sections' own table does not know. */
static void release(void *values)
{
    struct tokend_settings *s = values;
    for (size_t i = 0; i < s->n_clients; i++)
        secret_wipe(&s->clients[i].key);
}

static const char *const neighbours[] = {"loginsvc", NULL};

const struct config_program tokend_program = {
    .name = "tokend",
    .summary = "keeps the access_tokens of WeChat apps fresh, for everybody who needs one",
    .items = items,
    .n_items = ARRAY_LEN(items),
    .size = sizeof(struct tokend_settings),
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
    .neighbours = neighbours,
    .finish = finish,
    .release = release,
};
