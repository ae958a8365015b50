/* play.h - a refresh core played by hand: the test is its clock, its Redis and its WeChat.
 *
 * What the core asks for waits, in order, until the test takes it. An event before all of it was
 * taken, and an end with some of it left, fail the test: so a scenario states everything the core
 * asked for, and nothing besides. After each event the harness checks that the core either waits
 * for an answer or has a deadline to come. */
#ifndef TEST_TOKEND_PLAY_H
#define TEST_TOKEND_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tokend/refresh/core.h"

/* Milliseconds. */
#define SECOND       INT64_C(1000)
#define MINUTE       (60 * SECOND)
#define HOUR         (60 * MINUTE)
#define LIFETIME     (2 * HOUR) /* of a token fresh from WeChat */
#define LEAD         (30 * MINUTE)
#define OVERLAP      (5 * MINUTE)
#define CALL_TIMEOUT (5 * SECOND)
#define LEASE_NEEDED (6 * SECOND)

struct play {
    struct refresh *core;
    mono_ms_t now;
    int64_t lease_left_ms; /* at every event; an hour at first */
    struct refresh_actions out;
    size_t taken;
    struct refresh_action asked; /* the operation taken last: what the answers below answer */
};

/* The contract's defaults, but without the periodic probe, and with a look at Redis so seldom that
 * it comes into no scenario by itself. */
struct refresh_config play_config(enum token_mode mode);

/* A core that has just started: its first look at Redis is asked for and not yet taken. */
struct play *play_new(const struct refresh_config *config, uint64_t seed) MUST_CHECK;
void play_free(struct play *p); /* and checks that nothing is left */

/* Started, leads with epoch 1, and has read such a record (play_seen) of the configured family;
 * what it then asks for is not yet taken. */
struct play *play_leading(const struct refresh_config *config, int64_t version, const char *token,
                          int64_t remaining_ms) MUST_CHECK;

/* The usual case: leads and holds "tok-7", version 7, classic, with all of its lifetime ahead. */
struct play *play_holding(void) MUST_CHECK;

/* ---- events ---- */

void play_send(struct play *p, const struct refresh_event *ev);
void play_tell(struct play *p, enum refresh_event_kind kind); /* one that says nothing more */
void play_lead(struct play *p, int64_t epoch);
void play_report(struct play *p, int64_t version);
void play_displaced(struct play *p); /* told, and its note taken; what is asked stays asked */
void play_order(struct play *p);     /* and takes the note; one in force already adds none */
void play_configure(struct play *p, const struct refresh_config *config);

/* ---- time ---- */

void play_pass(struct play *p, int64_t ms); /* without a tick */

/* Ticks at each deadline until something is asked for; how long that took. Fails after two days. */
int64_t play_await(struct play *p);

/* Ticks at each deadline for so long, in which nothing may be asked for. */
void play_quiet(struct play *p, int64_t ms);

wall_ms_t play_redis_now(const struct play *p);

/* ---- what the core asks for ---- */

/* The next action, which must be of this kind. Its slices are valid until the next event. */
const struct refresh_action *play_take(struct play *p, enum refresh_action_kind kind);
void play_take_note(struct play *p, enum refresh_note note);
bool play_asks(const struct play *p); /* something is left to be taken */

/* ---- answers to the operation taken last ---- */

/* What Redis says; when OK with what the scripts would say. READ: answered by play_read. */
void play_store(struct play *p, enum refresh_store outcome);
void play_read(struct play *p, const struct refresh_seen *seen);
void play_late(struct play *p, wall_ms_t redis_now); /* the token is over, as its clock shows */
void play_token(struct play *p, const char *token, int64_t expires_in_ms);
void play_refused(struct play *p, enum err_class err, int64_t errcode);
void play_no_token(struct play *p, enum refresh_fetch how);
void play_probe(struct play *p, enum refresh_probe probe);

/* A record in Redis, with no refresh left open. No token: NULL. */
struct refresh_seen play_seen(const struct play *p, int64_t version, const char *token,
                              int64_t remaining_ms);

/* ---- several of these in a row ---- */

void play_begin(struct play *p);                    /* takes BEGIN, which succeeds */
void play_fetch(struct play *p, const char *token); /* takes FETCH, which gives a token */
void play_commit(struct play *p);                   /* takes COMMIT, which succeeds */
void play_refresh(struct play *p, const char *token);

/* Takes BEGIN, FETCH and SETTLE: an attempt that WeChat refused. */
void play_fail(struct play *p, enum err_class err, int64_t errcode);

/* ---- common beginnings, classic ---- */

struct play *play_without_token(void); /* leading, and Redis holds nothing */
struct play *play_fetching(void);      /* and WeChat has been asked for the first token */

/* ---- looks ---- */

struct refresh_status play_status(const struct play *p);
void play_serves(const struct play *p, const char *token, int64_t version); /* NULL: none */

void assert_slice(struct slice a, const char *expected);

#endif
