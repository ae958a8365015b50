#include "loginsvc/settings.h"

#include "crypto/keyring.h"
#include "daemon/upstreams.h"
#include "loginsvc/limits/address.h"
#include "loginsvc/sessions/jwt.h"
#include "loginsvc/users/database_url.h"
#include "loginsvc/users/mysql_tls.h"
#include "loginsvc/users/user.h"

const char *const loginsvc_budget_actions[] = {"warn", "stop", NULL};

static const struct config_item items[] = {
    LOGINSVC_SETTINGS(CONFIG_ITEM, struct loginsvc_settings)};

static const struct config_section sections[] = {COMMON_APP_SECTION(struct loginsvc_settings)};

static void check_keys(const struct loginsvc_settings *s, struct config_faults *f)
{
    struct err e;
    const char *issuer = s->jwt_issuer ? s->jwt_issuer : "not checked here";
    bool has_key = secret_is_set(&s->jwt_private_key);
    struct jwt_signer *j = has_key ? jwt_signer_new_pem(&s->jwt_private_key, issuer, &e)
                                   : jwt_signer_new_hs256(&s->jwt_secret, issuer, &e);
    if (!j)
        config_fault(f, has_key ? "JWT_PRIVATE_KEY" : "JWT_SECRET", "%s", e.text);
    else if (!jwt_signer_add_previous(j, &s->jwt_previous_keys, &e))
        config_fault(f, "JWT_PREVIOUS_KEYS", "%s", e.text);
    jwt_signer_free(j);
}

static void check_jwt(const struct loginsvc_settings *s, struct config_faults *f)
{
    bool has_secret = secret_is_set(&s->jwt_secret), has_key = secret_is_set(&s->jwt_private_key);
    if (!has_secret && !has_key)
        config_fault(f, "JWT_SECRET",
                     "is missing: expected 32 bytes or more (make one: openssl rand -hex 32), or "
                     "JWT_PRIVATE_KEY_FILE");
    else if (has_secret && has_key)
        config_fault(f, "JWT_SECRET", "expected one of this and JWT_PRIVATE_KEY_FILE");
    else
        check_keys(s, f);
    if (!s->jwt_issuer)
        config_fault(f, "JWT_ISSUER", "is empty: expected 1 to 128 bytes");
}

/* A user's record has less room for it than WeChat's rules. */
static void check_appids(const struct loginsvc_settings *s, struct config_faults *f)
{
    for (size_t i = 0; i < s->n_apps; i++) {
        if (slice_of(s->apps[i].id).n >= USER_APPID_SIZE)
            config_fault(f, NULL, "appid %s: expected %d characters at most", s->apps[i].id,
                         USER_APPID_SIZE - 1);
    }
}

static void check_data_key(const struct loginsvc_settings *s, struct config_faults *f)
{
    struct err e;
    if (!secret_is_set(&s->data_key)) {
        config_fault(f, "DATA_KEY",
                     "is missing: expected 32 bytes in base64 (make one: openssl rand -base64 32)");
        return;
    }
    struct keyring *ring = keyring_parse(secret_reveal(&s->data_key), &e);
    if (!ring)
        config_fault(f, "DATA_KEY", "%s", e.text);
    keyring_free(ring);
}

/* Whoever sets one of them means to have it: none is without effect. */
static void check_tls(const struct loginsvc_settings *s, const struct database_url *database,
                      struct config_faults *f)
{
    struct err e;
    struct mysql_tls tls;
    if (s->database_tls && database->kind != DATABASE_MYSQL)
        config_fault(f, "DATABASE_TLS", "expected off: a database that is a file needs none");
    else if (s->database_tls_ca && !s->database_tls)
        config_fault(f, "DATABASE_TLS_CA", "expected DATABASE_TLS=on with it");
    else if (s->database_tls && !mysql_tls_verifies(database->host))
        config_fault(f, "DATABASE_TLS",
                     "expected localhost in DATABASE_URL, not %s, for which not every client "
                     "library verifies the host",
                     database->host);
    else if (s->database_tls && !mysql_tls_init(&tls, s->database_tls_ca, &e))
        config_fault(f, s->database_tls_ca ? "DATABASE_TLS_CA" : "DATABASE_TLS", "%s", e.text);
}

static void check_database(const struct loginsvc_settings *s, struct config_faults *f)
{
    struct err e;
    struct database_url database;
    if (database_url_parse(secret_reveal(&s->database_url), &database, &e))
        check_tls(s, &database, f);
    else
        config_fault(f, "DATABASE_URL", "%s", e.text);
    database_url_wipe(&database);
}

static void check_proxies(const struct loginsvc_settings *s, struct config_faults *f)
{
    struct err e;
    struct proxies *p = proxies_new(s->trusted_proxies.items, s->trusted_proxies.n, &e);
    if (!p)
        config_fault(f, "TRUSTED_PROXIES", "%s", e.text);
    proxies_free(p);
}

static void finish(void *values, struct config_faults *f)
{
    struct loginsvc_settings *s = values;
    struct common_view view = {
        .apps = &s->apps,
        .n_apps = &s->n_apps,
        .appid = s->wechat_appid,
        .secret = &s->wechat_secret,
        .key_prefix = s->key_prefix,
    };
    common_finish(&view, f);
    check_appids(s, f);
    check_jwt(s, f);
    check_proxies(s, f);
    check_data_key(s, f);
    upstreams_check(&s->redis_url, s->wechat_api_base, f);
    check_database(s, f);
}

static const char *const neighbours[] = {"tokend", "client", NULL};

const struct config_program loginsvc_program = {
    .name = "loginsvc",
    .summary = "logs users of WeChat mini programs in, by phone number",
    .items = items,
    .n_items = ARRAY_LEN(items),
    .size = sizeof(struct loginsvc_settings),
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
    .neighbours = neighbours,
    .finish = finish,
};
