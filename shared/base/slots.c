/* An id is the slot's generation (upper half) and its index + 1 (lower half). */
#include "base/slots.h"

#include <stdlib.h>

struct slot {
    void *object; /* NULL in a free slot */
    uint32_t generation;
    uint32_t next_free; /* index + 1; 0 ends the row of free slots */
};

struct slots {
    struct slot *v;
    uint32_t size;
    uint32_t first_free; /* index + 1; 0 when all are taken */
    size_t count;
};

enum { FIRST_SIZE = 16 };

struct slots *slots_new(void)
{
    return xcalloc(1, sizeof(struct slots));
}

void slots_free(struct slots *s)
{
    if (!s)
        return;
    free(s->v);
    free(s);
}

static void grow(struct slots *s)
{
    uint32_t size = s->size ? s->size * 2 : FIRST_SIZE;
    ASSERT(size > s->size);
    s->v = xrealloc(s->v, size * sizeof *s->v);
    for (uint32_t i = size; i-- > s->size;) {
        s->v[i] = (struct slot){NULL, 0, s->first_free};
        s->first_free = i + 1;
    }
    s->size = size;
}

uint64_t slots_put(struct slots *s, void *object)
{
    ASSERT(object != NULL);
    if (!s->first_free)
        grow(s);
    uint32_t place = s->first_free;
    struct slot *slot = &s->v[place - 1];
    s->first_free = slot->next_free;
    slot->object = object;
    s->count++;
    return (uint64_t)slot->generation << 32 | place;
}

/* The slot that holds the object of this id, or NULL. */
static struct slot *slot_of(const struct slots *s, uint64_t id)
{
    uint32_t place = (uint32_t)id;
    if (place == 0 || place > s->size)
        return NULL;
    struct slot *slot = &s->v[place - 1];
    return slot->object && slot->generation == id >> 32 ? slot : NULL;
}

void *slots_get(const struct slots *s, uint64_t id)
{
    const struct slot *slot = slot_of(s, id);
    return slot ? slot->object : NULL;
}

void *slots_remove(struct slots *s, uint64_t id)
{
    struct slot *slot = slot_of(s, id);
    if (!slot)
        return NULL;
    void *object = slot->object;
    slot->object = NULL;
    slot->generation++;
    slot->next_free = s->first_free;
    s->first_free = (uint32_t)id;
    s->count--;
    return object;
}

size_t slots_count(const struct slots *s)
{
    return s->count;
}
