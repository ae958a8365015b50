#include "loginsvc/limits/window.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"

enum { FIRST_SIZE = 8 };

/* The latest events of one name, as a ring that grows as they come. */
struct window {
    struct list node;
    char *name;
    mono_ms_t *times;
    int64_t size;
    int64_t n;  /* of them in use */
    int64_t at; /* where the next event goes: in a full ring the oldest one stands there */
};

struct windows {
    struct map *by_name;
    struct list quietest_first;
    size_t max_names;
};

struct windows *windows_new(size_t max_names)
{
    struct windows *w = xcalloc(1, sizeof *w);
    w->by_name = map_new(0); /* names are digests or numbers of ours */
    w->max_names = max_names;
    list_init(&w->quietest_first);
    return w;
}

static void forget(struct windows *w, struct window *one)
{
    (void)map_remove(w->by_name, slice_of(one->name));
    list_remove(&one->node);
    free(one->name);
    free(one->times);
    free(one);
}

static struct window *quietest(struct windows *w)
{
    return LIST_ENTRY(w->quietest_first.next, struct window, node);
}

void windows_free(struct windows *w)
{
    if (!w)
        return;
    while (!list_empty(&w->quietest_first))
        forget(w, quietest(w));
    map_free(w->by_name);
    free(w);
}

/* The event that the next one would push out of the rule's count; MONO_PAST: there is none. */
static mono_ms_t nth_last(const struct window *one, int64_t count)
{
    if (count > one->n)
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

/* Keeps the latest that fit. */
static void resize(struct window *one, int64_t size)
{
    mono_ms_t *times = xcalloc((size_t)size, sizeof *times);
    int64_t n = one->n < size ? one->n : size;
    for (int64_t i = 0; i < n; i++)
        times[i] = nth_last(one, n - i);
    free(one->times);
    one->times = times;
    one->size = size;
    one->n = n;
    one->at = n % size;
}

static struct window *add(struct windows *w, struct slice name)
{
    if (map_count(w->by_name) >= w->max_names)
        forget(w, quietest(w));
    struct window *one = xcalloc(1, sizeof *one);
    one->name = slice_dup(name);
    (void)map_put(w->by_name, name, one);
    return one;
}

/* As many as the rule looks at, but not before so many came. */
static void make_room(struct window *one, int64_t count)
{
    int64_t more = one->size == 0 ? FIRST_SIZE : one->size * 2;
    if (one->size > count || (one->n == one->size && one->size < count))
        resize(one, more < count ? more : count);
}

void windows_count(struct windows *w, struct slice name, struct window_rule rule, mono_ms_t now)
{
    if (rule.count <= 0)
        return;
    struct window *one = map_get(w->by_name, name);
    if (!one)
        one = add(w, name);
    list_remove(&one->node);
    list_push_back(&w->quietest_first, &one->node);
    make_room(one, rule.count);
    one->times[one->at] = now;
    one->at = (one->at + 1) % one->size;
    one->n += one->n < one->size;
}
