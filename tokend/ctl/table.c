#include "tokend/ctl/table.h"

#include <stdlib.h>

#include "tokend/ctl/plain.h"

enum { GAP = 2 }; /* blanks between two columns */

struct table {
    const char *const *headings;
    size_t columns;
    size_t *widths; /* of the columns, so far */
    char **cells;   /* row by row */
    size_t n, room;
};

static void widen(struct table *t, size_t column, const char *text)
{
    size_t width = plain_width(slice_of(text));
    if (width > t->widths[column])
        t->widths[column] = width;
}

struct table *table_new(const char *const *headings, size_t columns)
{
    ASSERT(columns > 0);
    struct table *t = xcalloc(1, sizeof *t);
    t->headings = headings;
    t->columns = columns;
    t->widths = xcalloc(columns, sizeof *t->widths);
    for (size_t i = 0; i < columns; i++)
        widen(t, i, headings[i]);
    return t;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t->widths);
    free(t);
}

void table_add(struct table *t, struct slice cell)
{
    if (t->n == t->room) {
        t->room = t->room ? 2 * t->room : 8 * t->columns;
        t->cells = xrealloc(t->cells, t->room * sizeof *t->cells);
    }
    char *text = slice_dup(cell.n ? cell : SLICE_LIT("-"));
    widen(t, t->n % t->columns, text);
    t->cells[t->n++] = text;
}

static void write_row(const struct table *t, const char *const *row, FILE *out)
{
    for (size_t i = 0; i < t->columns; i++) {
        size_t blanks = t->widths[i] - plain_width(slice_of(row[i])) + GAP;
        plain_write(slice_of(row[i]), out);
        if (i + 1 < t->columns)
            fprintf(out, "%*s", (int)blanks, "");
    }
    fputc('\n', out);
}

void table_write(const struct table *t, FILE *out)
{
    write_row(t, t->headings, out);
    for (size_t at = 0; at + t->columns <= t->n; at += t->columns)
        write_row(t, (const char *const *)(t->cells + at), out);
}
