/* sessions.h - the session_key that each user of each app has now.
 *
 * Bounded: beyond SESSIONS_MAX the user whose key is oldest is forgotten. A key is its serial here;
 * book.h gives it a text. Pure. One thread. */
#ifndef WXSIM_SESSIONS_H
#define WXSIM_SESSIONS_H

#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

enum {
    SESSIONS_MAX = 1 << 16,
    OPENID_MAX = 64, /* bytes of an openid or unionid that a test chooses */
};

struct sessions; /* opaque */

struct sessions *sessions_new(void) MUST_CHECK;
void sessions_free(struct sessions *s);
void sessions_clear(struct sessions *s);

/* Gives the user a new key, the one before is dead. Returns its serial. openid has OPENID_MAX bytes
 * at most. */
uint64_t sessions_renew(struct sessions *s, uint32_t app, struct slice openid);

uint64_t sessions_find(const struct sessions *s, uint32_t app, struct slice openid); /* 0: none */

#endif
