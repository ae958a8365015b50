/* reader.h - the newest access_token of each watched app, read from Redis and kept in memory.
 *
 * It loads an app's token when watched, whenever tokend publishes a refresh, after every
 * resubscription, and every few seconds besides in case a message got lost. A token is handed out
 * until its end, also while Redis is away, and never after it: its remaining life is Redis' own
 * (PTTL), counted on this machine's monotonic clock from when it was asked for. A lower version
 * takes the place of a higher one only when that is over, or was reported.
 *
 * It asks nobody for a new token: token_reader_report tells tokend of a dead one. Loop thread only.
 * Client and subscriber are borrowed and must outlive it. */
#ifndef TOKEN_READER_H
#define TOKEN_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "loop/loop.h"
#include "redis/client.h"
#include "redis/subscriber.h"

struct token_reader; /* opaque */

struct token_view {
    struct slice access_token; /* a secret; borrowed until control returns to the loop */
    int64_t version;
    int64_t remaining_ms; /* of its life, more than 0 */
};

/* prefix is KEY_PREFIX, copied; it and the appids are valid as keys.h says. */
struct token_reader *token_reader_new(struct loop *l, struct redis_client *c,
                                      struct redis_subscriber *s, struct slice prefix) MUST_CHECK;

/* How often Redis is asked although nothing was published; 5000 ms, give or take a fifth, unless
 * set before anything is watched. */
void token_reader_poll_every(struct token_reader *r, int64_t ms);

/* Whoever still waits is called, with NULL, before this returns. Not from inside a callback of this
 * reader. NULL is allowed. */
void token_reader_free(struct token_reader *r);

/* From now on, or no longer, keep the token of this app. Watching twice, or ending what is not
 * watched, does nothing. Who still waits for it is called with NULL soon after. */
void token_reader_watch(struct token_reader *r, struct slice appid);
void token_reader_unwatch(struct token_reader *r, struct slice appid);

/* The token of a watched app; false when there is none (yet) that lives. */
bool token_reader_get(struct token_reader *r, struct slice appid,
                      struct token_view *out) MUST_CHECK;

/* Calls fn(view, arg) once, never before this returned: as soon as there is a living token with a
 * version above `version`, or with view NULL after timeout_ms (or when the app is not watched).
 * Meanwhile Redis is asked at once and in quick succession, so that a lost message costs little.
 * Returns an id for token_reader_cancel, never 0. */
uint64_t token_reader_wait_newer(struct token_reader *r, struct slice appid, int64_t version,
                                 int64_t timeout_ms,
                                 void (*fn)(const struct token_view *view, void *arg), void *arg);

/* fn of that wait will not be called. An id that is over is ignored. */
void token_reader_cancel(struct token_reader *r, uint64_t id);

/* Tells tokend that WeChat answered `errcode` to the token of that version; `by` names the program
 * that saw it. Fire and forget: a failure is logged, the next report makes up for it. One version
 * is reported once a second at most, however many logins it fails; an app that is not watched is
 * not reported. */
void token_reader_report(struct token_reader *r, struct slice appid, int64_t version, int errcode,
                         struct slice by);

#endif
