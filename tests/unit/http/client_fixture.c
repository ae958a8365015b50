#include "client_fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct fixture fixture_new(const struct http_client_options *options)
{
    const struct http_client_options defaults = {0};
    struct fixture f;
    struct err e;
    be_a_daemon();
    f.loop = loop_new();
    f.client = http_client_new(f.loop, options ? options : &defaults, &e);
    ASSERT(f.client != NULL);
    return f;
}

void fixture_free(struct fixture *f)
{
    http_client_free(f->client);
    loop_free(f->loop);
}

struct http_request request_to(const char *bases, ...)
{
    char list[512];
    struct err e;
    va_list ap;
    va_start(ap, bases);
    vsnprintf(list, sizeof list, bases, ap);
    va_end(ap);
    struct http_hosts *hosts = http_hosts_parse(slice_of(list), &e);
    ASSERT(hosts != NULL);
    return (struct http_request){.method = HTTP_GET,
                                 .hosts = hosts,
                                 .path_query = SLICE_LIT("/x"),
                                 .timeout_ms = PATIENCE_MS,
                                 .max_response = 8 << 20};
}

static void keep_answer(const struct http_answer *a, void *arg)
{
    struct answer *out = arg;
    out->calls++;
    out->outcome = a->outcome;
    out->status = a->status;
    out->host = a->host;
    out->elapsed_us = a->elapsed_us;
    out->body_n = a->body.n;
    size_t n = a->body.n < sizeof out->body - 1 ? a->body.n : sizeof out->body - 1;
    ASSERT(slice_copy((struct slice){a->body.p, n}, out->body, sizeof out->body));
    ASSERT(slice_copy(slice_of(a->error), out->error, sizeof out->error));
}

uint64_t fixture_send(struct fixture *f, struct http_request *req, struct answer *answer)
{
    memset(answer, 0, sizeof *answer);
    uint64_t id = http_client_send(f->client, req, keep_answer, answer);
    ASSERT(answer->calls == 0); /* never before send returned */
    http_hosts_unref(req->hosts);
    return id;
}

bool is_answered(void *answer)
{
    return ((struct answer *)answer)->calls > 0;
}

void fixture_wait(struct fixture *f, struct answer *answer)
{
    ASSERT(loop_until(f->loop, is_answered, answer, 2 * PATIENCE_MS));
}

void fixture_ask(struct fixture *f, struct http_request *req, struct answer *answer)
{
    (void)fixture_send(f, req, answer);
    fixture_wait(f, answer);
}
