#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core_fixture.h"

mono_ms_t at(int64_t ms)
{
    return (mono_ms_t){1000000 + ms};
}

void step(struct fixture *f, int64_t ms, struct login_event e)
{
    login_step(&f->login, at(ms), f->token, &e, &f->out);
}

void look(struct fixture *f, int64_t ms)
{
    step(f, ms, (struct login_event){.kind = LOGIN_EV_LOOK});
}

void answer(struct fixture *f, int64_t ms, enum login_side side, enum err_class c, int errcode)
{
    step(f, ms,
         (struct login_event){.kind = LOGIN_EV_ANSWERED,
                              .side = side,
                              .attempt = f->login.exchange[side].attempt,
                              .error_class = c,
                              .errcode = errcode});
}

void claimed(struct fixture *f, int64_t ms, enum claim_verdict verdict)
{
    step(f, ms, (struct login_event){.kind = LOGIN_EV_CLAIMED, .verdict = verdict});
}

struct fixture asked(enum login_kind kind, int64_t token)
{
    struct fixture f = {.token = token};
    login_init(&f.login, kind, at(DEADLINE_MS));
    step(&f, 0, (struct login_event){.kind = LOGIN_EV_START});
    assert_int_equal(f.out.n, 1);
    assert_int_equal(f.out.at[0].kind, LOGIN_ACT_CLAIM);
    return f;
}

struct fixture started(enum login_kind kind, int64_t token)
{
    struct fixture f = asked(kind, token);
    claimed(&f, 0, CLAIM_MINE);
    return f;
}

void assert_action(const struct fixture *f, int i, enum login_action_kind kind,
                   enum login_side side)
{
    assert_true(i < f->out.n);
    assert_int_equal(f->out.at[i].kind, kind);
    assert_int_equal(f->out.at[i].side, side);
}

void assert_sent(const struct fixture *f, enum login_side side, int attempt)
{
    assert_int_equal(f->out.n, 1);
    assert_action(f, 0, LOGIN_ACT_SEND, side);
    assert_int_equal(f->out.at[0].attempt, attempt);
}

void assert_finished(const struct fixture *f, enum login_ending ending, int errcode)
{
    assert_true(f->out.n > 0);
    assert_int_equal(f->out.at[f->out.n - 1].kind, LOGIN_ACT_FINISH);
    assert_int_equal(f->login.state, LOGIN_DONE);
    assert_string_equal(login_ending_name(f->login.result.ending), login_ending_name(ending));
    assert_int_equal(f->login.result.errcode, errcode);
}
