/* The session_keys in a real Redis: the latest of each user, sealed, for as long as it is told, and
 * for nobody else. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include "loginsvc/login/session_keys.h"
#include "server.h"

#define APPID "wxapp1"
#define KEY   "MDEyMzQ1Njc4OWFiY2RlZg=="
#define NAME  "test:{wxapp1}:session_key:42"

enum { SOON_MS = 5000, TIMEOUT_MS = 500, TTL_MS = 60 * 1000, OWNER_ID = 77 };

static struct bench {
    struct loop *loop;
    struct server *server;
    struct redis_client *client;
    struct keyring *master;
    struct session_keys *keys;

    int answers;
    enum session_key_found found;
    char key[64];
} b;

static int setup(void **state)
{
    (void)state;
    memset(&b, 0, sizeof b);
    b.loop = loop_new();
    b.server = server_start(NULL);
    struct redis_url url = rig_unix_url(server_socket(b.server));
    struct redis_options o = rig_options();
    b.client = redis_client_new(b.loop, &url, &o);
    redis_url_wipe(&url);
    b.master = keyring_parse(SLICE_LIT("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), NULL);
    b.keys = session_keys_new(b.client, SLICE_LIT("test"), b.master, TIMEOUT_MS);
    RUN_UNTIL(b.loop, SOON_MS, redis_client_ready(b.client));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    session_keys_free(b.keys);
    redis_client_free(b.client);
    keyring_free(b.master);
    loop_free(b.loop);
    server_free(b.server);
    return 0;
}

static void on_key(void *owner, uint64_t id, enum session_key_found found, struct slice key)
{
    assert_ptr_equal(owner, &b);
    assert_int_equal(id, OWNER_ID);
    b.answers++;
    b.found = found;
    assert_true(slice_copy(key, b.key, sizeof b.key));
}

static void ask(const char *appid, int64_t user_id)
{
    int before = b.answers;
    session_keys_get(b.keys, slice_of(appid), user_id, on_key, &b, OWNER_ID);
    assert_int_equal(b.answers, before);
    RUN_UNTIL(b.loop, SOON_MS, b.answers > before);
}

static void assert_none(const char *appid, int64_t user_id)
{
    ask(appid, user_id);
    assert_int_equal(b.found, SESSION_KEY_NONE);
    assert_string_equal(b.key, "");
}

static void put(int64_t user_id, const char *key, int64_t ttl_ms)
{
    session_keys_put(b.keys, SLICE_LIT(APPID), user_id, slice_of(key), ttl_ms);
}

static void the_latest_key_of_a_user_comes_back(void **state)
{
    (void)state;
    assert_none(APPID, 42);
    put(42, "AAAAAAAAAAAAAAAAAAAAAA==", TTL_MS);
    put(42, KEY, TTL_MS);
    ask(APPID, 42);
    assert_int_equal(b.found, SESSION_KEY_FOUND);
    assert_string_equal(b.key, KEY);
    assert_none(APPID, 43);
    assert_none("wxapp2", 42);
}

static void it_is_gone_when_it_is_forgotten(void **state)
{
    (void)state;
    put(42, KEY, TTL_MS);
    session_keys_forget(b.keys, SLICE_LIT(APPID), 42);
    assert_none(APPID, 42);
}

static void it_lives_as_long_as_it_is_told(void **state)
{
    (void)state;
    put(42, KEY, TTL_MS);
    ask(APPID, 42);
    long left_ms = strtol(server_do(b.server, "PTTL " NAME), NULL, 10);
    assert_true(left_ms > TTL_MS - SOON_MS && left_ms <= TTL_MS);
    put(43, KEY, 1);
    RUN_UNTIL(b.loop, SOON_MS, (ask(APPID, 43), b.found == SESSION_KEY_NONE));
}

static void what_is_no_key_or_not_to_be_kept_is_not_kept(void **state)
{
    (void)state;
    put(42, KEY, 0);
    put(42, "", TTL_MS);
    put(42, "0123456789012345678901234567890123456789012345678901234567890123456789", TTL_MS);
    assert_none(APPID, 42);
}

/* Redis may be read by others: they see no key, and what they move or write does not open. */
static void in_redis_it_is_sealed_for_its_user(void **state)
{
    (void)state;
    put(42, KEY, TTL_MS);
    ask(APPID, 42);
    assert_null(strstr(server_do(b.server, "GET " NAME), KEY));
    server_do(b.server, "RENAME " NAME " test:{wxapp1}:session_key:43");
    assert_none(APPID, 43);
    server_do(b.server, "SET " NAME " " KEY);
    assert_none(APPID, 42);
}

static void with_redis_away_nobody_waits_for_ever(void **state)
{
    (void)state;
    put(42, KEY, TTL_MS);
    ask(APPID, 42);
    server_pause(b.server);
    ask(APPID, 42);
    assert_int_equal(b.found, SESSION_KEY_AWAY);
    assert_string_equal(b.key, "");
    server_resume(b.server);
}

static void who_still_asks_at_the_end_is_not_called(void **state)
{
    (void)state;
    session_keys_get(b.keys, SLICE_LIT(APPID), 42, on_key, &b, OWNER_ID);
    session_keys_free(b.keys);
    b.keys = NULL;
    rig_run_for(b.loop, 50);
    assert_int_equal(b.answers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_latest_key_of_a_user_comes_back),
        TEST(it_is_gone_when_it_is_forgotten),
        TEST(it_lives_as_long_as_it_is_told),
        TEST(what_is_no_key_or_not_to_be_kept_is_not_kept),
        TEST(in_redis_it_is_sealed_for_its_user),
        TEST(with_redis_away_nobody_waits_for_ever),
        TEST(who_still_asks_at_the_end_is_not_called),
#undef TEST
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
