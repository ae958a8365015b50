#include "wxsim/codes.h"

#include <stdlib.h>

enum { FIRST_SIZE = 64 };

struct codes {
    struct code *ring; /* a code stands at its serial modulo size */
    size_t size;       /* a power of two */
    uint64_t first;    /* serial of the oldest that is held */
    uint64_t next;     /* serial of the next to come; none are held when it equals first */
};

static struct code *at(const struct codes *c, uint64_t serial)
{
    return &c->ring[serial & (c->size - 1)];
}

struct codes *codes_new(void)
{
    struct codes *c = xcalloc(1, sizeof *c);
    c->size = FIRST_SIZE;
    c->ring = xcalloc(c->size, sizeof *c->ring);
    c->first = c->next = 1;
    return c;
}

static void drop_first(struct codes *c)
{
    struct code *code = at(c, c->first++);
    free(code->openid);
    free(code->unionid);
    *code = (struct code){0};
}

/* Moves what is held into a ring of `size`, which must have room for it. */
static void resize(struct codes *c, size_t size)
{
    struct codes bigger = {xcalloc(size, sizeof *c->ring), size, c->first, c->next};
    for (uint64_t serial = c->first; serial < c->next; serial++)
        *at(&bigger, serial) = *at(c, serial);
    free(c->ring);
    *c = bigger;
}

void codes_clear(struct codes *c)
{
    while (c->first < c->next)
        drop_first(c);
    resize(c, FIRST_SIZE);
}

void codes_free(struct codes *c)
{
    if (!c)
        return;
    codes_clear(c);
    free(c->ring);
    free(c);
}

size_t codes_count(const struct codes *c)
{
    return (size_t)(c->next - c->first);
}

uint64_t codes_add(struct codes *c, const struct code *code, mono_ms_t now)
{
    while (c->first < c->next && mono_reached(now, at(c, c->first)->expires_at))
        drop_first(c);
    if (codes_count(c) == CODES_MAX)
        drop_first(c);
    if (codes_count(c) == c->size)
        resize(c, c->size * 2);
    else if (c->size > FIRST_SIZE && codes_count(c) < c->size / 8)
        resize(c, c->size / 2);
    *at(c, c->next) = *code;
    return c->next++;
}

struct code *codes_find(const struct codes *c, uint64_t serial, mono_ms_t now)
{
    if (serial < c->first || serial >= c->next)
        return NULL;
    struct code *code = at(c, serial);
    return mono_reached(now, code->expires_at) ? NULL : code;
}
