#include "loginsvc/users/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"

/* A batch takes about a millisecond; whoever holds a lock for much longer is in no hurry. */
enum { PAUSE_US = 100, SHORT_PAUSES = 100, LONG_PAUSE_US = 2000 };

bool turn_open(struct turn *t, const char *database_path, struct db_error *e)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s-turn", database_path);
    if (n < 0 || (size_t)n >= sizeof path)
        return db_fail(e, ERR_OPERATOR, "the path of the database is too long");
    t->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return t->fd >= 0 || db_fail(e, ERR_OPERATOR, "cannot open %s: %s", path, strerror(errno));
}

void turn_close(struct turn *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}

/* A lock of the open file, not of the process: another connection of this process cannot drop it.
 */
static bool set_lock(struct turn *t, short type)
{
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    return fcntl(t->fd, F_OFD_SETLK, &whole) == 0;
}

bool turn_take(struct turn *t, mono_ms_t until)
{
    for (int n = 0; !set_lock(t, F_WRLCK); n++) {
        if (!turn_pause(n, until))
            return false;
    }
    return true;
}

void turn_pass(struct turn *t)
{
    set_lock(t, F_UNLCK);
}

bool turn_pause(int nth, mono_ms_t until)
{
    if (mono_reached(clock_mono(), until))
        return false;
    long us = nth < SHORT_PAUSES ? PAUSE_US : LONG_PAUSE_US;
    nanosleep(&(struct timespec){0, us * 1000}, NULL);
    return true;
}
