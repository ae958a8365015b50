/* tally.h - how often each path was called and what came of it.
 *
 * An outcome is "ok", an errcode in digits, "http412", or the name of the fault that the caller got
 * instead of an answer. Bounded: paths that wxsim does not know count under "other". Pure. One
 * thread. */
#ifndef WXSIM_TALLY_H
#define WXSIM_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "wxsim/fault.h"

enum {
    TALLY_ROWS = 24,     /* paths */
    TALLY_OUTCOMES = 48, /* different ones of a path; what comes after them is not told apart */
    OUTCOME_NAME_SIZE = 16,
};

/* What came of one call. */
struct outcome {
    enum fault_kind fault; /* FAULT_NONE: the caller got the answer */
    int http_status;
    int errcode;
};

struct tally; /* opaque */

struct tally *tally_new(void) MUST_CHECK;
void tally_free(struct tally *t); /* NULL is allowed */
void tally_clear(struct tally *t);

void tally_count(struct tally *t, size_t row, const struct outcome *o); /* row < TALLY_ROWS */

/* Walks the outcomes of a row: start with *at = 0; false at the end. */
bool tally_next(const struct tally *t, size_t row, size_t *at, struct outcome *o, uint64_t *count);

const char *outcome_name(const struct outcome *o, char out[OUTCOME_NAME_SIZE]);

#endif
