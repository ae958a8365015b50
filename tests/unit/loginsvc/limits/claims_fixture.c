#include "claims_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loginsvc/limits/paid.h"

static const char KEY[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const struct claims_limits generous = {
    .login_ms = 60000, .kept_ms = 60000, .redis_timeout_ms = SOON_MS};

/* ---- the clock ---- */

int64_t clock_ahead_ms;

wall_ms_t __real_clock_wall(void);
wall_ms_t __wrap_clock_wall(void);
wall_ms_t __wrap_clock_wall(void)
{
    return wall_after(__real_clock_wall(), clock_ahead_ms);
}

/* ---- processes ---- */

int bench_up(void **state)
{
    struct keyring *master = keyring_parse(slice_of(KEY), NULL);
    struct bench *b = xcalloc(1, sizeof *b);
    *b = (struct bench){.loop = loop_new(),
                        .server = server_start(NULL),
                        .names = keyring_derive(master, CLAIM_NAMES_LABEL)};
    list_init(&b->processes);
    keyring_free(master);
    clock_ahead_ms = 0;
    clock_ahead_ms = paid_day_left_ms(clock_wall()) - 12LL * 3600 * 1000;
    *state = b;
    return 0;
}

int bench_down(void **state)
{
    struct bench *b = *state;
    LIST_FOR_EACH(it, &b->processes)
    process_stop(LIST_ENTRY(it, struct process, node));
    keyring_free(b->names);
    loop_free(b->loop);
    server_free(b->server);
    free(b);
    return 0;
}

struct process *process_start(struct bench *b, const struct claims_limits *limits)
{
    struct redis_url u = rig_unix_url(server_socket(b->server));
    struct redis_options o = rig_options();
    struct process *p = xcalloc(1, sizeof *p);
    p->loop = b->loop;
    p->redis = redis_client_new(b->loop, &u, &o);
    redis_url_wipe(&u);
    p->claims = claims_new(b->loop, p->redis, SLICE_LIT("t"), limits);
    list_push_back(&b->processes, &p->node);
    await_redis(p);
    return p;
}

void process_stop(struct process *p)
{
    list_remove(&p->node);
    claims_free(p->claims);
    redis_client_free(p->redis);
    free(p);
}

void await_redis(struct process *p)
{
    RUN_UNTIL(p->loop, SOON_MS, redis_client_ready(p->redis));
}

void await_loss(struct process *p)
{
    RUN_UNTIL(p->loop, SOON_MS, !redis_client_ready(p->redis));
}

/* Twice: a script that Redis did not know is sent again behind the first. */
void flush(struct process *p)
{
    for (int i = 0; i < 2; i++) {
        struct ending e;
        rig_send(p->redis, REDIS_WAIT, SOON_MS, "PING", &e);
        UNTIL(p->loop, e.calls > 0);
        assert_string_equal(e.text, "PONG");
    }
}

/* ---- claims ---- */

struct claim claim_of(const struct bench *b, const char *login_code, const char *phone_code,
                      const char *address)
{
    struct claim c;
    const struct claim_request r = {
        .appid = SLICE_LIT(APP),
        .purpose = "by_both",
        .codes = {slice_of(login_code), slice_of(phone_code)},
        .address = slice_of(address),
        .counted_address = slice_of(address),
        .phone = phone_code[0] != '\0',
    };
    claim_init(&c, &r, b->names);
    return c;
}

struct claim simple_claim(const struct bench *b, const char *code)
{
    return claim_of(b, code, "", ADDRESS);
}

static void on_heard(void *owner, uint64_t id, const struct claim *claim,
                     const struct claims_answer *answer)
{
    struct heard *h = owner;
    assert_int_equal(id, 7);
    assert_int_equal(++h->calls, 1);
    h->claim = *claim;
    h->verdict = answer->verdict;
    h->retry_after_ms = answer->retry_after_ms;
    assert_true(slice_copy(answer->kept, h->kept, sizeof h->kept));
}

void ask(struct process *p, const struct claim *c, struct heard *h)
{
    memset(h, 0, sizeof *h);
    claims_ask(p->claims, c, on_heard, h, 7);
    assert_int_equal(h->calls, 0);
}

struct heard ask_now(struct process *p, const struct claim *c)
{
    struct heard h;
    ask(p, c, &h);
    UNTIL(p->loop, h.calls > 0);
    assert_memory_equal(&h.claim, c, sizeof *c);
    return h;
}

const char *verdict_of(struct process *p, const struct claim *c)
{
    return claim_verdict_name(ask_now(p, c).verdict);
}

void expect_kept(struct process *p, const struct claim *c, enum claim_verdict v, const char *text)
{
    struct heard h = ask_now(p, c);
    assert_string_equal(claim_verdict_name(h.verdict), claim_verdict_name(v));
    assert_string_equal(h.kept, text);
}

static void settle_as(struct process *p, const struct claim *c, struct claims_settlement s)
{
    claims_settle(p->claims, c, &s);
}

void settle(struct process *p, const struct claim *c, const char *kept)
{
    settle_as(p, c, (struct claims_settlement){.kept = slice_of(kept)});
}

void settle_exchanged(struct process *p, const struct claim *c, const char *kept)
{
    settle_as(p, c, (struct claims_settlement){.kept = slice_of(kept), .exchanged = true});
}

void settle_whole(struct process *p, const struct claim *c, unsigned codes)
{
    settle_as(p, c, (struct claims_settlement){.whole = codes});
}

void settle_paid(struct process *p, const struct claim *c, int64_t user_id)
{
    settle_as(p, c, (struct claims_settlement){.paid = true, .user_id = user_id});
}

void login(struct process *p, const struct claim *c, const char *kept)
{
    EXPECT(p, c, CLAIM_MINE);
    settle(p, c, kept);
    if (redis_client_ready(p->redis))
        flush(p);
}

/* ---- Redis ---- */

const char *redis_value_of(struct bench *b, const char *name)
{
    char command[256];
    (void)snprintf(command, sizeof command, "GET t:{" APP "}:login:%s", name);
    return server_do(b->server, command);
}

const char *paid_in_redis(struct bench *b)
{
    char day[PAID_DAY_SIZE], name[64];
    paid_day_name(wall_quota_day(clock_wall()), day);
    (void)snprintf(name, sizeof name, "paid:%s", day);
    return redis_value_of(b, name);
}
