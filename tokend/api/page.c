#include "tokend/api/page.h"

#include <stdlib.h>
#include <string.h>

void page_clear(struct page *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->list[i].text);
    p->n = p->bytes = 0;
    p->cut = false;
}

static void drop_last(struct page *p)
{
    struct page_event *last = &p->list[--p->n];
    p->bytes -= last->n;
    free(last->text);
    p->cut = true;
}

bool page_wants(struct page *p, const struct event_id *id)
{
    bool behind_all = p->n == 0 || event_id_compare(id, &p->list[p->n - 1].id) > 0;
    if (behind_all && (p->cut || p->n == PAGE_EVENTS)) {
        p->cut = true;
        return false;
    }
    return true;
}

/* Where it belongs; most come in order, so the end is looked at first. */
static size_t place_of(const struct page *p, const struct event_id *id)
{
    size_t at = p->n;
    while (at > 0 && event_id_compare(id, &p->list[at - 1].id) < 0)
        at--;
    return at;
}

void page_add(struct page *p, const struct event_id *id, char *text)
{
    if (p->n == PAGE_EVENTS)
        drop_last(p);
    size_t at = place_of(p, id);
    memmove(&p->list[at + 1], &p->list[at], (p->n - at) * sizeof p->list[0]);
    p->list[at] = (struct page_event){*id, text, strlen(text)};
    p->bytes += p->list[at].n;
    p->n++;
    while (p->bytes > PAGE_BYTES && p->n > 1)
        drop_last(p);
}
