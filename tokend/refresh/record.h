/* record.h - what one tokend knows of an app's access_token: the current one, the one before, and
 * until when each may be used. Pure data: what it may be used for is on
 * the monotonic clock; wall times are Redis's, one clock for all who read and write. Owns its
 * tokens and wipes them. One thread. */
#ifndef REFRESH_RECORD_H
#define REFRESH_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "base/times.h"

/* The two token families of WeChat; neither invalidates the other's tokens. */
enum token_mode {
    TOKEN_CLASSIC, /* GET /cgi-bin/token: every call issues */
    TOKEN_STABLE,  /* POST /cgi-bin/stable_token: the same token until its last minutes */
};

enum { RECORD_PAST = 4 };

struct record {
    struct secret token;    /* unset when no token was ever known */
    int64_t version;        /* grows by one at each refresh; 0 when none was ever known */
    enum token_mode mode;   /* the family the token is of */
    mono_ms_t expires;      /* not used from this moment on */
    wall_ms_t issued_at;    /* when the request for it was sent, on Redis's clock */
    wall_ms_t expires_at;   /* `expires` on Redis's clock */
    struct secret previous; /* unset when there is none that WeChat may still accept */
    mono_ms_t previous_until;

    /* The last tokens that this one and those before it replaced, newest first. */
    struct record_past {
        int64_t version; /* 0: none */
        wall_ms_t issued_at;
    } past[RECORD_PAST];
};

void record_clear(struct record *r);

/* The token is about to be replaced by a later one: notes it as past. */
void record_replace(struct record *r);

/* Whether this is one of the last tokens that were replaced. */
bool record_replaced(const struct record *r, int64_t version, wall_ms_t issued_at);

bool record_live(const struct record *r, mono_ms_t now);
bool record_previous_live(const struct record *r, mono_ms_t now);
int64_t record_remaining_ms(const struct record *r, mono_ms_t now); /* 0 when not live */
int64_t record_lifetime_ms(const struct record *r);                 /* as it was issued */

const char *token_mode_name(enum token_mode m); /* "classic", "stable" */

#endif
