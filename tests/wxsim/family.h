/* family.h - one family of access_tokens of one app: the current one and the one before.
 *
 * WeChat keeps two families, classic (/cgi-bin/token) and stable (/cgi-bin/stable_token), that know
 * nothing of each other, and in each of them no more than two tokens that live. A token is its
 * serial here; book.h gives it a text. Pure: time is an argument. One thread. */
#ifndef WXSIM_FAMILY_H
#define WXSIM_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/times.h"

struct issue {
    uint64_t serial;        /* 0: none */
    mono_ms_t expires_at;   /* end of its own lifetime */
    mono_ms_t usable_until; /* expires_at, or less once a newer one was issued */
};

struct family {
    uint64_t last_serial; /* never goes back, so that an old token stays known as one */
    struct issue current, previous;
};

enum token_rank {
    RANK_UNKNOWN,  /* never issued */
    RANK_OLD,      /* issued, but at least two others since: dead */
    RANK_PREVIOUS, /* the one before the current one: lives for the overlap */
    RANK_CURRENT,
};

/* What a use of the token gives. */
enum token_verdict {
    TOKEN_LIVE,
    TOKEN_SUPERSEDED, /* 40001 */
    TOKEN_EXPIRED,    /* 42001: its own lifetime is over */
};

struct token_state {
    enum token_rank rank;
    enum token_verdict verdict;
    int64_t usable_for_ms; /* 0 unless it lives */
};

/* Issues a token that lives `lifetime_ms`. The current one becomes the previous one and lives
 * `overlap_ms` more at most; what was previous dies at once. Returns the new serial. */
uint64_t family_issue(struct family *f, mono_ms_t now, int64_t lifetime_ms, int64_t overlap_ms);

/* Forgets current and previous: both are old ones from now on. */
void family_revoke(struct family *f);

struct token_state family_judge(const struct family *f, uint64_t serial, mono_ms_t now);

/* What is left of the current token's lifetime; 0 when there is none or it is over. */
int64_t family_remaining_ms(const struct family *f, mono_ms_t now);

#endif
