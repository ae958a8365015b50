#include "sim/wechat.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"

enum { FORCE_GAP_MS = 30000 };

void wechat_init(struct wechat *w, int64_t lifetime_ms, int64_t overlap_ms)
{
    memset(w, 0, sizeof *w);
    w->lifetime_ms = lifetime_ms;
    w->overlap_ms = overlap_ms;
    w->forced_at = -FORCE_GAP_MS;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int issue(struct wechat *w, enum token_mode mode, int64_t now)
{
    struct family *f = &w->families[mode];
    int token = ++w->issued;
    ASSERT(token < WECHAT_MAX_TOKENS);
    f->previous = f->current;
    f->previous_until = earlier(w->expires[f->current], now + w->overlap_ms);
    f->current = token;
    w->expires[token] = now + w->lifetime_ms;
    w->mode[token] = mode;
    return token;
}

static bool stable_keeps(struct wechat *w, bool force, int64_t now)
{
    const struct family *f = &w->families[TOKEN_STABLE];
    bool gap_over = now - w->forced_at >= FORCE_GAP_MS;
    if (force && gap_over)
        return false;
    return f->current && w->expires[f->current] - now > w->overlap_ms;
}

int wechat_fetch(struct wechat *w, enum token_mode mode, bool force, int64_t now,
                 int64_t *expires_in_ms)
{
    int token = w->families[mode].current;
    if (mode == TOKEN_CLASSIC || !stable_keeps(w, force, now)) {
        token = issue(w, mode, now);
        if (force)
            w->forced_at = now;
    }
    *expires_in_ms = (w->expires[token] - now) / 1000 * 1000;
    return token;
}

bool wechat_alive(const struct wechat *w, int token, int64_t now)
{
    if (token <= 0 || token > w->issued)
        return false;
    const struct family *f = &w->families[w->mode[token]];
    if (token == f->current)
        return now < w->expires[token];
    return token == f->previous && now < f->previous_until;
}

int64_t wechat_expires(const struct wechat *w, int token)
{
    return w->expires[token];
}

int token_number(const char *name)
{
    static const char prefix[] = "tok-";
    int64_t token;
    if (!slice_starts(slice_of(name), prefix) ||
        !slice_to_int(slice_of(name + strlen(prefix)), 1, INT_MAX, &token))
        return 0;
    return (int)token;
}

void token_name(int token, char out[TOKEN_NAME_SIZE])
{
    snprintf(out, TOKEN_NAME_SIZE, "tok-%d", token);
}
