/* body.h - the fields of a request's body, whether it came as JSON or as a form.
 *
 * One JSON object either way. What begins with "{" is JSON whatever its Content-Type says (curl -d
 * calls everything a form). The server has bounded the bytes already. One thread. */
#ifndef LOGINSVC_DIALECTS_BODY_H
#define LOGINSVC_DIALECTS_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/check.h"
#include "base/text.h"
#include "http/server.h"

struct body {
    json_t *object; /* owned */
};

enum body_field {
    BODY_ABSENT, /* not there, null or empty: *out is empty */
    BODY_TEXT,   /* in *out, borrowed from the body */
    BODY_WRONG,  /* not a text, too long, or with bytes that do not belong there */
};

/* An empty body is an object without fields. False, with nothing to end, when it is neither a JSON
 * object nor a form, or not UTF-8. */
bool body_parse(struct slice bytes, struct body *b) MUST_CHECK;
void body_deinit(struct body *b);

/* The same of a call's body, which must be JSON when its Content-Type says so. */
bool body_of_call(const struct http_call *call, struct body *b) MUST_CHECK;

/* The same from these query parameters of a call (NULL ends them), for a client that puts into the
 * query what belongs into the body; "undefined" and "null" are no values. */
bool body_of_query(const struct http_call *call, const char *const *names,
                   struct body *b) MUST_CHECK;

/* Text of at most `max` bytes, without control characters. */
enum body_field body_text(const struct body *b, const char *name, size_t max,
                          struct slice *out) MUST_CHECK;

/* A truth value: as JSON has it, or "true", "1", "false", "0" of a form; *out is false when it is
 * absent. False when it is anything else: who asks for more must not be given less in silence. */
bool body_flag(const struct body *b, const char *name, bool *out) MUST_CHECK;

/* A code of WeChat's: 1 to WECHAT_CODE_MAX printable ASCII characters without blanks. */
enum body_field body_code(const struct body *b, const char *name, struct slice *out) MUST_CHECK;

#endif
