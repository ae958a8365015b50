#include "base/secret.h"
#include "loginsvc/login/kept.h"
#include "loginsvc/login/live.h"

/* ---- what became of a claim ---- */

/* Nobody waits for it any more: as if it had not been made. */
static void give_back(struct login_driver *d, const struct claim *claim,
                      const struct claims_answer *a)
{
    bool exchanged = a->verdict == CLAIM_EXCHANGED;
    const struct claims_settlement settlement = {
        .whole = exchanged ? 0 : ~0u, .kept = a->kept, .exchanged = exchanged};
    d->stats.late++;
    if (exchanged || a->verdict == CLAIM_MINE)
        claims_settle(d->parts.claims, claim, &settlement);
}

/* Whether it is an answer or an exchange stands beside what is sealed, so it has to fit that:
 * nobody goes on from a refusal, and nobody is answered with a failure that may be made good. */
static bool open_kept(struct live *l, const struct claim *claim, const struct claims_answer *a)
{
    bool opened = kept_open(l->d->kept_ring, claim, a->kept, &l->outcome);
    bool exchanged = l->outcome.result.ending == LOGIN_STORE_FAILED;
    if (opened && exchanged == (a->verdict == CLAIM_EXCHANGED))
        return true;
    bytes_wipe(&l->outcome, sizeof l->outcome);
    return false;
}

static void on_claimed(void *owner, uint64_t id, const struct claim *claim,
                       const struct claims_answer *a)
{
    struct login_driver *d = owner;
    struct live *l = slots_get(d->live, id);
    struct login_event e = {
        .kind = LOGIN_EV_CLAIMED, .verdict = a->verdict, .retry_after_ms = a->retry_after_ms};
    if (!l) {
        give_back(d, claim, a);
        return;
    }
    bool has_kept = a->verdict == CLAIM_KEPT || a->verdict == CLAIM_EXCHANGED;
    if (has_kept && !open_kept(l, claim, a)) {
        if (a->verdict == CLAIM_EXCHANGED) /* it is ours by now: nothing is left to be had */
            claims_settle(d->parts.claims, claim, &(struct claims_settlement){.whole = 0});
        e.verdict = CLAIM_USED;
    }
    live_step(l, e);
}

void claiming_ask(struct live *l)
{
    claims_ask(l->d->parts.claims, &l->claim, on_claimed, l->d, l->id);
}

/* ---- the end of a claim ---- */

/* The claim has the codes in the order login code, phone code, ticket, without those it has not. */
static unsigned whole_codes(const struct live *l)
{
    unsigned whole = 0;
    int at = 0;
    for (enum login_side side = LOGIN_SESSION; side < LOGIN_SIDES; side++) {
        if (l->code[side][0])
            whole |= (unsigned)login_code_whole(&l->core, side) << at++;
    }
    if (l->record.ticket[0]) /* whether it is used is the store's to say */
        whole |= (unsigned)(l->core.result.ending != LOGIN_OK) << at;
    return whole;
}

void claiming_settle(struct live *l)
{
    uint8_t sealed[KEPT_MAX];
    struct claims_settlement settlement = {
        .whole = whole_codes(l),
        .exchanged = login_only_storing_failed(&l->core),
        .paid = l->paid,
        .user_id = l->outcome.user.id,
    };
    if (login_is_worth_keeping(&l->core)) {
        size_t n = kept_seal(l->d->kept_ring, &l->claim, &l->outcome, sealed);
        settlement.kept = (struct slice){(char *)sealed, n};
    }
    claims_settle(l->d->parts.claims, &l->claim, &settlement);
}
