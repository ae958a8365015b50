/* plain.h - text of a peer, made harmless for a terminal.
 *
 * A control character, which a terminal obeys, is written as \u001b (inside of JSON that means the
 * same character), a byte that is no UTF-8 as \xff. Any thread. */
#ifndef CTL_PLAIN_H
#define CTL_PLAIN_H

#include <stdio.h>

#include "base/text.h"

void plain_write(struct slice s, FILE *out);

/* The columns of a terminal that plain_write takes for it: two for each Chinese character. */
size_t plain_width(struct slice s);

#endif
