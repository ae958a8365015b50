#include "tokend/ctl/trouble.h"

#include <string.h>

#include <jansson.h>

static struct text begin(const struct trouble_question *q, const char *path, struct trouble *out)
{
    struct text t = text_init(out->line, sizeof out->line);
    text_add(&t, q->base);
    text_str(&t, path);
    text_str(&t, ": ");
    return t;
}

void trouble_say(const struct trouble_question *q, const char *what, struct trouble *out)
{
    struct text t = begin(q, q->path, out);
    out->lasting = true;
    text_str(&t, what);
}

static void say_unreachable(const struct http_answer *a, const struct trouble_question *q,
                            struct trouble *out)
{
    struct text t = begin(q, "", out);
    text_fmt(&t, "%s: is tokend running there? TOKEND_URL says where it is asked", a->error);
}

static void say_unanswered(const struct http_answer *a, const struct trouble_question *q,
                           struct trouble *out)
{
    struct text t = begin(q, q->path, out);
    text_str(&t, a->error);
    if (q->acts)
        text_str(&t, ": it may have been done all the same, tokenctl events shows it");
}

/* ---- refusals ---- */

/* What a person can do about it; NULL: the words of tokend say it all. */
static const char *advice(const struct http_answer *a, const char *code,
                          const struct trouble_question *q)
{
    if (!code)
        return "is that a tokend? TOKEND_URL says where it is asked";
    if (a->status == 401)
        return q->has_key ? "what TOKEND_KEY or TOKEND_KEY_FILE holds is no key of this tokend"
                          : "set TOKEND_KEY, or TOKEND_KEY_FILE to the file that holds the key";
    if (strcmp(code, "unknown_app") == 0)
        return "tokenctl status lists the apps that this key may see";
    if (strcmp(code, "no_token") == 0)
        return "tokenctl status shows why";
    return a->status == 503 ? "try again" : NULL;
}

static void add_advice(struct text *t, const struct http_answer *a, const char *code,
                       const struct trouble_question *q)
{
    const char *words = advice(a, code, q);
    if (words)
        text_fmt(t, ": %s", words);
    else if (a->status == 403)
        text_fmt(t, ": a key with the scope %s is needed", q->scope);
}

static void say_refusal(const struct http_answer *a, const struct trouble_question *q,
                        struct trouble *out)
{
    struct text t = begin(q, q->path, out);
    json_t *problem = json_loadb(a->body.p ? a->body.p : "", a->body.n, 0, NULL);
    const char *code = json_string_value(json_object_get(problem, "code"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *request_id = json_string_value(json_object_get(problem, "request_id"));
    text_fmt(&t, "%d", a->status);
    if (code)
        text_fmt(&t, " %s", code);
    if (detail)
        text_fmt(&t, ": %s", detail);
    if (request_id)
        text_fmt(&t, " (request_id %s)", request_id);
    add_advice(&t, a, code, q);
    json_decref(problem);
}

static bool is_for_later(int status)
{
    return status >= 500 || status == 408 || status == 429;
}

bool trouble_find(const struct http_answer *a, const struct trouble_question *q,
                  struct trouble *out)
{
    out->lasting = a->outcome == HTTP_ANSWERED && !is_for_later(a->status);
    switch (a->outcome) {
    case HTTP_NOT_SENT:
        say_unreachable(a, q, out);
        return true;
    case HTTP_UNKNOWN:
        say_unanswered(a, q, out);
        return true;
    case HTTP_ANSWERED:
        break;
    }
    if (a->status / 100 == 2)
        return false;
    say_refusal(a, q, out);
    return true;
}
