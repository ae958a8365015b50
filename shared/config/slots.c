#include "config/slots.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char file_suffix[] = "_FILE";

void slot_clear(struct slot *s)
{
    secret_wipe(&s->text);
    free(s->where);
    *s = (struct slot){0};
}

void slot_set(struct slot *s, struct slice text, const char *where, enum source source,
              bool is_path)
{
    struct secret copy = {NULL, 0};
    secret_set(&copy, text); /* first: `text` may be what the slot holds */
    char *place = xstrdup(where);
    slot_clear(s);
    *s = (struct slot){copy, place, source, is_path};
}

void slot_append(struct slot *s, struct slice more)
{
    struct slice old = secret_reveal(&s->text);
    size_t size = old.n + 1 + more.n + 1;
    char *joined = xcalloc(size, 1);
    struct text t = text_init(joined, size);
    text_add(&t, old);
    text_char(&t, ',');
    text_add(&t, more);
    secret_set(&s->text, (struct slice){t.p, t.n});
    bytes_wipe(joined, size);
    free(joined);
}

bool slot_is_set(const struct slot *s)
{
    return s->text.bytes != NULL;
}

bool slot_eq(const struct slot *a, const struct slot *b)
{
    if (!slot_is_set(a) || !slot_is_set(b))
        return !slot_is_set(a) && !slot_is_set(b);
    return secret_eq(&a->text, &b->text);
}

void slot_copy(struct slot *to, const struct slot *from)
{
    if (slot_is_set(from))
        slot_set(to, secret_reveal(&from->text), from->where, from->source, from->is_path);
    else
        slot_clear(to);
}

void slots_init(struct slots *s, const struct config_item *items, size_t n)
{
    *s = (struct slots){items, n, xcalloc(n, sizeof *s->at)};
    for (size_t i = 0; i < n; i++) {
        if (items[i].initial && items[i].initial[0] != '$')
            slot_set(&s->at[i], slice_of(items[i].initial), "default", SOURCE_DEFAULT, false);
    }
}

void slots_deinit(struct slots *s)
{
    for (size_t i = 0; i < s->n; i++)
        slot_clear(&s->at[i]);
    free(s->at);
}

static bool eq_any_case(struct slice a, const char *b)
{
    return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

static int find_exact(const struct slots *s, struct slice name)
{
    for (size_t i = 0; i < s->n; i++) {
        if (eq_any_case(name, s->items[i].name))
            return (int)i;
    }
    return -1;
}

int slots_find(const struct slots *s, struct slice name, bool *is_path)
{
    *is_path = false;
    int i = find_exact(s, name);
    size_t suffix = strlen(file_suffix);
    if (i >= 0 || name.n <= suffix)
        return i;
    if (!eq_any_case((struct slice){name.p + name.n - suffix, suffix}, file_suffix))
        return -1;
    i = find_exact(s, (struct slice){name.p, name.n - suffix});
    *is_path = i >= 0 && s->items[i].kind == CONFIG_KIND_SECRET;
    return *is_path ? i : -1;
}
