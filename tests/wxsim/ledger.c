#include "wxsim/ledger.h"

#include <stdlib.h>

struct ledger {
    struct issuance list[LEDGER_MAX]; /* a ring */
    size_t added;
};

struct ledger *ledger_new(void)
{
    return xcalloc(1, sizeof(struct ledger));
}

void ledger_free(struct ledger *l)
{
    free(l);
}

void ledger_add(struct ledger *l, const struct issuance *i)
{
    l->list[l->added++ % LEDGER_MAX] = *i;
}

void ledger_clear(struct ledger *l)
{
    l->added = 0;
}

size_t ledger_count(const struct ledger *l)
{
    return l->added < LEDGER_MAX ? l->added : LEDGER_MAX;
}

const struct issuance *ledger_at(const struct ledger *l, size_t i)
{
    ASSERT(i < ledger_count(l));
    return &l->list[(l->added - ledger_count(l) + i) % LEDGER_MAX];
}
