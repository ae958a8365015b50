#include "token/slot.h"

int64_t token_slot_remaining_ms(const struct token_slot *s, mono_ms_t now)
{
    if (!secret_is_set(&s->access_token) || mono_reached(now, s->ends_at))
        return 0;
    return mono_between(now, s->ends_at);
}

enum token_offer token_slot_offer(struct token_slot *s, struct slice access_token, int64_t version,
                                  mono_ms_t ends_at, mono_ms_t now)
{
    bool lives = token_slot_remaining_ms(s, now) > 0;
    bool same = secret_is_set(&s->access_token) && version == s->version;
    if (access_token.n == 0 || mono_reached(now, ends_at))
        return TOKEN_OFFER_DEAD;
    if (lives && version < s->version)
        return TOKEN_OFFER_OLDER;
    if (!same || !slice_eq(secret_reveal(&s->access_token), access_token))
        secret_set(&s->access_token, access_token);
    s->version = version;
    s->ends_at = ends_at;
    return same ? TOKEN_OFFER_SAME : TOKEN_OFFER_NEW;
}

void token_slot_wipe(struct token_slot *s)
{
    secret_wipe(&s->access_token);
    *s = (struct token_slot){{NULL, 0}, 0, {0}};
}
