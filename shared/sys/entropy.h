/* entropy.h - random bytes from the kernel, for keys, ids and seeds. Any thread. */
#ifndef SYS_ENTROPY_H
#define SYS_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

/* Fills n bytes. Aborts if the kernel has no entropy source: nothing safe could follow. */
void entropy_fill(void *out, size_t n);

uint64_t entropy_u64(void);

/* Writes 2*bytes lower-case hex digits and a NUL. */
void entropy_hex(char *out, size_t bytes);

#endif
