/* scripts.h - the Lua scripts by which tokend changes the keys of an app and of the lease.
 *
 * Each is one atomic step of the refresh protocol; the head of its file in lua/ says what it takes
 * and gives. Those of an app take the keys of token_script_keys, in that order. Initialised once,
 * then constant. */
#ifndef TOKEN_SCRIPTS_H
#define TOKEN_SCRIPTS_H

#include "redis/script.h"
#include "token/keys.h"

struct token_scripts {
    struct redis_script read, begin, commit, assert_record, settle, note; /* of an app */
    struct redis_script lease;
    struct redis_script reports;      /* of many apps at once */
    struct redis_script drop_reports; /* of one reports stream */
    struct redis_script events;       /* of many apps at once */
    struct redis_script mark;         /* among the messages about events */
    char *sources[6];                 /* owned: prelude and body of those of an app */
};

void token_scripts_init(struct token_scripts *s);
void token_scripts_deinit(struct token_scripts *s);

enum { TOKEN_SCRIPT_KEYS = 6 };
extern const enum token_key token_script_keys[TOKEN_SCRIPT_KEYS];

#endif
