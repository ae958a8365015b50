/* check.h - assertions that stay on in production, and the mark of a result that must be looked at.
 *
 * A failed ASSERT is a programming error: the process says where and aborts. Operating errors (a
 * peer that is down, bad input, a full disk) are values, never assertions. Any thread. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stddef.h>

#define MUST_CHECK                      __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first)         __attribute__((format(printf, fmt, first)))
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Where the program's own logic says that nothing comes. */
#define UNREACHABLE(why) check_failed((why), __FILE__, __LINE__)

#define ASSERT(expr) ((expr) ? (void)0 : check_failed(#expr, __FILE__, __LINE__))

/* Writes one line to stderr and aborts. Use through ASSERT. */
_Noreturn void check_failed(const char *expr, const char *file, int line);

/* calloc, realloc and strdup that abort when memory is gone: for allocations whose size we chose.
 * What a peer sizes has a limit of its own and fails the request instead. The caller frees. */
void *xcalloc(size_t count, size_t size) MUST_CHECK;
void *xrealloc(void *p, size_t size) MUST_CHECK;
char *xstrdup(const char *s) MUST_CHECK; /* NULL gives NULL */

#endif
