/* json.h - a value of tokend's as JSON: compact, members in tokend's order, harmless for a
 * terminal. One thread. */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <stdio.h>

#include <jansson.h>

#include "base/text.h"

/* The text of a member, borrowed from it; empty when it is none or not there. NULL is allowed. */
struct slice json_text(const json_t *object, const char *name);

void json_write(const json_t *value, FILE *out);
void json_line(const json_t *value, FILE *out); /* with a newline */

#endif
