#include "loginsvc/reseal_command.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/times.h"
#include "daemon/daemon.h"
#include "loginsvc/users/reseal.h"
#include "sys/clock.h"

enum { SAY_EVERY_MS = 1000, PAUSE_MS = 5 };

static volatile sig_atomic_t stopped;

static void on_signal(int signum)
{
    (void)signum;
    stopped = 1;
}

struct teller {
    mono_ms_t next;
    struct reseal_progress last;
};

static void say(const struct reseal_progress *p)
{
    printf("%" PRIu64 " of %" PRIu64 " phones seen, %" PRIu64 " sealed anew, %" PRIu64
           " unreadable\n",
           p->seen, p->total > p->seen ? p->total : p->seen, p->resealed, p->unreadable);
    fflush(stdout);
}

static void on_progress(const struct reseal_progress *p, void *arg)
{
    struct teller *t = arg;
    mono_ms_t now = clock_mono();
    t->last = *p;
    if (!mono_reached(now, t->next))
        return;
    t->next = mono_after(now, SAY_EVERY_MS);
    say(p);
}

static int run(const struct loginsvc_settings *set, const struct keyring *master)
{
    struct teller teller = {.next = MONO_PAST};
    struct err e;
    const struct reseal_options options = {.url = secret_reveal(&set->database_url).p,
                                           .tls = set->database_tls,
                                           .tls_ca = set->database_tls_ca,
                                           .master = master,
                                           .progress = on_progress,
                                           .arg = &teller,
                                           .pause_ms = PAUSE_MS,
                                           .stop = &stopped};
    bool done = reseal_run(&options, &e);
    say(&teller.last);
    if (done && teller.last.unreadable == 0) {
        printf("every phone is sealed under the first key of DATA_KEY\n");
        return DAEMON_OK;
    }
    fprintf(stderr, "loginsvc: %s\n",
            done ? "some phones open with no key of DATA_KEY: they are left as they are" : e.text);
    return DAEMON_FAILED;
}

int reseal_command(const struct loginsvc_settings *set)
{
    struct err e;
    struct keyring *master = keyring_parse(secret_reveal(&set->data_key), &e);
    ASSERT(master != NULL); /* the settings were checked */
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    int exit_code = run(set, master);
    keyring_free(master);
    return exit_code;
}
