#include "loginsvc/limits/window.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"

/* The latest events of one name, as a ring. */
struct window {
    struct list node;
    char *name;
    int64_t size; /* of the ring: the rule's count when it was made */
    int64_t at;   /* where the next event goes: the oldest one stands there */
    mono_ms_t times[];
};

struct windows {
    struct map *by_name;
    struct list oldest_first;
    size_t max_names;
};

struct windows *windows_new(size_t max_names)
{
    struct windows *w = xcalloc(1, sizeof *w);
    w->by_name = map_new(0); /* names are digests or numbers of ours */
    w->max_names = max_names;
    list_init(&w->oldest_first);
    return w;
}

static void forget(struct windows *w, struct window *one)
{
    (void)map_remove(w->by_name, slice_of(one->name));
    list_remove(&one->node);
    free(one->name);
    free(one);
}

void windows_free(struct windows *w)
{
    if (!w)
        return;
    while (!list_empty(&w->oldest_first))
        forget(w, LIST_ENTRY(w->oldest_first.next, struct window, node));
    map_free(w->by_name);
    free(w);
}

/* The event that the next one would push out of the rule's count; MONO_PAST: there is none. */
static mono_ms_t nth_last(const struct window *one, int64_t count)
{
    if (count > one->size)
        return MONO_PAST;
    return one->times[(one->at + one->size - count) % one->size];
}

int64_t windows_wait_ms(const struct windows *w, struct slice name, struct window_rule rule,
                        mono_ms_t now)
{
    const struct window *one = rule.count > 0 ? map_get(w->by_name, name) : NULL;
    if (!one)
        return 0;
    int64_t wait_ms = mono_between(now, mono_after(nth_last(one, rule.count), rule.per_ms));
    return wait_ms > 0 ? wait_ms : 0;
}

static struct window *add(struct windows *w, struct slice name, int64_t size)
{
    if (map_count(w->by_name) >= w->max_names)
        forget(w, LIST_ENTRY(w->oldest_first.next, struct window, node));
    struct window *one = xcalloc(1, sizeof *one + (size_t)size * sizeof one->times[0]);
    one->name = slice_dup(name);
    one->size = size;
    for (int64_t i = 0; i < size; i++)
        one->times[i] = MONO_PAST;
    (void)map_put(w->by_name, name, one);
    list_push_back(&w->oldest_first, &one->node);
    return one;
}

void windows_count(struct windows *w, struct slice name, struct window_rule rule, mono_ms_t now)
{
    if (rule.count <= 0)
        return;
    struct window *one = map_get(w->by_name, name);
    if (one && one->size != rule.count) { /* the setting was changed */
        forget(w, one);
        one = NULL;
    }
    if (!one)
        one = add(w, name, rule.count);
    one->times[one->at] = now;
    one->at = (one->at + 1) % one->size;
}
