#include "tokend/api/page.h"

#include <stdlib.h>
#include <string.h>

static void event_free(struct page_event *event)
{
    free(event->text);
    free(event);
}

void page_clear(struct page *p)
{
    for (size_t i = 0; i < p->n; i++)
        event_free(p->list[i]);
    p->n = p->bytes = 0;
    p->is_cut = false;
}

static struct page_event *last_of(const struct page *p)
{
    return p->list[p->n - 1];
}

void page_cut(struct page *p, const struct event_id *end)
{
    if (p->is_cut && event_id_compare(end, &p->end) >= 0)
        return;
    p->is_cut = true;
    p->end = *end;
    while (p->n > 0 && event_id_compare(&last_of(p)->id, end) > 0) {
        struct page_event *last = p->list[--p->n];
        p->bytes -= last->n;
        event_free(last);
    }
}

/* The last one leaves. */
static void cut_one(struct page *p)
{
    struct event_id end = p->list[p->n - 2]->id;
    page_cut(p, &end);
}

bool page_wants(struct page *p, const struct event_id *id)
{
    if (p->is_cut && event_id_compare(id, &p->end) > 0)
        return false;
    if (p->n < PAGE_EVENTS || event_id_compare(id, &last_of(p)->id) < 0)
        return true;
    page_cut(p, &last_of(p)->id);
    return false;
}

size_t page_find(const struct page *p, const struct event_id *id)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (event_id_compare(&p->list[middle]->id, id) > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void page_add(struct page *p, const struct event_id *id, char *text)
{
    struct page_event *event = xcalloc(1, sizeof *event);
    *event = (struct page_event){*id, text, strlen(text)};
    size_t at = page_find(p, id);
    for (size_t i = p->n; i > at; i--)
        p->list[i] = p->list[i - 1];
    p->list[at] = event;
    p->bytes += event->n;
    p->n++;
    while (p->n > PAGE_EVENTS || (p->bytes > PAGE_BYTES && p->n > 1))
        cut_one(p);
}
