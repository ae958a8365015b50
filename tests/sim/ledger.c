#include "sim/ledger.h"

void ledger_issued(struct ledger *l, int token, enum cause cause)
{
    l->causes[token] = cause;
}

void ledger_lost(struct ledger *l, int issued)
{
    l->lost_up_to = issued;
}

bool ledger_explains(const struct ledger *l, const struct wechat *w, int token)
{
    for (int later = w->issued; later > token; later--)
        if (w->mode[later] == w->mode[token] &&
            (l->causes[later] != CAUSE_OURS || later <= l->lost_up_to))
            return true;
    return false;
}
