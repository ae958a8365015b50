#include "metrics/board.h"

#include "sys/memory.h"

struct board_slot {
    const struct board *board;
    _Atomic size_t used; /* bytes of cells, standing or empty */
    _Atomic int64_t beat_ms;
    uint64_t refused;
    struct cell *empty[CELL_UNITS_MAX + 1]; /* lists, by their units */
    _Alignas(CELL_UNIT) unsigned char cells[];
};

struct board {
    size_t size; /* of all this */
    size_t slot_size;
    int n;
    _Alignas(CELL_UNIT) unsigned char slots[];
};

static const struct board_slot *slot_of(const struct board *b, int i)
{
    return (const void *)(b->slots + (size_t)i * b->slot_size);
}

struct board *board_new(int slots, size_t slot_size)
{
    ASSERT(slots > 0 && slot_size % CELL_UNIT == 0 && slot_size > sizeof(struct board_slot));
    size_t size = sizeof(struct board) + (size_t)slots * slot_size;
    struct board *b = memory_share(size);
    if (!b)
        return NULL;
    b->size = size;
    b->slot_size = slot_size;
    b->n = slots;
    for (int i = 0; i < slots; i++)
        board_slot(b, i)->board = b;
    return b;
}

void board_free(struct board *b)
{
    if (b)
        memory_unshare(b, b->size);
}

struct board_slot *board_slot(struct board *b, int i)
{
    ASSERT(i >= 0 && i < b->n);
    return (struct board_slot *)slot_of(b, i);
}

/* ---- the one process of a slot ---- */

static struct cell *cell_at(const struct board_slot *s, size_t offset)
{
    return (struct cell *)(void *)((unsigned char *)s->cells + offset);
}

static size_t used(const struct board_slot *s)
{
    return atomic_load_explicit(&s->used, memory_order_acquire);
}

static void put_empty(struct board_slot *s, struct cell *c)
{
    struct cell **list = &s->empty[c->size / CELL_UNIT];
    c->next = *list;
    *list = c;
}

bool board_attach(struct board_slot *s)
{
    s->refused = 0;
    board_beat(s, (mono_ms_t){0});
    for (size_t i = 0; i < ARRAY_LEN(s->empty); i++)
        s->empty[i] = NULL;
    for (size_t at = 0; at < used(s); at += cell_at(s, at)->size) {
        struct cell *c = cell_at(s, at);
        if (cell_stands(c) && metric_is_gauge(c->about->type))
            cell_clear(c);
        if (!cell_stands(c))
            put_empty(s, c);
    }
    return used(s) > 0;
}

static struct cell *take_empty(struct board_slot *s, size_t size)
{
    struct cell **list = &s->empty[size / CELL_UNIT];
    struct cell *c = *list;
    if (c)
        *list = c->next;
    return c;
}

static struct cell *append(struct board_slot *s, size_t size)
{
    size_t at = used(s);
    if (size > s->board->slot_size - sizeof *s - at)
        return NULL;
    struct cell *c = cell_at(s, at);
    c->size = (uint32_t)size;
    atomic_store_explicit(&s->used, at + size, memory_order_release);
    return c;
}

struct cell *board_take(struct board_slot *s, const struct metric_family *about,
                        struct slice labels)
{
    size_t size = cell_size(about, labels);
    struct cell *c = take_empty(s, size);
    if (!c)
        c = append(s, size);
    if (c)
        cell_fill(c, about, labels);
    else
        s->refused++;
    return c;
}

void board_drop(struct board_slot *s, struct cell *c)
{
    cell_clear(c);
    put_empty(s, c);
}

uint64_t board_refused(const struct board_slot *s)
{
    return s->refused;
}

void board_beat(struct board_slot *s, mono_ms_t now)
{
    /* Who sees it sees what was collected before. */
    atomic_store_explicit(&s->beat_ms, now.ms, memory_order_release);
}

struct cell *board_next(struct board_slot *s, const struct cell *after)
{
    size_t at = after ? (size_t)((const unsigned char *)after - s->cells) + after->size : 0;
    while (at < used(s) && !cell_stands(cell_at(s, at)))
        at += cell_at(s, at)->size;
    return at < used(s) ? cell_at(s, at) : NULL;
}

/* ---- all of them ---- */

static int64_t beat_of(const struct board_slot *s)
{
    return atomic_load_explicit(&s->beat_ms, memory_order_acquire);
}

static int64_t newest_beat(const struct board *b)
{
    int64_t newest = 0;
    for (int i = 0; i < b->n; i++) {
        int64_t beat = beat_of(slot_of(b, i));
        newest = beat > newest ? beat : newest;
    }
    return newest;
}

static bool is_silent(const struct board_slot *s, int64_t newest)
{
    int64_t beat = beat_of(s);
    return beat == 0 || newest - beat > BOARD_SILENT_MS;
}

void board_read(const struct board_slot *self,
                void (*fn)(const struct cell *copy, bool silent, void *arg), void *arg)
{
    union {
        struct cell cell;
        uint64_t words[CELL_UNIT * CELL_UNITS_MAX / sizeof(uint64_t)];
    } copy;
    const struct board *b = self->board;
    int64_t newest = newest_beat(b);
    for (int i = 0; i < b->n; i++) {
        const struct board_slot *s = slot_of(b, i);
        bool silent = is_silent(s, newest);
        for (size_t at = 0; at < used(s); at += cell_at(s, at)->size) {
            if (cell_copy(cell_at(s, at),
                          &copy.cell)) /* somebody may have taken it over just now */
                fn(&copy.cell, s != self && (silent || is_silent(s, newest)), arg);
        }
    }
}
