#include "tokend/ctl/history.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tokend/ctl/json.h"

struct past {
    int64_t ms, number; /* of the id */
    json_t *event;
};

struct history {
    size_t n, most;
    struct past *list;
};

struct history *history_new(size_t most)
{
    ASSERT(most > 0);
    struct history *h = xcalloc(1, sizeof *h);
    h->most = most;
    h->list = xcalloc(most, sizeof *h->list);
    return h;
}

void history_free(struct history *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n; i++)
        json_decref(h->list[i].event);
    free(h->list);
    free(h);
}

static bool read_id(const json_t *event, struct past *out)
{
    struct slice number = json_text(event, "id"), ms = slice_cut(&number, '-');
    return slice_to_int(ms, 0, INT64_MAX, &out->ms) &&
           slice_to_int(number, 0, INT64_MAX, &out->number);
}

static bool is_later(const struct past *a, const struct past *b)
{
    return a->ms != b->ms ? a->ms > b->ms : a->number > b->number;
}

bool history_add(struct history *h, json_t *event)
{
    struct past past = {.event = event};
    if (!read_id(event, &past))
        return false;
    size_t at = h->n;
    while (at > 0 && is_later(&h->list[at - 1], &past))
        at--;
    if (h->n == h->most) {
        if (at == 0)
            return false;
        json_decref(h->list[0].event);
        memmove(h->list, h->list + 1, --at * sizeof *h->list);
    } else {
        memmove(h->list + at + 1, h->list + at, (h->n++ - at) * sizeof *h->list);
    }
    past.event = json_incref(event);
    h->list[at] = past;
    return true;
}

size_t history_count(const struct history *h)
{
    return h->n;
}

const json_t *history_at(const struct history *h, size_t i)
{
    ASSERT(i < h->n);
    return h->list[i].event;
}
