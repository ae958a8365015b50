#include "tokend/ctl/plain.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/utf8.h"

/* One character of the text, as it is written. */
struct glyph {
    struct slice bytes; /* of the text */
    uint32_t code;
    enum { GLYPH_SHOWN, GLYPH_CONTROL, GLYPH_BROKEN } kind;
};

static struct glyph cut_glyph(struct slice *rest)
{
    struct glyph g = {.kind = GLYPH_SHOWN};
    size_t n = utf8_first(*rest, &g.code);
    if (n == 0)
        g.kind = GLYPH_BROKEN;
    else if (utf8_is_control(g.code))
        g.kind = GLYPH_CONTROL;
    g.bytes = (struct slice){rest->p, n ? n : 1};
    *rest = (struct slice){rest->p + g.bytes.n, rest->n - g.bytes.n};
    return g;
}

void plain_write(struct slice s, FILE *out)
{
    while (s.n > 0) {
        struct glyph g = cut_glyph(&s);
        switch (g.kind) {
        case GLYPH_SHOWN:
            fwrite(g.bytes.p, 1, g.bytes.n, out);
            break;
        case GLYPH_CONTROL:
            fprintf(out, "\\u%04" PRIx32, g.code);
            break;
        case GLYPH_BROKEN:
            fprintf(out, "\\x%02x", (unsigned)(unsigned char)g.bytes.p[0]);
            break;
        }
    }
}

/* The blocks that Unicode's EastAsianWidth.txt counts as wide, roughly. */
static bool is_wide(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } blocks[] = {
        {0x1100, 0x115f}, {0x2e80, 0x303e},   {0x3041, 0xa4cf},
        {0xac00, 0xd7a3}, {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
        {0xff00, 0xff60}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
    };
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        if (code >= blocks[i].first && code <= blocks[i].last)
            return true;
    }
    return false;
}

static size_t width_of(const struct glyph *g)
{
    switch (g->kind) {
    case GLYPH_SHOWN:
        return is_wide(g->code) ? 2 : 1;
    case GLYPH_CONTROL:
        return sizeof "\\u0000" - 1;
    case GLYPH_BROKEN:
        return sizeof "\\x00" - 1;
    }
    UNREACHABLE("a kind of its own");
}

size_t plain_width(struct slice s)
{
    size_t width = 0;
    while (s.n > 0) {
        struct glyph g = cut_glyph(&s);
        width += width_of(&g);
    }
    return width;
}
