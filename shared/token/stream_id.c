#include "token/stream_id.h"

#include <inttypes.h>
#include <stdio.h>

bool stream_id_parse(struct slice text, struct stream_id *out)
{
    struct slice rest = text, ms = slice_cut(&rest, '-');
    struct stream_id id;
    if (!rest.p || !slice_to_int(ms, 0, INT64_MAX, &id.ms) ||
        !slice_to_int(rest, 0, INT64_MAX, &id.seq))
        return false;
    *out = id;
    return true;
}

void stream_id_format(struct stream_id id, char out[STREAM_ID_SIZE])
{
    snprintf(out, STREAM_ID_SIZE, "%" PRId64 "-%" PRId64, id.ms, id.seq);
}

struct stream_id stream_id_next(struct stream_id id)
{
    if (id.seq < INT64_MAX)
        return (struct stream_id){id.ms, id.seq + 1};
    return (struct stream_id){id.ms < INT64_MAX ? id.ms + 1 : id.ms, 0};
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int stream_id_compare(struct stream_id a, struct stream_id b)
{
    return a.ms != b.ms ? compare(a.ms, b.ms) : compare(a.seq, b.seq);
}
