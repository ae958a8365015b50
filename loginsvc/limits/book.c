#include "loginsvc/limits/book.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/secret.h"

struct code {
    struct list node;
    char name[CLAIM_NAME_SIZE];
    char fingerprint[CLAIM_NAME_SIZE];
    mono_ms_t held_until;
    mono_ms_t expires_at;
};

struct answer {
    struct list node;
    char fingerprint[CLAIM_NAME_SIZE];
    bool exchanged;
    mono_ms_t expires_at;
    size_t n;
    char bytes[];
};

struct book {
    struct map *codes;   /* by name */
    struct map *answers; /* by fingerprint */
    struct list codes_in_order, answers_in_order;
    size_t max_codes;
};

struct book *book_new(size_t max_codes)
{
    struct book *b = xcalloc(1, sizeof *b);
    b->codes = map_new(0); /* names and fingerprints are digests */
    b->answers = map_new(0);
    b->max_codes = max_codes;
    list_init(&b->codes_in_order);
    list_init(&b->answers_in_order);
    return b;
}

static void forget_code(struct book *b, struct code *code)
{
    (void)map_remove(b->codes, slice_of(code->name));
    list_remove(&code->node);
    free(code);
}

static void forget_answer(struct book *b, struct answer *a)
{
    (void)map_remove(b->answers, slice_of(a->fingerprint));
    list_remove(&a->node);
    bytes_wipe(a->bytes, a->n);
    free(a);
}

static struct code *first_code(struct book *b)
{
    return list_empty(&b->codes_in_order) ? NULL
                                          : LIST_ENTRY(b->codes_in_order.next, struct code, node);
}

static struct answer *first_answer(struct book *b)
{
    return list_empty(&b->answers_in_order)
               ? NULL
               : LIST_ENTRY(b->answers_in_order.next, struct answer, node);
}

void book_free(struct book *b)
{
    if (!b)
        return;
    while (first_code(b))
        forget_code(b, first_code(b));
    while (first_answer(b))
        forget_answer(b, first_answer(b));
    map_free(b->codes);
    map_free(b->answers);
    free(b);
}

/* Lives differ little, so what is over stands in front; what does not is found over when asked. */
static void forget_old(struct book *b, mono_ms_t now)
{
    struct code *code;
    struct answer *a;
    while ((code = first_code(b)) && mono_reached(now, code->expires_at))
        forget_code(b, code);
    while ((a = first_answer(b)) && mono_reached(now, a->expires_at))
        forget_answer(b, a);
}

static struct code *find_code(const struct book *b, const char *name, mono_ms_t now)
{
    struct code *code = map_get(b->codes, slice_of(name));
    return code && !mono_reached(now, code->expires_at) ? code : NULL;
}

static const struct answer *find_answer(const struct book *b, const struct claim *c, mono_ms_t now)
{
    const struct answer *a = map_get(b->answers, slice_of(c->fingerprint));
    return a && !mono_reached(now, a->expires_at) ? a : NULL;
}

struct book_finding book_find(struct book *b, const struct claim *c, mono_ms_t now)
{
    forget_old(b, now);
    const struct answer *a = find_answer(b, c, now);
    unsigned used = 0;
    for (int i = 0; i < c->n_codes; i++) {
        const struct code *code = find_code(b, c->codes[i], now);
        bool own = code && strcmp(code->fingerprint, c->fingerprint) == 0;
        if (own && !mono_reached(now, code->held_until))
            return (struct book_finding){.verdict = CLAIM_HELD};
        used |= (unsigned)(code != NULL) << i;
    }
    if (a)
        return (struct book_finding){.verdict = a->exchanged ? CLAIM_EXCHANGED : CLAIM_KEPT,
                                     .kept = {a->bytes, a->n}};
    return (struct book_finding){.verdict = used ? CLAIM_USED : CLAIM_MINE, .codes = used};
}

static struct code *enter_code(struct book *b, const char *name)
{
    struct code *code = map_get(b->codes, slice_of(name));
    if (code) {
        list_remove(&code->node);
    } else {
        struct code *oldest = first_code(b);
        if (oldest && map_count(b->codes) >= b->max_codes)
            forget_code(b, oldest);
        code = xcalloc(1, sizeof *code);
        memcpy(code->name, name, sizeof code->name);
        (void)map_put(b->codes, slice_of(name), code);
    }
    list_push_back(&b->codes_in_order, &code->node);
    return code;
}

void book_hold(struct book *b, const struct claim *c, mono_ms_t now, mono_ms_t until)
{
    for (int i = 0; i < c->n_codes; i++) {
        struct code *code = enter_code(b, c->codes[i]);
        memcpy(code->fingerprint, c->fingerprint, sizeof code->fingerprint);
        code->held_until = until;
        code->expires_at = mono_after(now, BOOK_CODE_LIFE_MS);
    }
}

/* This claim's own code, or NULL. */
static struct code *own_code(const struct book *b, const struct claim *c, int i)
{
    struct code *code = map_get(b->codes, slice_of(c->codes[i]));
    return code && strcmp(code->fingerprint, c->fingerprint) == 0 ? code : NULL;
}

void book_drop(struct book *b, const struct claim *c, unsigned codes)
{
    for (int i = 0; i < c->n_codes; i++) {
        struct code *code = own_code(b, c, i);
        if (code && codes & 1u << i)
            forget_code(b, code);
    }
}

void book_release_answer(struct book *b, const struct claim *c)
{
    struct answer *a = map_get(b->answers, slice_of(c->fingerprint));
    if (a)
        forget_answer(b, a);
}

static void keep_answer(struct book *b, const struct claim *c, struct slice kept, bool exchanged,
                        mono_ms_t until)
{
    struct answer *a = xcalloc(1, sizeof *a + kept.n);
    memcpy(a->fingerprint, c->fingerprint, sizeof a->fingerprint);
    memcpy(a->bytes, kept.p, kept.n);
    a->n = kept.n;
    a->exchanged = exchanged;
    a->expires_at = until;
    (void)map_put(b->answers, slice_of(c->fingerprint), a);
    list_push_back(&b->answers_in_order, &a->node);
    if (map_count(b->answers) > b->max_codes)
        forget_answer(b, first_answer(b));
}

void book_settle(struct book *b, const struct claim *c, mono_ms_t now, struct slice kept,
                 bool exchanged, mono_ms_t kept_until)
{
    for (int i = 0; i < c->n_codes; i++) {
        struct code *code = own_code(b, c, i);
        if (code)
            code->held_until = now;
    }
    book_release_answer(b, c);
    if (kept.n > 0)
        keep_answer(b, c, kept, exchanged, kept_until);
}
