#include "sim/history.h"

#include <string.h>

void history_note(struct history *h, const struct redis_data *now)
{
    if (h->n > 0 && memcmp(&h->states[h->last], now, sizeof *now) == 0)
        return;
    h->last = (h->last + 1) % HISTORY_SIZE;
    h->states[h->last] = *now;
    if (h->n < HISTORY_SIZE)
        h->n++;
}

int history_go_back(struct history *h, int writes, struct redis_data *out)
{
    if (h->n == 0)
        return 0;
    if (writes > h->n - 1)
        writes = h->n - 1;
    h->last = (h->last + HISTORY_SIZE - writes) % HISTORY_SIZE;
    h->n -= writes;
    *out = h->states[h->last];
    return writes;
}
