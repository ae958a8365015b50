#include "redis/refusal.h"

#include "base/check.h"

enum { MAX_SHOWN = 150 }; /* of an error text: what it means must fit behind it */

static const struct row {
    const char *word;
    enum err_class class;
    bool reconnect;
    const char *name, *meaning;
} rows[REDIS_REFUSAL_KINDS] = {
#define X(name, word, class, reconnect, meaning)                                                   \
    [REDIS_REFUSAL_##name] = {word, class, reconnect, #name, meaning},
    REDIS_REFUSALS(X)
#undef X
};

static enum redis_refusal refusal_of_word(struct slice word)
{
    for (size_t i = 0; i < REDIS_REFUSAL_OTHER; i++) {
        if (slice_is(word, rows[i].word))
            return (enum redis_refusal)i;
    }
    return REDIS_REFUSAL_OTHER;
}

/* Before Redis 7, an error inside a script comes wrapped: "ERR Error running script (call to ...):
 * @user_script:1: -READONLY You can't write against a read only replica." */
enum redis_refusal redis_refusal_of(struct slice text)
{
    struct slice word = slice_cut(&text, ' ');
    enum redis_refusal found = refusal_of_word(word);
    bool wrapped = slice_is(word, "ERR") && slice_starts(text, "Error running script");
    while (wrapped && text.p && found == REDIS_REFUSAL_OTHER) {
        word = slice_cut(&text, ' ');
        if (slice_starts(word, "-"))
            found = refusal_of_word((struct slice){word.p + 1, word.n - 1});
    }
    return found;
}

const char *redis_refusal_name(enum redis_refusal r)
{
    ASSERT((size_t)r < ARRAY_LEN(rows));
    return rows[r].name;
}

const char *redis_refusal_explain(struct slice text, struct err *out)
{
    const char *meaning = rows[redis_refusal_of(text)].meaning;
    int shown = (int)(text.n < MAX_SHOWN ? text.n : MAX_SHOWN);
    if (meaning[0])
        err_set(out, "%.*s (%s)", shown, text.p, meaning);
    else
        err_set(out, "%.*s", shown, text.p);
    return out->text;
}

enum err_class redis_refusal_class(enum redis_refusal r)
{
    ASSERT((size_t)r < ARRAY_LEN(rows));
    return rows[r].class;
}

bool redis_refusal_wants_reconnect(enum redis_refusal r)
{
    ASSERT((size_t)r < ARRAY_LEN(rows));
    return rows[r].reconnect;
}
