#include "token/scripts.h"

#include <stdlib.h>
#include <string.h>

#define SOURCE(name)                                                                               \
    extern const unsigned char token_lua_##name[];                                                 \
    extern const size_t token_lua_##name##_len;
SOURCE(prelude)
SOURCE(read)
SOURCE(begin)
SOURCE(commit)
SOURCE(assert)
SOURCE(settle)
SOURCE(lease)
SOURCE(reports)
SOURCE(drop_reports)
SOURCE(note)
SOURCE(events)
SOURCE(mark)

#define BYTES(name) ((struct slice){(const char *)token_lua_##name, token_lua_##name##_len})

const enum token_key token_script_keys[TOKEN_SCRIPT_KEYS] = {
    TOKEN_KEY_ACCESS_TOKEN, TOKEN_KEY_PREVIOUS_ACCESS_TOKEN,
    TOKEN_KEY_RECORD,       TOKEN_KEY_STATE,
    TOKEN_KEY_INTENT,       TOKEN_KEY_EVENTS,
};

static char *init(struct redis_script *script, const char *name, struct slice body)
{
    struct slice prelude = BYTES(prelude);
    char *source = xcalloc(prelude.n + body.n + 1, 1);
    memcpy(source, prelude.p, prelude.n);
    memcpy(source + prelude.n, body.p, body.n);
    redis_script_init(script, name, (struct slice){source, prelude.n + body.n});
    return source;
}

void token_scripts_init(struct token_scripts *s)
{
    s->sources[0] = init(&s->read, "read", BYTES(read));
    s->sources[1] = init(&s->begin, "begin", BYTES(begin));
    s->sources[2] = init(&s->commit, "commit", BYTES(commit));
    s->sources[3] = init(&s->assert_record, "assert", BYTES(assert));
    s->sources[4] = init(&s->settle, "settle", BYTES(settle));
    s->sources[5] = init(&s->note, "note", BYTES(note));
    redis_script_init(&s->lease, "lease", BYTES(lease));
    redis_script_init(&s->reports, "reports", BYTES(reports));
    redis_script_init(&s->drop_reports, "drop_reports", BYTES(drop_reports));
    redis_script_init(&s->events, "events", BYTES(events));
    redis_script_init(&s->mark, "mark", BYTES(mark));
}

void token_scripts_deinit(struct token_scripts *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->sources); i++)
        free(s->sources[i]);
}
