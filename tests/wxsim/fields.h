/* fields.h - reads the fields of a control order, and remembers the first thing wrong with it. */
#ifndef WXSIM_FIELDS_H
#define WXSIM_FIELDS_H

#include <jansson.h>

#include "base/err.h"
#include "base/text.h"

struct fields {
    const json_t *object; /* borrowed; NULL: no body, all fields are absent */
    bool wrong;           /* something was not as it must be; why says what */
    struct err why;
};

/* Notes what is wrong, unless something already was. */
void fields_wrong(struct fields *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Text of `max` bytes at most, of which none needs escaping in JSON; empty when absent. Borrowed.
 */
struct slice fields_text(struct fields *f, const char *name, size_t max);

/* The same, and absent is wrong. */
struct slice fields_need_text(struct fields *f, const char *name, size_t max);

int64_t fields_int(struct fields *f, const char *name, int64_t min, int64_t max, int64_t absent);
bool fields_bool(struct fields *f, const char *name, bool absent);

#endif
