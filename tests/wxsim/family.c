#include "wxsim/family.h"

uint64_t family_issue(struct family *f, mono_ms_t now, int64_t lifetime_ms, int64_t overlap_ms)
{
    f->previous = f->current;
    f->previous.usable_until = mono_min(f->previous.expires_at, mono_after(now, overlap_ms));
    mono_ms_t end = mono_after(now, lifetime_ms);
    f->current = (struct issue){++f->last_serial, end, end};
    return f->current.serial;
}

void family_revoke(struct family *f)
{
    *f = (struct family){.last_serial = f->last_serial};
}

static enum token_rank rank_of(const struct family *f, uint64_t serial)
{
    if (serial == 0 || serial > f->last_serial)
        return RANK_UNKNOWN;
    if (serial == f->current.serial)
        return RANK_CURRENT;
    return serial == f->previous.serial ? RANK_PREVIOUS : RANK_OLD;
}

struct token_state family_judge(const struct family *f, uint64_t serial, mono_ms_t now)
{
    struct token_state state = {rank_of(f, serial), TOKEN_SUPERSEDED, 0};
    if (state.rank < RANK_PREVIOUS)
        return state;
    const struct issue *i = state.rank == RANK_CURRENT ? &f->current : &f->previous;
    if (mono_reached(now, i->expires_at)) {
        state.verdict = TOKEN_EXPIRED;
    } else if (!mono_reached(now, i->usable_until)) {
        state.verdict = TOKEN_LIVE;
        state.usable_for_ms = mono_between(now, i->usable_until);
    }
    return state;
}

int64_t family_remaining_ms(const struct family *f, mono_ms_t now)
{
    if (f->current.serial == 0 || mono_reached(now, f->current.expires_at))
        return 0;
    return mono_between(now, f->current.expires_at);
}
