#include "tokend/ctl/remote.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_ANSWER = 16 * 1024 * 1024, /* the states of 10,000 apps take 4 MiB */
    MAX_PIECE = 4 * 1024 * 1024,   /* what one turn of the loop may bring; TLS brings 1.6 MiB */
    SILENCE_MS = 45 * 1000,        /* of a stream: tokend says something every 15 s */
    HEADERS_SIZE = 1024,
};

struct remote {
    struct loop *loop;
    struct http_client *http;
    struct http_hosts *hosts;
    const struct ctl_settings *settings;
    struct {
        uint64_t request; /* 0: closed */
        char path[REMOTE_PATH_SIZE];
        struct remote_hooks hooks;
    } stream;
};

struct remote *remote_new(const struct ctl_settings *settings, struct err *e)
{
    const struct http_client_options options = {.user_agent = "tokenctl"};
    struct loop *loop = loop_new();
    struct http_client *http = http_client_new(loop, &options, e);
    if (!http) {
        loop_free(loop);
        return NULL;
    }
    struct remote *r = xcalloc(1, sizeof *r);
    *r = (struct remote){.loop = loop, .http = http, .settings = settings};
    r->hosts = http_hosts_parse(slice_of(settings->url), e);
    ASSERT(r->hosts != NULL); /* the settings were checked */
    return r;
}

void remote_free(struct remote *r)
{
    if (!r)
        return;
    remote_close(r);
    http_client_free(r->http);
    http_hosts_unref(r->hosts);
    loop_free(r->loop);
    free(r);
}

struct loop *remote_loop(struct remote *r)
{
    return r->loop;
}

/* ---- requests ---- */

static struct trouble_question question_for(const struct remote *r, const struct http_answer *a,
                                            const char *path)
{
    return (struct trouble_question){
        .base = http_hosts_base(r->hosts, a->host < 0 ? 0 : (size_t)a->host),
        .path = path,
        .scope = "read",
        .has_key = secret_is_set(&r->settings->key),
    };
}

/* Sends with the key, which the client copies. */
static uint64_t submit(struct remote *r, struct http_request *req, const char *last_id,
                       http_answer_fn *fn, void *arg)
{
    char lines[HEADERS_SIZE];
    struct text t = text_init(lines, sizeof lines);
    if (secret_is_set(&r->settings->key)) {
        text_str(&t, "Authorization: Bearer ");
        text_add(&t, secret_reveal(&r->settings->key));
    }
    if (*last_id)
        text_fmt(&t, "%sLast-Event-ID: %s", t.n ? "\n" : "", last_id);
    ASSERT(!t.cut);
    req->hosts = r->hosts;
    req->headers = (struct slice){t.p, t.n};
    uint64_t id = http_client_send(r->http, req, fn, arg);
    bytes_wipe(lines, sizeof lines);
    return id;
}

/* ---- one question, one answer ---- */

struct asking {
    struct remote *remote;
    const struct remote_question *question;
    json_t *answer;
    struct trouble *why;
};

static void on_answer(const struct http_answer *a, void *arg)
{
    struct asking *asking = arg;
    struct trouble_question q = question_for(asking->remote, a, asking->question->path);
    q.scope = asking->question->scope;
    q.acts = asking->question->method == HTTP_POST;
    loop_stop(asking->remote->loop);
    if (trouble_find(a, &q, asking->why))
        return;
    asking->answer = json_loadb(a->body.p ? a->body.p : "", a->body.n, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(asking->answer)) {
        json_decref(asking->answer);
        asking->answer = NULL;
        trouble_say(&q, "the answer is no JSON object: is that a tokend?", asking->why);
    }
}

json_t *remote_ask(struct remote *r, const struct remote_question *q, struct trouble *why)
{
    struct asking asking = {.remote = r, .question = q, .why = why};
    char *body = q->body ? json_dumps(q->body, JSON_COMPACT) : NULL;
    struct http_request req = {
        .method = q->method,
        .path_query = slice_of(q->path),
        .content_type = body ? "application/json" : NULL,
        .body = slice_of(body),
        .timeout_ms = r->settings->timeout_ms,
        .max_response = MAX_ANSWER,
        .repeatable = q->method == HTTP_GET,
    };
    (void)submit(r, &req, "", on_answer, &asking);
    if (body)
        bytes_wipe(body, strlen(body));
    free(body);
    loop_run(r->loop);
    return asking.answer;
}

json_t *remote_get(struct remote *r, const char *path, struct trouble *why)
{
    const struct remote_question q = {.method = HTTP_GET, .path = path, .scope = "read"};
    return remote_ask(r, &q, why);
}

/* ---- a stream of events ---- */

static void on_stream_piece(struct slice piece, void *arg)
{
    const struct remote *r = arg;
    r->stream.hooks.on_piece(piece, r->stream.hooks.arg);
}

static void on_stream_end(const struct http_answer *a, void *arg)
{
    struct remote *r = arg;
    struct trouble_question q = question_for(r, a, r->stream.path);
    struct trouble why;
    if (!trouble_find(a, &q, &why)) {
        trouble_say(&q, "tokend ended the stream", &why);
        why.lasting = false;
    }
    r->stream.request = 0;
    r->stream.hooks.on_end(&why, r->stream.hooks.arg);
}

void remote_open(struct remote *r, const char *path, const char *last_id,
                 const struct remote_hooks *hooks)
{
    ASSERT(r->stream.request == 0);
    ASSERT(slice_copy(slice_of(path), r->stream.path, sizeof r->stream.path));
    r->stream.hooks = *hooks;
    struct http_request req = {
        .method = HTTP_GET,
        .path_query = slice_of(path),
        .timeout_ms = SILENCE_MS,
        .max_response = MAX_PIECE,
        .repeatable = true,
        .on_piece = on_stream_piece,
    };
    r->stream.request = submit(r, &req, last_id, on_stream_end, r);
}

void remote_close(struct remote *r)
{
    http_client_cancel(r->http, r->stream.request);
    r->stream.request = 0;
}
