/* text.h - slices (borrowed bytes with their length) and bounded text builders.
 *
 * A slice never owns and need not end in NUL. A builder writes into memory of its caller, always
 * NUL-terminated, and remembers when something did not fit. Any thread. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

struct slice {
    const char *p; /* may be NULL when n is 0 */
    size_t n;
};

#define SLICE_LIT(s) ((struct slice){"" s, sizeof(s) - 1})

struct slice slice_of(const char *s); /* NULL gives the empty slice */
bool slice_eq(struct slice a, struct slice b);
bool slice_is(struct slice a, const char *s);
bool slice_starts(struct slice a, const char *prefix);
struct slice slice_trim(struct slice a);        /* without blanks at both ends */
struct slice slice_without_bom(struct slice a); /* UTF-8's byte order mark at the beginning */

/* Cuts *rest at the first `sep`: returns what stands before it and moves *rest behind it. When
 * there is none, returns all and leaves *rest empty with p NULL. Loop while rest.p. */
struct slice slice_cut(struct slice *rest, char sep);

/* Whole-slice decimal number within [min, max]; false leaves *out alone. */
bool slice_to_int(struct slice a, int64_t min, int64_t max, int64_t *out) MUST_CHECK;

/* Copies to `out` with a NUL; false (and the empty string) when it does not fit. */
bool slice_copy(struct slice a, char *out, size_t size) MUST_CHECK;

/* A heap copy with a NUL; the caller frees. */
char *slice_dup(struct slice a) MUST_CHECK;

struct text {
    char *p;
    size_t n;    /* bytes written, NUL not counted */
    size_t size; /* of p, 1 at least */
    bool cut;    /* something did not fit; what stands is a whole prefix of it */
};

struct text text_init(char *p, size_t size);
void text_add(struct text *t, struct slice s);
void text_str(struct text *t, const char *s);
void text_char(struct text *t, char c);
void text_fmt(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_urlencode(struct text *t, struct slice s); /* RFC 3986 unreserved stay, all else is %XX */
void text_hex(struct text *t, struct slice bytes);   /* two lower-case digits for each byte */

#endif
