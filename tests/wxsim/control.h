/* control.h - the /_sim/ side of wxsim: what a test or a local stack asks of it and reads from it.
 *
 * JSON in, JSON out; control_help describes each order. Loop thread only. */
#ifndef WXSIM_CONTROL_H
#define WXSIM_CONTROL_H

#include <jansson.h>

#include "wxsim/api.h"
#include "wxsim/delivery.h"
#include "wxsim/fault.h"
#include "wxsim/tally.h"

/* What it governs; all borrowed. */
struct control {
    struct book *book;
    struct fault_rules *faults;
    struct tally *tally;
    struct delivery *delivery;
};

/* Carries out `POST /_sim/NAME` (GET for stats, issuances) and returns the HTTP status: 200, 400
 * when the order makes no sense, 404, 405. *out is an object for json_decref; with an error,
 * {"error"}. */
int control_order(const struct control *c, struct slice name, bool is_post, struct slice body,
                  struct instant now, json_t **out) MUST_CHECK;

/* What each order and each kind of fault does, for --help. */
extern const char control_help[];

#endif
