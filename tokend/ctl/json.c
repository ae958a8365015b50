#include "tokend/ctl/json.h"

#include <stdlib.h>

#include "base/secret.h"
#include "tokend/ctl/plain.h"

struct slice json_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return (struct slice){json_string_value(value), json_string_length(value)};
}

/* A control character can only stand inside of a string, where plain_write spells it as JSON does.
 */
void json_write(const json_t *value, FILE *out)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    ASSERT(text != NULL);
    struct slice all = slice_of(text);
    plain_write(all, out);
    bytes_wipe(text, all.n);
    free(text);
}

void json_line(const json_t *value, FILE *out)
{
    json_write(value, out);
    fputc('\n', out);
}
