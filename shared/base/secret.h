/* secret.h - a secret (appsecret, key, password, token) that cannot be printed by accident.
 *
 * It owns its bytes on the heap, wipes them when it goes, and has no conversion to a plain string
 * but secret_reveal, whose uses are easy to review. Not for several threads at once. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct secret {
    char *bytes; /* NULL when unset; NUL-terminated beyond n */
    size_t n;
};

/* Replaces what *s holds (wiping it) by a copy of `value`. */
void secret_set(struct secret *s, struct slice value);
void secret_wipe(struct secret *s); /* to unset; may be called twice */

/* The bytes, borrowed until *s changes: for the place that must send or use them, never for text
 * that a person or a log reads. Empty slice when unset. */
struct slice secret_reveal(const struct secret *s);

bool secret_is_set(const struct secret *s);

/* In time that does not depend on where they differ. */
bool secret_eq(const struct secret *a, const struct secret *b);
bool bytes_eq_constant_time(const void *a, const void *b, size_t n);

/* Wipes n bytes so that the compiler cannot leave it out. */
void bytes_wipe(void *p, size_t n);

/* "abc…xyz (142)": the first and last characters and the length, for people to tell two long values
 * apart; values under 16 characters show only "…". Returns out. */
#define SECRET_MASK_SIZE 32
const char *secret_mask(struct slice value, char out[SECRET_MASK_SIZE]);

#endif
