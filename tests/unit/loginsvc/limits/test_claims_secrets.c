/* claims: what stands in Redis gives nobody away, belongs to one app, and goes by itself. */
#include "claims_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "loginsvc/login/kept.h"

#define LOGIN_CODE "0a1LoginCode2b3c4d5e6f7g8h9i0j1k"
#define PHONE_CODE "e31968a7f94cc5ee25fafc2aef2773f0bb8c3937b22520eb8ee345274d00c144"
#define OPENID     "oSomebodysOpenid"
#define PHONE      "13800138000"
#define JWT        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"

static const char KEY[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char *const secrets[] = {LOGIN_CODE, PHONE_CODE, OPENID, PHONE, JWT, ADDRESS, OTHER};

static struct keyring *kept_ring(void)
{
    struct keyring *master = keyring_parse(slice_of(KEY), NULL);
    struct keyring *ring = keyring_derive(master, KEPT_LABEL);
    keyring_free(master);
    return ring;
}

/* As a login does it. */
static void settle_sealed(struct process *p, const struct claim *c, bool exchanged)
{
    struct login_outcome o = {.user.id = 7, .openid = OPENID, .phone = PHONE, .access_token = JWT};
    uint8_t sealed[KEPT_MAX];
    struct keyring *ring = kept_ring();
    size_t n = kept_seal(ring, c, &o, sealed);
    const struct claims_settlement s = {
        .kept = {(char *)sealed, n}, .exchanged = exchanged, .paid = true, .user_id = 7};
    claims_settle(p->claims, c, &s);
    flush(p);
    keyring_free(ring);
}

/* Leaves one of everything there is. */
static void leave_traces(struct bench *b)
{
    struct claims_limits l = generous;
    l.per_user = l.per_address = (struct window_rule){5, 60000};
    struct process *one = process_start(b, &l);
    struct claim done = claim_of(b, LOGIN_CODE, PHONE_CODE, ADDRESS);
    struct claim exchanged = claim_of(b, "", PHONE_CODE "2", OTHER);
    struct claim under_way = claim_of(b, LOGIN_CODE "3", "", ADDRESS);
    struct claim of_user = claim_of(b, "", PHONE_CODE "4", ADDRESS);
    of_user.user_id = 8;
    EXPECT(one, &done, CLAIM_MINE);
    EXPECT(one, &exchanged, CLAIM_MINE);
    settle_sealed(one, &done, false);
    settle_sealed(one, &exchanged, true);
    EXPECT(one, &under_way, CLAIM_MINE);
    EXPECT(one, &of_user, CLAIM_MINE);
    process_stop(one);
}

/* ---- looking at Redis ---- */

static redisReply *run(redisContext *c, const char *command, const redisReply *key)
{
    redisReply *r = redisCommand(c, command, key->str, key->len);
    assert_non_null(r);
    assert_int_not_equal(r->type, REDIS_REPLY_ERROR);
    return r;
}

static redisReply *value_of(redisContext *c, const redisReply *key)
{
    redisReply *type = run(c, "TYPE %b", key);
    const char *command = strcmp(type->str, "list") == 0   ? "LRANGE %b 0 -1"
                          : strcmp(type->str, "zset") == 0 ? "ZRANGE %b 0 -1 WITHSCORES"
                                                           : "GET %b";
    freeReplyObject(type);
    return run(c, command, key);
}

static void expect_nothing_in(const char *p, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        assert_null(memmem(p, n, secrets[i], strlen(secrets[i])));
}

static void expect_nothing_in_value(const redisReply *v)
{
    if (v->str)
        expect_nothing_in(v->str, v->len);
    for (size_t i = 0; i < v->elements; i++)
        expect_nothing_in_value(v->element[i]);
}

static void look_at_all(struct bench *b, void (*look)(redisContext *c, const redisReply *key))
{
    redisContext *c = redisConnectUnix(server_socket(b->server));
    assert_true(c && !c->err);
    redisReply *keys = redisCommand(c, "KEYS *");
    /* kept 2, codes 5, under_way, paid, phones 2, addresses 2 */
    assert_int_equal(keys->elements, 13);
    for (size_t i = 0; i < keys->elements; i++)
        look(c, keys->element[i]);
    freeReplyObject(keys);
    redisFree(c);
}

static void look_for_secrets(redisContext *c, const redisReply *key)
{
    redisReply *value = value_of(c, key);
    expect_nothing_in(key->str, key->len);
    expect_nothing_in_value(value);
    freeReplyObject(value);
}

static void look_for_the_app(redisContext *c, const redisReply *key)
{
    static const char prefix[] = "t:{" APP "}:login:";
    (void)c;
    assert_memory_equal(key->str, prefix, sizeof prefix - 1);
}

static void look_for_an_end(redisContext *c, const redisReply *key)
{
    redisReply *ttl = run(c, "PTTL %b", key);
    assert_in_range(ttl->integer, 1, 3LL * 24 * 3600 * 1000);
    freeReplyObject(ttl);
}

/* ---- what must hold ---- */

static void no_code_address_or_answer_stands_in_redis(void **state)
{
    struct bench *b = *state;
    leave_traces(b);
    look_at_all(b, look_for_secrets);
}

static void every_key_names_its_app(void **state)
{
    struct bench *b = *state;
    leave_traces(b);
    look_at_all(b, look_for_the_app);
}

static void every_key_goes_by_itself(void **state)
{
    struct bench *b = *state;
    leave_traces(b);
    look_at_all(b, look_for_an_end);
}

static void what_is_kept_opens_for_its_claim_at_every_process(void **state)
{
    struct bench *b = *state;
    struct process *one = process_start(b, &generous);
    struct claim c = claim_of(b, LOGIN_CODE, PHONE_CODE, ADDRESS);
    char command[128];
    struct login_outcome o;
    struct keyring *ring = kept_ring();
    EXPECT(one, &c, CLAIM_MINE);
    settle_sealed(one, &c, false);
    (void)snprintf(command, sizeof command, "GET t:{" APP "}:login:kept:%s", c.fingerprint);
    redisContext *redis = redisConnectUnix(server_socket(b->server));
    redisReply *r = redisCommand(redis, command);
    assert_int_equal(r->type, REDIS_REPLY_STRING);
    assert_true(
        kept_open(ring, &c, (struct slice){r->str + 1, r->len - 1}, &o)); /* + 1: its mark */
    assert_string_equal(o.access_token, JWT);
    freeReplyObject(r);
    redisFree(redis);
    keyring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(no_code_address_or_answer_stands_in_redis),
        BENCH_TEST(every_key_names_its_app),
        BENCH_TEST(every_key_goes_by_itself),
        BENCH_TEST(what_is_kept_opens_for_its_claim_at_every_process),
    };
    return cmocka_run_group_tests(tests, rig_begin, NULL);
}
