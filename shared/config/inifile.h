/* inifile.h - reads an INI file line by line, strictly: nothing is cut, joined or guessed.
 *
 *   # a comment stands on a line of its own
 *   name = value            the value is all that follows, without blanks at its ends
 *   [kind id]               begins a section
 *
 * inih takes the pairs apart. What it would do silently is refused before it sees the line: cutting
 * a long line, cutting a value at " ;", cutting section names at 49 bytes, taking an indented line
 * for more of the value above; and it does not tell of sections that are empty. Inner header of
 * config. One thread. */
#ifndef CONFIG_INIFILE_H
#define CONFIG_INIFILE_H

#include "base/text.h"

/* Told line by line; the slices are borrowed for the call. The kind of a section whose name cannot
 * be read is NULL: the fault follows. */
struct inifile_reader {
    void (*section)(void *arg, struct slice kind, struct slice id, int line);
    void (*pair)(void *arg, struct slice name, struct slice value, int line);
    void (*fault)(void *arg, int line, const char *what);
};

/* Reads a whole file's bytes. Goes on after a fault. */
void inifile_read(struct slice bytes, const struct inifile_reader *reader, void *arg);

#endif
