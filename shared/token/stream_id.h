/* stream_id.h - the id of an entry of a Redis stream, "MS-SEQ": ids of one stream grow. Pure. */
#ifndef TOKEN_STREAM_ID_H
#define TOKEN_STREAM_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct stream_id {
    int64_t ms, seq;
};

enum { STREAM_ID_SIZE = 48 }; /* of the text, NUL included */

#define STREAM_ID_NONE ((struct stream_id){0, 0}) /* before every entry's */

/* The first id that may come after. */
struct stream_id stream_id_next(struct stream_id id);

/* False for what is no id, and leaves *out alone. */
bool stream_id_parse(struct slice text, struct stream_id *out) MUST_CHECK;
void stream_id_format(struct stream_id id, char out[STREAM_ID_SIZE]);

/* Below, at or above 0 as a comes before b, is b, or comes after it. */
int stream_id_compare(struct stream_id a, struct stream_id b);

#endif
