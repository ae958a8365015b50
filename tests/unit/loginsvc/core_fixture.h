/* core_fixture.h - one login's core, with the events and the answers that its tests need.
 *
 * Include after cmocka.h. One thread. */
#ifndef TEST_CORE_FIXTURE_H
#define TEST_CORE_FIXTURE_H

#include <stdint.h>

#include "loginsvc/login/core.h"

enum { DEADLINE_MS = 8000 };

struct fixture {
    struct login login;
    struct login_actions out;
    int64_t token; /* newest version known */
};

/* So long after the login began. */
mono_ms_t at(int64_t ms);
/* The event happens `ms` after the login began; what is to be done stands in f->out. */
void step(struct fixture *f, int64_t ms, struct login_event e);
void look(struct fixture *f, int64_t ms);
void answer(struct fixture *f, int64_t ms, enum login_side side, enum err_class c, int errcode);
void claimed(struct fixture *f, int64_t ms, enum claim_verdict verdict);
/* A login that asks for its codes; `token` is the newest version known. */
struct fixture asked(enum login_kind kind, int64_t token);
/* The same, and the codes are its own. */
struct fixture started(enum login_kind kind, int64_t token);
void assert_action(const struct fixture *f, int i, enum login_action_kind kind,
                   enum login_side side);
void assert_sent(const struct fixture *f, enum login_side side, int attempt);
void assert_finished(const struct fixture *f, enum login_ending ending, int errcode);

#endif
