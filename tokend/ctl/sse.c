#include "tokend/ctl/sse.h"

#include <stdlib.h>
#include <string.h>

enum { RETRY_MAX_MS = 3600 * 1000 };

struct sse {
    struct text line, data, type, id; /* of the event that is being read */
    char type_bytes[SSE_TYPE_MAX + 1], id_bytes[SSE_ID_MAX + 1];
    char last_id[SSE_ID_MAX + 1];
    int64_t retry_ms;
    bool after_cr;   /* a newline that comes now belongs to the line before */
    bool first_line; /* may begin with a byte order mark */
};

static void clear(struct text *t)
{
    *t = text_init(t->p, t->size);
}

struct sse *sse_new(void)
{
    struct sse *s = xcalloc(1, sizeof *s);
    s->line = text_init(xcalloc(SSE_MAX + 1, 1), SSE_MAX + 1);
    s->data = text_init(xcalloc(SSE_MAX + 2, 1), SSE_MAX + 2); /* and the newline that goes */
    s->type = text_init(s->type_bytes, sizeof s->type_bytes);
    s->id = text_init(s->id_bytes, sizeof s->id_bytes);
    sse_reset(s);
    return s;
}

void sse_free(struct sse *s)
{
    if (!s)
        return;
    free(s->line.p);
    free(s->data.p);
    free(s);
}

/* An id lasts until there is another, over the end of a stream too. */
void sse_reset(struct sse *s)
{
    clear(&s->line);
    clear(&s->data);
    clear(&s->type);
    clear(&s->id);
    text_str(&s->id, s->last_id);
    s->after_cr = false;
    s->first_line = true;
}

const char *sse_last_id(const struct sse *s)
{
    return s->last_id;
}

int64_t sse_retry_ms(const struct sse *s)
{
    return s->retry_ms;
}

/* ---- lines ---- */

static bool set(struct text *field, struct slice value)
{
    clear(field);
    text_add(field, value);
    return !field->cut;
}

/* In a header. The standard ignores an id with a NUL; no other control character may be in there
 * either. */
static bool can_be_sent_back(struct slice id)
{
    for (size_t i = 0; i < id.n; i++) {
        if ((unsigned char)id.p[i] < ' ' || id.p[i] == 0x7f)
            return false;
    }
    return true;
}

static bool take_field(struct sse *s, struct slice name, struct slice value)
{
    if (slice_is(name, "data")) {
        text_add(&s->data, value);
        text_char(&s->data, '\n');
        return !s->data.cut;
    }
    if (slice_is(name, "event"))
        return set(&s->type, value);
    if (slice_is(name, "id") && can_be_sent_back(value))
        return set(&s->id, value);
    if (slice_is(name, "retry"))
        (void)!slice_to_int(value, 0, RETRY_MAX_MS, &s->retry_ms);
    return true;
}

static void end_event(struct sse *s, sse_event_fn *fn, void *arg)
{
    memcpy(s->last_id, s->id.p, s->id.n + 1);
    if (s->data.n > 0) {
        struct slice type = {s->type.p, s->type.n};
        const struct sse_event event = {
            .type = type.n ? type : SLICE_LIT("message"),
            .data = {s->data.p, s->data.n - 1},
        };
        fn(&event, arg);
    }
    clear(&s->data);
    clear(&s->type);
}

static bool end_line(struct sse *s, sse_event_fn *fn, void *arg)
{
    struct slice line = {s->line.p, s->line.n};
    bool ok = true;
    if (s->first_line)
        line = slice_without_bom(line);
    s->first_line = false;
    if (line.n == 0) {
        end_event(s, fn, arg);
    } else if (line.p[0] != ':') {
        struct slice value = line, name = slice_cut(&value, ':');
        if (value.n > 0 && value.p[0] == ' ')
            value = (struct slice){value.p + 1, value.n - 1};
        ok = take_field(s, name, value);
    }
    clear(&s->line);
    return ok;
}

bool sse_feed(struct sse *s, struct slice piece, sse_event_fn *fn, void *arg)
{
    for (size_t i = 0; i < piece.n; i++) {
        char c = piece.p[i];
        bool ends = c == '\r' || (c == '\n' && !s->after_cr);
        if (ends && !end_line(s, fn, arg))
            return false;
        if (c != '\r' && c != '\n')
            text_char(&s->line, c);
        if (s->line.cut)
            return false;
        s->after_cr = c == '\r';
    }
    return true;
}
