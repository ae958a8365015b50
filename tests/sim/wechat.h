/* wechat.h - WeChat as the simulator models it: two token families, each with the current token and
 * one previous; a third issuance kills the oldest at once (wechat-api facts 2.1 to 2.3). Tokens are
 * numbered in the order in which they were issued, and named "tok-N". */
#ifndef SIM_WECHAT_H
#define SIM_WECHAT_H

#include <stdbool.h>
#include <stdint.h>

#include "tokend/refresh/record.h"

enum { WECHAT_MAX_TOKENS = 4096, TOKEN_NAME_SIZE = 24 };

struct wechat {
    int64_t lifetime_ms, overlap_ms;
    int issued; /* tokens issued so far, by anyone */
    struct family {
        int current, previous; /* 0: none */
        int64_t previous_until;
    } families[2];
    int64_t expires[WECHAT_MAX_TOKENS]; /* by number */
    enum token_mode mode[WECHAT_MAX_TOKENS];
    int64_t forced_at;
};

void wechat_init(struct wechat *w, int64_t lifetime_ms, int64_t overlap_ms);

/* A call as it arrives; gives the token's number and the life it tells the caller (whole seconds).
 */
int wechat_fetch(struct wechat *w, enum token_mode mode, bool force, int64_t now,
                 int64_t *expires_in_ms);

bool wechat_alive(const struct wechat *w, int token, int64_t now);
int64_t wechat_expires(const struct wechat *w, int token);

int token_number(const char *name); /* 0 for anything else */
void token_name(int token, char out[TOKEN_NAME_SIZE]);

#endif
