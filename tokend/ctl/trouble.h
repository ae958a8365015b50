/* trouble.h - why an answer is none, in one line for a person, and whether asking again may help.
 *
 * The line names the URL, what happened, and what to do: no key ever. Pure. */
#ifndef CTL_TROUBLE_H
#define CTL_TROUBLE_H

#include <stdbool.h>

#include "http/client.h"

enum { TROUBLE_LINE_SIZE = 1024 };

struct trouble {
    bool lasting; /* the same question gets the same answer */
    char line[TROUBLE_LINE_SIZE];
};

/* What was asked; all borrowed. */
struct trouble_question {
    struct slice base; /* the URL of the tokend that was asked */
    const char *path;
    const char *scope; /* the one it takes: "read" */
    bool has_key;      /* one was shown */
    bool acts;         /* it may have been done though no answer came */
};

/* False when the answer is a good one; else fills *out. */
bool trouble_find(const struct http_answer *a, const struct trouble_question *q,
                  struct trouble *out) MUST_CHECK;

/* Trouble of another kind with the same question: "URL: what". */
void trouble_say(const struct trouble_question *q, const char *what, struct trouble *out);

#endif
