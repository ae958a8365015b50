/* table.h - rows of texts under headings, in columns as wide as their widest text.
 *
 * Knows nothing of what the texts mean. Grows with what is put in: its maker bounds that. One
 * thread. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdio.h>

#include "base/text.h"

struct table; /* opaque */

/* The headings are borrowed for the table's life. */
struct table *table_new(const char *const *headings, size_t columns) MUST_CHECK;
void table_free(struct table *t); /* NULL is allowed */

/* The next cell, row by row from left to right; copied. An empty one shows as "-". */
void table_add(struct table *t, struct slice cell);

/* Headings and whole rows, through plain_write; no blanks at the end of a line. */
void table_write(const struct table *t, FILE *out);

#endif
