/* transfer.h - one HTTP request to one host with libcurl, and what is certain about it.
 *
 * The certainty comes from CURLOPT_PREREQFUNCTION, which curl calls each time just before it writes
 * the request: never called means that no byte left; and a second call means that curl, which
 * silently repeats a request when a kept-alive connection dies, is about to do so. Internal to the
 * client; loop thread only. */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/list.h"
#include "base/text.h"
#include "http/client.h"
#include "http/multi.h"

enum { TRANSFER_ERROR_SIZE = 160 };

/* What all transfers of a client have in common; strings borrowed for the transfers' life. */
struct transfer_options {
    const char *user_agent; /* NULL: none */
    const char *ca_file;    /* NULL: the system's */
    int64_t idle_timeout_ms;
};

/* What to send; all borrowed until the transfer is done or stopped. */
struct transfer_plan {
    const char *url;
    enum http_method method;
    const char *content_type; /* NULL: none */
    struct slice headers;     /* further lines, "\n" between them */
    struct slice body;
    int64_t connect_timeout_ms;
    size_t max_response;
    bool repeatable;
    bool streams; /* the body of a 2xx answer is told of (multi_tell) piece by piece */
};

struct transfer {
    struct multi_item item;
    struct multi *multi;
    struct list node; /* for the owner */
    void *owner;      /* for the owner */
    struct curl_slist *headers;
    char *headers_for;  /* the content type they were made for */
    bool headers_alike; /* there is nothing else in them: kept for the next request */
    int written;        /* how often curl was about to write the request */
    bool repeatable, streams;
    const char *refused; /* why we stopped it; NULL: we did not */
    size_t head_n;
    size_t body_max, body_n, body_size;
    char *body; /* owned */
};

struct transfer *transfer_new(struct multi *m, const struct transfer_options *options) MUST_CHECK;
void transfer_free(struct transfer *t); /* not while it runs */

void transfer_start(struct multi *m, struct transfer *t, const struct transfer_plan *plan);

/* How it ended: for one that multi reported. Fills outcome, status, body (in t, until
 * transfer_clear) and, unless answered, the text in `error`. */
void transfer_outcome(const struct transfer *t, struct http_answer *out,
                      char error[TRANSFER_ERROR_SIZE]);

/* True when the request may have reached a server. */
bool transfer_was_sent(const struct transfer *t);

/* What has come of the body so far, out of t, which collects on from there: the caller wipes and
 * frees it. */
struct slice transfer_take_body(struct transfer *t) MUST_CHECK;

/* Wipes and frees the body, and headers that are this request's alone. */
void transfer_clear(struct transfer *t);

#endif
