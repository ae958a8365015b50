#include "loginsvc/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/times.h"
#include "log/log.h"
#include "sys/clock.h"

enum {
    RESTART_MIN_MS = 100,
    RESTART_MAX_MS = 10 * 1000,
    STEADY_MS = 10 * 1000, /* a worker that lived this long starts from RESTART_MIN_MS again */
    WAIT_MAX_MS = 60 * 1000,
};

enum phase {
    RUNNING,  /* dead workers are started again */
    STOPPING, /* told to stop: waits for the rest */
    KILLING,  /* they had their time */
};

struct worker {
    pid_t pid; /* 0: not running */
    mono_ms_t started_at;
    mono_ms_t restart_at; /* when not running */
    int64_t backoff_ms;
};

struct supervisor {
    const struct supervised *what;
    struct worker workers[SUPERVISOR_MAX];
    sigset_t signals;  /* that it waits for */
    sigset_t previous; /* the mask it came with, for the workers */
    enum phase phase;
    mono_ms_t kill_at; /* when STOPPING */
    int exit_code;
};

static _Noreturn void become_worker(const struct supervisor *s, const struct worker *w,
                                    pid_t supervisor)
{
    /* A supervisor that is killed takes its workers with it. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != supervisor)
        _exit(1);
    if (sigprocmask(SIG_SETMASK, &s->previous, NULL) != 0)
        _exit(1);
    exit(s->what->work((int)(w - s->workers), s->what->arg));
}

static void start(struct supervisor *s, struct worker *w)
{
    pid_t self = getpid();
    w->started_at = clock_mono();
    w->pid = fork();
    if (w->pid == 0)
        become_worker(s, w, self);
    if (w->pid < 0) {
        w->pid = 0;
        w->restart_at = mono_after(w->started_at, RESTART_MAX_MS);
        log_error("worker.not_started", LOG_INT("errno", errno));
        return;
    }
    log_info("worker.started", LOG_INT("pid", w->pid));
}

static void signal_all(const struct supervisor *s, int signum)
{
    for (int i = 0; i < s->what->workers; i++) {
        if (s->workers[i].pid)
            (void)kill(s->workers[i].pid, signum);
    }
}

static void stop(struct supervisor *s)
{
    s->phase = STOPPING;
    s->kill_at = mono_after(clock_mono(), s->what->stop_ms);
    signal_all(s, SIGTERM);
}

/* signum 0: it stopped by itself, told to by somebody else. */
static void plan_restart(struct worker *w, int signum)
{
    mono_ms_t now = clock_mono();
    bool steady = mono_between(w->started_at, now) >= STEADY_MS;
    w->backoff_ms = steady || w->backoff_ms == 0 ? RESTART_MIN_MS : w->backoff_ms * 2;
    if (w->backoff_ms > RESTART_MAX_MS)
        w->backoff_ms = RESTART_MAX_MS;
    w->restart_at = mono_after(now, w->backoff_ms);
    log_error("worker.died", LOG_INT("pid", w->pid), LOG_INT("signal", signum),
              LOG_INT("restart_in_ms", w->backoff_ms));
}

static void on_exit_of(struct supervisor *s, struct worker *w, int status)
{
    int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    if (s->phase == RUNNING && exit_code != 0) {
        log_error("worker.gave_up", LOG_INT("pid", w->pid), LOG_INT("exit_code", exit_code));
        s->exit_code = exit_code;
        w->pid = 0;
        stop(s);
        return;
    }
    if (s->phase == RUNNING)
        plan_restart(w, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    w->pid = 0;
}

static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (int i = 0; i < s->what->workers; i++) {
            if (s->workers[i].pid == pid)
                on_exit_of(s, &s->workers[i], status);
        }
    }
}

static void on_signal(struct supervisor *s, int signum)
{
    switch (signum) {
    case SIGCHLD:
        reap(s);
        return;
    case SIGHUP:
        s->what->reload(s->what->arg);
        signal_all(s, SIGHUP);
        return;
    default: /* SIGTERM, SIGINT; the second one is passed on too: workers then stop at once */
        if (s->phase == RUNNING)
            stop(s);
        else
            signal_all(s, SIGTERM);
    }
}

/* Starts what is due. Returns when the next thing is due. */
static mono_ms_t start_due(struct supervisor *s)
{
    mono_ms_t next = MONO_NEVER;
    for (int i = 0; i < s->what->workers; i++) {
        struct worker *w = &s->workers[i];
        if (!w->pid && mono_reached(clock_mono(), w->restart_at))
            start(s, w);
        if (!w->pid)
            next = mono_min(next, w->restart_at);
    }
    return next;
}

static mono_ms_t act(struct supervisor *s)
{
    switch (s->phase) {
    case RUNNING:
        return start_due(s);
    case STOPPING:
        if (!mono_reached(clock_mono(), s->kill_at))
            return s->kill_at;
        log_error("worker.killed", LOG_INT("after_ms", s->what->stop_ms));
        signal_all(s, SIGKILL);
        s->phase = KILLING;
        return MONO_NEVER;
    case KILLING:
        return MONO_NEVER;
    }
    return MONO_NEVER;
}

static bool any_left(const struct supervisor *s)
{
    for (int i = 0; i < s->what->workers; i++) {
        if (s->workers[i].pid)
            return true;
    }
    return s->phase == RUNNING;
}

static void wait_for_signal(struct supervisor *s, mono_ms_t until)
{
    int64_t ms = mono_between(clock_mono(), until);
    if (ms > WAIT_MAX_MS)
        ms = WAIT_MAX_MS;
    if (ms < 0)
        ms = 0;
    struct timespec timeout = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};
    int signum = sigtimedwait(&s->signals, NULL, &timeout);
    if (signum > 0)
        on_signal(s, signum);
}

int supervisor_run(const struct supervised *what)
{
    struct supervisor s = {.what = what, .phase = RUNNING};
    ASSERT(what->workers >= 1 && what->workers <= SUPERVISOR_MAX);
    sigemptyset(&s.signals);
    sigaddset(&s.signals, SIGTERM);
    sigaddset(&s.signals, SIGINT);
    sigaddset(&s.signals, SIGHUP);
    sigaddset(&s.signals, SIGCHLD);
    ASSERT(sigprocmask(SIG_BLOCK, &s.signals, &s.previous) == 0);
    while (any_left(&s))
        wait_for_signal(&s, act(&s));
    return s.exit_code;
}
