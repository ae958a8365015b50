/* dotenv.h - reads .env files: NAME=value, as other programs that share the file understand them.
 *
 *   # a comment                     export NAME=value
 *   NAME=value # a comment          NAME='as it stands'         NAME="with \n \" \\, over lines
 * too"
 *
 * A line that is none of these is skipped: the file is not ours alone. Inner header of config.
 * Pure; any thread. */
#ifndef CONFIG_DOTENV_H
#define CONFIG_DOTENV_H

#include "base/text.h"

/* One assignment; value.p is NULL when its quotes do not end. Borrowed for the call. */
typedef void dotenv_pair_fn(void *arg, struct slice name, struct slice value, int line);

/* Reads a whole file's bytes. */
void dotenv_read(struct slice bytes, dotenv_pair_fn *pair, void *arg);

#endif
