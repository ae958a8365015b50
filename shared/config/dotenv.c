#include "config/dotenv.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

static struct slice skip(struct slice s, size_t n)
{
    return (struct slice){s.p + n, s.n - n};
}

static struct slice skip_blanks(struct slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = skip(s, 1);
    return s;
}

static size_t name_length(struct slice s)
{
    size_t n = 0;
    while (n < s.n && (isalnum((unsigned char)s.p[n]) || s.p[n] == '_'))
        n++;
    return n;
}

/* Cuts `[export] NAME =` off the front of the line; false when it does not begin so. */
static bool take_name(struct slice *line, struct slice *name)
{
    struct slice s = skip_blanks(*line);
    if (slice_starts(s, "export "))
        s = skip_blanks(skip(s, strlen("export ")));
    *name = (struct slice){s.p, name_length(s)};
    s = skip_blanks(skip(s, name->n));
    if (name->n == 0 || s.n == 0 || s.p[0] != '=')
        return false;
    *line = skip_blanks(skip(s, 1));
    return true;
}

/* Without the comment, which begins with a # at the start or behind a blank. */
static struct slice plain_value(struct slice line)
{
    for (size_t i = 0; i < line.n; i++) {
        if (line.p[i] == '#' && (i == 0 || isspace((unsigned char)line.p[i - 1])))
            return slice_trim((struct slice){line.p, i});
    }
    return slice_trim(line);
}

static char unescaped(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* Copies what stands between the quotes at the start of `text` to `out`, which is as long as that.
 * Returns how many bytes of text it took, both quotes included; 0 when the second is missing. */
static size_t unquote(struct slice text, struct text *out)
{
    char quote = text.p[0];
    for (size_t i = 1; i < text.n; i++) {
        if (text.p[i] == quote)
            return i + 1;
        if (text.p[i] == '\\' && quote == '"' && i + 1 < text.n)
            text_char(out, unescaped(text.p[++i]));
        else
            text_char(out, text.p[i]);
    }
    return 0;
}

struct cursor {
    struct slice rest; /* what follows the current line */
    int line;
};

/* A quoted value may go on over lines: moves the cursor behind the one where it ends. */
static void read_quoted(struct cursor *c, struct slice from, struct slice name,
                        dotenv_pair_fn *pair, void *arg)
{
    struct slice all = from;
    if (c->rest.p)
        all.n = (size_t)(c->rest.p + c->rest.n - from.p);
    size_t size = all.n + 1;
    char *buffer = xcalloc(size, 1);
    struct text value = text_init(buffer, size);
    size_t taken = unquote(all, &value);
    int line = c->line;
    for (; c->rest.p && from.p + taken > c->rest.p; c->line++)
        (void)slice_cut(&c->rest, '\n');
    pair(arg, name, taken ? (struct slice){value.p, value.n} : (struct slice){NULL, 0}, line);
    bytes_wipe(buffer, size);
    free(buffer);
}

void dotenv_read(struct slice bytes, dotenv_pair_fn *pair, void *arg)
{
    struct cursor c = {slice_without_bom(bytes), 0};
    while (c.rest.p) {
        struct slice line = slice_cut(&c.rest, '\n'), name;
        c.line++;
        if (!take_name(&line, &name))
            continue;
        if (line.n > 0 && (line.p[0] == '"' || line.p[0] == '\''))
            read_quoted(&c, line, name, pair, arg);
        else
            pair(arg, name, plain_value(line), c.line);
    }
}
