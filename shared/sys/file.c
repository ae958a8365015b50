#include "sys/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool file_read(const char *path, size_t max, char **out, size_t *n, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(e, "cannot open %s: %s", path, strerror(errno));
    char *bytes = xcalloc(max + 2, 1);
    size_t got = fread(bytes, 1, max + 1, f);
    bool failed = ferror(f) != 0;
    fclose(f);
    if (failed || got > max) {
        explicit_bzero(bytes, got);
        free(bytes);
        return failed ? err_set(e, "cannot read %s", path)
                      : err_set(e, "%s is longer than %zu bytes", path, max);
    }
    *out = bytes;
    *n = got;
    return true;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}
