#include "metrics/metrics.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "metrics/registry.h"

/* ---- labels ---- */

static void add_label_value(struct text *t, const char *value)
{
    struct slice rest = utf8_prefix(slice_of(value), METRIC_MAX_LABEL_VALUE);
    while (rest.n > 0) {
        size_t n = utf8_first(rest, NULL);
        if (n == 0)
            text_char(t, '?'); /* one bad byte would spoil the whole page */
        else if (rest.p[0] == '\n')
            text_str(t, "\\n");
        else if (rest.p[0] == '"' || rest.p[0] == '\\')
            text_fmt(t, "\\%c", rest.p[0]);
        else
            text_add(t, (struct slice){rest.p, n});
        size_t step = n ? n : 1;
        rest = (struct slice){rest.p + step, rest.n - step};
    }
}

static void add_label(struct text *t, struct slice name, const char *value)
{
    text_str(t, t->n ? "," : "");
    text_add(t, name);
    text_str(t, "=\"");
    add_label_value(t, value);
    text_char(t, '"');
}

/* `values` as METRIC_LABELS, NULL for a family without labels. */
static struct slice write_labels(const struct family *f, const char *const *values,
                                 char out[CELL_LABELS_MAX])
{
    struct text t = text_init(out, CELL_LABELS_MAX);
    for (size_t i = 0; i < f->n_labels; i++) {
        ASSERT(values && values[i]);
        add_label(&t, f->label[i], values[i]);
    }
    ASSERT(!values || !values[f->n_labels]);
    ASSERT(!t.cut);
    return (struct slice){t.p, t.n};
}

static struct slice write_other_labels(const struct family *f, char out[CELL_LABELS_MAX])
{
    const char *values[METRIC_MAX_LABELS + 1] = {NULL};
    for (size_t i = 0; i < f->n_labels; i++)
        values[i] = "other";
    return write_labels(f, values, out);
}

/* ---- series ---- */

static struct cell *cell_alone(const struct metric_family *about, struct slice labels)
{
    size_t size = cell_size(about, labels);
    struct cell *c = xcalloc(1, size);
    c->size = (uint32_t)size;
    cell_fill(c, about, labels);
    return c;
}

static struct series *add_series(struct family *f, struct cell *c, bool on_board)
{
    struct series *s = xcalloc(1, sizeof *s);
    *s = (struct series){.cell = c, .on_board = on_board};
    list_push_back(&f->series, &s->node);
    map_put(f->by_labels, slice_of(cell_labels(c)), s);
    return s;
}

/* What does not fit on the board is counted all the same, for nobody to see: a page that shows it
 * only when this process answers would be worse than one that does not. */
static struct series *make_series(struct metrics *m, struct family *f, struct slice labels)
{
    struct cell *c = m->slot ? board_take(m->slot, f->about, labels) : NULL;
    return add_series(f, c ? c : cell_alone(f->about, labels), c != NULL);
}

static void drop_series(struct metrics *m, struct family *f, struct series *s)
{
    map_remove(f->by_labels, slice_of(cell_labels(s->cell)));
    list_remove(&s->node);
    if (s->on_board)
        board_drop(m->slot, s->cell);
    else
        free(s->cell);
    free(s);
}

static struct series *series_of(struct metrics *m, struct family *f, struct slice labels)
{
    struct series *s = map_get(f->by_labels, labels);
    if (s)
        return s;
    if (map_count(f->by_labels) < METRIC_MAX_SERIES)
        return make_series(m, f, labels);
    char text[CELL_LABELS_MAX];
    labels = write_other_labels(f, text);
    s = map_get(f->by_labels, labels);
    return s ? s : make_series(m, f, labels);
}

/* ---- families ---- */

static bool name_ok(const char *name)
{
    if (isdigit((unsigned char)name[0]))
        return false;
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n > 0 && name[n] == '\0';
}

static void family_init(struct family *f, const struct metric_family *about)
{
    ASSERT(name_ok(about->name));
    *f = (struct family){.about = about, .by_labels = map_new(0)};
    list_init(&f->series);
    struct slice rest = slice_of(about->labels);
    while (rest.n > 0) {
        ASSERT(f->n_labels < METRIC_MAX_LABELS);
        f->label[f->n_labels++] = slice_cut(&rest, ',');
    }
}

/* What stands on the board stays there, for who comes after us. */
static void family_deinit(struct family *f)
{
    for (struct list *node; (node = list_pop_front(&f->series)) != NULL;) {
        struct series *s = LIST_ENTRY(node, struct series, node);
        if (!s->on_board)
            free(s->cell);
        free(s);
    }
    map_free(f->by_labels);
}

static struct family *find_family(const struct metrics *m, const struct metric_family *about)
{
    struct family *found = NULL;
    LIST_FOR_EACH(it, &m->tables)
    {
        struct table *t = LIST_ENTRY(it, struct table, node);
        if (about >= t->first && about < t->first + t->n)
            found = &t->families[about - t->first];
    }
    ASSERT(found != NULL);
    return found;
}

static struct series *find(struct metrics *m, const struct metric_family *about,
                           enum metric_type type, const char *const *values)
{
    char text[CELL_LABELS_MAX];
    ASSERT(about->type == type);
    struct family *f = find_family(m, about);
    return series_of(m, f, write_labels(f, values, text));
}

struct counter *metrics_counter(struct metrics *m, const struct metric_family *f,
                                const char *const *labels)
{
    return cell_value(find(m, f, METRIC_COUNTER, labels)->cell);
}

struct gauge *metrics_gauge(struct metrics *m, const struct metric_family *f,
                            const char *const *labels)
{
    ASSERT(metric_is_gauge(f->type));
    return cell_value(find(m, f, f->type, labels)->cell);
}

struct histogram *metrics_histogram(struct metrics *m, const struct metric_family *f,
                                    const char *const *labels)
{
    return cell_value(find(m, f, METRIC_HISTOGRAM, labels)->cell);
}

void metrics_follow(struct metrics *m, const struct metric_family *f, const char *const *labels,
                    uint64_t n)
{
    struct series *s = find(m, f, METRIC_COUNTER, labels);
    struct counter *c = cell_value(s->cell);
    if (s->base + n > c->n)
        c->n = s->base + n;
}

/* ---- registry ---- */

struct metrics *metrics_new(void)
{
    struct metrics *m = xcalloc(1, sizeof *m);
    list_init(&m->tables);
    list_init(&m->collectors);
    return m;
}

struct metrics *metrics_new_shared(struct board_slot *slot)
{
    struct metrics *m = metrics_new();
    m->slot = slot;
    m->inherited = board_attach(slot);
    return m;
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (struct list *node; (node = list_pop_front(&m->tables)) != NULL;) {
        struct table *t = LIST_ENTRY(node, struct table, node);
        for (size_t i = 0; i < t->n; i++)
            family_deinit(&t->families[i]);
        free(t->families);
        free(t);
    }
    for (struct list *node; (node = list_pop_front(&m->collectors)) != NULL;)
        free(LIST_ENTRY(node, struct collector, node));
    free(m);
}

static struct table *add_table(struct metrics *m, const struct metric_family *first, size_t n)
{
    struct table *t = xcalloc(1, sizeof *t);
    *t = (struct table){.first = first, .n = n, .families = xcalloc(n, sizeof *t->families)};
    for (size_t i = 0; i < n; i++)
        family_init(&t->families[i], &first[i]);
    list_push_back(&m->tables, &t->node);
    return t;
}

/* Goes on with what a process before this one left in the slot. */
static void take_over(struct metrics *m, struct table *t)
{
    for (struct cell *c = NULL; (c = board_next(m->slot, c)) != NULL;) {
        if (c->about < t->first || c->about >= t->first + t->n)
            continue;
        struct series *s = add_series(&t->families[c->about - t->first], c, true);
        if (c->about->type == METRIC_COUNTER)
            s->base = ((const struct counter *)cell_value(c))->n;
    }
}

void metrics_register(struct metrics *m, const struct metric_family *table, size_t n)
{
    struct table *t = add_table(m, table, n);
    if (m->slot)
        take_over(m, t);
    for (size_t i = 0; i < n; i++) {
        if (t->families[i].n_labels == 0)
            (void)series_of(m, &t->families[i], SLICE_LIT(""));
    }
}

struct metrics *registry_like(const struct metrics *m)
{
    struct metrics *like = metrics_new();
    LIST_FOR_EACH(it, &m->tables)
    {
        const struct table *t = LIST_ENTRY(it, struct table, node);
        (void)add_table(like, t->first, t->n);
    }
    return like;
}

void registry_merge(struct metrics *m, const struct cell *c)
{
    struct family *f = find_family(m, c->about);
    struct slice labels = slice_of(cell_labels(c));
    size_t before = map_count(f->by_labels);
    struct series *s = series_of(m, f, labels);
    if (map_count(f->by_labels) > before)
        cell_set(s->cell, c);
    else
        cell_merge(s->cell, c);
}

void metrics_on_collect(struct metrics *m, void (*fn)(void *arg), void *arg)
{
    struct collector *c = xcalloc(1, sizeof *c);
    *c = (struct collector){.fn = fn, .arg = arg};
    list_push_back(&m->collectors, &c->node);
}

void registry_collect(struct metrics *m)
{
    LIST_FOR_EACH(it, &m->collectors)
    {
        struct collector *c = LIST_ENTRY(it, struct collector, node);
        c->fn(c->arg);
    }
}

void metrics_publish(struct metrics *m, mono_ms_t now)
{
    ASSERT(m->slot);
    registry_collect(m);
    board_beat(m->slot, now);
}

bool metrics_inherited(const struct metrics *m)
{
    return m->inherited;
}

uint64_t metrics_refused(const struct metrics *m)
{
    return m->slot ? board_refused(m->slot) : 0;
}

/* ---- forgetting ---- */

/* Whether a series' labels begin with this whole label. */
static bool begins_with(const struct series *s, struct slice label)
{
    const char *labels = cell_labels(s->cell);
    if (strncmp(labels, label.p, label.n) != 0)
        return false;
    return labels[label.n] == '\0' || labels[label.n] == ',';
}

static void forget_in(struct metrics *m, struct family *f, const char *first_label,
                      const char *value)
{
    if (f->n_labels == 0 || !slice_is(f->label[0], first_label))
        return;
    char text[CELL_LABELS_MAX];
    struct text label = text_init(text, sizeof text);
    add_label(&label, f->label[0], value);
    LIST_FOR_EACH(it, &f->series)
    {
        struct series *s = LIST_ENTRY(it, struct series, node);
        if (begins_with(s, (struct slice){label.p, label.n}))
            drop_series(m, f, s);
    }
}

void metrics_forget(struct metrics *m, const char *first_label, const char *value)
{
    LIST_FOR_EACH(it, &m->tables)
    {
        struct table *t = LIST_ENTRY(it, struct table, node);
        for (size_t i = 0; i < t->n; i++)
            forget_in(m, &t->families[i], first_label, value);
    }
}
