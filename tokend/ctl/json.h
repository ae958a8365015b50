/* json.h - a value of tokend's as JSON: compact, members in tokend's order, harmless for a
 * terminal. One thread. */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <stdio.h>

#include <jansson.h>

void json_write(const json_t *value, FILE *out);
void json_line(const json_t *value, FILE *out); /* with a newline */

#endif
