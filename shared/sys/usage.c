#include "sys/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

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

static int64_t read_resident_bytes(void)
{
    char text[128];
    long long size = 0, resident = 0;
    read_proc("/proc/self/statm", text, sizeof text);
    if (sscanf(text, "%20lld %20lld", &size, &resident) != 2)
        return 0;
    return resident * sysconf(_SC_PAGESIZE);
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
    unsigned long long ticks = 0;
    read_proc("/proc/self/stat", text, sizeof text);
    const char *rest = strrchr(text, ')');
    for (int field = 2; rest && field < 22; field++)
        rest = strchr(rest + 1, ' ');
    if (!rest || sscanf(rest, " %20llu", &ticks) != 1)
        return (wall_ms_t){0};
    mono_ms_t started = {(int64_t)ticks * 1000 / sysconf(_SC_CLK_TCK)};
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
