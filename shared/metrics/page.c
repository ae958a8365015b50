/* All series as Prometheus text. Those of several processes are added up first, in a registry made
 * for that one page. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "metrics/registry.h"

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
        fprintf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, labels, comma,
                histogram_bound(i), count);
    }
    fprintf(out, "%s_sum%s%s%s", name, open, labels, close);
    write_us_as_seconds(out, h->sum_us);
    fprintf(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, count);
}

static bool counts_us(const char *name)
{
    static const char end[] = "_seconds_total";
    size_t n = strlen(name);
    return n >= sizeof end && strcmp(name + n - (sizeof end - 1), end) == 0;
}

static void write_counter(FILE *out, const char *name, const struct counter *c)
{
    if (counts_us(name))
        write_us_as_seconds(out, c->n);
    else
        fprintf(out, " %" PRIu64 "\n", c->n);
}

static void write_series(FILE *out, const struct metric_family *about, const struct series *s)
{
    const char *labels = cell_labels(s->cell);
    if (about->type == METRIC_HISTOGRAM) {
        write_histogram(out, about->name, labels, cell_value(s->cell));
        return;
    }
    fputs(about->name, out);
    if (labels[0])
        fprintf(out, "{%s}", labels);
    if (about->type == METRIC_COUNTER)
        write_counter(out, about->name, cell_value(s->cell));
    else
        fprintf(out, " %.15g\n", ((const struct gauge *)cell_value(s->cell))->value);
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
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter",    [METRIC_HISTOGRAM] = "histogram", [METRIC_GAUGE] = "gauge",
        [METRIC_GAUGE_LOWEST] = "gauge", [METRIC_GAUGE_HIGHEST] = "gauge",
    };
    if (list_empty(&f->series))
        return;
    write_help(out, f->about);
    fprintf(out, "# TYPE %s %s\n", f->about->name, types[f->about->type]);
    LIST_FOR_EACH(it, &f->series)
    write_series(out, f->about, LIST_ENTRY(it, struct series, node));
}

static char *write_page(const struct metrics *m, size_t *n)
{
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

static void add(const struct cell *copy, bool silent, void *arg)
{
    if (!silent || !metric_is_gauge(copy->about->type))
        registry_merge(arg, copy);
}

char *metrics_text(struct metrics *m, size_t *n)
{
    registry_collect(m);
    if (!m->slot)
        return write_page(m, n);
    struct metrics *sum = registry_like(m);
    board_read(m->slot, add, sum);
    char *text = write_page(sum, n);
    metrics_free(sum);
    return text;
}
