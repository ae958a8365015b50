#include "http/form.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that %XX at the front of `in` stands for; -1 when it is not one, or NUL. */
static int escaped_byte(struct slice in)
{
    if (in.n < 3)
        return -1;
    int high = hex_digit(in.p[1]), low = hex_digit(in.p[2]);
    return high < 0 || low < 0 || high + low == 0 ? -1 : high << 4 | low;
}

bool percent_decode(struct slice in, bool plus_is_blank, char *out, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '%') {
            int byte = escaped_byte((struct slice){in.p + i, in.n - i});
            if (byte < 0)
                return false;
            c = (char)byte;
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        out[(*n)++] = c;
    }
    return true;
}

/* Decodes one name or value to the end of f->bytes, which has room for the whole input. */
static bool add_decoded(struct form *f, struct slice in, struct slice *out)
{
    size_t n;
    char *at = f->bytes + f->used;
    if (!percent_decode(in, true, at, &n))
        return false;
    f->used += n;
    *out = (struct slice){at, n};
    return true;
}

static bool add_pair(struct form *f, struct slice piece, struct err *e)
{
    if (f->n == FORM_PAIRS_MAX)
        return err_set(e, "more than %d parameters", (int)FORM_PAIRS_MAX);
    struct form_pair *pair = &f->pairs[f->n++];
    struct slice name = slice_cut(&piece, '=');
    if (!add_decoded(f, name, &pair->name) || !add_decoded(f, piece, &pair->value))
        return err_set(e, "a parameter has a bad %%-escape");
    return true;
}

bool form_decode(struct slice in, struct form *f, struct err *e)
{
    f->n = 0;
    f->used = 0;
    f->size = in.n + 1;
    f->bytes = xcalloc(f->size, 1);
    while (in.n > 0) {
        struct slice piece = slice_cut(&in, '&');
        if (piece.n > 0 && !add_pair(f, piece, e)) {
            form_deinit(f);
            return false;
        }
    }
    return true;
}

void form_deinit(struct form *f)
{
    bytes_wipe(f->bytes, f->size);
    free(f->bytes);
    f->bytes = NULL;
    f->n = f->used = f->size = 0;
}

struct slice form_get(const struct form *f, const char *name)
{
    return form_get_at(f, name, 0);
}

struct slice form_get_at(const struct form *f, const char *name, size_t i)
{
    for (size_t at = 0; at < f->n; at++) {
        if (slice_is(f->pairs[at].name, name) && i-- == 0)
            return f->pairs[at].value;
    }
    return (struct slice){NULL, 0};
}
