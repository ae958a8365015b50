#include "http/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/secret.h"
#include "base/slots.h"
#include "http/multi.h"
#include "http/transfer.h"
#include "sys/clock.h"
#include "sys/file.h"

enum {
    DEFAULT_CONNECT_MS = 2000,
    DEFAULT_IDLE_MS = 30 * 1000,
    DEFAULT_MAX_CONNECTIONS = 256,
    DEFAULT_MAX_QUEUED = 1024,
};

enum request_state {
    REQUEST_QUEUED,  /* waits for a connection */
    REQUEST_RUNNING, /* has a transfer */
    REQUEST_REFUSED, /* its fn will be told so in this turn of the loop */
    REQUEST_STATE_COUNT
};

struct request {
    struct http_client *client;
    uint64_t id;
    struct list node; /* in the client's list of its state */
    enum request_state state;
    struct http_request what; /* its pointers are ours: into bytes, and a reference to hosts */
    char *bytes;              /* owned: path_query, content_type, headers, body */
    size_t bytes_size;
    http_answer_fn *fn;
    void *arg;
    int64_t began_us;
    mono_ms_t deadline;
    struct loop_timer *timer;
    unsigned tried; /* hosts, as bits */
    int host;       /* the one asked last; -1: none yet */
    struct transfer *transfer;
    char *url; /* owned, while RUNNING */
};

struct http_client {
    struct loop *loop;
    struct http_client_options options; /* user_agent and ca_file are owned */
    struct multi *multi;
    struct slots *requests;
    struct list in[REQUEST_STATE_COUNT]; /* requests, oldest first */
    size_t count_in[REQUEST_STATE_COUNT];
    struct list idle_transfers;
    struct event *tell_refused;
    bool closing;
};

/* ---- requests ---- */

static void leave_state(struct request *r)
{
    list_remove(&r->node);
    r->client->count_in[r->state]--;
}

static void enter_state(struct request *r, enum request_state state)
{
    r->state = state;
    list_push_back(&r->client->in[state], &r->node);
    r->client->count_in[state]++;
}

static struct slice copy_to(char **at, struct slice s)
{
    struct slice copy = {*at, s.n};
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n + 1;
    return copy;
}

static bool is_path_query(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '#')
            return false;
    }
    return slice_starts(s, "/");
}

static bool are_header_lines(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' && s.p[i] != '\n')
            return false;
    }
    return true;
}

static void check_request(const struct http_request *req)
{
    ASSERT(req->method == HTTP_GET || req->method == HTTP_POST);
    ASSERT(req->method == HTTP_POST || req->body.n == 0);
    ASSERT(req->hosts && req->timeout_ms > 0 && req->max_response > 0);
    ASSERT(is_path_query(req->path_query) && are_header_lines(req->headers));
}

static struct request *request_new(struct http_client *c, const struct http_request *req)
{
    struct slice type = slice_of(req->content_type);
    struct request *r = xcalloc(1, sizeof *r);
    check_request(req);
    r->client = c;
    r->what = *req;
    r->what.hosts = http_hosts_ref(req->hosts);
    r->bytes_size = req->path_query.n + type.n + req->headers.n + req->body.n + 4;
    char *at = r->bytes = xcalloc(r->bytes_size, 1);
    r->what.path_query = copy_to(&at, req->path_query);
    r->what.headers = copy_to(&at, req->headers);
    r->what.body = copy_to(&at, req->body);
    if (req->content_type)
        r->what.content_type = copy_to(&at, type).p;
    r->began_us = clock_mono_us();
    r->deadline = mono_after(loop_now(c->loop), req->timeout_ms);
    r->host = -1;
    return r;
}

static void wipe_url(struct request *r)
{
    if (r->url)
        bytes_wipe(r->url, strlen(r->url));
    free(r->url);
    r->url = NULL;
}

static void request_free(struct request *r)
{
    ASSERT(!r->transfer);
    loop_timer_free(r->timer);
    http_hosts_unref(r->what.hosts);
    bytes_wipe(r->bytes, r->bytes_size);
    free(r->bytes);
    wipe_url(r);
    free(r);
}

/* ---- transfers ---- */

static struct transfer *take_transfer(struct http_client *c)
{
    struct list *node = list_pop_front(&c->idle_transfers);
    if (node)
        return LIST_ENTRY(node, struct transfer, node);
    const struct transfer_options options = {c->options.user_agent, c->options.ca_file,
                                             c->options.idle_timeout_ms};
    return transfer_new(c->multi, &options);
}

static void give_transfer_back(struct request *r)
{
    transfer_clear(r->transfer);
    list_push_front(&r->client->idle_transfers, &r->transfer->node);
    r->transfer = NULL;
}

/* The part of the time that is left which this host may take to accept a connection: each host
 * behind it must get its share. */
static int64_t connect_share_ms(const struct request *r)
{
    size_t after = 0;
    int64_t left_ms = mono_between(loop_now(r->client->loop), r->deadline);
    for (size_t i = 0; i < http_hosts_count(r->what.hosts); i++)
        after += !(r->tried & 1u << i);
    int64_t share_ms = left_ms / (int64_t)(after + 1);
    if (share_ms > r->client->options.connect_timeout_ms)
        share_ms = r->client->options.connect_timeout_ms;
    return share_ms > 0 ? share_ms : 1;
}

static void set_url(struct request *r)
{
    struct slice base = http_hosts_base(r->what.hosts, (size_t)r->host);
    size_t size = base.n + r->what.path_query.n + 1;
    wipe_url(r);
    r->url = xcalloc(size, 1);
    struct text url = text_init(r->url, size);
    text_add(&url, base);
    text_add(&url, r->what.path_query);
}

/* Asks the next host; false when all have been asked. */
static bool ask_next_host(struct request *r)
{
    int host = http_hosts_next(r->what.hosts, &r->tried, loop_now(r->client->loop));
    if (host < 0)
        return false;
    r->host = host;
    set_url(r);
    const struct transfer_plan plan = {.url = r->url,
                                       .method = r->what.method,
                                       .content_type = r->what.content_type,
                                       .headers = r->what.headers,
                                       .body = r->what.body,
                                       .connect_timeout_ms = connect_share_ms(r),
                                       .max_response = r->what.max_response,
                                       .repeatable = r->what.repeatable,
                                       .streams = r->what.on_piece != NULL};
    transfer_start(r->client->multi, r->transfer, &plan);
    return true;
}

static void start_queued(struct http_client *c)
{
    while (c->count_in[REQUEST_RUNNING] < c->options.max_connections &&
           !list_empty(&c->in[REQUEST_QUEUED])) {
        struct request *r = LIST_ENTRY(c->in[REQUEST_QUEUED].next, struct request, node);
        leave_state(r);
        enter_state(r, REQUEST_RUNNING);
        r->transfer = take_transfer(c);
        r->transfer->owner = r;
        ASSERT(ask_next_host(r));
    }
}

/* ---- the end of a request ---- */

/* Takes the request out of the client's books; no transfer of it runs any more. */
static void detach(struct request *r)
{
    ASSERT(slots_remove(r->client->requests, r->id) == r);
    leave_state(r);
    loop_timer_free(r->timer);
    r->timer = NULL;
}

/* Tells the caller, last of all: by then another request has the connection. */
static void finish(struct request *r, struct http_answer *answer)
{
    struct http_client *c = r->client;
    struct transfer *t = r->transfer;
    detach(r);
    r->transfer = NULL;
    answer->host = r->host;
    answer->elapsed_us = clock_mono_us() - r->began_us;
    if (!c->closing)
        start_queued(c);
    r->fn(answer, r->arg);
    if (t) {
        r->transfer = t;
        give_transfer_back(r);
    }
    request_free(r);
}

static void finish_unanswered(struct request *r, enum http_outcome outcome, const char *why)
{
    struct http_answer answer = {.outcome = outcome, .error = why};
    finish(r, &answer);
}

static void note_host(const struct request *r, enum http_outcome outcome)
{
    if (outcome == HTTP_NOT_SENT)
        http_hosts_failed(r->what.hosts, (size_t)r->host, loop_now(r->client->loop));
    else
        http_hosts_reached(r->what.hosts, (size_t)r->host);
}

/* Pieces of the body: time begins anew. The hook, called last, may be the request's end. */
static void on_transfer_told(struct multi_item *item, void *arg)
{
    struct transfer *t = CONTAINER_OF(item, struct transfer, item);
    struct request *r = t->owner;
    struct slice piece = transfer_take_body(t);
    (void)arg;
    r->deadline = mono_after(loop_now(r->client->loop), r->what.timeout_ms);
    loop_timer_at(r->timer, r->deadline);
    r->what.on_piece(piece, r->arg);
    bytes_wipe((char *)piece.p, piece.n);
    free((char *)piece.p);
}

static void on_transfer_done(struct multi_item *item, void *arg)
{
    struct transfer *t = CONTAINER_OF(item, struct transfer, item);
    struct request *r = t->owner;
    char error[TRANSFER_ERROR_SIZE];
    struct http_answer answer = {0};
    (void)arg;
    transfer_outcome(t, &answer, error);
    note_host(r, answer.outcome);
    bool in_time = !mono_reached(loop_now(r->client->loop), r->deadline);
    if (answer.outcome == HTTP_NOT_SENT && in_time && ask_next_host(r))
        return;
    finish(r, &answer);
}

/* Stops a request's transfer, if it has one, and says what is certain then. */
static enum http_outcome stop_transfer(struct request *r)
{
    if (r->state != REQUEST_RUNNING)
        return HTTP_NOT_SENT;
    multi_remove(r->client->multi, &r->transfer->item);
    return transfer_was_sent(r->transfer) ? HTTP_UNKNOWN : HTTP_NOT_SENT;
}

static void on_deadline(void *arg)
{
    struct request *r = arg;
    if (r->state != REQUEST_RUNNING) {
        finish_unanswered(r, HTTP_NOT_SENT, "timed out in the queue");
        return;
    }
    enum http_outcome outcome = stop_transfer(r);
    note_host(r, outcome);
    finish_unanswered(r, outcome,
                      outcome == HTTP_NOT_SENT ? "timed out before a connection was made"
                                               : "timed out waiting for the response");
}

static void tell_refused(evutil_socket_t fd, short what, void *arg)
{
    struct http_client *c = arg;
    struct list *node;
    (void)fd;
    (void)what;
    while ((node = list_pop_front(&c->in[REQUEST_REFUSED])) != NULL)
        finish_unanswered(LIST_ENTRY(node, struct request, node), HTTP_NOT_SENT,
                          "too many requests are waiting");
}

/* ---- public ---- */

uint64_t http_client_send(struct http_client *c, const struct http_request *req, http_answer_fn *fn,
                          void *arg)
{
    if (c->closing)
        return 0;
    struct request *r = request_new(c, req);
    uint64_t id = r->id = slots_put(c->requests, r);
    r->fn = fn;
    r->arg = arg;
    if (c->count_in[REQUEST_RUNNING] == c->options.max_connections &&
        c->count_in[REQUEST_QUEUED] == c->options.max_queued) {
        enter_state(r, REQUEST_REFUSED);
        event_active(c->tell_refused, 0, 0);
        return id;
    }
    r->timer = loop_timer_new(c->loop, on_deadline, r);
    loop_timer_after(r->timer, req->timeout_ms);
    enter_state(r, REQUEST_QUEUED);
    start_queued(c);
    return id;
}

void http_client_cancel(struct http_client *c, uint64_t id)
{
    struct request *r = slots_get(c->requests, id);
    if (!r)
        return;
    (void)stop_transfer(r);
    detach(r);
    if (r->transfer)
        give_transfer_back(r);
    request_free(r);
    if (!c->closing)
        start_queued(c);
}

size_t http_client_pending(const struct http_client *c)
{
    return slots_count(c->requests);
}

static void set_options(struct http_client *c, const struct http_client_options *options)
{
    struct http_client_options *o = &c->options;
    *o = *options;
    o->user_agent = xstrdup(options->user_agent);
    o->ca_file = xstrdup(options->ca_file);
    if (o->connect_timeout_ms == 0)
        o->connect_timeout_ms = DEFAULT_CONNECT_MS;
    if (o->idle_timeout_ms == 0)
        o->idle_timeout_ms = DEFAULT_IDLE_MS;
    if (o->max_connections == 0)
        o->max_connections = DEFAULT_MAX_CONNECTIONS;
    if (o->max_queued == 0)
        o->max_queued = DEFAULT_MAX_QUEUED;
}

struct http_client *http_client_new(struct loop *l, const struct http_client_options *options,
                                    struct err *e)
{
    if (options->ca_file && !file_exists(options->ca_file)) {
        err_set(e, "cannot read the CA file %s", options->ca_file);
        return NULL;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(e, "libcurl or its TLS library does not start");
        return NULL;
    }
    struct http_client *c = xcalloc(1, sizeof *c);
    c->loop = l;
    set_options(c, options);
    const struct multi_hooks hooks = {on_transfer_told, on_transfer_done, c};
    c->multi = multi_new(l, c->options.max_connections, &hooks);
    c->requests = slots_new();
    c->tell_refused = event_new(loop_base(l), -1, 0, tell_refused, c);
    ASSERT(c->tell_refused != NULL);
    for (size_t i = 0; i < ARRAY_LEN(c->in); i++)
        list_init(&c->in[i]);
    list_init(&c->idle_transfers);
    return c;
}

static void end_all(struct http_client *c)
{
    struct list *node;
    c->closing = true;
    for (size_t i = 0; i < ARRAY_LEN(c->in); i++) {
        while ((node = list_pop_front(&c->in[i])) != NULL) {
            struct request *r = LIST_ENTRY(node, struct request, node);
            enum http_outcome outcome = stop_transfer(r);
            finish_unanswered(r, outcome, "the client is shutting down");
        }
    }
}

void http_client_free(struct http_client *c)
{
    struct list *node;
    if (!c)
        return;
    end_all(c);
    while ((node = list_pop_front(&c->idle_transfers)) != NULL)
        transfer_free(LIST_ENTRY(node, struct transfer, node));
    multi_free(c->multi);
    event_free(c->tell_refused);
    slots_free(c->requests);
    free((char *)c->options.user_agent);
    free((char *)c->options.ca_file);
    free(c);
    curl_global_cleanup();
}
