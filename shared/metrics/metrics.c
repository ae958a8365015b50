/* Series hang in the order of their making in a list of their family and are found by the text of
 * their labels as it is written out: one text serves as key and as output. */
#include "metrics/metrics.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/utf8.h"

enum {
    /* Every byte of a value may need a backslash; the names are ours. */
    LABELS_SIZE = METRIC_MAX_LABELS * (2 * METRIC_MAX_LABEL_VALUE + 64),
};

/* Allocated no longer than its type needs: there may be tens of thousands. */
struct series {
    struct list node;
    char *labels; /* appid="wx1",outcome="ok" */
    union {
        struct counter counter;
        struct gauge gauge;
        struct histogram histogram;
    } u;
};

static size_t series_size(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER:
        return offsetof(struct series, u) + sizeof(struct counter);
    case METRIC_GAUGE:
        return offsetof(struct series, u) + sizeof(struct gauge);
    case METRIC_HISTOGRAM:
        return sizeof(struct series);
    }
    UNREACHABLE("no such type");
}

struct family {
    const struct metric_family *about;
    struct slice label[METRIC_MAX_LABELS];
    size_t n_labels;
    struct list series;
    struct map *by_labels; /* to struct series */
};

struct table {
    struct list node;
    const struct metric_family *first;
    size_t n;
    struct family *families;
};

struct collector {
    struct list node;
    void (*fn)(void *arg);
    void *arg;
};

struct metrics {
    struct list tables;
    struct list collectors;
};

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
                                 char out[LABELS_SIZE])
{
    struct text t = text_init(out, LABELS_SIZE);
    for (size_t i = 0; i < f->n_labels; i++) {
        ASSERT(values && values[i]);
        add_label(&t, f->label[i], values[i]);
    }
    ASSERT(!values || !values[f->n_labels]);
    ASSERT(!t.cut);
    return (struct slice){t.p, t.n};
}

static struct slice write_other_labels(const struct family *f, char out[LABELS_SIZE])
{
    const char *values[METRIC_MAX_LABELS + 1] = {NULL};
    for (size_t i = 0; i < f->n_labels; i++)
        values[i] = "other";
    return write_labels(f, values, out);
}

/* ---- series ---- */

static struct series *make_series(struct family *f, struct slice labels)
{
    struct series *s = xcalloc(1, series_size(f->about->type));
    s->labels = slice_dup(labels);
    list_push_back(&f->series, &s->node);
    map_put(f->by_labels, labels, s);
    return s;
}

static void drop_series(struct family *f, struct series *s)
{
    map_remove(f->by_labels, slice_of(s->labels));
    list_remove(&s->node);
    free(s->labels);
    free(s);
}

static struct series *find_series(struct family *f, const char *const *values)
{
    char text[LABELS_SIZE];
    struct slice labels = write_labels(f, values, text);
    struct series *s = map_get(f->by_labels, labels);
    if (s)
        return s;
    if (map_count(f->by_labels) < METRIC_MAX_SERIES)
        return make_series(f, labels);
    labels = write_other_labels(f, text);
    s = map_get(f->by_labels, labels);
    return s ? s : make_series(f, labels);
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
    if (f->n_labels == 0)
        make_series(f, SLICE_LIT(""));
}

static void family_deinit(struct family *f)
{
    LIST_FOR_EACH(it, &f->series)
    drop_series(f, LIST_ENTRY(it, struct series, node));
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

static struct series *find(const struct metrics *m, const struct metric_family *about,
                           enum metric_type type, const char *const *labels)
{
    ASSERT(about->type == type);
    return find_series(find_family(m, about), labels);
}

struct counter *metrics_counter(struct metrics *m, const struct metric_family *f,
                                const char *const *labels)
{
    return &find(m, f, METRIC_COUNTER, labels)->u.counter;
}

struct gauge *metrics_gauge(struct metrics *m, const struct metric_family *f,
                            const char *const *labels)
{
    return &find(m, f, METRIC_GAUGE, labels)->u.gauge;
}

struct histogram *metrics_histogram(struct metrics *m, const struct metric_family *f,
                                    const char *const *labels)
{
    return &find(m, f, METRIC_HISTOGRAM, labels)->u.histogram;
}

/* ---- registry ---- */

struct metrics *metrics_new(void)
{
    struct metrics *m = xcalloc(1, sizeof *m);
    list_init(&m->tables);
    list_init(&m->collectors);
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

void metrics_register(struct metrics *m, const struct metric_family *table, size_t n)
{
    struct table *t = xcalloc(1, sizeof *t);
    *t = (struct table){.first = table, .n = n, .families = xcalloc(n, sizeof *t->families)};
    for (size_t i = 0; i < n; i++)
        family_init(&t->families[i], &table[i]);
    list_push_back(&m->tables, &t->node);
}

void metrics_on_collect(struct metrics *m, void (*fn)(void *arg), void *arg)
{
    struct collector *c = xcalloc(1, sizeof *c);
    *c = (struct collector){.fn = fn, .arg = arg};
    list_push_back(&m->collectors, &c->node);
}

/* Whether a series' labels begin with this whole label. */
static bool begins_with(const struct series *s, struct slice label)
{
    if (strncmp(s->labels, label.p, label.n) != 0)
        return false;
    return s->labels[label.n] == '\0' || s->labels[label.n] == ',';
}

static void forget_in(struct family *f, const char *first_label, const char *value)
{
    if (f->n_labels == 0 || !slice_is(f->label[0], first_label))
        return;
    char text[LABELS_SIZE];
    struct text label = text_init(text, sizeof text);
    add_label(&label, f->label[0], value);
    LIST_FOR_EACH(it, &f->series)
    {
        struct series *s = LIST_ENTRY(it, struct series, node);
        if (begins_with(s, (struct slice){label.p, label.n}))
            drop_series(f, s);
    }
}

void metrics_forget(struct metrics *m, const char *first_label, const char *value)
{
    LIST_FOR_EACH(it, &m->tables)
    {
        struct table *t = LIST_ENTRY(it, struct table, node);
        for (size_t i = 0; i < t->n; i++)
            forget_in(&t->families[i], first_label, value);
    }
}

/* ---- histograms ---- */

static const struct {
    int64_t us;
    const char *le;
} buckets[HISTOGRAM_BUCKETS] = {
    {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},
    {1000000, "1"},   {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"}, {INT64_MAX, "+Inf"},
};

void histogram_observe_us(struct histogram *h, int64_t us)
{
    if (us < 0)
        us = 0;
    size_t i = 0;
    while (us > buckets[i].us)
        i++;
    h->in_bucket[i]++;
    h->sum_us += (uint64_t)us;
}

static void write_us_as_seconds(FILE *out, uint64_t us)
{
    fprintf(out, " %" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

static void write_histogram(FILE *out, const char *name, const char *labels,
                            const struct histogram *h)
{
    const char *comma = labels[0] ? "," : "", *open = labels[0] ? "{" : "",
               *close = labels[0] ? "}" : "";
    uint64_t count = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        count += h->in_bucket[i];
        fprintf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, labels, comma, buckets[i].le,
                count);
    }
    fprintf(out, "%s_sum%s%s%s", name, open, labels, close);
    write_us_as_seconds(out, h->sum_us);
    fprintf(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, count);
}

/* ---- output ---- */

static bool counts_us(const char *name)
{
    static const char end[] = "_seconds_total";
    size_t n = strlen(name);
    return n >= sizeof end && strcmp(name + n - (sizeof end - 1), end) == 0;
}

static void write_series(FILE *out, const struct metric_family *about, const struct series *s)
{
    if (about->type == METRIC_HISTOGRAM) {
        write_histogram(out, about->name, s->labels, &s->u.histogram);
        return;
    }
    fputs(about->name, out);
    if (s->labels[0])
        fprintf(out, "{%s}", s->labels);
    if (about->type == METRIC_GAUGE)
        fprintf(out, " %.15g\n", s->u.gauge.value);
    else if (counts_us(about->name))
        write_us_as_seconds(out, s->u.counter.n);
    else
        fprintf(out, " %" PRIu64 "\n", s->u.counter.n);
}

/* HELP knows two escapes: the backslash and the end of the line. */
static void write_help(FILE *out, const struct metric_family *about)
{
    fprintf(out, "# HELP %s ", about->name);
    for (const char *p = about->help; *p; p++) {
        if (*p == '\\' || *p == '\n')
            fputs(*p == '\n' ? "\\n" : "\\\\", out);
        else
            fputc(*p, out);
    }
    fputc('\n', out);
}

static void write_family(FILE *out, const struct family *f)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    if (list_empty(&f->series))
        return;
    write_help(out, f->about);
    fprintf(out, "# TYPE %s %s\n", f->about->name, types[f->about->type]);
    LIST_FOR_EACH(it, &f->series)
    write_series(out, f->about, LIST_ENTRY(it, struct series, node));
}

char *metrics_text(struct metrics *m, size_t *n)
{
    LIST_FOR_EACH(it, &m->collectors)
    {
        struct collector *c = LIST_ENTRY(it, struct collector, node);
        c->fn(c->arg);
    }
    char *text = NULL;
    FILE *out = open_memstream(&text, n);
    ASSERT(out);
    LIST_FOR_EACH(it, &m->tables)
    {
        struct table *t = LIST_ENTRY(it, struct table, node);
        for (size_t i = 0; i < t->n; i++)
            write_family(out, &t->families[i]);
    }
    ASSERT(fclose(out) == 0);
    return text;
}
