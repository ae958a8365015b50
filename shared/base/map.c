/* Open addressing with linear probing; removal shifts the run back, so there are no tombstones. */
#include "base/map.h"

#include <stdlib.h>

struct entry {
    char *key; /* NULL in an empty slot */
    size_t key_len;
    uint64_t hash;
    void *value;
};

struct map {
    struct entry *slots;
    size_t size; /* a power of two */
    size_t count;
    uint64_t seed;
};

enum { FIRST_SIZE = 16 };

/* FNV-1a with a seed and a final mix. */
static uint64_t hash_of(const struct map *m, struct slice key)
{
    uint64_t h = 0xcbf29ce484222325u ^ m->seed;
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ (unsigned char)key.p[i]) * 0x100000001b3u;
    return h ^ (h >> 29);
}

struct map *map_new(uint64_t seed)
{
    struct map *m = xcalloc(1, sizeof *m);
    m->slots = xcalloc(FIRST_SIZE, sizeof *m->slots);
    m->size = FIRST_SIZE;
    m->seed = seed;
    return m;
}

void map_free(struct map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->size; i++)
        free(m->slots[i].key);
    free(m->slots);
    free(m);
}

/* The slot that holds the key, or the empty one where it would go. */
static size_t find_slot(const struct map *m, struct slice key, uint64_t hash)
{
    size_t i = hash & (m->size - 1);
    for (;; i = (i + 1) & (m->size - 1)) {
        const struct entry *e = &m->slots[i];
        if (!e->key || (e->hash == hash && slice_eq((struct slice){e->key, e->key_len}, key)))
            return i;
    }
}

static void grow(struct map *m)
{
    struct entry *old = m->slots;
    size_t old_size = m->size;
    m->size *= 2;
    m->slots = xcalloc(m->size, sizeof *m->slots);
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].key) {
            struct slice key = {old[i].key, old[i].key_len};
            m->slots[find_slot(m, key, old[i].hash)] = old[i];
        }
    }
    free(old);
}

void *map_get(const struct map *m, struct slice key)
{
    return m->slots[find_slot(m, key, hash_of(m, key))].value;
}

void *map_put(struct map *m, struct slice key, void *value)
{
    ASSERT(value != NULL);
    if ((m->count + 1) * 4 > m->size * 3)
        grow(m);
    uint64_t hash = hash_of(m, key);
    struct entry *e = &m->slots[find_slot(m, key, hash)];
    void *before = e->value;
    if (!e->key) {
        *e = (struct entry){slice_dup(key), key.n, hash, NULL};
        m->count++;
    }
    e->value = value;
    return before;
}

void *map_remove(struct map *m, struct slice key)
{
    size_t hole = find_slot(m, key, hash_of(m, key));
    if (!m->slots[hole].key)
        return NULL;
    void *value = m->slots[hole].value;
    free(m->slots[hole].key);
    m->count--;
    size_t mask = m->size - 1;
    for (size_t i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct entry){NULL, 0, 0, NULL};
    return value;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

bool map_next(const struct map *m, size_t *at, struct slice *key, void **value)
{
    for (; *at < m->size; (*at)++) {
        const struct entry *e = &m->slots[*at];
        if (!e->key)
            continue;
        *key = (struct slice){e->key, e->key_len};
        *value = e->value;
        (*at)++;
        return true;
    }
    return false;
}
