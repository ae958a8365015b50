/* process.h - what a daemon that holds secrets asks of its own process. Main thread, at start. */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

/* No core dumps, not traceable by other processes of the same user: secrets stay in memory. */
void process_harden(void);

/* Overwrites an argument's bytes in place from `from` on with 'x', so that a secret given on the
 * command line leaves the process title. */
void process_hide_argument(char *arg, size_t from);

/* The limit of open files, raised to the hard limit; returns what is in force. */
size_t process_raise_open_files(void);

/* "hostname:pid", for lease ids and logs. Writes at most size bytes with NUL. */
void process_name(char *out, size_t size);

#endif
