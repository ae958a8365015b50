/* value.h - one value of a setting: its text checked, turned into the field, freed, explained.
 *
 * Knows the kinds of config.h; knows no names, no sources. Inner header of config. Pure; any
 * thread. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/config.h"

/* Parses `text` into the field (which must be cleared, or zero) when it is a value of the item.
 * `field` NULL: only checks. */
bool value_parse(const struct config_item *item, struct slice text, void *field) MUST_CHECK;

/* Frees what the field holds, wiping secrets, and leaves it as when it was never set. */
void value_clear(const struct config_item *item, void *field);

/* "a duration from 50ms to 2m": what value_parse takes. */
void value_legal(const struct config_item *item, struct text *t);

/* The same with an example for who got it wrong: "..., like 500ms 2s 5m 2h 30d". */
void value_expected(const struct config_item *item, struct text *t);

/* Whether its text must never be shown. */
bool value_is_secret(const struct config_item *item);

#endif
