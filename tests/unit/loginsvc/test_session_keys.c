/* session_keys: a user's latest session_key, sealed in a real Redis, and for nobody else. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "crypto/aead.h"
#include "loginsvc/login/session_keys.h"
#include "server.h"
#include "sys/clock.h"

enum { SOON_MS = 5000, LONG_MS = 600000 };

#define APP         "wx0123456789abcdef"
#define OTHER_APP   "wx0123456789abcdee"
#define SESSION_KEY "tiihtNczf5v6AKRyjwEUhQ=="

static const char KEY[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char OTHER_KEY[] = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

struct bench {
    struct loop *loop;
    struct server *server;
    struct redis_client *redis;
    struct session_keys *keys;
};

static struct session_keys *keys_under(struct bench *b, const char *master, int64_t timeout_ms)
{
    struct keyring *ring = keyring_parse(slice_of(master), NULL);
    struct session_keys *k = session_keys_new(b->redis, SLICE_LIT("t"), ring, timeout_ms);
    keyring_free(ring);
    return k;
}

static struct bench bench_open(int64_t timeout_ms)
{
    struct bench b = {loop_new(), server_start(NULL), NULL, NULL};
    struct redis_url u = rig_unix_url(server_socket(b.server));
    struct redis_options o = rig_options();
    b.redis = redis_client_new(b.loop, &u, &o);
    redis_url_wipe(&u);
    b.keys = keys_under(&b, KEY, timeout_ms);
    RUN_UNTIL(b.loop, SOON_MS, redis_client_ready(b.redis));
    return b;
}

static void bench_close(struct bench *b)
{
    session_keys_free(b->keys);
    redis_client_free(b->redis);
    loop_free(b->loop);
    server_free(b->server);
}

struct got {
    int calls;
    enum session_key_found found;
    char key[128];
};

static void on_got(void *owner, uint64_t id, enum session_key_found found, struct slice session_key)
{
    struct got *g = owner;
    assert_int_equal(id, 7);
    assert_int_equal(++g->calls, 1);
    g->found = found;
    assert_true(slice_copy(session_key, g->key, sizeof g->key));
}

static void ask(struct session_keys *k, const char *appid, int64_t user_id, struct got *g)
{
    memset(g, 0, sizeof *g);
    session_keys_get(k, slice_of(appid), user_id, on_got, g, 7);
    assert_int_equal(g->calls, 0);
}

static struct got get_from(struct bench *b, struct session_keys *k, const char *appid,
                           int64_t user_id)
{
    struct got g;
    ask(k, appid, user_id, &g);
    RUN_UNTIL(b->loop, SOON_MS, g.calls > 0);
    return g;
}

static void expect_key(struct bench *b, int64_t user_id, const char *key)
{
    struct got g = get_from(b, b->keys, APP, user_id);
    assert_int_equal(g.found, SESSION_KEY_FOUND);
    assert_string_equal(g.key, key);
}

static void expect(struct bench *b, int64_t user_id, enum session_key_found found)
{
    struct got g = get_from(b, b->keys, APP, user_id);
    assert_int_equal(g.found, found);
    assert_string_equal(g.key, "");
}

static void put(struct bench *b, int64_t user_id, const char *key, int64_t ttl_ms)
{
    session_keys_put(b->keys, SLICE_LIT(APP), user_id, slice_of(key), ttl_ms);
}

/* ---- ---- */

static void the_latest_key_of_a_user_is_found(void **state)
{
    (void)state;
    struct bench b = bench_open(SOON_MS);
    expect(&b, 7, SESSION_KEY_NONE);
    put(&b, 7, "b2xkZXIgdGhhbiB0aGlzIQ==", LONG_MS);
    put(&b, 7, SESSION_KEY, LONG_MS);
    expect_key(&b, 7, SESSION_KEY);
    expect_key(&b, 7, SESSION_KEY); /* it may be wanted again */
    bench_close(&b);
}

static void users_and_apps_have_keys_of_their_own(void **state)
{
    (void)state;
    struct bench b = bench_open(SOON_MS);
    put(&b, 7, SESSION_KEY, LONG_MS);
    expect(&b, 77, SESSION_KEY_NONE);
    assert_int_equal(get_from(&b, b.keys, OTHER_APP, 7).found, SESSION_KEY_NONE);
    bench_close(&b);
}

static void a_forgotten_key_is_gone(void **state)
{
    (void)state;
    struct bench b = bench_open(SOON_MS);
    put(&b, 7, SESSION_KEY, LONG_MS);
    put(&b, 8, SESSION_KEY, LONG_MS);
    session_keys_forget(b.keys, SLICE_LIT(APP), 7);
    expect(&b, 7, SESSION_KEY_NONE);
    expect_key(&b, 8, SESSION_KEY);
    assert_string_equal(server_do(b.server, "DBSIZE"), "1");
    bench_close(&b);
}

static void a_key_ends_with_its_time(void **state)
{
    (void)state;
    struct bench b = bench_open(SOON_MS);
    put(&b, 7, SESSION_KEY, 100);
    expect_key(&b, 7, SESSION_KEY);
    RUN_UNTIL(b.loop, SOON_MS, get_from(&b, b.keys, APP, 7).found == SESSION_KEY_NONE);
    put(&b, 7, SESSION_KEY, LONG_MS);
    expect_key(&b, 7, SESSION_KEY);
    int64_t ttl_ms = strtoll(server_do(b.server, "PTTL t:{" APP "}:session_key:7"), NULL, 10);
    assert_in_range(ttl_ms, LONG_MS - 60000, LONG_MS);
    bench_close(&b);
}

static void what_is_no_session_key_is_not_kept(void **state)
{
    (void)state;
    char longer[66];
    struct bench b = bench_open(SOON_MS);
    memset(longer, 'k', sizeof longer);
    longer[65] = '\0';
    put(&b, 7, "", LONG_MS);
    put(&b, 7, SESSION_KEY, 0); /* the setting says not at all */
    put(&b, 7, longer, LONG_MS);
    expect(&b, 7, SESSION_KEY_NONE);
    assert_string_equal(server_do(b.server, "DBSIZE"), "0");
    longer[64] = '\0';
    put(&b, 7, longer, LONG_MS);
    expect_key(&b, 7, longer);
    bench_close(&b);
}

/* ---- sealed ---- */

static redisReply *stored(struct bench *b, const char *command)
{
    redisContext *c = redisConnectUnix(server_socket(b->server));
    redisReply *r = redisCommand(c, command);
    assert_non_null(r);
    redisFree(c);
    return r;
}

static void it_is_sealed_in_redis(void **state)
{
    (void)state;
    struct bench b = bench_open(SOON_MS);
    put(&b, 7, SESSION_KEY, LONG_MS);
    expect_key(&b, 7, SESSION_KEY);
    redisReply *r = stored(&b, "GET t:{" APP "}:session_key:7");
    assert_int_equal(r->type, REDIS_REPLY_STRING);
    assert_int_equal(r->len, strlen(SESSION_KEY) + AEAD_OVERHEAD);
    for (size_t at = 0; at + 8 <= strlen(SESSION_KEY); at++)
        assert_null(memmem(r->str, r->len, &SESSION_KEY[at], 8));
    freeReplyObject(r);
    bench_close(&b);
}

static void in_another_users_place_it_does_not_open(void **state)
{
    (void)state;
    struct bench b = bench_open(SOON_MS);
    put(&b, 7, SESSION_KEY, LONG_MS);
    expect_key(&b, 7, SESSION_KEY);
    server_do(b.server, "COPY t:{" APP "}:session_key:7 t:{" APP "}:session_key:8");
    server_do(b.server, "COPY t:{" APP "}:session_key:7 t:{" OTHER_APP "}:session_key:7");
    expect(&b, 8, SESSION_KEY_NONE);
    assert_int_equal(get_from(&b, b.keys, OTHER_APP, 7).found, SESSION_KEY_NONE);
    expect_key(&b, 7, SESSION_KEY);
    bench_close(&b);
}

static void what_was_changed_does_not_open(void **state)
{
    (void)state;
    struct bench b = bench_open(SOON_MS);
    static const char *const changes[] = {
        "SETRANGE t:{" APP "}:session_key:7 20 xx", "APPEND t:{" APP "}:session_key:7 x",
        "SET t:{" APP "}:session_key:7 " SESSION_KEY, "SETRANGE t:{" APP "}:session_key:7 0 x"};
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        put(&b, 7, SESSION_KEY, LONG_MS);
        expect_key(&b, 7, SESSION_KEY);
        server_do(b.server, changes[i]);
        expect(&b, 7, SESSION_KEY_NONE);
    }
    bench_close(&b);
}

static void it_opens_as_long_as_its_key_is_known(void **state)
{
    (void)state;
    char both[128];
    struct bench b = bench_open(SOON_MS);
    (void)snprintf(both, sizeof both, "%s,%s", OTHER_KEY, KEY);
    struct session_keys *rotated = keys_under(&b, both, SOON_MS);
    struct session_keys *other = keys_under(&b, OTHER_KEY, SOON_MS);
    put(&b, 7, SESSION_KEY, LONG_MS);
    assert_string_equal(get_from(&b, rotated, APP, 7).key, SESSION_KEY);
    assert_int_equal(get_from(&b, other, APP, 7).found, SESSION_KEY_NONE);
    session_keys_free(rotated);
    session_keys_free(other);
    bench_close(&b);
}

/* ---- trouble ---- */

static void without_redis_nothing_is_known(void **state)
{
    (void)state;
    struct bench b = bench_open(SOON_MS);
    put(&b, 7, SESSION_KEY, LONG_MS);
    expect_key(&b, 7, SESSION_KEY);
    server_kill(b.server);
    expect(&b, 7, SESSION_KEY_AWAY);
    put(&b, 7, SESSION_KEY, LONG_MS);
    session_keys_forget(b.keys, SLICE_LIT(APP), 7);
    expect(&b, 7, SESSION_KEY_AWAY);
    server_restart(b.server);
    RUN_UNTIL(b.loop, SOON_MS, redis_client_ready(b.redis));
    expect(&b, 7, SESSION_KEY_NONE);
    bench_close(&b);
}

static void a_frozen_redis_is_waited_for_no_longer_than_its_timeout(void **state)
{
    (void)state;
    struct bench b = bench_open(100);
    server_pause(b.server);
    mono_ms_t start = clock_mono();
    expect(&b, 7, SESSION_KEY_AWAY);
    assert_in_range(mono_between(start, clock_mono()), 90, 1500);
    server_resume(b.server);
    bench_close(&b);
}

static void a_value_of_another_kind_is_no_key(void **state)
{
    (void)state;
    struct bench b = bench_open(SOON_MS);
    server_do(b.server, "LPUSH t:{" APP "}:session_key:7 x");
    expect(&b, 7, SESSION_KEY_AWAY);
    put(&b, 7, SESSION_KEY, LONG_MS);
    expect_key(&b, 7, SESSION_KEY);
    bench_close(&b);
}

static void what_is_asked_at_the_end_is_never_answered(void **state)
{
    (void)state;
    struct got g[2];
    struct bench b = bench_open(SOON_MS);
    ask(b.keys, APP, 7, &g[0]);
    ask(b.keys, APP, 8, &g[1]);
    session_keys_free(b.keys);
    rig_run_for(b.loop, 20);
    assert_int_equal(g[0].calls + g[1].calls, 0);
    b.keys = NULL;
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_key_of_a_user_is_found),
        cmocka_unit_test(users_and_apps_have_keys_of_their_own),
        cmocka_unit_test(a_forgotten_key_is_gone),
        cmocka_unit_test(a_key_ends_with_its_time),
        cmocka_unit_test(what_is_no_session_key_is_not_kept),
        cmocka_unit_test(it_is_sealed_in_redis),
        cmocka_unit_test(in_another_users_place_it_does_not_open),
        cmocka_unit_test(what_was_changed_does_not_open),
        cmocka_unit_test(it_opens_as_long_as_its_key_is_known),
        cmocka_unit_test(without_redis_nothing_is_known),
        cmocka_unit_test(a_frozen_redis_is_waited_for_no_longer_than_its_timeout),
        cmocka_unit_test(a_value_of_another_kind_is_no_key),
        cmocka_unit_test(what_is_asked_at_the_end_is_never_answered),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
