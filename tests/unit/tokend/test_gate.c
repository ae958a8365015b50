/* The gate on a real loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tokend/refresh/gate.h"

enum { GUESTS = 3 };

struct guest {
    struct pace_turn turn;
    int admitted;
};

struct house {
    struct loop *loop;
    struct gate *gate;
    struct guest guests[GUESTS];
};

static void admit(struct pace_turn *t)
{
    CONTAINER_OF(t, struct guest, turn)->admitted++;
}

static int set_up(void **state)
{
    const struct pace_limits one = {.at_once = 1};
    struct house *h = xcalloc(1, sizeof *h);
    h->loop = loop_new();
    h->gate = gate_new(h->loop, &one, admit);
    for (size_t i = 0; i < GUESTS; i++)
        gate_enter(h->gate, &h->guests[i].turn, PACE_ROUTINE);
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    struct house *h = *state;
    for (size_t i = 0; i < GUESTS; i++)
        gate_leave(h->gate, &h->guests[i].turn);
    gate_free(h->gate);
    loop_free(h->loop);
    free(h);
    return 0;
}

/* Runs what is due. */
static void turn_loop(struct house *h)
{
    assert_true(event_base_loop(loop_base(h->loop), EVLOOP_ONCE) >= 0);
}

static void nobody_is_admitted_before_the_loop_turns(void **state)
{
    struct house *h = *state;
    assert_int_equal(h->guests[0].admitted, 0);
    assert_int_equal(gate_waiting(h->gate), GUESTS);
    turn_loop(h);
    assert_int_equal(h->guests[0].admitted, 1);
    assert_int_equal(gate_inside(h->gate), 1);
    assert_int_equal(gate_waiting(h->gate), GUESTS - 1);
}

static void who_leaves_makes_room_for_the_next(void **state)
{
    struct house *h = *state;
    turn_loop(h);
    gate_leave(h->gate, &h->guests[1].turn); /* out of the line */
    gate_leave(h->gate, &h->guests[0].turn);
    turn_loop(h);
    assert_int_equal(h->guests[1].admitted, 0);
    assert_int_equal(h->guests[2].admitted, 1);
}

static void higher_limits_admit_those_who_wait(void **state)
{
    struct house *h = *state;
    turn_loop(h);
    gate_limit(h->gate, &(struct pace_limits){.at_once = GUESTS});
    turn_loop(h);
    assert_int_equal(gate_inside(h->gate), GUESTS);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nobody_is_admitted_before_the_loop_turns),
        CASE(who_leaves_makes_room_for_the_next),
        CASE(higher_limits_admit_those_who_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
