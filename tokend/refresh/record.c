#include "tokend/refresh/record.h"

void record_clear(struct record *r)
{
    secret_wipe(&r->token);
    secret_wipe(&r->previous);
    *r = (struct record){0};
}

bool record_live(const struct record *r, mono_ms_t now)
{
    return secret_is_set(&r->token) && now.ms < r->expires.ms;
}

bool record_previous_live(const struct record *r, mono_ms_t now)
{
    return secret_is_set(&r->previous) && now.ms < r->previous_until.ms;
}

int64_t record_remaining_ms(const struct record *r, mono_ms_t now)
{
    return record_live(r, now) ? mono_between(now, r->expires) : 0;
}

int64_t record_lifetime_ms(const struct record *r)
{
    int64_t ms = wall_between(r->issued_at, r->expires_at);
    return ms > 0 ? ms : 0;
}

const char *token_mode_name(enum token_mode m)
{
    switch (m) {
    case TOKEN_CLASSIC:
        return "classic";
    case TOKEN_STABLE:
        return "stable";
    }
    return "?";
}
