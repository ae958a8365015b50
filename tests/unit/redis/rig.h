/* rig.h - what the tests of Redis need besides a server: turning the loop until something holds,
 * remembering how commands ended, and servers that misbehave. */
#ifndef TEST_REDIS_RIG_H
#define TEST_REDIS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/loop.h"
#include "redis/client.h"

/* The group setup of each program: ignores SIGPIPE as the daemons do, and keeps the log quiet. */
int rig_begin(void **state);

/* Turns the loop for a few milliseconds at most. */
void rig_turn(struct loop *l);

/* Turns the loop until cond holds; fails the test when it does not within ms. */
#define RUN_UNTIL(l, ms, cond)                                                                     \
    do {                                                                                           \
        mono_ms_t rig_deadline = mono_after(loop_now(l), (ms));                                    \
        while (!(cond)) {                                                                          \
            if (mono_reached(loop_now(l), rig_deadline))                                           \
                fail_msg("not within %d ms: %s", (int)(ms), #cond);                                \
            rig_turn(l);                                                                           \
        }                                                                                          \
    } while (0)

/* Turns the loop for all of ms. */
void rig_run_for(struct loop *l, int64_t ms);

/* How one command ended: give rig_ended as fn and this as arg. */
struct ending {
    int calls;
    enum redis_outcome outcome;
    enum redis_refusal refusal;
    enum redis_type type;
    int64_t number; /* of an integer, or the count of an array */
    char text[256]; /* of the value, or why there is none */
    mono_ms_t sent_at;
};
void rig_ended(const struct redis_result *r, void *arg);

/* Starts the command of these words (blanks between them); *e, cleared first, tells how it ends. */
void rig_send(struct redis_client *c, enum redis_when when, int64_t timeout_ms, const char *words,
              struct ending *e);

/* Runs one to its end, waiting for a connection. */
struct ending rig_ask(struct loop *l, struct redis_client *c, const char *words);

/* A URL for a Unix socket, parsed. Free with redis_url_wipe. */
struct redis_url rig_unix_url(const char *path);
struct redis_url rig_url(const char *text); /* fails the test when it does not parse */

/* Short periods, so that tests are: 300 ms to connect, 400 ms of silence, backoff 10 to 50 ms. */
struct redis_options rig_options(void);

/* A server that says what it is told to: the nth answer to the nth piece of input of each
 * connection (the input is not parsed), then nothing more. One answer may hold several replies. */
struct fake_answer {
    const char *bytes;
    bool then_close;
};

struct fake;                                                                          /* opaque */
struct fake *fake_start(struct loop *l, const struct fake_answer *answers, size_t n); /* borrowed */
void fake_free(struct fake *f);
const char *fake_socket(const struct fake *f);
int fake_accepted(const struct fake *f); /* connections so far */

#endif
