/* The settings of the two daemons: their defaults as the contract has them, and what they refuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "fixture.h"
#include "loginsvc/settings.h"
#include "tokend/settings.h"

#define APPID  "wx0123456789abcdef"
#define SECRET "0123456789abcdef0123456789abcdef"
#define KEY64  "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---- helpers ---- */

static void one_app(void)
{
    fixture_setenv("WECHAT_APPID", APPID);
    fixture_setenv("WECHAT_SECRET", SECRET);
}

static void keys_of_loginsvc(void)
{
    fixture_setenv("JWT_SECRET", "0123456789abcdef0123456789abcdef");
    fixture_setenv("DATA_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
}

static const struct config_item *item_of(const struct config_program *p, const char *name)
{
    for (size_t i = 0; i < p->n_items; i++) {
        if (strcmp(p->items[i].name, name) == 0)
            return &p->items[i];
    }
    return NULL;
}

struct promised {
    const char *name, *initial;
};

static void assert_promised(const struct config_program *p, const struct promised *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct config_item *item = item_of(p, table[i].name);
        if (!item)
            print_error("%s has no %s\n", p->name, table[i].name);
        assert_non_null(item);
        if (table[i].initial)
            assert_string_equal(item->initial, table[i].initial);
        else
            assert_null(item->initial);
    }
}

static void assert_says(const struct config_program *p, const char *const *args, const char *part)
{
    struct run r = fixture_run(p, args);
    assert_null(r.config);
    assert_int_equal(r.exit_code, 2);
    if (!strstr(r.err, part))
        print_error("expected: %s\nfound:    %s", part, r.err);
    assert_non_null(strstr(r.err, part));
    assert_ptr_equal(strchr(r.err, '\n'), r.err + strlen(r.err) - 1);
    run_free(&r);
}

/* ---- both ---- */

static void names_and_defaults_are_those_of_the_contract(void **state)
{
    (void)state;
    static const struct promised common[] = {
        {"WECHAT_APPID", NULL},
        {"WECHAT_SECRET", NULL},
        {"WECHAT_API_BASE", "https://api.weixin.qq.com"},
        {"REDIS_URL", "redis://127.0.0.1:6379/0"},
        {"KEY_PREFIX", "tokend"},
        {"LOG_LEVEL", "info"},
        {"LOG_FORMAT", "auto"},
        {"WECHAT_TIMEOUT", "5s"},
    };
    static const struct promised tokend[] = {
        {"TOKEND_LISTEN", "127.0.0.1:8081"},
        {"TOKEND_API_KEYS", NULL},
        {"TOKEN_MODE", "classic"},
        {"TOKEN_REFRESH_LEAD", "30m"},
        {"TOKEN_OVERLAP", "5m"},
        {"TOKEN_RETRY_MIN", "1s"},
        {"TOKEN_RETRY_MAX", "60s"},
        {"TOKEN_PROBE_INTERVAL", "10m"},
        {"TOKEN_DAILY_BUDGET", "500"},
        {"TOKEN_FETCH_RATE", "200"},
        {"TOKEN_FETCH_CONCURRENCY", "64"},
        {"LEASE_TTL", "10s"},
    };
    static const struct promised loginsvc[] = {
        {"LOGINSVC_LISTEN", "127.0.0.1:8080"},
        {"LOGINSVC_WORKERS", "1"},
        {"DATABASE_URL", "sqlite:///var/lib/loginsvc/users.db"},
        {"DATABASE_TLS", "off"},
        {"DATABASE_TLS_CA", NULL},
        {"JWT_SECRET", NULL},
        {"JWT_TTL", "30d"},
        {"DATA_KEY", NULL},
    };
    assert_promised(&tokend_program, common, ARRAY_LEN(common));
    assert_promised(&loginsvc_program, common, ARRAY_LEN(common));
    assert_promised(&tokend_program, tokend, ARRAY_LEN(tokend));
    assert_promised(&loginsvc_program, loginsvc, ARRAY_LEN(loginsvc));
}

static void both_start_with_the_environment_alone(void **state)
{
    (void)state;
    one_app();
    keys_of_loginsvc();
    struct config *c = fixture_config(&tokend_program, NO_ARGS);
    const struct tokend_settings *t = config_values(c);
    assert_int_equal(t->n_apps, 1);
    assert_string_equal(t->apps[0].id, APPID);
    assert_true(slice_is(secret_reveal(&t->apps[0].secret), SECRET));
    assert_int_equal(t->apps[0].mode, APP_TOKEN_CLASSIC);
    assert_int_equal(t->apps[0].refresh_lead_ms, 1800000);
    config_free(c);
    c = fixture_config(&loginsvc_program, NO_ARGS);
    const struct loginsvc_settings *l = config_values(c);
    assert_int_equal(l->n_apps, 1);
    assert_true(slice_is(secret_reveal(&l->apps[0].secret), SECRET));
    config_free(c);
}

static void one_file_of_apps_serves_both(void **state)
{
    (void)state;
    keys_of_loginsvc();
    fixture_write("secret2", "s2\n");
    fixture_write("apps.ini",
                  "[app wx1]\nsecret = s1\nmode = stable\n[app wx2]\nsecret_file = secret2\n"
                  "refresh_lead = 10m\nsdk_keys = wxjava, wechatpy\n");
    const char *args[] = {"-c", "apps.ini", NULL};
    struct config *c = fixture_config(&tokend_program, args);
    const struct tokend_settings *t = config_values(c);
    assert_int_equal(t->n_apps, 2);
    assert_int_equal(t->apps[0].mode, APP_TOKEN_STABLE);
    assert_int_equal(t->apps[0].refresh_lead_ms, 1800000);
    assert_int_equal(t->apps[1].mode, APP_TOKEN_CLASSIC);
    assert_int_equal(t->apps[1].refresh_lead_ms, 600000);
    assert_int_equal(t->apps[1].sdk_keys.n, 2);
    assert_true(slice_is(secret_reveal(&t->apps[1].secret), "s2"));
    config_free(c);
    c = fixture_config(&loginsvc_program, args);
    const struct loginsvc_settings *l = config_values(c);
    assert_int_equal(l->n_apps, 2);
    config_free(c);
}

static void the_single_app_joins_those_of_the_file(void **state)
{
    (void)state;
    one_app();
    fixture_write("apps.ini", "[app wx1]\nsecret = s1\n");
    struct config *c = fixture_config(&tokend_program, ARGS("-c", "apps.ini"));
    const struct tokend_settings *t = config_values(c);
    assert_int_equal(t->n_apps, 2);
    assert_string_equal(t->apps[1].id, APPID);
    config_free(c);
    fixture_write("apps.ini", "[app " APPID "]\nsecret = old\nmode = stable\n");
    c = fixture_config(&tokend_program, ARGS("-c", "apps.ini"));
    t = config_values(c);
    assert_int_equal(t->n_apps, 1);
    assert_int_equal(t->apps[0].mode, APP_TOKEN_STABLE);
    assert_true(slice_is(secret_reveal(&t->apps[0].secret), SECRET));
    config_free(c);
}

static void apps_and_secrets_that_are_missing_are_told(void **state)
{
    (void)state;
    keys_of_loginsvc();
    const struct config_program *const programs[] = {&tokend_program, &loginsvc_program};
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        const struct config_program *p = programs[i];
        assert_says(p, NO_ARGS, "there is no app: expected WECHAT_APPID with WECHAT_SECRET, or");
        assert_says(p, ARGS("--set", "WECHAT_APPID=wx1"),
                    "WECHAT_SECRET: is missing: expected the appsecret of wx1");
        assert_says(p, ARGS("--set", "WECHAT_SECRET=s"),
                    "--set: WECHAT_SECRET: is set but WECHAT_APPID is not: expected both");
        assert_says(p, ARGS("--set", "WECHAT_APPID=wx 1", "--set", "WECHAT_SECRET=s"),
                    "--set: WECHAT_APPID: wx 1: expected 1 to 64 of A-Z a-z 0-9 _ -");
        fixture_write("apps.ini", "[app wx1]\nmode = stable\n");
        assert_says(p, ARGS("-c", "apps.ini"),
                    "[app wx1] has no secret: expected secret or secret_file");
        fixture_write("apps.ini", "[app wx{1}]\nsecret = s\n");
        assert_says(p, ARGS("-c", "apps.ini"), "apps.ini:1: [app wx{1}]: expected a name of 1 to");
    }
}

static void addresses_that_are_none_are_told_without_passwords(void **state)
{
    (void)state;
    one_app();
    keys_of_loginsvc();
    const struct config_program *const programs[] = {&tokend_program, &loginsvc_program};
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        const struct config_program *p = programs[i];
        assert_says(p, ARGS("--set", "KEY_PREFIX={x}"), "--set: KEY_PREFIX: {x}: expected only");
        assert_says(p, ARGS("--set", "WECHAT_API_BASE=ftp://example.com"),
                    "--set: WECHAT_API_BASE: ");
        struct run r = fixture_run(p, ARGS("--set", "REDIS_URL=redis://u:s3cret@host:port/0"));
        assert_int_equal(r.exit_code, 2);
        assert_non_null(strstr(r.err, "--set: REDIS_URL: "));
        assert_null(strstr(r.err, "s3cret"));
        run_free(&r);
    }
}

/* ---- tokend ---- */

static void clients_come_from_sections_and_from_the_list(void **state)
{
    (void)state;
    one_app();
    fixture_setenv("TOKEND_API_KEYS", "ops:k3y1:read report admin, shop:k3y2:read");
    fixture_write("tokend.ini", "[client cart]\nkey_sha256 = " KEY64
                                "\nscopes = read report\napps = " APPID ", wx2\n");
    struct config *c = fixture_config(&tokend_program, ARGS("-c", "tokend.ini"));
    const struct tokend_settings *s = config_values(c);
    assert_int_equal(s->n_clients, 3);
    assert_string_equal(s->clients[0].name, "cart");
    assert_int_equal(strspn(s->clients[0].key_sha256, "0123456789abcdef"), 64);
    assert_int_equal(s->clients[0].scopes, TOKEND_SCOPE_READ | TOKEND_SCOPE_REPORT);
    assert_int_equal(s->clients[0].apps.n, 2);
    assert_false(secret_is_set(&s->clients[0].key));
    assert_string_equal(s->clients[1].name, "ops");
    assert_null(s->clients[1].key_sha256);
    assert_true(slice_is(secret_reveal(&s->clients[1].key), "k3y1"));
    assert_int_equal(s->clients[1].scopes,
                     TOKEND_SCOPE_READ | TOKEND_SCOPE_REPORT | TOKEND_SCOPE_ADMIN);
    assert_int_equal(s->clients[2].scopes, TOKEND_SCOPE_READ);
    assert_int_equal(s->clients[2].apps.n, 0);
    config_free(c);
}

static void clients_that_are_wrong_are_told_by_number_never_by_key(void **state)
{
    (void)state;
    one_app();
    static const struct {
        const char *keys, *part;
    } cases[] = {
        {"TOKEND_API_KEYS=s3cret", "part 1: expected name:key:scopes"},
        {"TOKEND_API_KEYS=a:s3cret:read,b::read", "part 2: expected name:key:scopes"},
        {"TOKEND_API_KEYS=a:s3cret", "part 1: expected scopes of read, report, admin"},
        {"TOKEND_API_KEYS=a:s3cret:write", "part 1: expected scopes of read, report, admin"},
        {"TOKEND_API_KEYS=a:s3cret:read,a:s3cret:read", "part 2: expected a name that is not"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run r = fixture_run(&tokend_program, ARGS("--set", cases[i].keys));
        assert_int_equal(r.exit_code, 2);
        assert_non_null(strstr(r.err, "--set: TOKEND_API_KEYS: "));
        assert_non_null(strstr(r.err, cases[i].part));
        assert_null(strstr(r.err, "s3cret"));
        run_free(&r);
    }
    fixture_write("tokend.ini", "[client cart]\nscopes = read\n");
    assert_says(&tokend_program, ARGS("-c", "tokend.ini"),
                "[client cart]: key_sha256: expected the key's SHA-256 in 64 hex digits");
}

static void without_a_key_tokend_listens_on_loopback_only(void **state)
{
    (void)state;
    one_app();
    static const char *const inside[] = {"TOKEND_LISTEN=127.0.0.1:0", "TOKEND_LISTEN=[::1]:0",
                                         "TOKEND_LISTEN=localhost:0"};
    static const char *const outside[] = {"TOKEND_LISTEN=:8081", "TOKEND_LISTEN=0.0.0.0:8081",
                                          "TOKEND_LISTEN=[::]:8081", "TOKEND_LISTEN=10.0.0.1:80"};
    for (size_t i = 0; i < ARRAY_LEN(inside); i++)
        config_free(fixture_config(&tokend_program, ARGS("--set", inside[i])));
    for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
        assert_says(&tokend_program, ARGS("--set", outside[i]), "expected a loopback address");
        config_free(fixture_config(&tokend_program,
                                   ARGS("--set", outside[i], "--set", "TOKEND_API_KEYS=a:b:read")));
    }
}

static void retries_that_cannot_be_are_refused(void **state)
{
    (void)state;
    one_app();
    assert_says(&tokend_program, ARGS("--set", "TOKEN_RETRY_MAX=500ms"),
                "TOKEN_RETRY_MIN: expected at most TOKEN_RETRY_MAX");
}

/* ---- loginsvc ---- */

static void keys_of_loginsvc_are_needed_and_checked(void **state)
{
    (void)state;
    one_app();
    const struct config_program *p = &loginsvc_program;
    assert_says(p, NO_ARGS, "JWT_SECRET: is missing: expected 32 bytes or more");
    fixture_setenv("JWT_SECRET", "0123456789abcdef0123456789abcde");
    assert_says(p, NO_ARGS, "environment: JWT_SECRET: has 31 bytes: expected 32 or more");
    fixture_setenv("JWT_SECRET", "0123456789abcdef0123456789abcdef");
    assert_says(p, ARGS("--set", "JWT_PRIVATE_KEY=pem"),
                "environment: JWT_SECRET: expected one of this and JWT_PRIVATE_KEY");
    assert_says(p, NO_ARGS, "DATA_KEY: is missing: expected 32 bytes in base64");
    assert_says(p, ARGS("--set", "DATA_KEY=AAECAwQFBgcICQoLDA0ODw=="), "--set: DATA_KEY: ");
    assert_says(p, ARGS("--set", "DATA_KEY=no base64 !"), "--set: DATA_KEY: ");
}

static void write_private_key(const char *name)
{
    char pem[1024] = "";
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_true(BIO_read(bio, pem, sizeof pem - 1) > 0);
    fixture_write(name, pem);
    BIO_free(bio);
    EVP_PKEY_free(key);
}

static void a_private_key_may_take_the_place_of_the_secret(void **state)
{
    (void)state;
    one_app();
    fixture_setenv("DATA_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    assert_says(&loginsvc_program, ARGS("--set", "JWT_PRIVATE_KEY=pem"),
                "--set: JWT_PRIVATE_KEY: not an unencrypted PEM key");
    write_private_key("key.pem");
    struct config *c =
        fixture_config(&loginsvc_program, ARGS("--set", "jwt_private_key_file=key.pem"));
    const struct loginsvc_settings *s = config_values(c);
    assert_true(slice_starts(secret_reveal(&s->jwt_private_key), "-----BEGIN PRIVATE KEY-----\n"));
    assert_false(secret_is_set(&s->jwt_secret));
    config_free(c);
}

static void previous_keys_are_checked(void **state)
{
    (void)state;
    one_app();
    keys_of_loginsvc();
    const struct config_program *p = &loginsvc_program;
    assert_says(p, ARGS("--set", "JWT_PREVIOUS_KEYS=short"),
                "--set: JWT_PREVIOUS_KEYS: has 5 bytes: expected 32 or more");
    assert_says(p, ARGS("--set", "JWT_PREVIOUS_KEYS=-----BEGIN PUBLIC KEY-----"),
                "--set: JWT_PREVIOUS_KEYS: not an unencrypted PEM key");
    write_private_key("old.pem");
    config_free(fixture_config(p, ARGS("--set", "jwt_previous_keys_file=old.pem")));
}

static void the_keys_of_the_tokens_are_rotated_by_a_reload(void **state)
{
    (void)state;
    one_app();
    keys_of_loginsvc();
    fixture_setenv("JWT_SECRET", "");
    fixture_write("key", "the first secret, of 32 bytes or more");
    fixture_write("login.ini", "");
    struct config *c =
        fixture_config(&loginsvc_program, ARGS("--set", "jwt_secret_file=key", "-c", "login.ini"));
    fixture_write("key", "the second secret, of 32 bytes or more");
    fixture_write("login.ini", "jwt_previous_keys = the first secret, of 32 bytes or more\n");
    struct config_faults *faults = NULL;
    struct config *next = config_reload(c, &faults);
    assert_non_null(next);
    const struct loginsvc_settings *s = config_values(next);
    assert_int_equal(config_needs_restart(next)->n, 0);
    assert_true(slice_starts(secret_reveal(&s->jwt_secret), "the second"));
    assert_true(slice_starts(secret_reveal(&s->jwt_previous_keys), "the first"));
    config_free(next);
    config_free(c);
}

static void workers_may_be_a_word(void **state)
{
    (void)state;
    one_app();
    keys_of_loginsvc();
    struct config *c = fixture_config(&loginsvc_program, ARGS("--set", "LOGINSVC_WORKERS=auto"));
    const struct loginsvc_settings *s = config_values(c);
    assert_int_equal(s->workers, 0);
    config_free(c);
}

static void a_bad_database_is_told_without_its_password(void **state)
{
    (void)state;
    one_app();
    keys_of_loginsvc();
    struct run r =
        fixture_run(&loginsvc_program, ARGS("--set", "DATABASE_URL=oracle://u:s3cret@host/db"));
    assert_int_equal(r.exit_code, 2);
    assert_non_null(strstr(r.err, "--set: DATABASE_URL: "));
    assert_null(strstr(r.err, "s3cret"));
    run_free(&r);
}

/* ---- one file for both ---- */

#define SHARED_INI                                                                                 \
    "key_prefix = shop\n"                                                                          \
    "[app " APPID "]\n"                                                                            \
    "secret = " SECRET "\nmode = stable\n"                                                         \
    "[client cart]\n"                                                                              \
    "key_sha256 = " KEY64 "\nscopes = read\n"                                                      \
    "[tokend]\n"                                                                                   \
    "token_overlap = 4m\n"                                                                         \
    "[loginsvc]\n"                                                                                 \
    "login_timeout = 7s\n"

static void both_read_one_file_and_each_its_own_section(void **state)
{
    (void)state;
    keys_of_loginsvc();
    fixture_write("both.ini", SHARED_INI);
    struct config *c = fixture_config(&tokend_program, ARGS("-c", "both.ini"));
    const struct tokend_settings *t = config_values(c);
    assert_int_equal(t->token_overlap_ms, 240000);
    assert_int_equal(t->n_clients, 1);
    assert_string_equal(t->key_prefix, "shop");
    config_free(c);
    c = fixture_config(&loginsvc_program, ARGS("-c", "both.ini"));
    const struct loginsvc_settings *l = config_values(c);
    assert_int_equal(l->login_timeout_ms, 7000);
    assert_int_equal(l->n_apps, 1);
    assert_string_equal(l->key_prefix, "shop");
    config_free(c);
}

static void what_is_wrong_in_a_file_of_both_is_told_by_whom_it_concerns(void **state)
{
    (void)state;
    keys_of_loginsvc();
    fixture_write("both.ini", SHARED_INI "login_timeuot = 8s\n");
    config_free(fixture_config(&tokend_program, ARGS("-c", "both.ini")));
    assert_says(&loginsvc_program, ARGS("-c", "both.ini"),
                "both.ini:12: unknown setting login_timeuot");
    fixture_write("both.ini", SHARED_INI "[tokend]\ntoken_overlap = 3m\n");
    config_free(fixture_config(&loginsvc_program, ARGS("-c", "both.ini")));
    assert_says(&tokend_program, ARGS("-c", "both.ini"),
                "both.ini:13: TOKEN_OVERLAP is set twice: expected one of this and both.ini:9");
    fixture_write("both.ini", "token_overlap = 3m\n" SHARED_INI);
    assert_says(&loginsvc_program, ARGS("-c", "both.ini"),
                "both.ini:1: unknown setting token_overlap");
    fixture_write("both.ini", SHARED_INI "[client till]\nno value\n");
    config_free(fixture_config(&loginsvc_program, ARGS("-c", "both.ini")));
    fixture_write("both.ini", SHARED_INI "[client till]\n[loginsvc\nlogin_timeout = 8s\n");
    assert_says(&loginsvc_program, ARGS("-c", "both.ini"), "both.ini:13: expected ] at the end");
    fixture_write("both.ini", "[tokned]\n" SHARED_INI);
    assert_says(&loginsvc_program, ARGS("-c", "both.ini"),
                "both.ini:1: unknown section [tokned]: expected [app NAME] or [loginsvc]");
    fixture_write("both.ini", SHARED_INI "[loginsvc two]\n");
    assert_says(&loginsvc_program, ARGS("-c", "both.ini"),
                "both.ini:12: unknown section [loginsvc]");
}

#define SET_MYSQL "--set", "DATABASE_URL=mysql://u:s3cret@localhost/db"
#define SET_TLS   "--set", "DATABASE_TLS=on"

static void tls_to_a_database_is_had_or_the_program_does_not_start(void **state)
{
    const struct {
        const char *const *args;
        const char *says;
    } refused[] = {
        {ARGS(SET_TLS, "--set", "DATABASE_URL=sqlite:///tmp/users.db"),
         "--set: DATABASE_TLS: expected off"},
        {ARGS(SET_MYSQL, "--set", "DATABASE_TLS_CA=/etc/passwd"),
         "--set: DATABASE_TLS_CA: expected DATABASE_TLS=on"},
        {ARGS(SET_MYSQL, SET_TLS, "--set", "DATABASE_TLS_CA=/nowhere/ca.pem"),
         "--set: DATABASE_TLS_CA: cannot open /nowhere/ca.pem"},
        {ARGS(SET_MYSQL, SET_TLS, "--set", "DATABASE_TLS_CA=/etc/passwd"),
         "--set: DATABASE_TLS_CA: /etc/passwd holds no certificate"},
        {ARGS("--set", "DATABASE_URL=mysql://u:s3cret@127.0.0.1/db", SET_TLS),
         "--set: DATABASE_TLS: expected localhost in DATABASE_URL"},
        {ARGS("--set", "DATABASE_URL=mysql://u:s3cret@[::1]/db", SET_TLS),
         "--set: DATABASE_TLS: expected localhost in DATABASE_URL"},
    };
    (void)state;
    one_app();
    keys_of_loginsvc();
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct run r = fixture_run(&loginsvc_program, refused[i].args);
        assert_int_equal(r.exit_code, 2);
        if (!strstr(r.err, refused[i].says))
            fail_msg("\"%s\" does not say \"%s\"", r.err, refused[i].says);
        run_free(&r);
    }
    config_free(fixture_config(&loginsvc_program, ARGS(SET_MYSQL, SET_TLS)));
}

static void printed_settings_show_no_secret(void **state)
{
    (void)state;
    one_app();
    keys_of_loginsvc();
    fixture_setenv("REDIS_URL", "redis://u:p4ssword@127.0.0.1:6379/0");
    fixture_setenv("DATABASE_URL", "mysql://u:p4ssword@127.0.0.1/db");
    fixture_setenv("TOKEND_API_KEYS", "ops:p4ssword:read");
    const struct config_program *const programs[] = {&tokend_program, &loginsvc_program};
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        struct run r = fixture_run(programs[i], ARGS("--print-config"));
        assert_int_equal(r.exit_code, 0);
        assert_non_null(strstr(r.out, APPID));
        assert_null(strstr(r.out, SECRET));
        assert_null(strstr(r.out, "p4ssword"));
        assert_null(strstr(r.out, "AAECAwQF"));
        run_free(&r);
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_enter, fixture_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(names_and_defaults_are_those_of_the_contract),
        IN_FOLDER(both_start_with_the_environment_alone),
        IN_FOLDER(one_file_of_apps_serves_both),
        IN_FOLDER(the_single_app_joins_those_of_the_file),
        IN_FOLDER(apps_and_secrets_that_are_missing_are_told),
        IN_FOLDER(addresses_that_are_none_are_told_without_passwords),
        IN_FOLDER(clients_come_from_sections_and_from_the_list),
        IN_FOLDER(clients_that_are_wrong_are_told_by_number_never_by_key),
        IN_FOLDER(without_a_key_tokend_listens_on_loopback_only),
        IN_FOLDER(retries_that_cannot_be_are_refused),
        IN_FOLDER(keys_of_loginsvc_are_needed_and_checked),
        IN_FOLDER(a_private_key_may_take_the_place_of_the_secret),
        IN_FOLDER(previous_keys_are_checked),
        IN_FOLDER(the_keys_of_the_tokens_are_rotated_by_a_reload),
        IN_FOLDER(workers_may_be_a_word),
        IN_FOLDER(a_bad_database_is_told_without_its_password),
        IN_FOLDER(tls_to_a_database_is_had_or_the_program_does_not_start),
        IN_FOLDER(both_read_one_file_and_each_its_own_section),
        IN_FOLDER(what_is_wrong_in_a_file_of_both_is_told_by_whom_it_concerns),
        IN_FOLDER(printed_settings_show_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
