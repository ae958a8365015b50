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

/* A right that is missing inside a script has no word of its own. */
static bool says_no_right(struct slice text)
{
    return slice_starts(text, "The user executing the script can't") || /* up to Redis 7.0 */
           slice_starts(text, "ACL failure in script");
}

/* Behind "ERR". Before Redis 7, an error inside a script comes wrapped: "Error running script (call
 * to ...): @user_script:1: -READONLY You can't write against a read only replica." */
static enum redis_refusal refusal_of_script(struct slice text)
{
    bool wrapped = slice_starts(text, "Error running script");
    enum redis_refusal found = REDIS_REFUSAL_OTHER;
    do {
        if (says_no_right(text))
            return REDIS_REFUSAL_NOPERM;
        struct slice word = slice_cut(&text, ' ');
        if (slice_starts(word, "-"))
            found = refusal_of_word((struct slice){word.p + 1, word.n - 1});
    } while (wrapped && text.p && found == REDIS_REFUSAL_OTHER);
    return found;
}

enum redis_refusal redis_refusal_of(struct slice text)
{
    struct slice word = slice_cut(&text, ' ');
    return slice_is(word, "ERR") ? refusal_of_script(text) : refusal_of_word(word);
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
