#include "http/fd_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { FIRST_SIZE = 64 };

void *fd_table_get(const struct fd_table *t, int fd)
{
    return fd >= 0 && (size_t)fd < t->size ? t->v[fd] : NULL;
}

static void grow(struct fd_table *t, size_t need)
{
    size_t size = t->size ? t->size : FIRST_SIZE;
    while (size < need)
        size *= 2;
    t->v = xrealloc(t->v, size * sizeof(void *));
    memset(t->v + t->size, 0, (size - t->size) * sizeof(void *));
    t->size = size;
}

void fd_table_put(struct fd_table *t, int fd, void *object)
{
    ASSERT(fd >= 0);
    if ((size_t)fd >= t->size)
        grow(t, (size_t)fd + 1);
    ASSERT(t->v[fd] == NULL);
    t->v[fd] = object;
}

void fd_table_remove(struct fd_table *t, int fd)
{
    if (fd_table_get(t, fd))
        t->v[fd] = NULL;
}

void fd_table_deinit(struct fd_table *t)
{
    free(t->v);
    *t = (struct fd_table){NULL, 0};
}
