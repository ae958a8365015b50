/* answer.h - what WeChat answers to one call: HTTP status, content type, JSON text, and the way in
 * which its error messages are written.
 *
 * The shapes are those seen at api.weixin.qq.com: HTTP 200 also for errors, a request id (rid) at
 * the end of each errmsg whose first part is the time, other punctuation and another content type
 * below /sns. Pure. One thread. */
#ifndef WXSIM_ANSWER_H
#define WXSIM_ANSWER_H

#include "base/prng.h"
#include "base/text.h"
#include "base/times.h"
#include "wxsim/errcodes.h"

enum { ANSWER_MAX = 4096 };

/* How a part of the API writes. */
enum answer_style {
    STYLE_CGI, /* "application/json; encoding=utf-8", "… rid: …" */
    STYLE_WXA, /* the same with "hint: […]" where the request's content is at fault */
    STYLE_SNS, /* "text/plain", "…, rid: …" */
};

struct answer {
    int http_status;
    const char *content_type; /* NULL: none */
    int errcode;              /* 0 = success */
    struct text body;         /* points into bytes */
    char bytes[ANSWER_MAX];
};

/* Makes *a an empty success, for the caller to write the JSON into a->body. */
void answer_begin(struct answer *a, enum answer_style style);

/* HTTP 412 without a body: what a POST without Content-Length gets. */
void answer_length_required(struct answer *a);

/* Makes *a {"errcode","errmsg"}. `text` replaces the number's own wording; NULL: that. `ids` draws
 * the random parts of rid and hint. */
void answer_error(struct answer *a, enum answer_style style, int errcode, const char *text,
                  wall_ms_t now, struct prng *ids);

/* Puts fields that nobody has heard of into the finished object in a->body. */
void answer_add_unknown_fields(struct answer *a);

/* WeChat's English for the number; a general one when it is not listed. */
const char *errcode_text(int errcode);

#endif
