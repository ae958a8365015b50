#include "loginsvc/login/session_keys.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/secret.h"
#include "crypto/aead.h"
#include "log/log.h"
#include "token/keys.h"

enum { NAME_SIZE = TOKEN_KEY_SIZE + 48, KEY_MAX = 64, SEALED_MAX = KEY_MAX + AEAD_OVERHEAD };

struct session_keys {
    struct redis_client *redis;
    char prefix[TOKEN_PREFIX_MAX + 1];
    struct keyring *ring;
    int64_t timeout_ms;
    struct list asking;
};

struct asking {
    struct list node;
    struct session_keys *keys;
    char name[NAME_SIZE];
    session_key_fn *done;
    void *owner;
    uint64_t id;
    uint64_t command;
};

struct session_keys *session_keys_new(struct redis_client *redis, struct slice prefix,
                                      const struct keyring *master, int64_t redis_timeout_ms)
{
    struct session_keys *k = xcalloc(1, sizeof *k);
    bool fits = slice_copy(prefix, k->prefix, sizeof k->prefix);
    ASSERT(fits);
    k->redis = redis;
    k->ring = keyring_derive(master, SESSION_KEYS_LABEL);
    k->timeout_ms = redis_timeout_ms;
    list_init(&k->asking);
    return k;
}

void session_keys_free(struct session_keys *k)
{
    struct list *node;
    if (!k)
        return;
    while ((node = list_pop_front(&k->asking)) != NULL) {
        struct asking *a = LIST_ENTRY(node, struct asking, node);
        redis_cancel(k->redis, a->command);
        free(a);
    }
    keyring_free(k->ring);
    free(k);
}

/* The name is the context too: a value that is moved to another user does not open. */
static struct slice name_of(const struct session_keys *k, struct slice appid, int64_t user_id,
                            char out[NAME_SIZE])
{
    struct text t = text_init(out, NAME_SIZE);
    text_fmt(&t, "%s:{%.*s}:session_key:%lld", k->prefix, (int)appid.n, appid.p,
             (long long)user_id);
    ASSERT(!t.cut);
    return (struct slice){t.p, t.n};
}

void session_keys_put(struct session_keys *k, struct slice appid, int64_t user_id,
                      struct slice session_key, int64_t ttl_ms)
{
    char name[NAME_SIZE], ttl[24];
    uint8_t sealed[SEALED_MAX];
    struct text t = text_init(ttl, sizeof ttl);
    if (session_key.n == 0 || session_key.n > KEY_MAX || ttl_ms <= 0)
        return;
    struct slice key = name_of(k, appid, user_id, name);
    size_t n = aead_seal(k->ring, key, session_key, sealed, sizeof sealed);
    text_fmt(&t, "%lld", (long long)ttl_ms);
    (void)redis_command(k->redis, REDIS_NOW, k->timeout_ms,
                        REDIS_ARGV(SLICE_LIT("SET"), key, ((struct slice){(char *)sealed, n}),
                                   SLICE_LIT("PX"), ((struct slice){t.p, t.n})),
                        NULL, NULL);
}

void session_keys_forget(struct session_keys *k, struct slice appid, int64_t user_id)
{
    char name[NAME_SIZE];
    (void)redis_command(k->redis, REDIS_NOW, k->timeout_ms,
                        REDIS_ARGV(SLICE_LIT("DEL"), name_of(k, appid, user_id, name)), NULL, NULL);
}

static enum session_key_found open_key(const struct asking *a, const struct redis_result *r,
                                       uint8_t plain[KEY_MAX], size_t *n)
{
    if (r->outcome != REDIS_REPLIED)
        return SESSION_KEY_AWAY;
    if (redis_value_is_nil(r->value))
        return SESSION_KEY_NONE;
    struct slice sealed = redis_value_slice(r->value);
    enum aead_result opened =
        aead_open(a->keys->ring, slice_of(a->name), sealed, plain, KEY_MAX, n);
    if (opened == AEAD_OK)
        return SESSION_KEY_FOUND;
    log_warn("session_key.unreadable", LOG_STR("why", aead_result_name(opened)));
    return SESSION_KEY_NONE;
}

static void on_got(const struct redis_result *r, void *arg)
{
    struct asking *a = arg;
    uint8_t plain[KEY_MAX] = {0};
    size_t n = 0;
    enum session_key_found found = open_key(a, r, plain, &n);
    list_remove(&a->node);
    a->done(a->owner, a->id, found, (struct slice){(char *)plain, n});
    bytes_wipe(plain, sizeof plain);
    free(a);
}

void session_keys_get(struct session_keys *k, struct slice appid, int64_t user_id,
                      session_key_fn *done, void *owner, uint64_t id)
{
    struct asking *a = xcalloc(1, sizeof *a);
    a->keys = k;
    a->done = done;
    a->owner = owner;
    a->id = id;
    list_push_back(&k->asking, &a->node);
    struct slice key = name_of(k, appid, user_id, a->name);
    a->command = redis_command(k->redis, REDIS_NOW, k->timeout_ms,
                               REDIS_ARGV(SLICE_LIT("GET"), key), on_got, a);
}
