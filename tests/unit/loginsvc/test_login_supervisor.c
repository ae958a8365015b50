/* The supervisor of several workers, with real processes: what it restarts, what it passes on, when
 * it ends. Workers tell what they do by bytes in a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loginsvc/supervisor.h"

enum { PATIENCE_MS = 20000, STOP_MS = 300 };

static int to_test[2]; /* the pipe */

static void tell(char what)
{
    if (write(to_test[1], &what, 1) != 1)
        _exit(99);
}

static char told(void)
{
    struct pollfd fd = {.fd = to_test[0], .events = POLLIN};
    char got = 0;
    assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
    assert_int_equal(read(to_test[0], &got, 1), 1);
    return got;
}

static void expect(char what)
{
    assert_int_equal(told(), what);
}

static volatile sig_atomic_t last_signal;

static void note_signal(int signum)
{
    last_signal = signum;
}

/* Tells 'u' when up and 'h' at each SIGHUP; ends with 0 at SIGTERM. */
static int obedient(int worker, void *arg)
{
    struct sigaction action = {.sa_handler = note_signal};
    sigset_t all, none;
    (void)worker, (void)arg;
    sigfillset(&all);
    sigemptyset(&none);
    if (sigprocmask(SIG_BLOCK, &all, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0 ||
        sigaction(SIGHUP, &action, NULL) != 0)
        return 99;
    tell('u');
    for (;;) {
        sigsuspend(&none);
        if (last_signal == SIGTERM)
            return 0;
        if (last_signal == SIGHUP)
            tell('h');
        last_signal = 0;
    }
}

static int deaf(int worker, void *arg)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    (void)worker, (void)arg;
    if (sigaction(SIGTERM, &action, NULL) != 0)
        return 99;
    tell('u');
    for (;;)
        pause();
}

static int crashing(int worker, void *arg)
{
    (void)worker, (void)arg;
    tell('c');
    (void)raise(SIGKILL);
    return 99;
}

static int giving_up(int worker, void *arg)
{
    (void)worker, (void)arg;
    return 3;
}

/* Tells its number; the one with number 1 crashes. */
static int numbered(int worker, void *arg)
{
    tell((char)('0' + worker));
    if (worker == 1)
        (void)raise(SIGKILL);
    return obedient(worker, arg);
}

static void on_reload(void *arg)
{
    (void)arg;
    tell('r');
}

/* A supervisor in a process of its own; what it returns is its exit code. */
static pid_t supervise(int workers, int (*work)(int worker, void *arg))
{
    struct supervised what = {
        .workers = workers, .stop_ms = STOP_MS, .work = work, .reload = on_reload};
    assert_int_equal(pipe(to_test), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(supervisor_run(&what));
    return pid;
}

static void assert_exits(pid_t pid, int code)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
    close(to_test[0]);
    close(to_test[1]);
}

static void sigterm_stops_all_and_ends_with_0(void **state)
{
    (void)state;
    pid_t pid = supervise(3, obedient);
    for (int i = 0; i < 3; i++)
        expect('u');
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_exits(pid, 0);
}

static void sighup_reaches_the_supervisor_first_and_then_every_worker(void **state)
{
    (void)state;
    pid_t pid = supervise(2, obedient);
    expect('u');
    expect('u');
    assert_int_equal(kill(pid, SIGHUP), 0);
    expect('r');
    expect('h');
    expect('h');
    assert_int_equal(kill(pid, SIGINT), 0);
    assert_exits(pid, 0);
}

static void a_worker_that_crashes_is_started_again_and_again(void **state)
{
    (void)state;
    pid_t pid = supervise(1, crashing);
    for (int i = 0; i < 4; i++)
        expect('c');
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_exits(pid, 0);
}

static void who_stands_in_for_a_dead_worker_has_its_number(void **state)
{
    int of_0 = 0, of_1 = 0;
    (void)state;
    pid_t pid = supervise(2, numbered);
    while (of_1 < 3) {
        char got = told();
        of_0 += got == '0';
        of_1 += got == '1';
        assert_true(got == '0' || got == '1' || got == 'u');
    }
    assert_int_equal(of_0, 1);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_exits(pid, 0);
}

static void a_worker_that_gives_up_ends_it_all_with_its_number(void **state)
{
    (void)state;
    assert_exits(supervise(2, giving_up), 3);
}

static void a_worker_that_does_not_stop_is_killed(void **state)
{
    (void)state;
    pid_t pid = supervise(1, deaf);
    expect('u');
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_exits(pid, 0);
}

static void workers_go_when_the_supervisor_is_killed(void **state)
{
    char byte;
    int status;
    (void)state;
    pid_t pid = supervise(2, obedient);
    expect('u');
    expect('u');
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(to_test[1]); /* the workers' ends are the last ones now */
    struct pollfd fd = {.fd = to_test[0], .events = POLLIN};
    assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
    assert_int_equal(read(to_test[0], &byte, 1), 0);
    close(to_test[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigterm_stops_all_and_ends_with_0),
        cmocka_unit_test(sighup_reaches_the_supervisor_first_and_then_every_worker),
        cmocka_unit_test(a_worker_that_crashes_is_started_again_and_again),
        cmocka_unit_test(who_stands_in_for_a_dead_worker_has_its_number),
        cmocka_unit_test(a_worker_that_gives_up_ends_it_all_with_its_number),
        cmocka_unit_test(a_worker_that_does_not_stop_is_killed),
        cmocka_unit_test(workers_go_when_the_supervisor_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
