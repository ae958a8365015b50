/* memory.h - memory that a process and those it forks see alike. Any thread. */
#ifndef SYS_MEMORY_H
#define SYS_MEMORY_H

#include <stddef.h>

#include "base/check.h"

/* All 0, at the same address in all processes forked from now on; a page takes memory once it is
 * touched. NULL, with errno, when the system refuses. */
void *memory_share(size_t size) MUST_CHECK;

/* In this process alone; the others keep it. NULL is allowed. */
void memory_unshare(void *p, size_t size);

#endif
