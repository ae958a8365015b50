#include "sys/memory.h"

#include <sys/mman.h>

void *memory_share(size_t size)
{
    void *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void memory_unshare(void *p, size_t size)
{
    if (p)
        ASSERT(munmap(p, size) == 0);
}
