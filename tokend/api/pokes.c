#include "tokend/api/pokes.h"

#include <stdlib.h>

#include "base/map.h"

struct poke {
    struct event_id first, last; /* the least and the greatest that nobody was told of */
    bool in_sweep;               /* what is being read covers it, if it goes so far */
};

struct pokes {
    struct map *apps; /* appid -> struct poke */
};

struct pokes *pokes_new(void)
{
    struct pokes *p = xcalloc(1, sizeof *p);
    p->apps = map_new(0);
    return p;
}

/* Walks all: start with *at = 0; NULL at the end. */
static struct poke *next(const struct pokes *p, size_t *at)
{
    struct slice appid;
    void *value;
    return map_next(p->apps, at, &appid, &value) ? value : NULL;
}

void pokes_clear(struct pokes *p)
{
    size_t at = 0;
    for (struct poke *k; (k = next(p, &at)) != NULL;)
        free(k);
    map_free(p->apps);
    p->apps = map_new(0);
}

void pokes_free(struct pokes *p)
{
    pokes_clear(p);
    map_free(p->apps);
    free(p);
}

size_t pokes_count(const struct pokes *p)
{
    return map_count(p->apps);
}

void pokes_hear(struct pokes *p, const struct event_id *id)
{
    struct poke *k = map_get(p->apps, slice_of(id->appid));
    if (!k) {
        k = xcalloc(1, sizeof *k);
        k->first = k->last = *id;
        (void)map_put(p->apps, slice_of(id->appid), k);
    }
    if (event_id_compare(id, &k->first) < 0)
        k->first = *id;
    if (event_id_compare(id, &k->last) > 0)
        k->last = *id;
    k->in_sweep = false;
}

static struct sweep_target target_of(const struct poke *k, const struct event_id *place)
{
    struct sweep_target t = {.from = event_id_next(place, k->first.appid)};
    ASSERT(slice_copy(slice_of(k->first.appid), t.appid, sizeof t.appid));
    if (stream_id_compare(k->first.entry, t.from) < 0)
        t.from = k->first.entry;
    return t;
}

size_t pokes_targets(const struct pokes *p, const struct event_id *place,
                     const struct event_id *horizon, struct sweep_target *out)
{
    size_t n = 0, at = 0;
    for (const struct poke *k; (k = next(p, &at)) != NULL;)
        if (event_id_compare(&k->first, horizon) <= 0)
            out[n++] = target_of(k, place);
    return n;
}

void pokes_begin(struct pokes *p)
{
    size_t at = 0;
    for (struct poke *k; (k = next(p, &at)) != NULL;)
        k->in_sweep = true;
}

void pokes_told(struct pokes *p, const struct page *page)
{
    for (size_t i = 0; i < page->n; i++) {
        const struct event_id *id = &page->list[i]->id;
        struct poke *k = map_get(p->apps, slice_of(id->appid));
        if (k && event_id_compare(&k->first, id) <= 0)
            k->first.entry = event_id_next(id, id->appid);
    }
}

void pokes_end(struct pokes *p, const struct event_id *horizon)
{
    struct map *left = map_new(0);
    size_t at = 0;
    for (struct poke *k; (k = next(p, &at)) != NULL;) {
        if (k->in_sweep && event_id_compare(&k->last, horizon) <= 0)
            free(k);
        else
            (void)map_put(left, slice_of(k->first.appid), k);
    }
    map_free(p->apps);
    p->apps = left;
}
