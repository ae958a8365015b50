#include "tokend/api/clients.h"

#include <stdlib.h>
#include <strings.h>

#include "crypto/digest.h"

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

/* Looks at all of them, whichever it is. */
const struct client *clients_caller(const struct clients *c, const struct http_call *call)
{
    enum { BEARER_N = sizeof "Bearer " - 1 };
    struct slice header = http_call_header(call, "Authorization");
    unsigned char digest[SHA256_SIZE];
    const struct client *found = NULL;
    if (header.n < BEARER_N || strncasecmp(header.p, "Bearer ", BEARER_N) != 0)
        return NULL;
    struct slice key = {header.p + BEARER_N, header.n - BEARER_N};
    digest_sha256(slice_trim(key), digest);
    for (size_t i = 0; i < c->n; i++)
        if (bytes_eq_constant_time(digest, c->list[i].digest, sizeof digest))
            found = &c->list[i];
    return found;
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
    if (!(client->scopes & scope)) {
        http_reply_problem(call, 403, "forbidden", "this key does not have the scope");
        return false;
    }
    if (appid.p && !client_sees(client, appid)) {
        http_reply_problem(call, 404, "unknown_app", "no such app");
        return false;
    }
    return true;
}

const char *clients_name(const struct clients *c, const struct http_call *call)
{
    const struct client *client = clients_caller(c, call);
    return client ? client->name : "";
}
