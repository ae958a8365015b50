/* fault.h - what a test ordered to go wrong: rules that wait for calls by their path.
 *
 * A rule catches the next `times` calls whose path begins with `path` ("*": any call; never
 * /_sim/). Of several rules that fit, the oldest that is not used up catches, so rules for one path
 * make a script. Only the order is kept here; server.c carries it out. Pure. One thread. */
#ifndef WXSIM_FAULT_H
#define WXSIM_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"

/* What happens to the call itself. */
enum fault_effect {
    EFFECT_DONE, /* carried out in full and at once: a token is issued, a code spent */
    EFFECT_NONE, /* not carried out: as if the call had never reached WeChat */
};

/* name, effect, what the caller gets. */
#define FAULT_KINDS(X)                                                                             \
    X(delay, DONE, "the answer, `ms` later")                                                       \
    X(hold, DONE, "the answer, once POST /_sim/release lets it go")                                \
    X(lost, DONE, "no answer: the connection is closed in order")                                  \
    X(truncated, DONE, "HTTP 200 with the first half of the answer's JSON")                        \
    X(hang, NONE, "no answer ever; the connection stays open until the caller closes it")          \
    X(reset, NONE, "a TCP reset instead of an answer")                                             \
    X(http500, NONE, "HTTP 500 with an HTML page")                                                 \
    X(http502, NONE, "HTTP 502 with an HTML page")                                                 \
    X(busy, NONE, "errcode -1, system error")                                                      \
    X(errcode, NONE, "the given `errcode` with WeChat's text for it")                              \
    X(garbage, NONE, "HTTP 200 with bytes that are no JSON")                                       \
    X(empty, NONE, "HTTP 200 without a body")                                                      \
    X(huge, NONE, "HTTP 200 with a JSON text of 8 MiB")

enum fault_kind {
    FAULT_NONE,
#define X(name, effect, help) FAULT_##name,
    FAULT_KINDS(X)
#undef X
        FAULT_KINDS_END
};

enum {
    FAULTS_MAX = 256,    /* rules at a time */
    FAULT_PATH_MAX = 96, /* bytes of a rule's path */
    FAULT_FOREVER = -1,  /* as `times`: until cleared */
};

struct fault {
    enum fault_kind kind;
    char path[FAULT_PATH_MAX + 1];
    int64_t times;
    int64_t ms;  /* of delay */
    int errcode; /* of errcode */
};

struct fault_rules; /* opaque */

struct fault_rules *fault_rules_new(void) MUST_CHECK;
void fault_rules_free(struct fault_rules *f); /* NULL is allowed */

/* Copies *fault behind the others; false when there are FAULTS_MAX that are not used up. */
bool fault_rules_add(struct fault_rules *f, const struct fault *fault) MUST_CHECK;
void fault_rules_clear(struct fault_rules *f);
size_t fault_rules_count(const struct fault_rules *f); /* not used up */

/* The fault that catches this call, one of its times used; of FAULT_NONE when there is none. */
struct fault fault_rules_take(struct fault_rules *f, struct slice path);

/* FAULT_NONE for a name that is none. */
enum fault_kind fault_kind_of(struct slice name);
const char *fault_name(enum fault_kind kind);
enum fault_effect fault_effect_of(enum fault_kind kind);

#endif
