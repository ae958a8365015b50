#include "sys/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/clock.h"

static int64_t read_cpu_us(void)
{
    struct rusage r;
    if (getrusage(RUSAGE_SELF, &r) != 0)
        return 0;
    return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * (int64_t)1000000 + r.ru_utime.tv_usec +
           r.ru_stime.tv_usec;
}

/* A small file of /proc as text; empty when it cannot be read. */
static void read_proc(const char *path, char *out, size_t size)
{
    out[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = read(fd, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    close(fd);
}

/* The n-th of the words in a line, from 1, when it is a number. */
static bool nth_number(const char *line, int n, int64_t *out)
{
    struct slice rest = slice_of(line), word = rest;
    for (int i = 0; i < n && rest.p; i++)
        word = slice_cut(&rest, ' ');
    return slice_to_int(word, 0, INT64_MAX, out);
}

static int64_t read_resident_bytes(void)
{
    char text[128];
    int64_t pages = 0;
    read_proc("/proc/self/statm", text, sizeof text);
    return nth_number(text, 2, &pages) ? pages * sysconf(_SC_PAGESIZE) : 0;
}

static int64_t count_open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    int64_t n = 0;
    for (struct dirent *d; (d = readdir(dir)) != NULL;)
        n += d->d_name[0] != '.';
    closedir(dir);
    return n - 1; /* the one that was just read */
}

/* Field 22 of stat, in ticks since boot; the name in field 2 may hold blanks and brackets. */
static wall_ms_t read_started_at(void)
{
    char text[1024];
    int64_t ticks = 0;
    read_proc("/proc/self/stat", text, sizeof text);
    const char *name_end = strrchr(text, ')');
    if (!name_end || !nth_number(name_end + 2, 22 - 2, &ticks))
        return (wall_ms_t){0};
    mono_ms_t started = {ticks * 1000 / sysconf(_SC_CLK_TCK)};
    return wall_after(clock_wall(), -mono_between(started, clock_mono()));
}

static int64_t read_max_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    return limit.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)limit.rlim_cur;
}

struct usage usage_read(void)
{
    return (struct usage){
        .started_at = read_started_at(),
        .cpu_us = read_cpu_us(),
        .resident_bytes = read_resident_bytes(),
        .open_files = count_open_files(),
        .max_open_files = read_max_open_files(),
    };
}
