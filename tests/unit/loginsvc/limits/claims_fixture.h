/* claims_fixture.h - several processes' claims over one real Redis.
 *
 * The time of day is led astray by the linker (--wrap=clock_wall). */
#ifndef TEST_CLAIMS_FIXTURE_H
#define TEST_CLAIMS_FIXTURE_H

#include "rig.h"

#include "base/list.h"
#include "crypto/keyring.h"
#include "loginsvc/limits/claims.h"
#include "server.h"
#include "sys/clock.h"

enum {
    SOON_MS = 5000,
    KEPT_TEXT_SIZE = 256,
    CLOCKS_DIFFER_MS = 5, /* Redis' clock and ours, each cut to milliseconds */
};

#define APP     "wx0123456789abcdef"
#define ADDRESS "192.0.2.17"
#define OTHER   "198.51.100.4" /* another address */

/* Added to what all who ask for the time of day are told; at first it is noon in Shanghai. */
extern int64_t clock_ahead_ms;

/* RUN_UNTIL without its pauses: for what Redis is about to answer, many times in one test. */
#define UNTIL(l, cond)                                                                             \
    do {                                                                                           \
        mono_ms_t until_deadline = mono_after(loop_now(l), SOON_MS);                               \
        while (!(cond)) {                                                                          \
            if (mono_reached(loop_now(l), until_deadline))                                         \
                fail_msg("not soon: %s", #cond);                                                   \
            event_base_loop(loop_base(l), EVLOOP_ONCE);                                            \
        }                                                                                          \
    } while (0)

struct bench {
    struct loop *loop;
    struct server *server;
    struct keyring *names;
    struct list processes;
};

/* A test whose *state is a bench; processes that it did not stop are stopped behind it. */
#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_up, bench_down)
int bench_up(void **state);
int bench_down(void **state);

struct process {
    struct list node; /* of the bench's */
    struct loop *loop;
    struct redis_client *redis;
    struct claims *claims;
};

/* Nothing is limited, and every time is long. */
extern const struct claims_limits generous;

struct process *process_start(struct bench *b, const struct claims_limits *limits); /* connected */
void process_stop(struct process *p); /* whatever it was about to do; frees it */

void await_redis(struct process *p);
void await_loss(struct process *p); /* until it knows that Redis is gone */

/* All that it has told Redis so far was heard. */
void flush(struct process *p);

/* ---- claims ---- */

/* For a login code and a phone code ("" none), from this address, which is counted. */
struct claim claim_of(const struct bench *b, const char *login_code, const char *phone_code,
                      const char *address);

/* For one login code, from ADDRESS. */
struct claim simple_claim(const struct bench *b, const char *code);

/* How an asking ended. */
struct heard {
    int calls;
    struct claim claim;
    enum claim_verdict verdict;
    int64_t retry_after_ms;
    char kept[KEPT_TEXT_SIZE];
};

void ask(struct process *p, const struct claim *c, struct heard *h); /* *h: until it has ended */
struct heard ask_now(struct process *p, const struct claim *c);      /* to its end */

/* Asks and fails the test when that is not the verdict. */
#define EXPECT(p, c, v) assert_string_equal(verdict_of(p, c), claim_verdict_name(v))
const char *verdict_of(struct process *p, const struct claim *c);

/* That verdict, and that text. */
void expect_kept(struct process *p, const struct claim *c, enum claim_verdict v, const char *text);

void settle(struct process *p, const struct claim *c, const char *kept);
void settle_exchanged(struct process *p, const struct claim *c, const char *kept);
void settle_whole(struct process *p, const struct claim *c, unsigned codes);
void settle_paid(struct process *p, const struct claim *c, int64_t user_id);

/* A whole login that is answered with this. */
void login(struct process *p, const struct claim *c, const char *kept);

/* The value of P:{APP}:login:NAME. */
const char *redis_value_of(struct bench *b, const char *name);
const char *paid_in_redis(struct bench *b); /* today */

#endif
