/* Who may call the HTTP API: keys, scopes and apps, asked over a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "server_fixture.h"
#include "tokend/api/clients.h"

enum { ALL = TOKEND_SCOPE_READ | TOKEND_SCOPE_REPORT | TOKEND_SCOPE_ADMIN };

/* ---- a server whose routes are the scopes ---- */

static void answer(struct http_call *call, const struct clients *c, enum tokend_scope scope)
{
    struct slice appid = http_call_param(call, "appid");
    char body[128];
    if (!clients_allow(c, call, scope, appid))
        return;
    const struct client *caller = clients_caller(c, call);
    int n = snprintf(body, sizeof body, "hello %s, wx1 %d, wx2 %d", clients_name(c, call),
                     client_sees(caller, SLICE_LIT("wx1")), client_sees(caller, SLICE_LIT("wx2")));
    http_reply(call, 200, "text/plain", (struct slice){body, (size_t)n});
}

static void on_read(struct http_call *call, void *arg)
{
    answer(call, arg, TOKEND_SCOPE_READ);
}

static void on_report(struct http_call *call, void *arg)
{
    answer(call, arg, TOKEND_SCOPE_REPORT);
}

static void on_admin(struct http_call *call, void *arg)
{
    answer(call, arg, TOKEND_SCOPE_ADMIN);
}

struct door {
    struct clients *clients;
    struct site *site;
    char body[4096]; /* the last answer, its head too */
};

static struct door *door_open(const struct tokend_client *list, size_t n)
{
    static const struct http_route routes[] = {
        {HTTP_GET, "/read", on_read, 0, NULL},
        {HTTP_GET, "/read/{appid}", on_read, 0, NULL},
        {HTTP_GET, "/report/{appid}", on_report, 0, NULL},
        {HTTP_GET, "/admin/{appid}", on_admin, 0, NULL},
    };
    struct door *d = xcalloc(1, sizeof *d);
    d->clients = clients_new();
    clients_set(d->clients, list, n);
    d->site = site_new(NULL, routes, ARRAY_LEN(routes), d->clients);
    return d;
}

static void door_close(struct door *d)
{
    site_free(d->site);
    clients_free(d->clients);
    free(d);
}

/* `authorization` is the whole header line with its end, or "". */
static int ask_with(struct door *d, const char *path, const char *authorization)
{
    char request[512];
    (void)snprintf(request, sizeof request,
                   "GET %s HTTP/1.1\r\nHost: here\r\nX-Request-Id: r-1\r\n%s\r\n", path,
                   authorization);
    return site_ask(d->site, request, d->body, sizeof d->body);
}

static int ask(struct door *d, const char *path, const char *key)
{
    char header[256];
    (void)snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", key);
    return ask_with(d, path, header);
}

static void assert_says(const struct door *d, const char *text)
{
    if (!strstr(d->body, text))
        fail_msg("\"%s\" is not in: %s", text, d->body);
}

static void assert_problem(const struct door *d, const char *code)
{
    char text[64];
    (void)snprintf(text, sizeof text, "\"code\":\"%s\"", code);
    assert_says(d, "application/problem+json");
    assert_says(d, text);
    assert_says(d, "\"request_id\":\"r-1\"");
}

/* ---- clients ---- */

static struct tokend_client with_key(char *name, const char *key, unsigned scopes)
{
    struct tokend_client c = {.name = name, .scopes = scopes};
    secret_set(&c.key, slice_of(key));
    return c;
}

static struct door *door_for_one(const char *key, unsigned scopes)
{
    static char name[] = "anna";
    struct tokend_client c = with_key(name, key, scopes);
    struct door *d = door_open(&c, 1);
    secret_wipe(&c.key); /* it was copied, and as a digest */
    return d;
}

/* ---- keys ---- */

static void without_any_client_everybody_may_do_everything(void **state)
{
    (void)state;
    struct door *d = door_open(NULL, 0);
    assert_int_equal(ask_with(d, "/read", ""), 200);
    assert_int_equal(ask_with(d, "/admin/wx1", ""), 200);
    assert_int_equal(ask(d, "/report/wx1", "any"), 200);
    assert_says(d, "hello , wx1 1, wx2 1");
    door_close(d);
}

static void a_key_lets_its_client_in_and_names_it(void **state)
{
    (void)state;
    struct door *d = door_for_one("k-anna-0001", ALL);
    assert_int_equal(ask(d, "/read/wx1", "k-anna-0001"), 200);
    assert_says(d, "hello anna, wx1 1, wx2 1");
    door_close(d);
}

static void a_key_may_be_given_as_its_sha256(void **state)
{
    (void)state;
    unsigned char digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1], name[] = "bert";
    struct text t = text_init(hex, sizeof hex);
    digest_sha256(SLICE_LIT("k-bert-0001"), digest);
    text_hex(&t, (struct slice){(const char *)digest, sizeof digest});
    struct tokend_client c = {.name = name, .key_sha256 = hex, .scopes = ALL};
    struct door *d = door_open(&c, 1);
    assert_int_equal(ask(d, "/read/wx1", "k-bert-0001"), 200);
    assert_says(d, "hello bert");
    assert_int_equal(ask(d, "/read/wx1", hex), 401); /* the digest is not the key */
    door_close(d);
}

static void whoever_has_no_valid_key_is_told_that_one_is_needed(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "",
        "Authorization: Bearer k-anna-0002\r\n",
        "Authorization: Bearer k-anna-000\r\n",
        "Authorization: Bearer k-anna-00011\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: \r\n",
        "Authorization: Basic k-anna-0001\r\n",
        "Authorization: k-anna-0001\r\n",
        "X-Authorization: Bearer k-anna-0001\r\n",
    };
    struct door *d = door_for_one("k-anna-0001", ALL);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        assert_int_equal(ask_with(d, "/read/wx1", headers[i]), 401);
        assert_problem(d, "unauthorized");
        assert_says(d, "WWW-Authenticate: Bearer");
        assert_null(strstr(d->body, "k-anna"));
    }
    door_close(d);
}

static void the_word_bearer_is_read_in_any_case_and_with_blanks_behind_it(void **state)
{
    (void)state;
    struct door *d = door_for_one("k-anna-0001", ALL);
    assert_int_equal(ask_with(d, "/read", "Authorization: bearer k-anna-0001\r\n"), 200);
    assert_int_equal(ask_with(d, "/read", "authorization: BEARER   k-anna-0001 \r\n"), 200);
    door_close(d);
}

/* ---- scopes and apps ---- */

static void a_client_may_do_what_its_scopes_say_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        enum tokend_scope scope;
        const char *path;
    } routes[] = {{TOKEND_SCOPE_READ, "/read/wx1"},
                  {TOKEND_SCOPE_REPORT, "/report/wx1"},
                  {TOKEND_SCOPE_ADMIN, "/admin/wx1"}};
    for (unsigned scopes = 0; scopes <= ALL; scopes++) {
        struct door *d = door_for_one("k-anna-0001", scopes);
        for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
            bool may = scopes & routes[i].scope;
            assert_int_equal(ask(d, routes[i].path, "k-anna-0001"), may ? 200 : 403);
            if (!may)
                assert_problem(d, "forbidden");
        }
        door_close(d);
    }
}

static void a_client_sees_its_apps_and_all_others_are_unknown_to_it(void **state)
{
    (void)state;
    char name[] = "cleo", app[] = "wx2", *apps[] = {app};
    struct tokend_client c = with_key(name, "k-cleo-0001", ALL);
    c.apps = (struct config_list){apps, 1};
    struct door *d = door_open(&c, 1);
    secret_wipe(&c.key);
    assert_int_equal(ask(d, "/read/wx2", "k-cleo-0001"), 200);
    assert_says(d, "hello cleo, wx1 0, wx2 1");
    static const char *const others[] = {"/read/wx1", "/read/wx", "/read/wx22", "/admin/nosuch"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(ask(d, others[i], "k-cleo-0001"), 404);
        assert_problem(d, "unknown_app");
    }
    assert_int_equal(ask(d, "/read", "k-cleo-0001"), 200); /* about no app in particular */
    door_close(d);
}

static void each_client_has_its_own_rights(void **state)
{
    (void)state;
    char anna[] = "anna", bert[] = "bert", app[] = "wx1", *apps[] = {app};
    struct tokend_client list[] = {with_key(anna, "k-anna-0001", TOKEND_SCOPE_READ),
                                   with_key(bert, "k-bert-0001", ALL)};
    list[1].apps = (struct config_list){apps, 1};
    struct door *d = door_open(list, ARRAY_LEN(list));
    assert_int_equal(ask(d, "/read/wx2", "k-anna-0001"), 200);
    assert_int_equal(ask(d, "/admin/wx1", "k-anna-0001"), 403);
    assert_int_equal(ask(d, "/admin/wx1", "k-bert-0001"), 200);
    assert_int_equal(ask(d, "/read/wx2", "k-bert-0001"), 404);
    door_close(d);
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        secret_wipe(&list[i].key);
}

/* ---- new settings ---- */

static void replace_by_bert(struct site *s, void *arg)
{
    char name[] = "bert";
    struct tokend_client c = with_key(name, "k-bert-0001", ALL);
    (void)s;
    clients_set(arg, &c, 1);
    secret_wipe(&c.key);
}

static void new_settings_replace_all_clients(void **state)
{
    (void)state;
    struct door *d = door_for_one("k-anna-0001", ALL);
    site_run(d->site, replace_by_bert, d->clients);
    assert_int_equal(ask(d, "/read/wx1", "k-anna-0001"), 401);
    assert_int_equal(ask(d, "/read/wx1", "k-bert-0001"), 200);
    door_close(d);
}

/* What holds only the digest, for hours, asks again each time. */
static void a_key_that_was_kept_counts_as_long_as_the_settings_have_it(void **state)
{
    (void)state;
    struct clients *c = clients_new();
    const struct client_key key = clients_key(SLICE_LIT("k-bert-0001")),
                            none = clients_key(slice_of(NULL));
    assert_true(clients_permit(c, clients_find(c, &key), TOKEND_SCOPE_READ)); /* no clients */
    assert_true(clients_permit(c, clients_find(c, &none), TOKEND_SCOPE_ADMIN));
    replace_by_bert(NULL, c);
    assert_string_equal(client_name(clients_find(c, &key)), "bert");
    assert_true(clients_permit(c, clients_find(c, &key), TOKEND_SCOPE_READ));
    assert_null(clients_find(c, &none));
    assert_false(clients_permit(c, NULL, TOKEND_SCOPE_READ));
    struct tokend_client anna = with_key((char[]){"anna"}, "k-anna-0001", ALL);
    clients_set(c, &anna, 1);
    assert_null(clients_find(c, &key));
    secret_wipe(&anna.key);
    clients_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_client_everybody_may_do_everything),
        cmocka_unit_test(a_key_lets_its_client_in_and_names_it),
        cmocka_unit_test(a_key_may_be_given_as_its_sha256),
        cmocka_unit_test(whoever_has_no_valid_key_is_told_that_one_is_needed),
        cmocka_unit_test(the_word_bearer_is_read_in_any_case_and_with_blanks_behind_it),
        cmocka_unit_test(a_client_may_do_what_its_scopes_say_and_nothing_else),
        cmocka_unit_test(a_client_sees_its_apps_and_all_others_are_unknown_to_it),
        cmocka_unit_test(each_client_has_its_own_rights),
        cmocka_unit_test(new_settings_replace_all_clients),
        cmocka_unit_test(a_key_that_was_kept_counts_as_long_as_the_settings_have_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
