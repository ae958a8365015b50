#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"

/* What happened, as a row of letters. */
struct story {
    struct loop *loop;
    struct loop_timer *timer;
    char row[32];
    int signum;
};

static void write_letter(struct story *s, char letter)
{
    size_t n = strlen(s->row);
    assert_true(n + 1 < sizeof s->row);
    s->row[n] = letter;
}

static void stop(void *arg)
{
    loop_stop(((struct story *)arg)->loop);
}

static void note_a(void *arg)
{
    write_letter(arg, 'a');
}

static void note_b(void *arg)
{
    write_letter(arg, 'b');
}

static void note_c_and_stop(void *arg)
{
    write_letter(arg, 'c');
    stop(arg);
}

static struct story story_new(void)
{
    return (struct story){.loop = loop_new()};
}

/* ---- timers ---- */

static void timers_fire_in_the_order_of_their_times(void **state)
{
    struct story s = story_new();
    struct loop_timer *a = loop_timer_new(s.loop, note_a, &s);
    struct loop_timer *b = loop_timer_new(s.loop, note_b, &s);
    struct loop_timer *c = loop_timer_new(s.loop, note_c_and_stop, &s);
    (void)state;
    loop_timer_after(c, 30);
    loop_timer_after(b, 10);
    loop_timer_after(a, 20);
    loop_run(s.loop);
    assert_string_equal(s.row, "bac");
    loop_timer_free(a);
    loop_timer_free(b);
    loop_timer_free(c);
    loop_free(s.loop);
}

static void a_timer_fires_once_and_not_too_early(void **state)
{
    struct story s = story_new();
    struct loop_timer *a = loop_timer_new(s.loop, note_a, &s);
    struct loop_timer *c = loop_timer_new(s.loop, note_c_and_stop, &s);
    mono_ms_t begin = loop_now(s.loop);
    (void)state;
    loop_timer_after(a, 5);
    loop_timer_after(c, 40);
    loop_run(s.loop);
    assert_string_equal(s.row, "ac");
    assert_true(mono_between(begin, loop_now(s.loop)) >= 40);
    loop_timer_free(a);
    loop_timer_free(c);
    loop_free(s.loop);
}

static void arming_again_replaces_the_time_before(void **state)
{
    struct story s = story_new();
    struct loop_timer *a = loop_timer_new(s.loop, note_a, &s);
    struct loop_timer *c = loop_timer_new(s.loop, note_c_and_stop, &s);
    (void)state;
    loop_timer_after(a, 1);
    loop_timer_at(a, mono_after(loop_now(s.loop), 1000 * 1000));
    loop_timer_after(c, 1000 * 1000);
    loop_timer_at(c, mono_after(loop_now(s.loop), 20));
    loop_run(s.loop);
    assert_string_equal(s.row, "c");
    loop_timer_free(a);
    loop_timer_free(c);
    loop_free(s.loop);
}

static void a_time_that_passed_is_as_soon_as_possible(void **state)
{
    struct story s = story_new();
    struct loop_timer *a = loop_timer_new(s.loop, note_a, &s);
    struct loop_timer *c = loop_timer_new(s.loop, note_c_and_stop, &s);
    (void)state;
    loop_timer_at(a, MONO_PAST);
    loop_timer_after(c, -5);
    loop_run(s.loop);
    assert_non_null(strchr(s.row, 'c'));
    loop_timer_free(a);
    loop_timer_free(c);
    loop_free(s.loop);
}

static void stopped_freed_and_never_timers_do_not_fire(void **state)
{
    struct story s = story_new();
    struct loop_timer *stopped = loop_timer_new(s.loop, note_a, &s);
    struct loop_timer *freed = loop_timer_new(s.loop, note_a, &s);
    struct loop_timer *never = loop_timer_new(s.loop, note_a, &s);
    struct loop_timer *c = loop_timer_new(s.loop, note_c_and_stop, &s);
    (void)state;
    loop_timer_after(stopped, 5);
    loop_timer_after(freed, 5);
    loop_timer_after(never, 5);
    loop_timer_after(c, 30);
    loop_timer_stop(stopped);
    loop_timer_stop(stopped);
    loop_timer_free(freed);
    loop_timer_at(never, MONO_NEVER);
    loop_run(s.loop);
    assert_string_equal(s.row, "c");
    loop_timer_free(stopped);
    loop_timer_free(never);
    loop_timer_free(c);
    loop_timer_free(NULL);
    loop_free(s.loop);
}

static void free_own_timer(void *arg)
{
    struct story *s = arg;
    loop_timer_free(s->timer);
    s->timer = NULL;
    note_c_and_stop(s);
}

static void a_timer_may_be_freed_by_its_own_callback(void **state)
{
    struct story s = story_new();
    (void)state;
    s.timer = loop_timer_new(s.loop, free_own_timer, &s);
    loop_timer_after(s.timer, 0);
    loop_run(s.loop);
    assert_string_equal(s.row, "c");
    loop_free(s.loop);
}

static void tick(void *arg)
{
    struct story *s = arg;
    write_letter(s, 't');
    if (strlen(s->row) == 5)
        loop_stop(s->loop);
    else
        loop_timer_after(s->timer, 1);
}

static void a_timer_may_be_armed_again_by_its_own_callback(void **state)
{
    struct story s = story_new();
    (void)state;
    s.timer = loop_timer_new(s.loop, tick, &s);
    loop_timer_after(s.timer, 0);
    loop_run(s.loop);
    assert_string_equal(s.row, "ttttt");
    loop_timer_free(s.timer);
    loop_free(s.loop);
}

/* ---- deferred calls ---- */

static void defer_three(void *arg)
{
    struct story *s = arg;
    write_letter(s, '(');
    loop_defer(s->loop, note_a, s);
    loop_defer(s->loop, note_b, s);
    loop_defer(s->loop, note_c_and_stop, s);
    write_letter(s, ')');
}

static void deferred_calls_run_in_order_after_the_one_who_deferred_returned(void **state)
{
    struct story s = story_new();
    (void)state;
    s.timer = loop_timer_new(s.loop, defer_three, &s);
    loop_timer_after(s.timer, 0);
    loop_run(s.loop);
    assert_string_equal(s.row, "()abc");
    loop_timer_free(s.timer);
    loop_free(s.loop);
}

static void defer_from_within(void *arg)
{
    struct story *s = arg;
    write_letter(s, '<');
    loop_defer(s->loop, note_c_and_stop, s);
    write_letter(s, '>');
}

static void a_deferred_call_may_defer_and_comes_behind_what_waits(void **state)
{
    struct story s = story_new();
    (void)state;
    loop_defer(s.loop, defer_from_within, &s);
    loop_defer(s.loop, note_a, &s);
    loop_run(s.loop);
    assert_string_equal(s.row, "<>ac");
    loop_free(s.loop);
}

static void deferred_calls_come_before_timers_that_are_armed_with_them(void **state)
{
    struct story s = story_new();
    struct loop_timer *c = loop_timer_new(s.loop, note_c_and_stop, &s);
    (void)state;
    loop_timer_after(c, 0);
    loop_defer(s.loop, note_a, &s);
    loop_run(s.loop);
    assert_string_equal(s.row, "ac");
    loop_timer_free(c);
    loop_free(s.loop);
}

static void freeing_the_loop_runs_what_is_deferred(void **state)
{
    struct story s = story_new();
    (void)state;
    loop_defer(s.loop, defer_from_within, &s);
    loop_defer(s.loop, note_a, &s);
    loop_free(s.loop);
    assert_string_equal(s.row, "<>ac");
    loop_free(NULL);
}

/* ---- the loop itself ---- */

static void a_loop_without_anything_to_do_waits_until_it_is_stopped(void **state)
{
    struct story s = story_new();
    struct loop_timer *c = loop_timer_new(s.loop, note_c_and_stop, &s);
    (void)state;
    loop_timer_after(c, 20);
    loop_run(s.loop);
    loop_timer_after(c, 20); /* and can be run again */
    loop_run(s.loop);
    assert_string_equal(s.row, "cc");
    loop_timer_free(c);
    loop_free(s.loop);
}

static void on_signal(int signum, void *arg)
{
    struct story *s = arg;
    s->signum = signum;
    note_c_and_stop(s);
}

static void raise_usr1(void *arg)
{
    (void)arg;
    kill(getpid(), SIGUSR1);
}

static void a_signal_arrives_on_the_loop_thread_each_time(void **state)
{
    struct story s = story_new();
    (void)state;
    loop_on_signal(s.loop, SIGUSR1, on_signal, &s);
    for (int i = 0; i < 3; i++) {
        loop_defer(s.loop, raise_usr1, &s);
        loop_run(s.loop);
        assert_int_equal(s.signum, SIGUSR1);
    }
    assert_string_equal(s.row, "ccc");
    loop_free(s.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_the_order_of_their_times),
        cmocka_unit_test(a_timer_fires_once_and_not_too_early),
        cmocka_unit_test(arming_again_replaces_the_time_before),
        cmocka_unit_test(a_time_that_passed_is_as_soon_as_possible),
        cmocka_unit_test(stopped_freed_and_never_timers_do_not_fire),
        cmocka_unit_test(a_timer_may_be_freed_by_its_own_callback),
        cmocka_unit_test(a_timer_may_be_armed_again_by_its_own_callback),
        cmocka_unit_test(deferred_calls_run_in_order_after_the_one_who_deferred_returned),
        cmocka_unit_test(a_deferred_call_may_defer_and_comes_behind_what_waits),
        cmocka_unit_test(deferred_calls_come_before_timers_that_are_armed_with_them),
        cmocka_unit_test(freeing_the_loop_runs_what_is_deferred),
        cmocka_unit_test(a_loop_without_anything_to_do_waits_until_it_is_stopped),
        cmocka_unit_test(a_signal_arrives_on_the_loop_thread_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
