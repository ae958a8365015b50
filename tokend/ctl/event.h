/* event.h - one event of tokend, on one line. One thread. */
#ifndef CTL_EVENT_H
#define CTL_EVENT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* "2026-01-02T03:04:05.678Z  wx0123456789abcdef  refreshed       version=8 mode=classic", or the
 * object itself as JSON. What the event has no member for is "-". */
void event_write(const json_t *event, bool as_json, FILE *out);

#endif
