/* fd_table.h - objects by file descriptor: a growing array. Internal to http; one thread. */
#ifndef HTTP_FD_TABLE_H
#define HTTP_FD_TABLE_H

#include <stddef.h>

struct fd_table {
    void **v; /* NULL where there is none */
    size_t size;
};

void *fd_table_get(const struct fd_table *t, int fd);        /* NULL when there is none */
void fd_table_put(struct fd_table *t, int fd, void *object); /* where none stands */
void fd_table_remove(struct fd_table *t, int fd);            /* none there is fine */
void fd_table_deinit(struct fd_table *t);                    /* the objects stay the caller's */

#endif
