/* ledger.h - the last issuances of all apps, in order: which token, for whom, when.
 *
 * For judges that ask afterwards which token lived at which moment. Keeps LEDGER_MAX of them, the
 * oldest go. Pure: time is an argument. One thread. */
#ifndef WXSIM_LEDGER_H
#define WXSIM_LEDGER_H

#include <stddef.h>

#include "wxsim/app.h"

enum { LEDGER_MAX = 4096 };

struct issuance {
    const struct app *app; /* borrowed */
    struct grant grant;
    bool displaced; /* taken by "another environment" */
    wall_ms_t at;
};

struct ledger; /* opaque */

struct ledger *ledger_new(void) MUST_CHECK;
void ledger_free(struct ledger *l); /* NULL is allowed */

void ledger_add(struct ledger *l, const struct issuance *i); /* copied */
void ledger_clear(struct ledger *l);

size_t ledger_count(const struct ledger *l); /* of those that are kept */

/* The i-th that is kept, the oldest first. Borrowed until the next one is added. */
const struct issuance *ledger_at(const struct ledger *l, size_t i);

#endif
