/* script.h - a Lua script by its name, source and SHA1.
 *
 * Run it with redis_run (client.h): by EVALSHA, and when the server does not know it (restarted,
 * flushed, failed over) once more by EVAL, which teaches it. Immutable after redis_script_init:
 * meant to be made once at start and to live as long as the process. */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

#include "base/text.h"

enum { REDIS_SHA1_HEX_SIZE = 41 };

struct redis_script {
    const char *name; /* for log lines */
    struct slice source;
    char sha1[REDIS_SHA1_HEX_SIZE]; /* of the source: what EVALSHA knows it by */
};

/* name and source are borrowed as long as the script is used (embed_file makes such a source). */
void redis_script_init(struct redis_script *s, const char *name, struct slice source);

#endif
