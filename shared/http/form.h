/* form.h - decodes what stands behind "?" and in application/x-www-form-urlencoded bodies.
 *
 * Bounded: FORM_PAIRS_MAX pairs, values no longer than the input. What is ambiguous or dangerous is
 * refused as a whole: bad escapes and %00. Pure; any thread. */
#ifndef HTTP_FORM_H
#define HTTP_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"

enum { FORM_PAIRS_MAX = 64 };

struct form_pair {
    struct slice name, value; /* decoded; borrowed from the form */
};

struct form {
    struct form_pair pairs[FORM_PAIRS_MAX]; /* in the order of the input; names may repeat */
    size_t n;
    char *bytes; /* owned: what the pairs point into */
    size_t used, size;
};

/* Decodes "a=1&b=x+y%20z": '+' is a blank, empty pieces are skipped, "a" means "a=". On success the
 * caller ends with form_deinit; on failure there is nothing to end, and *e (NULL is allowed) says
 * why without repeating the input. */
bool form_decode(struct slice in, struct form *f, struct err *e) MUST_CHECK;

/* Wipes and frees. A zeroed form is allowed. */
void form_deinit(struct form *f);

/* The first value of that name; p is NULL when there is none, and never NULL when there is one. */
struct slice form_get(const struct form *f, const char *name);

/* The i-th value of that name, from 0, likewise. */
struct slice form_get_at(const struct form *f, const char *name, size_t i);

/* Decodes %XX (and '+' to a blank when asked) from `in` to out, which has room for in.n bytes.
 * False on a bad escape or %00. *n is the length of the result. */
bool percent_decode(struct slice in, bool plus_is_blank, char *out, size_t *n) MUST_CHECK;

#endif
