/* history.h - the latest of many events, in order.
 *
 * Takes events of any app in any order and keeps as many of the latest as it may. Pure; one
 * thread. */
#ifndef CTL_HISTORY_H
#define CTL_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/check.h"

struct history; /* opaque */

struct history *history_new(size_t most) MUST_CHECK;
void history_free(struct history *h); /* NULL is allowed */

/* Puts the event, an object with "id" ("1700000000000-0"), in its place, with a reference of its
 * own. False when it is older than all of a full history, or no such object. */
bool history_add(struct history *h, json_t *event);

size_t history_count(const struct history *h);
const json_t *history_at(const struct history *h, size_t i); /* the oldest first; borrowed */

#endif
