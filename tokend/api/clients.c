#include "tokend/api/clients.h"

#include <stdlib.h>
#include <strings.h>
struct client {
    char *name;
    unsigned scopes;
    unsigned char digest[SHA256_SIZE]; /* of the key */
    char **apps;                       /* n_apps 0: all */
    size_t n_apps;
};

struct clients {
    struct client *list;
    size_t n;
};

static void client_free(struct client *c)
{
    for (size_t i = 0; i < c->n_apps; i++)
        free(c->apps[i]);
    free(c->apps);
    free(c->name);
}

struct clients *clients_new(void)
{
    return xcalloc(1, sizeof(struct clients));
}

static void clear(struct clients *c)
{
    for (size_t i = 0; i < c->n; i++)
        client_free(&c->list[i]);
    free(c->list);
    *c = (struct clients){NULL, 0};
}

void clients_free(struct clients *c)
{
    if (!c)
        return;
    clear(c);
    free(c);
}

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void unhex(const char *hex, unsigned char out[SHA256_SIZE])
{
    for (size_t i = 0; i < SHA256_SIZE; i++)
        out[i] = (unsigned char)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
}

static struct client client_of(const struct tokend_client *from)
{
    struct client c = {.name = xstrdup(from->name),
                       .scopes = from->scopes,
                       .apps = xcalloc(from->apps.n, sizeof(char *)),
                       .n_apps = from->apps.n};
    for (size_t i = 0; i < c.n_apps; i++)
        c.apps[i] = xstrdup(from->apps.items[i]);
    if (secret_is_set(&from->key))
        digest_sha256(secret_reveal(&from->key), c.digest);
    else
        unhex(from->key_sha256, c.digest);
    return c;
}

void clients_set(struct clients *c, const struct tokend_client *list, size_t n)
{
    clear(c);
    c->list = xcalloc(n, sizeof *c->list);
    c->n = n;
    for (size_t i = 0; i < n; i++)
        c->list[i] = client_of(&list[i]);
}

struct client_key clients_key(struct slice key)
{
    struct client_key k = {.shown = key.p != NULL};
    if (k.shown)
        digest_sha256(key, k.digest);
    return k;
}

struct client_key clients_key_of_call(const struct http_call *call)
{
    enum { BEARER_N = sizeof "Bearer " - 1 };
    struct slice header = http_call_header(call, "Authorization");
    if (header.n < BEARER_N || strncasecmp(header.p, "Bearer ", BEARER_N) != 0)
        return clients_key(slice_of(NULL));
    return clients_key(slice_trim((struct slice){header.p + BEARER_N, header.n - BEARER_N}));
}

const struct client *clients_find(const struct clients *c, const struct client_key *key)
{
    const struct client *found = NULL;
    for (size_t i = 0; key->shown && i < c->n; i++)
        if (bytes_eq_constant_time(key->digest, c->list[i].digest, sizeof key->digest))
            found = &c->list[i];
    return found;
}

bool clients_permit(const struct clients *c, const struct client *client, enum tokend_scope scope)
{
    return c->n == 0 || (client && (client->scopes & scope) != 0);
}

const struct client *clients_caller(const struct clients *c, const struct http_call *call)
{
    const struct client_key key = clients_key_of_call(call);
    return clients_find(c, &key);
}

bool client_sees(const struct client *client, struct slice appid)
{
    size_t n = client ? client->n_apps : 0;
    for (size_t i = 0; i < n; i++)
        if (slice_is(appid, client->apps[i]))
            return true;
    return n == 0;
}

bool clients_allow(const struct clients *c, struct http_call *call, enum tokend_scope scope,
                   struct slice appid)
{
    if (c->n == 0)
        return true;
    const struct client *client = clients_caller(c, call);
    if (!client) {
        http_reply_header(call, "WWW-Authenticate", "Bearer");
        http_reply_problem(call, 401, "unauthorized", "a valid API key is needed");
        return false;
    }
    if (!clients_permit(c, client, scope)) {
        http_reply_problem(call, 403, "forbidden", "this key does not have the scope");
        return false;
    }
    if (appid.p && !client_sees(client, appid)) {
        http_reply_problem(call, 404, "unknown_app", "no such app");
        return false;
    }
    return true;
}

const char *client_name(const struct client *client)
{
    return client ? client->name : "";
}

const char *clients_name(const struct clients *c, const struct http_call *call)
{
    return client_name(clients_caller(c, call));
}
