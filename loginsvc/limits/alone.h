/* alone.h - the limits as one process holds them by itself, while Redis is away: with what it
 * counted of its own.
 *
 * Not who has which code (book.h). Time is an argument. One thread. */
#ifndef LIMITS_ALONE_H
#define LIMITS_ALONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"
#include "loginsvc/limits/claim.h"
#include "loginsvc/limits/limits.h"
#include "loginsvc/limits/verdict.h"

struct alone; /* opaque */

struct alone *alone_new(size_t max_names) MUST_CHECK;
void alone_free(struct alone *a); /* NULL is allowed */

/* MINE, which counts the request, BUSY, or LIMITED and for how long. */
enum claim_verdict alone_decide(struct alone *a, const struct claims_limits *l,
                                const struct claim *c, mono_ms_t now, int64_t *retry_after_ms);

/* A phone exchange of a user whom the claim did not know. */
void alone_count_phone(struct alone *a, const struct claims_limits *l, const struct claim *c,
                       int64_t user_id, mono_ms_t now);

/* Every request of this process that waits for WeChat, whoever let it. */
void alone_begin(struct alone *a, const struct claim *c);
void alone_end(struct alone *a, const struct claim *c);

/* An app was removed. What is under way is counted on. */
void alone_forget_app(struct alone *a, struct slice appid);

/* Do these limits apply to such a claim? */
bool limit_of_user(const struct claims_limits *l, const struct claim *c) MUST_CHECK;
bool limit_of_address(const struct claims_limits *l, const struct claim *c) MUST_CHECK;
bool limit_of_budget(const struct claims_limits *l, const struct claim *c) MUST_CHECK;

#endif
