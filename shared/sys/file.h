/* file.h - whole small files. Blocking: for start-up and worker threads, not for the loop. */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/err.h"

/* Reads all of `path`, `max` bytes at most, into *out: a heap copy with a NUL that the caller
 * frees, *n its length. False with a line in *e (which names the path) when it cannot or is longer.
 */
bool file_read(const char *path, size_t max, char **out, size_t *n, struct err *e) MUST_CHECK;

bool file_exists(const char *path);

#endif
